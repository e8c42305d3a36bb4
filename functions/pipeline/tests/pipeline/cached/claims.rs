//! Who fetches, and what the others get: RFC 9111 section 4.

use tidegate_pipeline::{Action, Claim, Failure, Input, Released};

use super::{Case, LENGTH, NOTHING, fetched, found, fresh, good, looked, response, response_to, run, stale, word};
use crate::support::NOW;
use Claim::{Changed, Full, Held, Taken};
use Input::{Claimed, Failed, Responded};

fn released(released: Released) -> Input {
    Input::Released(released)
}

#[test]
fn one_fetches_for_all() {
    run(vec![
        Case::get(
            "nothing is stored",
            &[],
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Held), "fetch for all"),
                (good(), "200 fetched, fwd=uri-miss; stored, stores /a?b"),
                (Responded, "finish"),
            ],
        ),
        Case::get(
            "what is stored is stale",
            &[],
            vec![
                (stale(), "claim /a?b of -65000"),
                (Claimed(Held), "fetch for all; if-none-match: \"1\""),
                (good(), "200 fetched, fwd=stale; stored, stores /a?b"),
            ],
        ),
        Case::get(
            "it is not for others",
            &[],
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Held), "fetch for all"),
                (fetched(200, &[("cache-control", "private")]), "200 fetched, fwd=uri-miss"),
                (Responded, "finish"),
            ],
        ),
        Case::get(
            "it fails",
            &[],
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Held), "fetch for all"),
                (Failed(Failure::Dns), "502 problem, fwd=uri-miss"),
                (Responded, "finish"),
            ],
        ),
        Case::get(
            "something else is stored by now",
            &[],
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Changed), "look /a?b"),
                (fresh(), "200 stored, hit; ttl=59"),
            ],
        ),
        Case::get(
            "what was found is gone by now",
            &[],
            vec![
                (stale(), "claim /a?b of -65000"),
                (Claimed(Changed), "look /a?b"),
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                // Nothing is left to validate.
                (Claimed(Held), "fetch for all"),
            ],
        ),
        Case::get(
            "there are too many claims",
            &[("if-none-match", "\"0\"")],
            vec![
                (stale(), "claim /a?b of -65000"),
                (Claimed(Full), "fetch alone; if-none-match: \"0\""),
                (fetched(304, &[("etag", "\"0\"")]), "304 fetched, fwd=stale; fwd-status=304"),
            ],
        ),
    ]);
}

#[test]
fn others_wait() {
    let young = || looked(response(0, &[("cache-control", "max-age=0"), ("etag", "\"2\"")]));
    let offered = |stored| Input::Looked(Some(looked(stored)));
    let waits = |steps: Vec<(Input, &'static str)>| {
        let begin = vec![(NOTHING, "look /a|search"), (NOTHING, "claim /a?b"), (Claimed(Taken), "wait 5000")];
        begin.into_iter().chain(steps).collect()
    };
    run(vec![
        Case::get(
            "and get what came meanwhile, however short it is fresh",
            &[],
            waits(vec![(Input::Looked(Some(young())), "200 stored, fwd=uri-miss; collapsed"), (Responded, "finish")]),
        ),
        Case::get(
            "or that nothing has changed",
            &[("if-none-match", "\"2\"")],
            waits(vec![(Input::Looked(Some(young())), "304 empty, fwd=uri-miss; collapsed")]),
        ),
        Case::get(
            "what came before them is judged: fresh",
            &[],
            waits(vec![(fresh(), "200 stored, fwd=uri-miss; collapsed")]),
        ),
        Case::get(
            "what came before them is judged: stale",
            &[],
            waits(vec![(stale(), "fetch alone"), (good(), "200 fetched, fwd=uri-miss")]),
        ),
        // The driver has the body at hand that it waited for: what was found before stands in for nothing.
        Case::get(
            "what came before them is judged: stale, and then there is an error",
            &[("cache-control", "stale-if-error=99")],
            vec![
                (stale(), "claim /a?b of -65000"),
                (Claimed(Taken), "wait 5000"),
                (stale(), "fetch alone"),
                (fetched(503, &[]), "503 fetched, fwd=stale; fwd-status=503"),
            ],
        ),
        Case::get(
            "what is for nobody who did not ask (section 5.2.2.4)",
            &[],
            waits(vec![(offered(response(0, &[("cache-control", "no-cache"), ("etag", "\"2\"")])), "fetch alone")]),
        ),
        Case::get(
            "another part: one looks again",
            &[("range", "bytes=5-9")],
            waits(vec![(offered(super::parts::part(0, 0, 5)), "look /a?b")]),
        ),
        Case::get(
            "not for others: alone",
            &[],
            waits(vec![(released(Released::Unshared), "fetch alone"), (good(), "200 fetched, fwd=uri-miss")]),
        ),
        Case::get("failed: alone", &[], waits(vec![(released(Released::Failed), "fetch alone")])),
        Case::get("it takes too long: alone", &[], waits(vec![(released(Released::TooLong), "fetch alone")])),
        Case::get(
            "who held it is gone: one of them is next",
            &[],
            waits(vec![(released(Released::Gone), "claim /a?b"), (Claimed(Held), "fetch for all")]),
        ),
    ]);
}

/// What is fetched alone is stored for nobody, and the client's own conditions go with it.
#[test]
fn alone_is_alone() {
    let reply = Case::get(
        "no-store (section 5.2.1.5)",
        &[("cache-control", "no-store"), ("if-none-match", "\"0\""), ("range", "bytes=0-1")],
        vec![
            (NOTHING, "look /a|search"),
            (NOTHING, "fetch alone; if-none-match: \"0\"; range: bytes=0-1"),
            (good(), "200 fetched, fwd=uri-miss"),
        ],
    )
    .answer();
    assert!(reply.store.is_none());
}

#[test]
fn what_is_fetched_for_all_depends_on_nobodys_conditions() {
    let said: &[(&str, &str)] =
        &[("if-none-match", "\"1\""), ("if-modified-since", "x"), ("content-length", "0"), ("accept", "a")];
    let steps = vec![(NOTHING, "look /a|search"), (NOTHING, "claim /a?b"), (Claimed(Held), "fetch for all")];
    let (_, action) = Case::get("conditions", said, steps).run();
    let Action::Fetch(fetch) = action else { panic!("{action:?}") };
    assert_eq!(
        crate::support::names(&fetch.head.headers),
        ["accept", "forwarded", "host", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]
    );
}

/// What one waited for may still arrive: nothing is stored of it then, and waiting for it again would be over at once.
#[test]
fn another_variant_says_where_to_go_on() {
    let offered = |name: &'static str, fields: &[(&str, &str)]| {
        let fields = [&[("cache-control", "max-age=9"), ("vary", name)], fields].concat();
        found(response_to(0, 200, &[("x-a", "2"), ("x-b", "2")], &fields))
    };
    let said = &[("x-a", "1"), ("x-b", "1")];
    let waits = |steps: Vec<(Input, &'static str)>| {
        let begin = vec![(NOTHING, "look /a|search"), (NOTHING, "claim /a?b"), (Claimed(Taken), "wait 5000")];
        begin.into_iter().chain(steps).collect()
    };
    let varied = || fetched(200, &[("cache-control", "max-age=60"), ("vary", "x-a")]);
    run(vec![
        Case::get(
            "its own is fetched for all",
            said,
            waits(vec![
                (offered("x-a", &[]), "look /a?b|vary x-a=1"),
                (NOTHING, "claim /a?b|vary x-a=1"),
                (Claimed(Held), "fetch for all"),
                (varied(), "200 fetched, fwd=vary-miss; stored, stores /a?b|vary x-a=1 marks /a?b"),
            ]),
        ),
        Case::get(
            "or waited for, by whatever it varies",
            said,
            waits(vec![
                (offered("x-a", &[]), "look /a?b|vary x-a=1"),
                (NOTHING, "claim /a?b|vary x-a=1"),
                (Claimed(Taken), "wait 5000"),
                (offered("x-b", &[]), "look /a?b|vary x-b=1"),
                (NOTHING, "look /a?b|vary x-a=1"),
                (NOTHING, "claim /a?b|vary x-b=1"),
            ]),
        ),
        Case::get(
            "or there by now",
            said,
            waits(vec![(offered("x-a", &[]), "look /a?b|vary x-a=1"), (fresh(), "200 stored, hit; ttl=59")]),
        ),
        Case::get(
            "where its query does not matter",
            said,
            waits(vec![(offered("x-a", &[("no-vary-search", "params")]), "look /a|search except= |vary x-a=1")]),
        ),
    ]);
}

#[test]
fn starting_over_has_an_end() {
    for gone in [true, false] {
        let (mut exchange, mut action) = Case::get("start", &[], vec![]).run();
        let mut turns = 0;
        while word(&action) != "fetch alone" {
            let input = match &action {
                Action::Lookup(_) => NOTHING,
                Action::Claim { .. } => Claimed(if gone { Taken } else { Changed }),
                Action::Wait(_) => released(Released::Gone),
                action => panic!("{action:?}"),
            };
            action = exchange.advance(input, NOW);
            turns += 1;
            assert!(turns < 50);
        }
        assert!(turns > 10, "it gave up at once");
    }
}

/// The driver's faults end well all the same.
#[test]
fn what_was_not_asked_for() {
    run(vec![
        Case::get(
            "a response",
            &[],
            vec![(good(), "500 problem, tidegate"), (Responded, "finish"), (Responded, "finish")],
        ),
        Case::get("a response instead of nothing", &[], vec![(fresh(), "200 stored, hit; ttl=59"), (good(), "finish")]),
        Case::get("a release", &[], vec![(released(Released::Gone), "500 problem, tidegate")]),
    ]);
}

#[test]
fn a_length_that_nobody_knows_yet() {
    let stored = response(0, &[("cache-control", "max-age=60")]);
    let arriving = tidegate_pipeline::Looked { length: None, ..looked(stored.clone()) };
    let begin = |last| vec![(NOTHING, "look /a|search"), (NOTHING, "claim /a?b"), (Claimed(Taken), "wait 5000"), last];
    run(vec![
        // RFC 9110 section 14.2: a server may ignore Range.
        Case::get(
            "the whole",
            &[("range", "bytes=0-1")],
            begin((Input::Looked(Some(arriving)), "200 stored, fwd=uri-miss; collapsed")),
        ),
        Case::get("the part", &[("range", "bytes=0-1")], begin((found(stored), "206 0..2, fwd=uri-miss; collapsed"))),
    ]);
    assert_eq!(LENGTH, 10);
}
