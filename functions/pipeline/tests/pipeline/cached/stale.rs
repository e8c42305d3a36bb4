//! What is used although it is stale: RFC 5861, RFC 9111 section 4.2.4.

use tidegate_cache::{Plan, Stored};
use tidegate_pipeline::{Action, Claim, Failure, Input, Looked, Released};

use super::{Case, NOTHING, fetched, found, fresh, good, looked, parts, response, run, seconds, stale};
use crate::support::lines;
use Claim::{Changed, Full, Held, Taken};
use Input::{Claimed, Failed, Responded};

const CLAIM: &str = "claim /a?b of -65000";
const TAG: &str = "fetch for all; if-none-match: \"1\"";

/// Stale for five seconds, of which ten are for refreshing.
fn refreshable() -> Stored {
    response(65_000, &[("cache-control", "max-age=60, stale-while-revalidate=10"), ("etag", "\"1\"")])
}

/// Stale for five seconds, of which ten are for errors.
fn dependable() -> Stored {
    response(65_000, &[("cache-control", "max-age=60, stale-if-error=10"), ("etag", "\"1\"")])
}

#[test]
fn refreshed_after_the_response() {
    let then = |said, steps: Vec<(Input, &'static str)>| {
        let begin = vec![(found(refreshable()), "200 stored, hit; ttl=-5"), (Responded, "look /a?b")];
        Case::get("a refresh", said, begin.into_iter().chain(steps).collect())
    };
    let claimed = |steps: Vec<(Input, &'static str)>| {
        let begin = vec![(found(refreshable()), CLAIM), (Claimed(Held), TAG)];
        begin.into_iter().chain(steps).collect()
    };
    let stored = |what| vec![what, (Input::Stored, "finish")];
    run(vec![
        then(&[], claimed(stored((fetched(304, &[]), "store found /a?b")))),
        then(&[], claimed(stored((good(), "store /a?b")))),
        // It is what GET gets, all of it, whatever this client wanted.
        then(&[("if-none-match", "\"0\"")], claimed(vec![])),
        then(&[], claimed(vec![(fetched(200, &[("cache-control", "private")]), "finish")])),
        then(&[], claimed(vec![(fetched(503, &[]), "finish")])),
        then(&[], claimed(vec![(Failed(Failure::Dns), "finish")])),
        then(&[], claimed(vec![(fetched(304, &[("etag", "\"2\"")]), "fetch for all"), (good(), "store /a?b")])),
        // Somebody else was first.
        then(&[], vec![(fresh(), "finish")]),
        then(&[], vec![(found(refreshable()), CLAIM), (Claimed(Taken), "finish")]),
        then(&[], vec![(found(refreshable()), CLAIM), (Claimed(Changed), "finish")]),
        then(&[], vec![(found(refreshable()), CLAIM), (Claimed(Full), "finish")]),
        // It is gone meanwhile.
        then(
            &[],
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Held), "fetch for all"),
                (good(), "store /a?b"),
            ],
        ),
        Case::get(
            "a part",
            &[("range", "bytes=0-1")],
            vec![
                (found(refreshable()), "206 0..2, hit; ttl=-5"),
                (Responded, "look /a?b"),
                (found(refreshable()), CLAIM),
                (Claimed(Held), TAG),
            ],
        ),
        Case::head(
            "HEAD",
            &[],
            vec![
                (found(refreshable()), "200 stored, hit; ttl=-5"),
                (Responded, "look /a?b"),
                (found(refreshable()), CLAIM),
                (Claimed(Held), TAG),
            ],
        ),
        // What no-store is answered is not stored (RFC 9111 section 5.2.1.5): nobody is asked for it.
        Case::get(
            "no-store",
            &[("cache-control", "no-store")],
            vec![(found(refreshable()), "200 stored, hit; ttl=-5"), (Responded, "finish")],
        ),
    ]);
}

/// What those who wait for a refresh are told, if it brings nothing.
#[test]
fn a_refresh_that_brings_nothing() {
    let table =
        [(fetched(200, &[("cache-control", "private")]), Released::Unshared), (Failed(Failure::Dns), Released::Failed)];
    for (input, released) in table {
        let steps = vec![
            (found(refreshable()), "200 stored, hit; ttl=-5"),
            (Responded, "look /a?b"),
            (found(refreshable()), CLAIM),
            (Claimed(Held), TAG),
            (input, "finish"),
        ];
        let (exchange, _) = Case::get("a refresh", &[], steps).run();
        assert_eq!(exchange.released_as(), released);
    }
}

#[test]
fn softly_purged() {
    let purged =
        || Looked { is_purged: true, ..looked(response(1_000, &[("cache-control", "max-age=60"), ("etag", "\"1\"")])) };
    let window = Plan { stale_while_revalidate: seconds(9), ..Plan::default() };
    run(vec![
        Case::get(
            "it is stale",
            &[],
            vec![(Input::Looked(Some(purged())), "claim /a?b of -1000"), (Claimed(Held), TAG)],
        ),
        Case::get("it may be used", &[], vec![(found(refreshable()), "200 stored, hit; ttl=-5")]),
        Case::get("nothing forbids it", &[], vec![(fresh(), "200 stored, hit; ttl=59")]).under(window),
    ]);
    let mut window = purged();
    if let tidegate_cache::Kept::Stored(stored) = &mut window.kept {
        std::sync::Arc::make_mut(stored).stale_while_revalidate = seconds(9);
    }
    run(vec![Case::get(
        "it may be used while it is refreshed",
        &[],
        vec![(Input::Looked(Some(window)), "200 stored, hit; ttl=0"), (Responded, "look /a?b")],
    )]);
}

/// RFC 5861 section 4.
#[test]
fn used_if_there_is_an_error() {
    let waiting = |last| vec![(found(dependable()), CLAIM), (Claimed(Taken), "wait 5000"), last];
    let fetching = |last| vec![(found(dependable()), CLAIM), (Claimed(Held), TAG), last];
    let alone = |last| vec![(found(dependable()), CLAIM), (Claimed(Full), "fetch alone"), last];
    let failed = || Input::Released(Released::Failed);
    run(vec![
        Case::get("503", &[], fetching((fetched(503, &[]), "200 stored, fwd=stale; fwd-status=503; ttl=-5"))),
        Case::get("none came", &[], fetching((Failed(Failure::ConnectTimeout), "200 stored, fwd=stale; ttl=-5"))),
        Case::get("501 is an answer", &[], fetching((fetched(501, &[]), "501 fetched, fwd=stale; fwd-status=501"))),
        Case::get("404 is an answer", &[], fetching((fetched(404, &[]), "404 fetched, fwd=stale; fwd-status=404"))),
        Case::get(
            "the client has it",
            &[("if-none-match", "\"1\"")],
            fetching((fetched(500, &[]), "304 empty, fwd=stale; fwd-status=500; ttl=-5")),
        ),
        Case::head(
            "HEAD",
            &[],
            vec![
                (found(dependable()), CLAIM),
                (Claimed(Held), "fetch for all HEAD"),
                (fetched(502, &[]), "200 stored, fwd=stale; fwd-status=502; ttl=-5"),
            ],
        ),
        Case::get("alone: 503", &[], alone((fetched(503, &[]), "200 stored, fwd=stale; fwd-status=503; ttl=-5"))),
        Case::get("alone: none came", &[], alone((Failed(Failure::Dns), "200 stored, fwd=stale; ttl=-5"))),
        Case::get("for those who wait", &[], waiting((failed(), "200 stored, fwd=stale; ttl=-5"))),
        Case::get("what takes too long is no error", &[], waiting((Input::Released(Released::TooLong), "fetch alone"))),
        Case::get(
            "the client allows it",
            &[("cache-control", "stale-if-error=6")],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), TAG),
                (fetched(503, &[]), "200 stored, fwd=stale; fwd-status=503; ttl=-5"),
            ],
        ),
        Case::get(
            "nobody allows it",
            &[],
            vec![(stale(), CLAIM), (Claimed(Held), TAG), (fetched(503, &[]), "503 fetched, fwd=stale; fwd-status=503")],
        ),
        Case::get(
            "it waits, and nobody allows it",
            &[],
            vec![(stale(), CLAIM), (Claimed(Taken), "wait 5000"), (failed(), "fetch alone")],
        ),
    ]);
}

/// RFC 9111 section 5.2.2.2: not where it must be validated, nor where the client wants it to be.
#[test]
fn not_where_it_is_forbidden() {
    for control in ["must-revalidate", "proxy-revalidate", "no-cache"] {
        let value: &'static str = format!("max-age=60, stale-if-error=99, stale-while-revalidate=99, {control}").leak();
        let stored = || found(response(65_000, &[("cache-control", value), ("etag", "\"1\"")]));
        let forward = if control == "no-cache" { "request" } else { "stale" };
        let answer: &'static str = format!("503 fetched, fwd={forward}; fwd-status=503").leak();
        run(vec![
            Case::get(control, &[], vec![(stored(), CLAIM), (Claimed(Held), TAG), (fetched(503, &[]), answer)]),
            Case::get(
                control,
                &[],
                vec![
                    (stored(), CLAIM),
                    (Claimed(Taken), "wait 5000"),
                    (Input::Released(Released::Failed), "fetch alone"),
                ],
            ),
        ]);
    }
    // Section 5.2.2.10: nor for a client that would take it.
    let shared = || found(response(65_000, &[("cache-control", "s-maxage=60"), ("etag", "\"1\"")]));
    run(vec![
        Case::get("s-maxage", &[("cache-control", "max-stale=99")], vec![(shared(), CLAIM)]),
        Case::get(
            "s-maxage and an error",
            &[("cache-control", "stale-if-error=99")],
            vec![
                (shared(), CLAIM),
                (Claimed(Held), TAG),
                (fetched(503, &[]), "503 fetched, fwd=stale; fwd-status=503"),
            ],
        ),
    ]);
    run(vec![Case::get(
        "the client",
        &[("cache-control", "no-cache")],
        vec![
            (found(dependable()), CLAIM),
            (Claimed(Held), TAG),
            (fetched(503, &[]), "503 fetched, fwd=request; fwd-status=503"),
        ],
    )]);
}

/// What stands in must have what the client asks for.
#[test]
fn a_part_that_is_not_stored_stands_in_for_nothing() {
    let part = || {
        let mut part = parts::part(65_000, 0, 5);
        part.stale_if_error = seconds(10);
        found(part)
    };
    let there = &[("range", "bytes=0-1")];
    let elsewhere = &[("range", "bytes=7-8")];
    run(vec![
        Case::get(
            "there",
            there,
            vec![
                (part(), CLAIM),
                (Claimed(Held), "fetch for all; range: bytes=0-1"),
                (fetched(503, &[]), "206 0..2, fwd=stale; fwd-status=503; ttl=-5"),
            ],
        ),
        Case::get(
            "elsewhere",
            elsewhere,
            vec![
                (part(), CLAIM),
                (Claimed(Held), "fetch for all; range: bytes=7-8"),
                (fetched(503, &[]), "503 fetched, fwd=stale; fwd-status=503"),
            ],
        ),
        Case::get(
            "elsewhere, none came",
            elsewhere,
            vec![
                (part(), CLAIM),
                (Claimed(Held), "fetch for all; range: bytes=7-8"),
                (Failed(Failure::Dns), "502 problem, fwd=stale"),
            ],
        ),
        Case::get(
            "elsewhere, for those who wait",
            elsewhere,
            vec![
                (part(), CLAIM),
                (Claimed(Taken), "wait 5000"),
                (Input::Released(Released::Failed), "fetch alone; range: bytes=7-8"),
            ],
        ),
    ]);
}

#[test]
fn those_who_wait_are_told_of_the_error() {
    let (exchange, action) = Case::get(
        "503",
        &[],
        vec![
            (found(dependable()), CLAIM),
            (Claimed(Held), TAG),
            (Failed(Failure::ConnectTimeout), "200 stored, fwd=stale; ttl=-5"),
        ],
    )
    .run();
    let Action::Respond(reply) = action else { panic!("{action:?}") };
    assert_eq!((reply.released, exchange.reason()), (Released::Failed, Some(Failure::ConnectTimeout.reason())));
    assert_eq!(lines(&reply.head.headers, "age"), "65");
}
