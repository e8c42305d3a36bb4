use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const URL: &str = "https://Shop.Example:443/p?x";

/// A field's name and value.
type Line<'a> = (&'a str, &'a str);

fn headers(lines: &[Line<'_>]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

#[test]
fn tags() {
    let long = "a".repeat(TAG_BYTES_MAX + 1);
    let longest = &long[..TAG_BYTES_MAX];
    let (long_group, longest_group) = (format!("\"{long}\""), format!("\"{longest}\""));
    let longest_group_tag = format!("group https://shop.example {longest}");
    // fields of a response, its tags
    let table: &[(&[Line<'_>], &[&str])] = &[
        (&[], &[]),
        (&[("surrogate-key", "one two\tthree  one")], &["one", "two", "three"]),
        (&[("surrogate-key", "one"), ("surrogate-key", "two")], &["one", "two"]),
        (&[("surrogate-key", "a,b")], &["a,b"]),
        (&[("cache-tag", "one,two , three,,one")], &["one", "two", "three"]),
        (&[("cache-tag", "one"), ("surrogate-key", "one two")], &["one", "two"]),
        // Case counts; what can be no tag does not.
        (&[("cache-tag", "One,one,a b,ü")], &["One", "one", "ü"]),
        (&[("cache-tag", "group https://a b")], &[]),
        (&[("cache-tag", &long), ("surrogate-key", &long)], &[]),
        (&[("cache-tag", longest)], &[longest]),
        // RFC 9875 section 2: a list of strings.
        (
            &[("cache-groups", "\"scripts\";x=1, \"a, b\""), ("cache-groups", "\"scripts\"")],
            &["group https://shop.example scripts", "group https://shop.example a, b"],
        ),
        (&[("cache-groups", "\"q\\\"\\\\\"")], &["group https://shop.example q\"\\"]),
        (&[("cache-groups", &longest_group)], &[&longest_group_tag]),
        (&[("cache-groups", &long_group)], &[]),
        (&[("cache-groups", "")], &[]),
        // Something else, or no list: nothing of it counts (RFC 9651 section 4.2).
        (&[("cache-groups", "\"a\", b")], &[]),
        (&[("cache-groups", "\"a\", (\"b\")")], &[]),
        (&[("cache-groups", "\"a\", 1")], &[]),
        (&[("cache-groups", "\"a\",")], &[]),
        (&[("cache-groups", "\"a"), ("cache-tag", "b")], &["b"]),
        (&[("cache-groups", "\"ü\"")], &[]),
        (&[("cache-group-invalidation", "\"a\"")], &[]),
    ];
    for (lines, tags) in table {
        assert_eq!(tags_of(&headers(lines), URL).iter().map(|tag| &**tag).collect::<Vec<_>>(), *tags, "{lines:?}");
    }
}

#[test]
fn many_tags() {
    let many: Vec<_> = (0..3_000).map(|tag| tag.to_string()).collect();
    let found = tags_of(&headers(&[("surrogate-key", &many.join(" "))]), URL);
    assert_eq!(found.len(), TAGS_MAX);
    assert_eq!(&*found[TAGS_MAX - 1], "1023");
}

#[test]
fn groups_that_are_invalidated() {
    // RFC 9875 sections 2.1 and 3: of the same origin
    let response = headers(&[("cache-groups", "\"a\""), ("cache-group-invalidation", "\"b\", \"c\";x, \"b\"")]);
    let table: &[(&str, &[&str])] = &[
        ("https://a/p", &["group https://a b", "group https://a c"]),
        ("http://a:80/", &["group http://a b", "group http://a c"]),
        ("https://a:8443/", &["group https://a:8443 b", "group https://a:8443 c"]),
        ("no url", &[]),
    ];
    for (url, groups) in table {
        assert_eq!(groups_of(&response, url).iter().map(|group| &**group).collect::<Vec<_>>(), *groups, "{url}");
    }
    let wrong = headers(&[("cache-group-invalidation", "b")]);
    assert_eq!(groups_of(&wrong, URL), Vec::<Arc<str>>::new());
}

proptest! {
    /// A group that a response is in is the one that another response invalidates, character by character.
    #[test]
    fn groups_meet(one in "[ -~]{0,6}", other in "[ -~]{0,6}") {
        let quoted = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        let tags = tags_of(&headers(&[("cache-groups", &quoted(&one))]), URL);
        let groups = groups_of(&headers(&[("cache-group-invalidation", &quoted(&other))]), "https://shop.example/q");
        prop_assert_eq!((tags.len(), groups.len()), (1, 1));
        prop_assert_eq!(tags == groups, one == other);
        // No tag that somebody purges by name is a group.
        prop_assert!(crate::What::tag(&tags[0]).is_err());
    }

    #[test]
    fn nothing_panics(value in "[ -~ü]{0,40}", url in "\\PC{0,12}") {
        let response = headers(&[("cache-groups", &value), ("cache-tag", &value), ("surrogate-key", &value)]);
        for tag in tags_of(&response, &url) {
            prop_assert!(tag.starts_with("group ") || crate::What::tag(&tag).is_ok());
        }
    }
}
