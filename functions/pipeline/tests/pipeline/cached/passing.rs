//! Requests that pass by, and what they make invalid: RFC 9111 sections 4 and 4.4, RFC 9875.

use http::HeaderName;
use tidegate_cache::{Condition, Plan};
use tidegate_pipeline::{Action, Exchange, Failure, Input, Refusal};

use super::{Case, fetched, run};
use Input::{Failed, Purged, Responded};

/// A request that is not looked up.
fn passes(what: &'static str, method: &'static str, steps: Vec<(Input, &'static str)>) -> Case {
    let first: &'static str = if method == "GET" { "fetch alone" } else { format!("fetch alone {method}").leak() };
    Case { method, first, ..Case::get(what, &[], steps) }
}

#[test]
fn unsafe_methods_invalidate() {
    let ok = |said| fetched(200, said);
    run(vec![
        passes(
            "the URL itself",
            "POST",
            vec![(ok(&[]), "purge url /a?b"), (Purged, "200 fetched, fwd=method"), (Responded, "finish")],
        ),
        passes(
            "what it points to",
            "PUT",
            vec![
                (
                    fetched(201, &[("location", "/new"), ("content-location", "http://shop.example/c?d")]),
                    "purge url /a?b, url /new, url /c?d",
                ),
                (Purged, "201 fetched, fwd=method"),
            ],
        ),
        passes(
            "not on other origins",
            "POST",
            vec![(
                ok(&[("location", "http://other.example/"), ("content-location", "https://shop.example/")]),
                "purge url /a?b",
            )],
        ),
        passes(
            "groups (RFC 9875 section 3)",
            "DELETE",
            vec![(ok(&[("cache-group-invalidation", "\"g\", \"h\"")]), "purge url /a?b, tag group  g, tag group  h")],
        ),
        passes("a method that nobody knows", "FOO", vec![(ok(&[]), "purge url /a?b")]),
        passes(
            "a redirection is no error",
            "POST",
            vec![(fetched(303, &[("location", "/l")]), "purge url /a?b, url /l")],
        ),
        passes("an error", "POST", vec![(fetched(400, &[("location", "/l")]), "400 fetched, fwd=method")]),
        passes("an error of theirs", "POST", vec![(fetched(500, &[]), "500 fetched, fwd=method")]),
        passes("none came", "POST", vec![(Failed(Failure::Dns), "502 problem, fwd=method")]),
        passes(
            "a safe method",
            "OPTIONS",
            vec![(ok(&[("cache-group-invalidation", "\"g\"")]), "200 fetched, fwd=method")],
        ),
        passes("a safe method of WebDAV", "PROPFIND", vec![(fetched(207, &[]), "207 fetched, fwd=method")]),
    ]);
}

#[test]
fn requests_that_are_for_the_origin() {
    let plan = Plan {
        bypass: vec![
            Condition::Header(HeaderName::from_static("x-preview"), None),
            Condition::Cookie("admin".into(), Some("1".into())),
            Condition::Query("nocache".into(), None),
        ],
        session_cookies: vec!["session".into()],
        debug: true,
        ..Plan::default()
    };
    let table: &[(&str, crate::support::Fields, &str)] = &[
        ("/", &[("if-match", "\"1\"")], "200 fetched, fwd=bypass; detail=cache/request"),
        ("/", &[("if-unmodified-since", "x")], "200 fetched, fwd=bypass; detail=cache/request"),
        ("/", &[("content-length", "1")], "200 fetched, fwd=bypass; detail=cache/request"),
        ("/", &[("x-preview", "")], "200 fetched, fwd=bypass; detail=cache/condition"),
        ("/", &[("cookie", "a=b; admin=1")], "200 fetched, fwd=bypass; detail=cache/condition"),
        ("/?a&nocache", &[], "200 fetched, fwd=bypass; detail=cache/condition"),
        ("/", &[("cookie", "session=x")], "200 fetched, fwd=bypass; detail=cache/signed-in"),
    ];
    for (target, said, expected) in table {
        let steps = vec![(fetched(200, &[("cache-control", "max-age=60")]), *expected)];
        Case { target, said, first: "fetch alone", ..Case::get("passes by", &[], steps) }.under(plan.clone()).run();
    }
    let long: &'static str = format!("/?{}", "x".repeat(17 << 10)).leak();
    let steps = vec![(fetched(200, &[]), "200 fetched, fwd=bypass; detail=cache/key-too-long")];
    Case { target: long, first: "fetch alone", ..Case::get("too long", &[], steps) }.under(plan).run();
}

#[test]
fn purge() {
    let obeyed = || Plan { purge_from: vec!["192.0.2.0/24".parse().unwrap()], ..Plan::default() };
    let others = || Plan { purge_from: vec!["198.51.100.0/24".parse().unwrap()], ..Plan::default() };
    let with = |first, steps| Case { method: "PURGE", first, ..Case::get("PURGE", &[], steps) };
    run(vec![
        with("purge url /a?b", vec![(Purged, "200 empty, says nothing"), (Responded, "finish")]).under(obeyed()),
        // Nobody's is obeyed: it is the origin's to judge, and may change what is there.
        with("fetch alone PURGE", vec![(fetched(200, &[]), "purge url /a?b"), (Purged, "200 fetched, fwd=method")]),
        with("fetch alone PURGE", vec![(fetched(405, &[]), "405 fetched, fwd=method")]),
    ]);
    let (exchange, _) = with("403 problem, says nothing", vec![(Responded, "finish")]).under(others()).run();
    assert_eq!(exchange.reason(), Some(Refusal::Purge.reason()));
}

/// What is not cached has nothing to do with any of this.
#[test]
fn routes_without_a_cache() {
    let pipeline = crate::support::pipeline(crate::support::EDGE);
    for method in ["GET", "POST"] {
        let start = crate::support::start(method, "/", &[]);
        let (exchange, reply) = crate::support::exchanged(&pipeline, start, fetched(200, &[("surrogate-key", "a")]));
        assert_eq!(crate::support::names(&reply.head.headers), ["surrogate-key", "via"]);
        assert!(!exchange.has_later());
    }
}

#[test]
fn what_one_route_changes_another_has_stored() {
    let text = format!(
        "{}\n[[route]]\nname = \"read\"\nmethod = \"GET\"\nupstream = \"app\"\ncache = true\n",
        crate::support::EDGE
    );
    for (method, expected) in [("POST", true), ("GET", false), ("OPTIONS", false)] {
        let pipeline = crate::support::pipeline(&text);
        let start = crate::support::start(method, "/a?b", &[]);
        let (mut exchange, action) = Exchange::start(pipeline, start, crate::support::NOW);
        let is_fetch = matches!(action, Action::Fetch(_));
        assert_eq!(is_fetch, method != "GET", "{method}: {action:?}");
        if is_fetch {
            let action = exchange.advance(fetched(204, &[]), crate::support::NOW);
            assert_eq!(matches!(action, Action::Purge(_)), expected, "{method}: {action:?}");
        }
    }
}
