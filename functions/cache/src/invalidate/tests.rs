use super::*;
use crate::condition::tests::with_received;

type Fields = [(&'static str, &'static str)];

/// RFC 9111 section 4.4, of `https://shop.example/a/b?c`.
#[test]
fn what_is_invalidated() {
    let own = "https://shop.example/a/b?c";
    let table: &[(&str, &str, u16, &Fields, &[&str])] = &[
        ("unsafe", "POST", 200, &[], &[own]),
        ("unsafe", "PUT", 204, &[], &[own]),
        ("unsafe", "DELETE", 303, &[], &[own]),
        ("not known", "M-SEARCH", 200, &[], &[own]),
        ("not known, for methods have a case", "get", 200, &[], &[own]),
        ("safe", "GET", 200, &[("location", "/x")], &[]),
        ("safe", "HEAD", 200, &[], &[]),
        ("safe", "OPTIONS", 200, &[], &[]),
        ("safe", "TRACE", 200, &[], &[]),
        ("safe", "PROPFIND", 207, &[], &[]),
        ("an error", "POST", 400, &[("location", "/x")], &[]),
        ("an error", "POST", 500, &[], &[]),
        ("no answer yet", "POST", 103, &[], &[]),
        ("Location", "POST", 201, &[("location", "/x")], &[own, "https://shop.example/x"]),
        ("Content-Location", "POST", 200, &[("content-location", "x?y")], &[own, "https://shop.example/a/x?y"]),
        (
            "both",
            "POST",
            201,
            &[("location", "https://shop.example/x"), ("content-location", "//shop.example/y")],
            &[own, "https://shop.example/x", "https://shop.example/y"],
        ),
        ("the same", "PUT", 200, &[("content-location", "b?c"), ("location", "#x")], &[own]),
        ("another host", "POST", 201, &[("location", "https://other.example/x")], &[own]),
        ("another scheme", "POST", 201, &[("location", "http://shop.example/x")], &[own]),
        ("another port", "POST", 201, &[("location", "https://shop.example:444/x")], &[own]),
    ];
    for (what, method, status, list, expected) in table {
        let method: Method = method.parse().unwrap();
        let purges = with_received((&method, *status), list, invalidated);
        let expected: Vec<_> =
            expected.iter().map(|url| Purge { what: What::Url((*url).into()), is_soft: false }).collect();
        assert_eq!(purges, expected, "{what}: {method}");
    }
}

/// RFC 9875 section 3.
#[test]
fn groups_are_invalidated() {
    let list: &Fields = &[("cache-group-invalidation", "\"eggs\"")];
    let tags = |method: &Method, status| {
        let purges = with_received((method, status), list, invalidated);
        purges.into_iter().filter(|purge| matches!(purge.what, What::Tag(_))).collect::<Vec<_>>()
    };
    let groups = with_received((&Method::POST, 200), list, |received| groups_of(&received.head.headers, received.url));
    assert_eq!(groups.len(), 1);
    assert_eq!(tags(&Method::POST, 200), [Purge { what: What::Tag(groups[0].clone()), is_soft: false }]);
    assert_eq!(tags(&Method::GET, 200), []);
    assert_eq!(tags(&Method::POST, 500), []);
}
