use proptest::prelude::*;

use super::*;

#[test]
fn urls() {
    // as somebody writes it, as keys have it (RFC 9110 section 4.2.3); none: no URL
    let table = [
        ("https://shop.example/p?x=1", Some("https://shop.example/p?x=1")),
        ("HTTPS://Shop.Example:443/P", Some("https://shop.example/P")),
        ("http://shop.example:80", Some("http://shop.example/")),
        ("http://shop.example:443/", Some("http://shop.example:443/")),
        ("https://shop.example:0443/", Some("https://shop.example/")),
        ("https://shop.example:/", Some("https://shop.example/")),
        ("https://shop.example:08443", Some("https://shop.example:8443/")),
        ("https://shop.example?a", Some("https://shop.example/?a")),
        ("https://shop.example/p#part", Some("https://shop.example/p")),
        ("https://shop.example#part", Some("https://shop.example/")),
        ("https://shop.example/p?", Some("https://shop.example/p?")),
        ("https://a/%7e%C3%bc/../a//b?c=%2f", Some("https://a/%7e%C3%bc/../a//b?c=%2f")),
        ("https://a/b?u=http://c:80/#d", Some("https://a/b?u=http://c:80/")),
        ("https://[2001:DB8::1]/", Some("https://[2001:db8::1]/")),
        ("https://[2001:db8::1]:443/", Some("https://[2001:db8::1]/")),
        ("https://[2001:db8::1]:8443/", Some("https://[2001:db8::1]:8443/")),
        ("https://*/p", Some("https://*/p")),
        ("https://shop.example/*", Some("https://shop.example/*")),
        ("", None),
        ("shop.example/p", None),
        ("/p", None),
        ("//shop.example/p", None),
        ("ftp://shop.example/", None),
        ("https:/shop.example/", None),
        ("https://", None),
        ("https:///p", None),
        ("https://user@shop.example/", None),
        ("https://shop example/", None),
        ("https://shop.example/a b", None),
        ("https://shop.example/a\nb", None),
        ("https://shop.example:65536/", None),
        ("https://shop.example:x/", None),
        ("https://shop.example:-1/", None),
        ("https://2001:db8::1/", None),
        ("https://[shop]/", None),
        ("https://[::1/", None),
        ("https://*.example/", None),
        ("https://bücher.example/", None),
    ];
    for (text, url) in table {
        assert_eq!(What::url(text), url.map(|url| What::Url(url.into())).ok_or(PurgeError::Url(text.into())), "{text}");
        let prefix = url.map(|url| What::Prefix(url.into())).ok_or(PurgeError::Url(text.into()));
        assert_eq!(What::prefix(text), prefix, "{text}");
    }
}

#[test]
fn hosts_and_tags() {
    let hosts = [
        ("Shop.Example", Some("shop.example")),
        ("shop.example:8443", Some("shop.example:8443")),
        ("shop.example:443", Some("shop.example")),
        ("shop.example:80", Some("shop.example")),
        ("[::1]", Some("[::1]")),
        ("[::1]:8443", Some("[::1]:8443")),
        ("*", Some("*")),
        ("", None),
        (":80", None),
        ("::1", None),
        ("https://shop.example", None),
        ("shop.example/", None),
        ("a@b", None),
        ("a\n", None),
    ];
    for (text, host) in hosts {
        assert_eq!(
            What::host(text),
            host.map(|host| What::Host(host.into())).ok_or(PurgeError::Host(text.into())),
            "{text}"
        );
    }
    for tag in ["a", "product:1", "Ä", "a,b"] {
        assert_eq!(What::tag(tag), Ok(What::Tag(tag.into())));
    }
    for text in ["", " ", "a b", "a\n", "a\tb", "group https://a b"] {
        assert_eq!(What::tag(text), Err(PurgeError::Tag(text.into())));
    }
}

#[test]
fn what_is_covered() {
    // order, key, whether it is purged
    let table = [
        (What::url("https://a/p?x"), "https://a/p?x", true),
        (What::url("https://a/p?x"), "https://a/p?x#part\ncountry=DE\nvary x-a=1", true),
        (What::url("https://a/p?x"), "https://a/p?x2", false),
        (What::url("https://a/p?x"), "http://a/p?x", false),
        // What stands for many queries is purged by each of them.
        (What::url("https://a/p?x"), "https://a/p\nsearch params= ?y=", true),
        (What::url("https://a/p"), "https://a/p\nsearch params= ?y=", true),
        (What::url("https://a/p"), "https://a/p?x", false),
        (What::url("https://a/p"), "https://a/p/", false),
        (What::prefix("https://a/p"), "https://a/p", true),
        (What::prefix("https://a/p"), "https://a/products?x#part", true),
        (What::prefix("https://a/p"), "https://a/q", false),
        (What::prefix("https://a"), "https://a/", true),
        (What::prefix("https://a"), "https://a.example/", false),
        (What::host("A"), "https://a/p\ncountry=DE", true),
        (What::host("a"), "http://a/", true),
        (What::host("a"), "https://a:8443/", false),
        (What::host("a:8443"), "https://a:8443/", true),
        (What::host("a"), "https://a.example/", false),
        (What::host("*"), "https://*/p\nhost=*", true),
        (What::host("a"), "https://*/p\nhost=*", false),
        (What::tag("one"), "https://a/", true),
        (What::tag("One"), "https://a/", false),
        (What::tag("on"), "https://a/", false),
        (Ok(What::Everything), "https://a/", true),
    ];
    for (what, key, is_covered) in table {
        let what = what.unwrap();
        assert_eq!(what.covers(&Key::of(key), &["one".into(), "two".into()]), is_covered, "{what} {key}");
    }
}

#[test]
fn display() {
    let table = [
        (What::url("https://a"), false, "url https://a/"),
        (What::prefix("https://a/b"), true, "soft prefix https://a/b"),
        (What::host("a"), false, "host a"),
        (What::tag("a"), true, "soft tag a"),
        (Ok(What::Everything), false, "everything"),
    ];
    for (what, is_soft, text) in table {
        assert_eq!(Purge { what: what.unwrap(), is_soft }.to_string(), text);
    }
    assert_eq!(What::url("a b").unwrap_err().to_string(), "\"a b\" is no http or https URL");
}

proptest! {
    /// What is in the form of keys stays so, and a URL is its own prefix.
    #[test]
    fn the_form_is_one(text in "(https?|HTTP)://([aB.]{1,3}|\\[::1\\]|\\*)(:(80|443|1)?)?([/?#][a/?#%=]{0,6})?") {
        let Ok(What::Url(url)) = What::url(&text) else { return Err(TestCaseError::fail(text)) };
        prop_assert_eq!(What::url(&url), Ok(What::Url(url.clone())));
        let key = Key::of(&url);
        prop_assert_eq!(key.url(), &*url);
        for what in [What::url(&text), What::prefix(&text)] {
            prop_assert!(what.unwrap().covers(&key, &[]));
        }
        let host = split(&url).unwrap().1;
        prop_assert!(What::Host(host.into()).covers(&key, &[]));
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,30}") {
        let _ = (What::url(&text), What::host(&text), What::tag(&text), origin(&text));
    }
}
