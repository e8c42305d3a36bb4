//! What responses say about the cache: Cache-Status (RFC 9211), and what they do not say.

use tidegate_cache::Plan;
use tidegate_pipeline::{Claim, Failure, Input};

use super::{Case, NOTHING, fetched, found, fresh, good, response, run, stale};
use crate::support::lines;
use Claim::{Held, Taken};
use Input::{Claimed, Failed};

fn debug() -> Plan {
    Plan { debug: true, ..Plan::default() }
}

/// The whole of it is shown with the steps; this is what debugging adds.
#[test]
fn when_debugging() {
    let begin =
        |last| vec![(NOTHING, "look /a|search"), (NOTHING, "claim /a?b"), (Claimed(Held), "fetch for all"), last];
    let dependable =
        || found(response(65_000, &[("cache-control", "max-age=60, stale-if-error=10"), ("etag", "\"1\"")]));
    let cases = vec![
        (
            vec![(fresh(), "200 stored, hit; ttl=59; key=\"/a?b\"")],
            "tidegate; hit; ttl=59; key=\"http://shop.example/a?b\"",
        ),
        (
            begin((good(), "200 fetched, fwd=uri-miss; stored; key=\"/a?b\", stores /a?b")),
            "tidegate; fwd=uri-miss; stored; key=\"http://shop.example/a?b\"",
        ),
        (
            begin((
                fetched(200, &[("cache-control", "no-store")]),
                "200 fetched, fwd=uri-miss; key=\"/a?b\"; detail=cache/no-store",
            )),
            "tidegate; fwd=uri-miss; key=\"http://shop.example/a?b\"; detail=cache/no-store",
        ),
        (
            vec![
                (dependable(), "claim /a?b of -65000"),
                (Claimed(Held), "fetch for all; if-none-match: \"1\""),
                (
                    fetched(503, &[]),
                    "200 stored, fwd=stale; fwd-status=503; ttl=-5; key=\"/a?b\"; detail=cache/stale-if-error",
                ),
            ],
            "tidegate; fwd=stale; fwd-status=503; ttl=-5; key=\"http://shop.example/a?b\"; detail=cache/stale-if-error",
        ),
        (
            vec![
                (dependable(), "claim /a?b of -65000"),
                (Claimed(Held), "fetch for all; if-none-match: \"1\""),
                (Failed(Failure::Dns), "200 stored, fwd=stale; ttl=-5; key=\"/a?b\"; detail=fetch/dns"),
            ],
            "tidegate; fwd=stale; ttl=-5; key=\"http://shop.example/a?b\"; detail=fetch/dns",
        ),
        (
            vec![
                (stale(), "claim /a?b of -65000"),
                (Claimed(Taken), "wait 5000"),
                (fresh(), "200 stored, fwd=stale; collapsed; key=\"/a?b\""),
            ],
            "tidegate; fwd=stale; collapsed; key=\"http://shop.example/a?b\"",
        ),
    ];
    for (steps, expected) in cases {
        let reply = Case::get("debugging", &[], steps).under(debug()).answer();
        assert_eq!(lines(&reply.head.headers, "cache-status"), expected);
    }
}

#[test]
fn it_is_the_last_of_the_list() {
    let came = fetched(200, &[("cache-control", "max-age=60"), ("cache-status", "inner; hit")]);
    let reply = Case::get(
        "a list (RFC 9211 section 2)",
        &[],
        vec![
            (NOTHING, "look /a|search"),
            (NOTHING, "claim /a?b"),
            (Claimed(Held), "fetch for all"),
            (came, "200 fetched, inner; hit | tidegate; fwd=uri-miss; stored, stores /a?b"),
        ],
    )
    .answer();
    assert_eq!(lines(&reply.head.headers, "cache-status"), "inner; hit | tidegate; fwd=uri-miss; stored");
}

/// What is said to us alone is not said to clients, unless somebody debugs.
#[test]
fn what_is_for_us_alone() {
    let said = &[
        ("cache-control", "max-age=60"),
        ("surrogate-control", "max-age=60"),
        ("surrogate-key", "a b"),
        ("cache-tag", "c"),
        ("cdn-cache-control", "max-age=60"),
    ];
    let ours = ["surrogate-control", "surrogate-key", "cache-tag"];
    for (plan, is_said) in [(Plan::default(), false), (debug(), true)] {
        let hit = Case::get("hit", &[], vec![]).under(plan.clone());
        let (mut exchange, _) = hit.run();
        let mut stored = response(1_000, said);
        for (name, value) in said {
            stored.headers.insert(*name, value.parse().unwrap());
        }
        let from_store = exchange.advance(found(stored), crate::support::NOW);
        let (mut exchange, _) = Case::get("miss", &[], vec![]).under(plan.clone()).run();
        for input in [NOTHING, NOTHING, Claimed(Held)] {
            exchange.advance(input, crate::support::NOW);
        }
        let from_origin = exchange.advance(fetched(200, said), crate::support::NOW);
        let post = Case { method: "POST", first: "fetch alone POST", ..Case::get("bypass", &[], vec![]) };
        let (mut exchange, _) = post.under(plan).run();
        let passed_by = exchange.advance(fetched(500, said), crate::support::NOW);
        for action in [from_store, from_origin, passed_by] {
            let tidegate_pipeline::Action::Respond(reply) = action else { panic!("{action:?}") };
            for name in ours {
                assert_eq!(reply.head.headers.contains_key(name), is_said, "{name}: {reply:?}");
            }
            // RFC 9213 section 2.2: for caches behind this one, too.
            assert!(reply.head.headers.contains_key("cdn-cache-control"));
        }
    }
}

/// Tags are stored with a response, whatever clients are told.
#[test]
fn tags_are_stored() {
    let reply = Case::get(
        "tags",
        &[],
        vec![
            (NOTHING, "look /a|search"),
            (NOTHING, "claim /a?b"),
            (Claimed(Held), "fetch for all"),
            (
                fetched(200, &[("cache-control", "max-age=60"), ("surrogate-key", "a b"), ("cache-groups", "\"g\"")]),
                "200 fetched, fwd=uri-miss; stored, stores /a?b",
            ),
        ],
    )
    .answer();
    let tags: Vec<_> = reply.store.unwrap().stored.tags.iter().map(ToString::to_string).collect();
    assert_eq!(tags, ["a", "b", "group http://shop.example g"]);
}

/// The answers of the edge itself have nothing to do with a cache.
#[test]
fn answers_without_a_cache() {
    run(vec![Case {
        method: "OPTIONS",
        target: "*",
        first: "204 empty, says nothing",
        ..Case::get("OPTIONS", &[], vec![])
    }]);
}

/// RFC 9211 section 2: a name that is no token is a string.
#[test]
fn names_are_quoted_once() {
    let edge = format!("[proxy]\nname = \"1st\"\nproxy_status = true\n{}", crate::support::EDGE);
    let start = crate::support::start("POST", "/", &[]);
    let (_, reply) =
        crate::support::exchanged(&crate::support::cached(&edge, Plan::default()), start, fetched(404, &[]));
    assert_eq!(lines(&reply.head.headers, "cache-status"), "\"1st\"; fwd=method");
    assert_eq!(lines(&reply.head.headers, "proxy-status"), "\"1st\"; received-status=404");
}
