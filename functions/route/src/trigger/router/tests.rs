use super::*;

/// Texts that belong together: a path and its pattern, a name and its value.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn router<'a>(patterns: &[&'a str]) -> Router<&'a str> {
    let mut router = Router::new();
    for pattern in patterns {
        router.insert(Pattern::parse(pattern).unwrap(), *pattern).unwrap();
    }
    router
}

/// Each set of patterns with paths and the pattern they belong to (`-`: none).
#[test]
fn which() {
    let table: &[(&[&str], Pairs)] = &[
        (
            &["/foo", "/foo/bar"],
            &[
                ("/foo", "/foo"),
                ("/foo/bar", "/foo/bar"),
                ("/foo/", "/foo"),
                ("//foo//", "/foo"),
                ("/fo", "-"),
                ("/foobar", "-"),
                ("/foo//bar", "-"),
                ("/Foo", "-"),
                ("/", "-"),
                ("foo", "-"),
                ("*", "-"),
                ("", "-"),
            ],
        ),
        (&["/"], &[("/", "/"), ("//", "/"), ("/a", "-")]),
        (&["/..."], &[("/", "/..."), ("/foo/bar", "/..."), ("/abc/", "/..."), ("//", "/..."), ("*", "-")]),
        // Spin: test_router_respects_longest_match, in both orders.
        (
            &["/one/...", "/one/two/...", "/one/two/three/..."],
            &[
                ("/one/two/three/four", "/one/two/three/..."),
                ("/one/two/x", "/one/two/..."),
                ("/one", "/one/..."),
                ("/onetwo", "-"),
                ("/", "-"),
            ],
        ),
        (&["/one/two/three/...", "/one/two/...", "/one/..."], &[("/one/two/three/four", "/one/two/three/...")]),
        // Spin: test_router_exact_beats_wildcard.
        (&["/one", "/..."], &[("/one", "/one"), ("/one/", "/one"), ("/one/x", "/..."), ("/two", "/...")]),
        (&["/a", "/a/..."], &[("/a", "/a"), ("/a/", "/a"), ("/a/b", "/a/...")]),
        // A literal before a name before the wildcard, though the wildcard's prefix be as long.
        (
            &["/a/...", "/a/:id", "/a/me"],
            &[("/a/me", "/a/me"), ("/a/you", "/a/:id"), ("/a/you/x", "/a/..."), ("/a", "/a/..."), ("/a/", "/a/...")],
        ),
        // Segment by segment: the first difference decides, not the count of literals.
        (&["/:x/b/c", "/a/..."], &[("/a/b/c", "/a/..."), ("/z/b/c", "/:x/b/c"), ("/z/b", "-")]),
        (&["/:x/b", "/a/:y"], &[("/a/b", "/a/:y"), ("/z/b", "/:x/b"), ("/z/c", "-")]),
        // A dead end goes back to the next best.
        (
            &["/a/b/c", "/a/:x/d", "/..."],
            &[("/a/b/c", "/a/b/c"), ("/a/b/d", "/a/:x/d"), ("/a/b/e", "/..."), ("/a/b", "/...")],
        ),
        // One segment means one: not none, but an empty one inside the path.
        (
            &["/u/:id", "/u/:id/posts", "/v/:id/..."],
            &[
                ("/u/1", "/u/:id"),
                ("/u/1/", "/u/:id"),
                ("/u", "-"),
                ("/u/", "-"),
                ("/u/1/posts", "/u/:id/posts"),
                ("/u//posts", "/u/:id/posts"),
                ("/v", "-"),
                ("/v/1", "/v/:id/..."),
                ("/v/1/2/3", "/v/:id/..."),
            ],
        ),
        // Bytes as they came; braces and colons mean nothing to us.
        (
            &["/caf%C3%A9", "/{id}", "/a:b", "/a.b", "/a%2Fb"],
            &[
                ("/caf%C3%A9", "/caf%C3%A9"),
                ("/caf%c3%a9", "-"),
                ("/café", "-"),
                ("/{id}", "/{id}"),
                ("/1", "-"),
                ("/a:b", "/a:b"),
                ("/a.b", "/a.b"),
                ("/axb", "-"),
                ("/a%2Fb", "/a%2Fb"),
                ("/a/b", "-"),
            ],
        ),
        (&[], &[("/", "-")]),
    ];
    for (patterns, paths) in table {
        let router = router(patterns);
        for (path, expected) in *paths {
            let found = router.find(path).map_or("-", |found| *found.value);
            assert_eq!(found, *expected, "{path} in {patterns:?}");
        }
    }
}

#[test]
fn trailing() {
    let table = [
        // Spin: trailing_wildcard_is_captured, trailing_wildcard_respects_trailing_slash.
        ("/...", "/1/2/3", "/1/2/3"),
        ("/1/...", "/1/2/3", "/2/3"),
        ("/test/...", "/test", ""),
        ("/test/...", "/test/", "/"),
        ("/test/...", "/test/hello", "/hello"),
        ("/test/...", "/test/hello/", "/hello/"),
        ("/...", "/", "/"),
        ("/...", "//", "/"),
        ("/...", "//a", "/a"),
        ("/...", "/a//", "/a/"),
        ("/a/...", "/a//b", "//b"),
        ("/a/...", "/a//", "/"),
        ("/a/...", "//a/b//c", "/b//c"),
        ("/a/...", "/a/caf%C3%A9%2F", "/caf%C3%A9%2F"),
        ("/u/:id/...", "/u/1", ""),
        ("/u/:id/...", "/u/1/x/y", "/x/y"),
        ("/a/b", "/a/b/", ""),
        ("/:x", "/b/", ""),
    ];
    for (pattern, path, expected) in table {
        let router = router(&[pattern]);
        assert_eq!(router.find(path).unwrap().trailing, expected, "{path} in {pattern}");
    }
}

#[test]
fn captures() {
    let table: &[(&str, &str, Pairs)] = &[
        // Spin: named_wildcard_is_captured.
        ("/1/:two/3", "/1/2/3", &[("two", "2")]),
        ("/1/:two/...", "/1/2/3", &[("two", "2")]),
        ("/:a/:b/:c", "//x/y%20z/%2e/", &[("a", "x"), ("b", "y%20z"), ("c", "%2e")]),
        ("/a/:b/c", "/a//c", &[("b", "")]),
        ("/a/...", "/a/b", &[]),
    ];
    for (pattern, path, expected) in table {
        let router = router(&[pattern]);
        let found = router.find(path).unwrap();
        assert_eq!(found.captures().collect::<Vec<_>>(), *expected, "{path} in {pattern}");
    }
    let router = router(&["/1/:two/..."]);
    let found = router.find("/1/2/3").unwrap();
    assert_eq!(found.capture("two"), Some("2"));
    assert_eq!(found.capture("three"), None);
}

#[test]
fn equal_routes_conflict() {
    let table = [
        ("/a", "/a"),
        ("/a", "/a/"),
        ("/a", "a"),
        ("/", ""),
        ("/a/:x", "/a/:y"),
        ("/a/...", "/a/*"),
        ("/a/:x/...", "/a/:y/..."),
    ];
    for (first, second) in table {
        let mut router = router(&["/other", first]);
        let conflict = router.insert(Pattern::parse(second).unwrap(), "second").unwrap_err();
        assert_eq!(conflict.with.as_str(), first);
        assert_eq!(router.iter().len(), 2, "a refused route leaves no trace");
    }
    // Spin: sensible_routes_are_reachable.
    router(&["/", "/foo", "/bar", "/whee/...", "/whee", "/whee/:x", "/..."]);
}
