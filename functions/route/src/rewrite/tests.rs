use proptest::prelude::*;

use super::*;
use crate::PathPattern;
use crate::sample::Sample;

fn texts(texts: &[&str]) -> Vec<Box<str>> {
    texts.iter().map(|text| (*text).into()).collect()
}

/// The target of a request with the path pattern `/api/{*rest}`, or the error; `-` if it is not changed.
fn target(rewrite: &Rewrite, target: &str) -> String {
    let pattern = PathPattern::parse("/api/{*rest}").unwrap();
    let sample = Sample::new(&format!("GET http://h{target}"));
    let captured = pattern.captures(&sample.path).unwrap_or(pattern.captures("/api/-").unwrap());
    match rewrite.target(&sample.view(), &captured) {
        Ok(None) => "-".to_owned(),
        Ok(Some(target)) => target.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn paths() {
    let path = |text: &str| Rewrite { path: Some(Template::parse(text, ["rest"]).unwrap()), ..Rewrite::default() };
    let strip = |prefix: &str| Rewrite { strip_prefix: Some(prefix.into()), ..Rewrite::default() };
    let dots = |path: &str| format!("the rewritten path {path:?} has a dot segment");
    let table: &[(Rewrite, &[(&str, &str)])] = &[
        (Rewrite::default(), &[("/api/a?b", "-"), ("/api/..", "-"), ("*", "-")]),
        (
            path("/v2/{rest}"),
            &[
                ("/api/a/b", "/v2/a/b"),
                ("/api/a%2Fb%20?x=%3D&y", "/v2/a%2Fb%20?x=%3D&y"),
                ("/api//a", "/v2//a"),
                ("/api/a?", "/v2/a?"),
                ("/api/é\\\"[|]", "/v2/%C3%A9%5C%22[|]"),
                ("/api/../x", &dots("/v2/../x")),
                ("/api/%2e%2E/x", &dots("/v2/%2e%2E/x")),
                ("/api/a/.?x", &dots("/v2/a/.")),
                ("/api/..%2fx", &dots("/v2/..%2fx")),
                ("/api/x\\..\\", &dots("/v2/x%5C..%5C")),
                ("*", "-"),
            ],
        ),
        (path("/api/{rest}"), &[("/api/a?b", "-"), ("/api/../a", "-")]),
        (path("{rest}"), &[("/api/a", "/a"), ("/api///a", "/a"), ("/api/..", &dots("/.."))]),
        (path("//{rest}"), &[("/api//a", "/a")]),
        (path("/{host}/{scheme}{path}"), &[("/api/a", "/h/http/api/a")]),
        (path("/{query}"), &[("/api/a?b/#c", "/b/%23c?b/%23c"), ("/api/a?b?c", "/b%3Fc?b?c")]),
        (path("/a?b#c"), &[("/api/a?d", "/a%3Fb%23c?d")]),
        (
            strip("/api"),
            &[
                ("/api/a?b", "/a?b"),
                ("/api/", "/"),
                ("/api", "/"),
                ("/api//a", "/a"),
                ("/apis/a", "-"),
                ("/a", "-"),
                ("/api/../a", &dots("/../a")),
                ("*", "-"),
            ],
        ),
        (strip("/api/"), &[("/api/a", "/a"), ("/api", "/"), ("/apis", "-")]),
        (strip("/"), &[("/api/a", "-")]),
        (Rewrite { strip_prefix: Some("/api".into()), ..path("/x") }, &[("/api/a", "/x")]),
    ];
    for (rewrite, targets) in table {
        for (sent, expected) in *targets {
            assert_eq!(target(rewrite, sent), *expected, "{sent} with {:?}", rewrite.path);
        }
    }
}

#[test]
fn queries() {
    let remove = |names: &[&str]| QueryRewrite { remove: texts(names), ..QueryRewrite::default() };
    let keep = |names: &[&str]| QueryRewrite { keep: Some(texts(names)), ..QueryRewrite::default() };
    let set = |pairs: &[(&str, &str)]| QueryRewrite {
        set: pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        ..QueryRewrite::default()
    };
    let table: &[(QueryRewrite, &[(&str, &str)])] = &[
        (
            remove(&["x", "a b", "é"]),
            &[
                ("/?x=1&y=2&x&z", "/?y=2&z"),
                ("/?x=1", "/"),
                ("/?y=2&%78=1", "/?y=2"),
                ("/?a+b=1&a%20b=2&y=+%2b", "/?y=+%2b"),
                ("/?%C3%A9=1&y", "/?y"),
                ("/?y=x&X=1", "-"),
                ("/", "-"),
            ],
        ),
        (keep(&["x"]), &[("/?x=1&y=2&x=3", "/?x=1&x=3"), ("/?y", "/"), ("/?x=1", "-"), ("/", "-")]),
        (keep(&[]), &[("/a?x=1", "/a"), ("/a", "-")]),
        (
            set(&[("x", "1&y=2 +é%#?"), ("new", "")]),
            &[
                ("/", "/?x=1%26y%3D2%20%2B%C3%A9%25%23%3F&new="),
                ("/?a=1&x=0&%78=0&b", "/?a=1&b&x=1%26y%3D2%20%2B%C3%A9%25%23%3F&new="),
            ],
        ),
        (
            QueryRewrite { set: set(&[("x", "1")]).set, remove: texts(&["a"]), keep: Some(texts(&["a", "b"])) },
            &[("/?a=1&b=2&c=3&x=4", "/?b=2&x=1"), ("/?b=2&x=1", "-")],
        ),
    ];
    for (query, targets) in table {
        let rewrite = Rewrite { query: query.clone(), ..Rewrite::default() };
        for (sent, expected) in *targets {
            assert_eq!(target(&rewrite, sent), *expected, "{sent} with {query:?}");
        }
    }
}

#[test]
fn targets_are_bounded() {
    let rewrite = Rewrite { path: Some(Template::parse("/{rest}{rest}", ["rest"]).unwrap()), ..Rewrite::default() };
    let found = target(&rewrite, &format!("/api/{}", "a".repeat(40_000)));
    assert_eq!(found, "the rewritten target of 80001 bytes is too long");
}

#[test]
fn headers() {
    let field = |name: &'static str, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let rewrite = HeaderRewrite {
        remove: vec![HeaderName::from_static("a"), HeaderName::from_static("b")],
        set: vec![field("b", "1"), field("c", "2"), field("c", "3")],
        add: vec![field("c", "4"), field("d", "5")],
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [field("a", "0"), field("b", "0"), field("c", "0"), field("d", "0"), field("a", "0")] {
        headers.append(name, value);
    }
    rewrite.apply(&mut headers);
    let mut found: Vec<_> = headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
    found.sort();
    assert_eq!(found, ["b=1", "c=3", "c=4", "d=0", "d=5"]);
    assert_eq!(HostRewrite::default(), HostRewrite::Client);
}

fn rewrite() -> impl Strategy<Value = Rewrite> {
    let path = prop::option::of(prop::sample::select(vec!["/x/{rest}", "{rest}", "{path}", "/{query}", "/a{rest}b"]));
    let strip_prefix = prop::option::of(prop::sample::select(vec!["/api", "/", "/api/a"]));
    let names = || prop::collection::vec(prop::sample::select(vec!["a", "b", "é"]), 0..2);
    (path, strip_prefix, names(), prop::option::of(names()), names()).prop_map(|(path, strip, remove, keep, set)| {
        Rewrite {
            path: path.map(|text| Template::parse(text, ["rest"]).unwrap()),
            strip_prefix: strip.map(Into::into),
            query: QueryRewrite {
                remove: texts(&remove),
                keep: keep.map(|names| texts(&names)),
                set: set.into_iter().map(|name| (name.into(), "?&#=".into())).collect(),
            },
            ..Rewrite::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    /// Whatever is sent, a target has one slash at its front, no dot segments, and no query but the rewritten one.
    #[test]
    fn nothing_that_is_sent_leads_elsewhere(
        rewrite in rewrite(),
        rest in "[/.%25eE?#&a\\\\;\u{e9} ]{1,10}",
        query in prop::option::of("[/.%?#&=a61\u{e9}]{0,10}"),
    ) {
        let pattern = PathPattern::parse("/api/{*rest}").unwrap();
        let mut sample = Sample::new("GET http://h/");
        (sample.path, sample.query) = (format!("/api/{rest}"), query);
        let captured = pattern.captures(&sample.path).unwrap();
        if let Ok(Some(target)) = rewrite.target(&sample.view(), &captured) {
            let path = target.path();
            prop_assert!(path.starts_with('/') && !path.split('/').any(|segment| matches!(segment, "." | "..")), "{target}");
            prop_assert!(!path.starts_with("//") || rewrite.path.is_none(), "{target}");
            let may_have_query = sample.query.is_some() || !rewrite.query.set.is_empty();
            prop_assert!(target.query().is_none() || may_have_query, "{target}");
            prop_assert!(!target.as_str().contains('#'));
        }
    }
}
