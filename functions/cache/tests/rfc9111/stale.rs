//! Section 4.2.4 and RFC 5861: when what is stale is the answer all the same.

use tidegate_cache::Plan;

use crate::model::s;
use crate::{Case, run};

const CASES: &[Case] = &[
    ("4.2.4: MUST NOT unless it is permitted", "0 GET <- 200 | cache-control: max-age=5 => miss\n5 GET <- 503 => miss 503"),
    (
        "RFC 5861 3: stale-while-revalidate",
        "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=5 | etag: \"1\" => miss
         9 GET <- 200 | cache-control: max-age=5 | etag: \"2\" => stale | age: 9 | = at 0 | > if-none-match: \"1\"
         10 GET => hit | age: 1 | = at 9",
    ),
    (
        "RFC 5861 3: a 304 for the refresh",
        "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=5 | etag: \"1\" => miss
         5 GET <- 304 | etag: \"1\" => stale | age: 5
         9 GET => hit | age: 4 | = at 0",
    ),
    ("RFC 5861 3: beyond it", "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=5 => miss\n10 GET => miss | = at 10"),
    (
        "RFC 5861 3: a refresh is of all of it",
        "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=5 | = 0123456789 => miss
         5 GET | range: bytes=0-1 <- 200 | cache-control: max-age=5 | = abcdefghij => stale 206 | age: 5 | = 01 | >-range
         6 GET => hit | age: 1 | = abcdefghij",
    ),
    (
        "RFC 5861 3: of a HEAD, too",
        "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=5 => miss
         5 HEAD <- 200 | cache-control: max-age=5 => stale | age: 5 | =
         6 GET => hit | age: 1 | = at 5",
    ),
    (
        "5.2.1.5: what a client with no-store causes is not stored",
        "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=5 => miss\n6 GET | cache-control: no-store => stale | age: 6 | >-cache-control",
    ),
    (
        "5.2.1.7: only-if-cached takes what is stale if it may",
        "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=5 => miss\n6 GET | cache-control: only-if-cached => stale | age: 6",
    ),
    (
        "RFC 5861 3: the refresh fails: the window is all there is",
        "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=5 => miss
         6 GET <- fail => stale | age: 6
         9 GET <- 500 => stale | age: 9
         10 GET <- fail => error 502",
    ),
    (
        "RFC 5861 3: quoted, and in upper case",
        "0 GET <- 200 | cache-control: Max-Age=5, STALE-WHILE-REVALIDATE=\"5\" => miss\n9 GET => stale | age: 9",
    ),
    ("RFC 5861 3: not a number", "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=x => miss\n5 GET => miss"),
    ("RFC 5861 3: no argument", "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate => miss\n5 GET => miss"),
    ("RFC 5861 3: with max-age=0", "0 GET <- 200 | cache-control: max-age=0, stale-while-revalidate=60 => miss\n9 GET => stale | age: 9"),
    (
        "RFC 5861 4: stale-if-error",
        "0 GET <- 200 | cache-control: max-age=5, stale-if-error=10 => miss
         6 GET <- 500 => saved | age: 6 | = at 0
         6 GET <- 502 => saved | age: 6
         6 GET <- 503 => saved | age: 6
         14 GET <- 504 => saved | age: 14
         14 GET <- fail => saved | age: 14
         15 GET <- 503 => miss 503",
    ),
    (
        "RFC 5861 4: no other status is an error of that kind",
        "0 GET <- 200 | cache-control: max-age=5, stale-if-error=10 => miss\n6 GET <- 501 => miss 501\n6 GET <- 404 => miss 404",
    ),
    (
        "RFC 5861 4: what the client says",
        "0 GET <- 200 | cache-control: max-age=5 => miss
         6 GET | cache-control: stale-if-error=5 <- 503 => saved | age: 6
         6 GET <- 503 => miss 503
         10 GET | cache-control: stale-if-error=5 <- 503 => miss 503",
    ),
    ("5.2.2.2: must-revalidate, whatever else is said", "0 GET <- 200 | cache-control: max-age=5, must-revalidate, stale-if-error=9, stale-while-revalidate=9 | etag: \"1\" => miss\n5 GET | cache-control: max-stale, stale-if-error=99 <- fail => error 502"),
    ("5.2.2.8: proxy-revalidate", "0 GET <- 200 | cache-control: max-age=5, proxy-revalidate, stale-if-error=9 | etag: \"1\" => miss\n5 GET | cache-control: max-stale <- fail => error 502"),
    ("5.2.2.10: s-maxage", "0 GET <- 200 | cache-control: s-maxage=5 | etag: \"1\" => miss\n5 GET | cache-control: max-stale, stale-if-error=9 <- fail => error 502"),
    (
        "5.2.2.10: s-maxage and a window that the origin says",
        "0 GET <- 200 | cache-control: s-maxage=5, stale-while-revalidate=5, stale-if-error=9 => miss
         9 GET <- 503 => stale | age: 9
         10 GET | cache-control: max-stale <- fail => saved | age: 10
         14 GET | cache-control: max-stale <- fail => error 502",
    ),
    ("5.2.2.4: no-cache", "0 GET <- 200 | cache-control: no-cache, max-age=5, stale-if-error=9 | etag: \"1\" => miss\n1 GET | cache-control: max-stale <- fail => error 502"),
    (
        "4.3.3: a 5xx while validating can be forwarded",
        "0 GET <- 200 | cache-control: max-age=5 | etag: \"1\" => miss\n6 GET <- 503 | x: 1 => changed 503 | x: 1\n7 GET <- 304 => check | age: 0 | = at 0",
    ),
];

#[test]
fn stale() {
    run(&Plan::default(), CASES);
}

#[test]
fn windows_of_the_plan() {
    let plan = Plan { stale_while_revalidate: s(5), stale_if_error: s(9), ..Plan::default() };
    let cases = &[
        (
            "4.2.4: configuration",
            "0 GET <- 200 | cache-control: max-age=5 => miss\n9 GET <- fail => stale | age: 9\n13 GET <- fail => saved | age: 13\n14 GET <- fail => error 502",
        ),
        (
            "RFC 5861: the origin's own counts",
            "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=0, stale-if-error=0 => miss\n5 GET <- fail => error 502",
        ),
        (
            "5.2.2.2: must-revalidate",
            "0 GET <- 200 | cache-control: max-age=5, must-revalidate => miss\n5 GET <- fail => error 502",
        ),
        (
            "5.2.2.8: proxy-revalidate",
            "0 GET <- 200 | cache-control: max-age=5, proxy-revalidate => miss\n5 GET <- fail => error 502",
        ),
        ("5.2.2.10: s-maxage", "0 GET <- 200 | cache-control: s-maxage=5 => miss\n5 GET <- fail => error 502"),
        (
            "5.2.2.4: no-cache",
            "0 GET <- 200 | cache-control: max-age=5, no-cache | etag: \"1\" => miss\n1 GET <- fail => error 502",
        ),
        ("4.2: nobody says that it is fresh at all", "0 GET <- 200 | etag: \"1\" => miss\n1 GET <- fail => error 502"),
    ];
    run(&plan, cases);
}
