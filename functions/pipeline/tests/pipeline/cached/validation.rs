//! Whether what is stored is still good: RFC 9111 sections 4.3.1 to 4.3.5.

use tidegate_pipeline::{Claim, Failure, Input, Released};

use super::{Case, fetched, found, good, response, run, stale};
use crate::support::lines;
use Claim::{Held, Taken};
use Input::{Claimed, Failed, Purged, Responded};

const TAG: &str = "fetch for all; if-none-match: \"1\"";
const CLAIM: &str = "claim /a?b of -65000";

#[test]
fn validated() {
    let both = || {
        let said =
            [("cache-control", "max-age=60"), ("etag", "\"1\""), ("last-modified", "Tue, 14 Nov 2023 00:00:00 GMT")];
        found(response(65_000, &said))
    };
    run(vec![
        Case::get(
            "by both validators (section 4.3.1)",
            &[],
            vec![
                (both(), CLAIM),
                (
                    Claimed(Held),
                    "fetch for all; if-none-match: \"1\"; if-modified-since: Tue, 14 Nov 2023 00:00:00 GMT",
                ),
            ],
        ),
        Case::get(
            "still good (section 4.3.4)",
            &[],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), TAG),
                (
                    fetched(304, &[("etag", "\"1\"")]),
                    "200 stored, fwd=stale; fwd-status=304; stored, stores found /a?b",
                ),
                (Responded, "finish"),
            ],
        ),
        Case::get(
            "and the client has it",
            &[("if-none-match", "\"1\"")],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), TAG),
                (fetched(304, &[("etag", "\"1\"")]), "304 empty, fwd=stale; fwd-status=304; stored, stores found /a?b"),
            ],
        ),
        Case::get(
            "the client's condition is not the cache's",
            &[("if-none-match", "\"0\"")],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), TAG),
                (
                    fetched(304, &[("etag", "\"1\"")]),
                    "200 stored, fwd=stale; fwd-status=304; stored, stores found /a?b",
                ),
            ],
        ),
        Case::get(
            "no-cache is validated each time (section 5.2.2.4)",
            &[],
            vec![
                (
                    found(response(1_000, &[("cache-control", "no-cache, max-age=60"), ("etag", "\"1\"")])),
                    "claim /a?b of -1000",
                ),
                (Claimed(Held), TAG),
                (fetched(304, &[]), "200 stored, fwd=request; fwd-status=304; stored, stores found /a?b"),
            ],
        ),
        Case::get(
            "another one came",
            &[],
            vec![(stale(), CLAIM), (Claimed(Held), TAG), (good(), "200 fetched, fwd=stale; stored, stores /a?b")],
        ),
        Case::get(
            "another one came, for this client alone",
            &[],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), TAG),
                (fetched(200, &[("cache-control", "private")]), "200 fetched, fwd=stale"),
            ],
        ),
        Case::get(
            "it is gone",
            &[],
            vec![(stale(), CLAIM), (Claimed(Held), TAG), (fetched(404, &[]), "404 fetched, fwd=stale; fwd-status=404")],
        ),
        Case::get(
            "a 304 of something else: once more, without a condition",
            &[],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), TAG),
                (fetched(304, &[("etag", "\"2\"")]), "fetch for all"),
                (
                    fetched(200, &[("etag", "\"2\""), ("cache-control", "max-age=60")]),
                    "200 fetched, fwd=stale; stored, stores /a?b",
                ),
            ],
        ),
        Case::get(
            "there is nothing to validate by",
            &[],
            vec![
                (found(response(65_000, &[("cache-control", "max-age=60")])), CLAIM),
                (Claimed(Held), "fetch for all"),
                (good(), "200 fetched, fwd=stale; stored, stores /a?b"),
            ],
        ),
    ]);
}

/// RFC 9111 section 3.2: the newer fields count, and its age is that of the validation.
#[test]
fn a_304_brings_new_fields() {
    let reply = Case::get(
        "merged",
        &[],
        vec![
            (
                found(response(
                    65_000,
                    &[("cache-control", "max-age=60"), ("etag", "\"1\""), ("x-a", "old"), ("x-b", "old")],
                )),
                CLAIM,
            ),
            (Claimed(Held), TAG),
            (
                fetched(
                    304,
                    &[("etag", "\"1\""), ("x-a", "new"), ("cache-control", "max-age=5"), ("content-length", "0")],
                ),
                "200 stored, fwd=stale; fwd-status=304; stored, stores found /a?b",
            ),
        ],
    )
    .answer();
    let store = reply.store.unwrap();
    for headers in [&reply.head.headers, &store.stored.headers] {
        let found = ["x-a", "x-b", "cache-control", "content-length"].map(|name| lines(headers, name));
        assert_eq!(found, ["new", "old", "max-age=5", ""]);
    }
    assert_eq!(lines(&reply.head.headers, "age"), "0");
    assert_eq!((store.stored.fresh_for.as_secs(), store.stored.received_at), (5, crate::support::NOW));
    assert_eq!(reply.body, tidegate_pipeline::ReplyBody::Stored);
}

/// RFC 9111 section 4.3.5. Those who wait for more than a head are told that one of them is next.
#[test]
fn head_says_whether_it_is_still_good() {
    let cases = vec![
        Case::head(
            "nothing is stored: it is not shared",
            &[("if-none-match", "\"1\"")],
            vec![
                (super::NOTHING, "look /a|search"),
                (super::NOTHING, "fetch alone HEAD; if-none-match: \"1\""),
                (good(), "200 fetched, fwd=uri-miss"),
            ],
        ),
        Case::head(
            "renewed",
            &[("if-none-match", "\"1\"")],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), "fetch for all HEAD"),
                (
                    fetched(200, &[("etag", "\"1\""), ("content-length", "10"), ("cache-control", "max-age=60")]),
                    "304 empty, fwd=stale; fwd-status=200; stored, stores found /a?b",
                ),
            ],
        ),
        Case::head(
            "invalid by its tag",
            &[],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), "fetch for all HEAD"),
                (fetched(200, &[("etag", "\"2\"")]), "purge soft url /a?b"),
                (Purged, "200 fetched, fwd=stale"),
                (Responded, "finish"),
            ],
        ),
        Case::head(
            "invalid by its length",
            &[],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), "fetch for all HEAD"),
                (fetched(200, &[("etag", "\"1\""), ("content-length", "11")]), "purge soft url /a?b"),
            ],
        ),
        Case::head(
            "it says nothing of it",
            &[],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), "fetch for all HEAD"),
                (fetched(404, &[]), "404 fetched, fwd=stale; fwd-status=404"),
            ],
        ),
        Case::head(
            "it fails",
            &[],
            vec![
                (stale(), CLAIM),
                (Claimed(Held), "fetch for all HEAD"),
                (Failed(Failure::Dns), "502 problem, fwd=stale"),
            ],
        ),
        Case::head(
            "others are first",
            &[],
            vec![(stale(), CLAIM), (Claimed(Taken), "wait 5000"), (super::fresh(), "200 stored, fwd=stale; collapsed")],
        ),
    ];
    run(cases);
    let kept = Case::head(
        "kept",
        &[],
        vec![
            (stale(), CLAIM),
            (Claimed(Held), "fetch for all HEAD"),
            (fetched(404, &[]), "404 fetched, fwd=stale; fwd-status=404"),
        ],
    );
    assert_eq!(kept.answer().released, Released::Gone);
    let failed = Case::get(
        "failed",
        &[],
        vec![(stale(), CLAIM), (Claimed(Held), TAG), (Failed(Failure::Dns), "502 problem, fwd=stale")],
    );
    assert_eq!(failed.answer().released, Released::Failed);
    let own = Case::get(
        "own",
        &[],
        vec![
            (stale(), CLAIM),
            (Claimed(Held), TAG),
            (fetched(200, &[("cache-control", "private")]), "200 fetched, fwd=stale"),
        ],
    );
    assert_eq!(own.answer().released, Released::Unshared);
}
