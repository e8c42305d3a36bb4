//! Ranges: RFC 9110 section 14, RFC 9111 sections 3.3 and 3.4.

use tidegate_cache::{Extent, Plan, Stored};
use tidegate_pipeline::{Claim, Input, Released, Reply, ReplyBody};

use super::{Case, LENGTH, NOTHING, fetched, fresh, good, looked, response, run, stale};
use crate::support::lines;
use Claim::{Held, Taken};
use Input::{Claimed, Responded};

/// A stored part of ten bytes, from `first` to `end`.
pub(super) fn part(age: u64, first: u64, end: u64) -> Stored {
    let whole = response(age, &[("cache-control", "max-age=60"), ("etag", "\"1\"")]);
    Stored { extent: Extent::Part { first, length: end - first, complete_length: LENGTH }, ..whole }
}

fn stored_part(age: u64, first: u64, end: u64) -> Input {
    Input::Looked(Some(tidegate_pipeline::Looked { length: Some(end - first), ..looked(part(age, first, end)) }))
}

const PART: &[(&str, &str)] =
    &[("cache-control", "max-age=60"), ("etag", "\"1\""), ("content-range", "bytes 5-9/10"), ("content-length", "5")];

fn answer(said: &'static [(&'static str, &'static str)], expected: &'static str) -> Reply {
    Case::get("a range", said, vec![(fresh(), expected)]).answer()
}

#[test]
fn of_what_is_stored() {
    for (range, expected, content_range) in [
        (&[("range", "bytes=2-4")], "206 2..5, hit; ttl=59", "bytes 2-4/10"),
        (&[("range", "bytes=-1")], "206 9..10, hit; ttl=59", "bytes 9-9/10"),
        (&[("range", "bytes=10-")], "416 empty, hit; ttl=59", "bytes */10"),
        (&[("range", "bytes=0-0,9-9")], "206 text 0..1 text 9..10 text, hit; ttl=59", ""),
        (&[("range", "pages=1-2")], "200 stored, hit; ttl=59", ""),
    ] {
        assert_eq!(lines(&answer(range, expected).head.headers, "content-range"), content_range, "{range:?}");
    }
    answer(&[("range", "bytes=2-4"), ("if-range", "\"1\"")], "206 2..5, hit; ttl=59");
    answer(&[("range", "bytes=2-4"), ("if-range", "\"2\"")], "200 stored, hit; ttl=59");
    answer(&[("range", "bytes=2-4"), ("if-none-match", "\"1\"")], "304 empty, hit; ttl=59");
    // RFC 9110 section 14.2: only GET has ranges.
    run(vec![Case::head("HEAD", &[("range", "bytes=2-4")], vec![(fresh(), "200 stored, hit; ttl=59")])]);
}

#[test]
fn of_a_stored_part() {
    let claim = "claim /a?b of -1000";
    run(vec![
        Case::get("it is there", &[("range", "bytes=6-7")], vec![(stored_part(1_000, 5, 10), "206 1..3, hit; ttl=59")]),
        Case::get(
            "it is not",
            &[("range", "bytes=0-4")],
            vec![(stored_part(1_000, 5, 10), claim), (Claimed(Held), "fetch for all; range: bytes=0-4")],
        ),
        Case::get(
            "the whole",
            &[],
            vec![
                (stored_part(1_000, 5, 10), claim),
                // A part is not validated for the whole: that would leave the rest away.
                (Claimed(Held), "fetch for all"),
                (good(), "200 fetched, fwd=partial; stored, stores /a?b"),
            ],
        ),
        Case::head("its head", &[], vec![(stored_part(1_000, 5, 10), claim), (Claimed(Held), "fetch for all HEAD")]),
    ]);
}

#[test]
fn a_part_comes() {
    let begin = |range: &'static str, last| {
        vec![(NOTHING, "look /a|search"), (NOTHING, "claim /a?b"), (Claimed(Held), range), last]
    };
    run(vec![
        Case::get(
            "it is stored",
            &[("range", "bytes=5-9")],
            begin(
                "fetch for all; range: bytes=5-9",
                (fetched(206, PART), "206 fetched, fwd=uri-miss; fwd-status=206; stored, stores /a?b"),
            ),
        ),
        Case::get(
            "If-Range goes with it",
            &[("range", "bytes=5-9"), ("if-range", "\"1\"")],
            begin(
                "fetch for all; range: bytes=5-9; if-range: \"1\"",
                (fetched(206, PART), "206 fetched, fwd=uri-miss; fwd-status=206; stored, stores /a?b"),
            ),
        ),
        Case::get(
            "several are not stored",
            &[("range", "bytes=0-0,9-9")],
            begin(
                "fetch for all; range: bytes=0-0,9-9",
                (
                    fetched(
                        206,
                        &[("content-type", "multipart/byteranges; boundary=x"), ("cache-control", "max-age=60")],
                    ),
                    "206 fetched, fwd=uri-miss; fwd-status=206",
                ),
            ),
        ),
        Case::get(
            "there is none",
            &[("range", "bytes=10-")],
            begin(
                "fetch for all; range: bytes=10-",
                (fetched(416, &[("content-range", "bytes */10")]), "416 fetched, fwd=uri-miss; fwd-status=416"),
            ),
        ),
        Case::get(
            "the whole comes, and is cut",
            &[("range", "bytes=5-6")],
            begin(
                "fetch for all; range: bytes=5-6",
                (
                    fetched(200, &[("cache-control", "max-age=60"), ("content-length", "10")]),
                    "206 5..7, fwd=uri-miss; fwd-status=200; stored, stores /a?b",
                ),
            ),
        ),
        Case::get(
            "the whole comes, of a length that nobody knows",
            &[("range", "bytes=5-6")],
            begin("fetch for all; range: bytes=5-6", (good(), "200 fetched, fwd=uri-miss; stored, stores /a?b")),
        ),
        Case::get(
            "the whole comes, and is shorter",
            &[("range", "bytes=5-6")],
            begin(
                "fetch for all; range: bytes=5-6",
                (
                    fetched(200, &[("cache-control", "max-age=60"), ("content-length", "3")]),
                    "416 empty, fwd=uri-miss; fwd-status=200; stored, stores /a?b",
                ),
            ),
        ),
    ]);
}

/// The pieces of a whole that is stored as it comes are those of the store, and so is their length.
#[test]
fn what_is_cut_says_its_own_length() {
    let reply = Case::get(
        "cut",
        &[("range", "bytes=5-6")],
        vec![
            (NOTHING, "look /a|search"),
            (NOTHING, "claim /a?b"),
            (Claimed(Held), "fetch for all; range: bytes=5-6"),
            (
                fetched(200, &[("cache-control", "max-age=60"), ("content-length", "10")]),
                "206 5..7, fwd=uri-miss; fwd-status=200; stored, stores /a?b",
            ),
        ],
    )
    .answer();
    let headers = &reply.head.headers;
    assert_eq!((lines(headers, "content-range"), lines(headers, "content-length")), ("bytes 5-6/10".into(), "".into()));
}

/// RFC 9111 section 3.4.
#[test]
fn parts_become_more() {
    let fetch = "fetch for all; range: bytes=5-9";
    let partial =
        |age: u64, first, end, claim, last| vec![(stored_part(age, first, end), claim), (Claimed(Held), fetch), last];
    let said = &[("range", "bytes=5-9")];
    let claim = "claim /a?b of -1000";
    let reply = Case::get(
        "behind it: it is whole",
        said,
        partial(
            1_000,
            0,
            5,
            claim,
            (fetched(206, PART), "206 5..10, fwd=partial; fwd-status=206; stored, stores 0..5 new 0..0 /a?b"),
        ),
    )
    .answer();
    assert_eq!(reply.store.unwrap().stored.extent, Extent::Whole);
    assert_eq!(lines(&reply.head.headers, "content-range"), "bytes 5-9/10");
    assert_eq!(reply.head.status, 206);

    run(vec![
        Case::get(
            "it overlaps",
            said,
            partial(
                1_000,
                3,
                7,
                claim,
                (fetched(206, PART), "206 2..7, fwd=partial; fwd-status=206; stored, stores 0..2 new 0..0 /a?b"),
            ),
        ),
        Case::get(
            "a gap: the new one is stored",
            said,
            partial(
                1_000,
                0,
                3,
                claim,
                (fetched(206, PART), "206 fetched, fwd=partial; fwd-status=206; stored, stores /a?b"),
            ),
        ),
        Case::get(
            "of something else",
            said,
            partial(
                1_000,
                0,
                5,
                claim,
                (
                    fetched(
                        206,
                        &[("cache-control", "max-age=60"), ("etag", "\"2\""), ("content-range", "bytes 5-9/10")],
                    ),
                    "206 fetched, fwd=partial; fwd-status=206; stored, stores /a?b",
                ),
            ),
        ),
        Case::get(
            "a weak validator tells nothing",
            said,
            partial(
                1_000,
                0,
                5,
                claim,
                (
                    fetched(
                        206,
                        &[("cache-control", "max-age=60"), ("etag", "W/\"1\""), ("content-range", "bytes 5-9/10")],
                    ),
                    "206 fetched, fwd=partial; fwd-status=206; stored, stores /a?b",
                ),
            ),
        ),
        Case::get(
            "what is stale becomes more, too",
            said,
            partial(
                65_000,
                0,
                5,
                "claim /a?b of -65000",
                (fetched(206, PART), "206 5..10, fwd=stale; fwd-status=206; stored, stores 0..5 new 0..0 /a?b"),
            ),
        ),
    ]);
}

#[test]
fn a_part_of_what_is_stale() {
    run(vec![
        Case::get(
            "the whole is validated, and cut",
            &[("range", "bytes=2-4"), ("if-range", "\"1\"")],
            vec![
                (stale(), "claim /a?b of -65000"),
                (Claimed(Held), "fetch for all; if-none-match: \"1\""),
                (fetched(304, &[]), "206 2..5, fwd=stale; fwd-status=304; stored, stores found /a?b"),
            ],
        ),
        Case::get(
            "another whole comes, and is cut",
            &[("range", "bytes=2-4")],
            vec![
                (stale(), "claim /a?b of -65000"),
                (Claimed(Held), "fetch for all; if-none-match: \"1\""),
                (
                    fetched(200, &[("cache-control", "max-age=60"), ("etag", "\"2\""), ("content-length", "10")]),
                    "206 2..5, fwd=stale; fwd-status=200; stored, stores /a?b",
                ),
            ],
        ),
        Case::get(
            "another whole comes, and is not what the client has",
            &[("range", "bytes=2-4"), ("if-range", "\"1\"")],
            vec![
                (stale(), "claim /a?b of -65000"),
                (Claimed(Held), "fetch for all; if-none-match: \"1\""),
                (
                    fetched(200, &[("cache-control", "max-age=60"), ("etag", "\"2\""), ("content-length", "10")]),
                    "200 fetched, fwd=stale; stored, stores /a?b",
                ),
            ],
        ),
    ]);
}

/// What may not be stored is what its client gets, uncut: a server may ignore Range (RFC 9110 section 14.2).
#[test]
fn parts_that_are_not_for_others() {
    run(vec![
        Case::get(
            "private",
            &[("range", "bytes=2-4")],
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Held), "fetch for all; range: bytes=2-4"),
                (fetched(200, &[("cache-control", "private")]), "200 fetched, fwd=uri-miss"),
                (Responded, "finish"),
            ],
        ),
        Case::get(
            "it waits",
            &[("range", "bytes=2-4")],
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Taken), "wait 5000"),
                (Input::Released(Released::Unshared), "fetch alone; range: bytes=2-4"),
                (fetched(206, PART), "206 fetched, fwd=uri-miss; fwd-status=206"),
            ],
        ),
        Case::get(
            "too large",
            &[],
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Held), "fetch for all"),
                (
                    fetched(200, &[("cache-control", "max-age=60"), ("content-length", "11")]),
                    "200 fetched, fwd=uri-miss",
                ),
            ],
        )
        .under(Plan { max_body: LENGTH, ..Plan::default() }),
    ]);
    let reply = answer(&[("range", "bytes=0-0")], "206 0..1, hit; ttl=59");
    assert_eq!(reply.body, ReplyBody::Pieces(vec![tidegate_cache::Piece::Range(0..1)]));
}
