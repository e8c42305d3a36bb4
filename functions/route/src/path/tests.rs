use super::*;

/// Texts that belong together: a name and what it stands for.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// What each name stands for in a path; None: the path does not belong to the pattern.
type Paths<'a> = &'a [(&'a str, Option<Pairs<'a>>)];

#[test]
fn which() {
    let table: &[(&str, Paths)] = &[
        ("/", &[("/", Some(&[])), ("", None), ("//", None), ("/a", None), ("*", None)]),
        ("/a/b", &[("/a/b", Some(&[])), ("/a/b/", None), ("/a", None), ("/A/b", None), ("a/b", None), ("//a/b", None)]),
        ("/a/", &[("/a/", Some(&[])), ("/a", None), ("/a//", None), ("/a/b", None)]),
        ("/a//b", &[("/a//b", Some(&[])), ("/a/b", None)]),
        ("/caf%C3%A9", &[("/caf%C3%A9", Some(&[])), ("/caf%c3%a9", None), ("/café", None)]),
        ("/p/{id}", &[("/p/7", Some(&[("id", "7")])), ("/p/", None), ("/p", None), ("/p/7/", None), ("/p/7/8", None)]),
        ("/p/{id}/", &[("/p/7/", Some(&[("id", "7")])), ("/p/7", None), ("/p//", None)]),
        ("/{a}/x/{b-1}", &[("/1/x/%2F", Some(&[("a", "1"), ("b-1", "%2F")])), ("//x/2", None)]),
        (
            "/img/{name}.png",
            &[
                ("/img/a.png", Some(&[("name", "a")])),
                ("/img/a.b.png", Some(&[("name", "a.b")])),
                ("/img/.png.png", Some(&[("name", ".png")])),
                ("/img/.png", None),
                ("/img/a.PNG", None),
                ("/img/a/b.png", None),
            ],
        ),
        ("/@{user}", &[("/@me", Some(&[("user", "me")])), ("/@", None), ("/me", None)]),
        ("/a{x}a", &[("/aba", Some(&[("x", "b")])), ("/aa", None), ("/a", None), ("/aaa", Some(&[("x", "a")]))]),
        (
            "/files/{*rest}",
            &[
                ("/files/a", Some(&[("rest", "a")])),
                ("/files/a/b/", Some(&[("rest", "a/b/")])),
                ("/files//", Some(&[("rest", "/")])),
                ("/files/", None),
                ("/files", None),
            ],
        ),
        ("/{*rest}", &[("/a/b", Some(&[("rest", "a/b")])), ("/", None), ("", None), ("*", None)]),
        ("/{a}/{*b}", &[("/1/2/3", Some(&[("a", "1"), ("b", "2/3")])), ("/1/", None), ("//2", None)]),
        ("/{{a}}", &[("/{a}", Some(&[])), ("/a", None)]),
        ("/{{{a}}}", &[("/{1}", Some(&[("a", "1")])), ("/1", None)]),
        ("/a*b/v1:x", &[("/a*b/v1:x", Some(&[])), ("/aab/v1:x", None)]),
    ];
    for (text, paths) in table {
        let pattern = PathPattern::parse(text).unwrap();
        assert_eq!(pattern.to_string(), *text);
        for (path, expected) in *paths {
            let captured = pattern.captures(path).map(|captured| captured.iter().collect::<Vec<_>>());
            assert_eq!(captured.as_deref(), *expected, "{path} and {text}");
        }
    }
}

#[test]
fn any_is_every_path() {
    let any = PathPattern::any();
    for path in ["/", "*", "", "/a/b"] {
        assert!(any.matches(path), "{path}");
        assert_eq!(any.captures(path).unwrap().iter().count(), 0);
    }
    assert!(any.is_any() && any == PathPattern::default() && any.to_string() == "*");
    assert!(!PathPattern::parse("/").unwrap().is_any());
    assert_ne!(any, PathPattern::parse("/").unwrap());
}

#[test]
fn captures_by_name() {
    let pattern = PathPattern::parse("/{a}/x/{*b}").unwrap();
    let captured = pattern.captures("/1/x/2/3").unwrap();
    assert_eq!((captured.get("a"), captured.get("b"), captured.get("c")), (Some("1"), Some("2/3"), None));
    assert_eq!(pattern.names().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(format!("{captured:?}"), r#"{"a": "1", "b": "2/3"}"#);
}

#[test]
fn mistakes() {
    use PathPatternError::*;
    let other = |segment: &str, write: &str| OtherSyntax { segment: segment.into(), write: write.into() };
    let bad_name = |name: &str, segment: &str| BadName { name: name.into(), segment: segment.into() };
    let (long, deep) = ("/".to_owned() + &"a".repeat(PATH_PATTERN_LEN_MAX), "/a".repeat(SEGMENTS_MAX + 1));
    let table = [
        ("", NotAbsolute { write: "/".into() }),
        ("a/b", NotAbsolute { write: "/a/b".into() }),
        ("*", NotAbsolute { write: "/{*rest}".into() }),
        ("/users/:id", other(":id", "/users/{id}")),
        ("/users/:id/x/*", other(":id", "/users/{id}/x/{*rest}")),
        ("/a/...", other("...", "/a/{*rest}")),
        ("/a/*", other("*", "/a/{*rest}")),
        ("/a/**", other("**", "/a/{*rest}")),
        ("/a/*path", other("*path", "/a/{*path}")),
        ("/a/{...path}", other("{...path}", "/a/{*path}")),
        ("/a/{path...}", other("{path...}", "/a/{*path}")),
        ("/a/*/b", other("*", "/a/{name}/b")),
        ("/a/:", other(":", "/a/{name}")),
        ("/a?b", NotPath('?')),
        ("/a#b", NotPath('#')),
        ("/a b", NotInUrl(' ')),
        ("/<id>", NotInUrl('<')),
        ("/a/../b", DotSegment("..".into())),
        ("/a/.", DotSegment(".".into())),
        ("/{id", Unbalanced("{id".into())),
        ("/id}", Unbalanced("id}".into())),
        ("/{a/b}", Unbalanced("{a".into())),
        ("/{{a}", Unbalanced("{{a}".into())),
        ("/{}", bad_name("", "{}")),
        ("/{*}", bad_name("", "{*}")),
        ("/{a b}", NotInUrl(' ')),
        ("/{id:[0-9]+}", bad_name("id:[0-9]+", "{id:[0-9]+}")),
        ("/{a}-{b}", TwoNames("{a}-{b}".into())),
        ("/{a}{b}", TwoNames("{a}{b}".into())),
        ("/{*a}/b", MisplacedRest("{*a}".into())),
        ("/x{*a}", MisplacedRest("x{*a}".into())),
        ("/{*a}.png", MisplacedRest("{*a}.png".into())),
        ("/{*a}/{*b}", MisplacedRest("{*a}".into())),
        ("/{a}/{a}", RepeatedName("a".into())),
        (&long, TooLong { len: PATH_PATTERN_LEN_MAX + 1 }),
        (&deep, TooDeep { count: SEGMENTS_MAX + 1 }),
    ];
    for (text, error) in table {
        let found = PathPattern::parse(text).expect_err(text);
        assert_eq!(found, error, "{text}");
        if let OtherSyntax { write, .. } | NotAbsolute { write } = found {
            assert!(PathPattern::parse(&write).is_ok(), "{write}");
        }
    }
}

#[test]
fn messages() {
    let table = [
        ("/users/:id", r#"":id" is how other routers write it. Write "/users/{id}""#),
        ("/a}", r#"bad segment "a}". Write names as in "{id}", and "{{" or "}}" for braces themselves"#),
        (
            "/{*a}/b",
            r#"bad segment "{*a}". What takes the rest of a path is its whole last segment, as in "/a/{*rest}""#,
        ),
    ];
    for (text, message) in table {
        assert_eq!(PathPattern::parse(text).unwrap_err().to_string(), message);
    }
}
