use proptest::prelude::*;

use super::*;
use crate::PathPattern;
use crate::sample::Sample;

fn location(pattern: &str, to: &str, keep_query: bool, request: &str) -> Option<String> {
    let (pattern, sample) = (PathPattern::parse(pattern).unwrap(), Sample::new(request));
    let to = Template::parse(to, pattern.names()).unwrap();
    let redirect = Redirect { status: StatusCode::PERMANENT_REDIRECT, to, keep_query };
    let location = redirect.location(&sample.view(), &pattern.captures(&sample.path).unwrap());
    location.map(|value| value.to_str().unwrap().to_owned())
}

/// Path pattern, template, request, and where it leads (`-`: nowhere).
#[test]
fn where_to() {
    let table = [
        ("/a", "/b", "GET http://h/a?x=1", "/b"),
        ("/a", "https://other.example/b", "GET http://h/a", "https://other.example/b"),
        ("/{*r}", "https://{host}{path}", "GET http://shop.example/a%20b", "https://shop.example/a%20b"),
        ("/{*r}", "{scheme}://www.{host}{path}?{query}", "GET https://h/a?b=c&d", "https://www.h/a?b=c&d"),
        ("/{*r}", "//{host}/{r}", "GET http://[::1]/a", "//[::1]/a"),
        ("/{t}/{*r}", "https://{t}.example/{r}", "GET http://h/a-b/c", "https://a-b.example/c"),
        // Nowhere that the client chooses.
        ("/old/{*r}", "/{r}", "GET http://h/old//evil.example", "/evil.example"),
        ("/old/{*r}", "{r}", "GET http://h/old/https://evil.example", "/https://evil.example"),
        ("/old/{*r}", "{r}", "GET http://h/old/javascript:alert(1)", "/javascript:alert(1)"),
        ("/old/{*r}", "/{r}", "GET http://h/old/\\evil.example", "/%5Cevil.example"),
        ("/{*r}", "{path}", "GET http://h//evil.example", "/evil.example"),
        ("/{*r}", "https:/{path}", "GET http://h/evil.example", "/https://evil.example"),
        ("/{*r}", "https://{path}", "GET http://h/evil.example", "-"),
        ("/{*r}", "https://{host}{path}", "GET http:///a", "-"),
        ("/{*r}", "https://{host}{path}", "GET http://user@h/a", "-"),
        ("/{t}/{*r}", "https://{t}.example/{r}", "GET http://h/evil.example%2F/c", "-"),
        ("/{t}/{*r}", "https://{t}.example/{r}", "GET http://h/evil.example\\/c", "-"),
        ("/{t}", "https://shop.example{t}", "GET http://h/@evil.example", "-"),
        ("/{*r}", "https://shop.example{query}", "GET http://h/a?.evil.example", "-"),
        // Nothing that the client sends ends the part that it stands in.
        ("/{q}", "/search?q={q}&x=1", "GET http://h/a&b=c+d", "/search?q=a%26b%3Dc%2Bd&x=1"),
        ("/{q}", "/search#{q}", "GET http://h/a&b", "/search#a%26b"),
        ("/{q}", "/a b\"/{q}", "GET http://h/é", "/a%20b%22/%C3%A9"),
        ("/a", "/{query}/b", "GET http://h/a?x=/?y", "/x%3D/%3Fy/b"),
        ("/a", "?x=1", "GET http://h/a", "/?x=1"),
    ];
    for (pattern, to, request, expected) in table {
        let found = location(pattern, to, false, request);
        assert_eq!(found.as_deref().unwrap_or("-"), expected, "{request} to {to}");
    }
}

#[test]
fn the_query_goes_along() {
    let table = [
        ("/b", "/a?x=1&y", "/b?x=1&y"),
        ("/b", "/a", "/b"),
        ("/b", "/a?", "/b"),
        ("/b?z=2", "/a?x=1", "/b?z=2&x=1"),
        ("/b#top", "/a?x=1", "/b?x=1#top"),
        ("https://o.example", "/a?x=1", "https://o.example?x=1"),
    ];
    for (to, target, expected) in table {
        assert_eq!(location("/a", to, true, &format!("GET http://h{target}")).as_deref(), Some(expected));
    }
}

proptest! {
    /// A template that names no host leads to none; one that names one leads there.
    #[test]
    fn the_client_never_chooses_the_host(rest in "[/\\\\:@.a%?#&=\u{e9}]{1,12}", query in "[/?#&=a]{0,6}") {
        let pattern = PathPattern::parse("/{*rest}").unwrap();
        let mut sample = Sample::new("GET http://h/");
        sample.path = format!("/{rest}");
        sample.query = Some(query);
        let captured = pattern.captures(&sample.path).unwrap();
        for to in ["/{rest}", "{rest}", "{path}", "/x/{rest}", "{query}", "/{query}/{rest}", "{rest}{query}"] {
            let to = Template::parse(to, pattern.names()).unwrap();
            let redirect = Redirect { status: StatusCode::FOUND, to, keep_query: true };
            let location = redirect.location(&sample.view(), &captured).unwrap();
            let location = location.to_str().unwrap();
            prop_assert!(location.starts_with('/') && !location.starts_with("//") && !location.contains('\\'), "{location}");
        }
        for to in ["https://o.example/{rest}", "https://{host}{path}?{rest}", "{scheme}://{host}/{rest}{query}"] {
            let to = Template::parse(to, pattern.names()).unwrap();
            let redirect = Redirect { status: StatusCode::FOUND, to, keep_query: false };
            let location = redirect.location(&sample.view(), &captured).unwrap();
            let uri: http::Uri = location.to_str().unwrap().parse().unwrap();
            prop_assert!(matches!(uri.host(), Some("o.example" | "h")) && uri.port().is_none(), "{uri}");
        }
    }
}
