//! Answers from what is stored: RFC 9111 sections 4, 4.2.3, 4.3.2 and 5.2.1.

use tidegate_cache::{Plan, SetCookie};
use tidegate_pipeline::{Claim, Input, Refusal};

use super::{Case, NOTHING, fetched, found, fresh, good, response, run, stale};
use crate::support::{EDGE, NOW, lines, names, start};
use Claim::Held;
use Input::{Claimed, Responded};

#[test]
fn hits() {
    let expires = || found(response(1_000, &[("expires", "Tue, 14 Nov 2023 22:14:19 GMT")]));
    let dated = || {
        let date = "Tue, 14 Nov 2023 00:00:00 GMT";
        found(response(1_000, &[("cache-control", "max-age=60"), ("last-modified", date)]))
    };
    run(vec![
        Case::get("a hit", &[], vec![(fresh(), "200 stored, hit; ttl=59"), (Responded, "finish")]),
        Case::get("by Expires (section 5.3)", &[], vec![(expires(), "200 stored, hit; ttl=59")]),
        Case::head("HEAD (section 4)", &[], vec![(fresh(), "200 stored, hit; ttl=59")]),
        Case::get(
            "the client has it (section 4.3.2)",
            &[("if-none-match", "\"0\", W/\"1\"")],
            vec![(fresh(), "304 empty, hit; ttl=59")],
        ),
        Case::get(
            "the client has another one",
            &[("if-none-match", "\"0\""), ("if-modified-since", "Tue, 14 Nov 2023 22:13:19 GMT")],
            vec![(fresh(), "200 stored, hit; ttl=59")],
        ),
        Case::get(
            "the client has it of then",
            &[("if-modified-since", "Tue, 14 Nov 2023 00:00:00 GMT")],
            vec![(dated(), "304 empty, hit; ttl=59")],
        ),
        Case::head("the same for HEAD", &[("if-none-match", "*")], vec![(fresh(), "304 empty, hit; ttl=59")]),
        Case::get(
            "no-store lets a hit be (section 5.2.1.5)",
            &[("cache-control", "no-store")],
            vec![(fresh(), "200 stored, hit; ttl=59")],
        ),
    ]);
}

#[test]
fn a_304_says_what_the_client_may_not_know() {
    let reply = Case::get(
        "RFC 9110 section 15.4.5",
        &[("if-none-match", "\"1\"")],
        vec![(
            found(response(
                1_000,
                &[
                    ("cache-control", "max-age=60"),
                    ("content-location", "/c"),
                    ("content-type", "text/plain"),
                    ("content-language", "en"),
                    ("etag", "\"1\""),
                    ("vary", "x-a"),
                ],
            )),
            "304 empty, hit; ttl=59",
        )],
    )
    .answer();
    assert_eq!(
        names(&reply.head.headers),
        ["age", "cache-control", "cache-status", "content-location", "date", "etag", "vary"]
    );
}

#[test]
fn the_request_wants_more() {
    run(vec![
        Case::get(
            "no-cache (section 5.2.1.4)",
            &[("cache-control", "no-cache")],
            vec![
                (fresh(), "claim /a?b of -1000"),
                (Claimed(Held), "fetch for all; if-none-match: \"1\""),
                (good(), "200 fetched, fwd=request; stored, stores /a?b"),
            ],
        ),
        Case::get("Pragma (section 5.4)", &[("pragma", "no-cache")], vec![(fresh(), "claim /a?b of -1000")]),
        Case::get(
            "max-age=0 (section 5.2.1.1)",
            &[("cache-control", "max-age=0")],
            vec![(fresh(), "claim /a?b of -1000")],
        ),
        Case::get(
            "min-fresh (section 5.2.1.3)",
            &[("cache-control", "min-fresh=60")],
            vec![(fresh(), "claim /a?b of -1000")],
        ),
        Case::get(
            "max-stale (section 5.2.1.2)",
            &[("cache-control", "max-stale=6")],
            vec![(stale(), "200 stored, hit; ttl=-5"), (Responded, "finish")],
        ),
        Case::get(
            "max-stale, but staler",
            &[("cache-control", "max-stale=4")],
            vec![(stale(), "claim /a?b of -65000")],
        ),
        Case::get(
            "no directive of a client counts",
            &[("cache-control", "no-cache")],
            vec![(fresh(), "200 stored, hit; ttl=59")],
        )
        .under(Plan { client_directives: false, ..Plan::default() }),
    ]);
}

#[test]
fn only_if_cached() {
    let said = &[("cache-control", "only-if-cached")];
    for (what, input, next) in [("nothing", NOTHING, "look /a|search"), ("stale", stale(), "504 problem, tidegate")] {
        let mut steps = vec![(input, next)];
        if next.starts_with("look") {
            steps.push((NOTHING, "504 problem, tidegate"));
        }
        let (exchange, _) = Case::get(what, said, steps).run();
        assert_eq!(exchange.reason(), Some(Refusal::OnlyIfCached.reason()), "{what}");
    }
    run(vec![Case::get("fresh (section 5.2.1.7)", said, vec![(fresh(), "200 stored, hit; ttl=59")])]);
}

/// RFC 9111 section 4.2.3, and section 5.1: Age is what it is now.
#[test]
fn stored_responses_say_their_age() {
    let (mut exchange, _) = Case::get("start", &[], vec![]).run();
    let stored = response(900, &[("age", "5"), ("cache-control", "max-age=60")]);
    let action = exchange.advance(found(stored), NOW + std::time::Duration::from_millis(100));
    let tidegate_pipeline::Action::Respond(reply) = action else { panic!("{action:?}") };
    assert_eq!(lines(&reply.head.headers, "age"), "6");
}

/// The body of a miss is stored all the same when its client gets no body.
#[test]
fn conditions_on_a_miss() {
    let came = || fetched(200, &[("cache-control", "max-age=60"), ("etag", "\"1\""), ("content-length", "10")]);
    for (said, expected) in [
        (&[("if-none-match", "\"1\"")], "304 empty, fwd=uri-miss; fwd-status=200; stored, stores /a?b"),
        (&[("if-none-match", "\"2\"")], "200 fetched, fwd=uri-miss; stored, stores /a?b"),
    ] {
        let reply = Case::get(
            "a miss",
            said,
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Held), "fetch for all"),
                (came(), expected),
            ],
        )
        .answer();
        let length = if expected.starts_with("304") { "" } else { "10" };
        assert_eq!(lines(&reply.head.headers, "content-length"), length);
    }
    // What is not stored is passed on as it is: the origin was asked without the condition.
    run(vec![Case::get(
        "not stored",
        &[("if-none-match", "\"1\"")],
        vec![
            (NOTHING, "look /a|search"),
            (NOTHING, "claim /a?b"),
            (Claimed(Held), "fetch for all"),
            (fetched(200, &[("cache-control", "no-store"), ("etag", "\"1\"")]), "200 fetched, fwd=uri-miss"),
        ],
    )]);
}

#[test]
fn what_is_stored_is_nobodys_own() {
    let edge = format!(
        "{EDGE}\nresponse = {{ set = {{ x-edge = \"yes\" }} }}\n[proxy]\nserver_timing = true\nproxy_status = true"
    );
    let pipeline = crate::support::cached(&edge, Plan::default());
    let (mut exchange, _) = tidegate_pipeline::Exchange::start(pipeline, start("GET", "/", &[]), NOW);
    exchange.advance(NOTHING, NOW);
    exchange.advance(Claimed(Held), NOW);
    let action = exchange.advance(
        fetched(200, &[("connection", "close"), ("etag", "\"1\""), ("age", "3"), ("content-length", "1")]),
        NOW,
    );
    let tidegate_pipeline::Action::Respond(reply) = action else { panic!("{action:?}") };
    let store = reply.store.unwrap();
    assert_eq!(store.key.as_str(), "http://shop.example/");
    assert_eq!(names(&store.stored.headers), ["date", "etag", "via"]);
    assert_eq!(
        names(&reply.head.headers),
        ["age", "cache-status", "content-length", "etag", "proxy-status", "server-timing", "via", "x-edge"]
    );
}

/// RFC 9111 section 7.3 and RFC 6265: the client that caused the fetch gets the cookie, nobody else does.
#[test]
fn cookies() {
    let came = || fetched(200, &[("cache-control", "max-age=60"), ("set-cookie", "a=1")]);
    let steps = |expected| {
        vec![(NOTHING, "look /a|search"), (NOTHING, "claim /a?b"), (Claimed(Held), "fetch for all"), (came(), expected)]
    };
    let reply = Case::get("passed", &[], steps("200 fetched, fwd=uri-miss")).answer();
    assert_eq!(lines(&reply.head.headers, "set-cookie"), "a=1");

    let strip = Plan { set_cookie: SetCookie::Strip, ..Plan::default() };
    let reply =
        Case::get("stripped", &[], steps("200 fetched, fwd=uri-miss; stored, stores /a?b")).under(strip).answer();
    assert_eq!(lines(&reply.head.headers, "set-cookie"), "a=1");
    assert!(!reply.store.unwrap().stored.headers.contains_key("set-cookie"));
}
