//! RFC 9213: fields for us, and Surrogate-Control.

use tidegate_cache::Plan;

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "RFC 9213 2.2: in place of Cache-Control and Expires",
        "0 GET <- 200 | cdn-cache-control: max-age=60 | cache-control: no-store | expires: 0 => miss\n59 GET => hit | age: 59 | cdn-cache-control: max-age=60",
    ),
    (
        "RFC 9213 2.2: also if that is more",
        "0 GET <- 200 | cdn-cache-control: max-age=5 | cache-control: max-age=60 => miss\n5 GET => miss",
    ),
    (
        "RFC 9213 2.2: no-store",
        "0 GET <- 200 | cdn-cache-control: no-store | cache-control: max-age=60 => miss\n1 GET => miss",
    ),
    (
        "RFC 9213 2.2: private",
        "0 GET <- 200 | cdn-cache-control: private, max-age=60 | cache-control: max-age=60 => miss\n1 GET => miss",
    ),
    (
        "RFC 9213 2.2: no-cache",
        "0 GET <- 200 | cdn-cache-control: no-cache | cache-control: max-age=60 | etag: \"1\" => miss\n1 GET <- 304 => check | age: 0",
    ),
    (
        "RFC 9213 2.2: s-maxage",
        "0 GET <- 200 | cdn-cache-control: max-age=1, s-maxage=60 => miss\n59 GET => hit | age: 59",
    ),
    (
        "RFC 9213 2.2: nothing said: not Expires",
        "0 GET <- 200 | cdn-cache-control: a | expires: @60 => miss\n1 GET => miss",
    ),
    (
        "RFC 9213 2.1: empty MUST be ignored",
        "0 GET <- 200 | cdn-cache-control: | cache-control: max-age=60 => miss\n1 GET => hit | age: 1",
    ),
    (
        "RFC 9213 2.1: a parsing error",
        "0 GET <- 200 | cdn-cache-control: max-age=5, & | cache-control: max-age=60 => miss\n59 GET => hit | age: 59",
    ),
    (
        "RFC 9213 2.1: upper case is a parsing error",
        "0 GET <- 200 | cdn-cache-control: Max-Age=5 | cache-control: max-age=60 => miss\n59 GET => hit | age: 59",
    ),
    (
        "RFC 9213 2.1: parameters are ignored",
        "0 GET <- 200 | cdn-cache-control: max-age=60;a;b=1 | cache-control: no-store => miss\n59 GET => hit | age: 59",
    ),
    (
        "RFC 9213 2.1: SHOULD NOT consume a decimal",
        "0 GET <- 200 | cdn-cache-control: max-age=60.5 | cache-control: max-age=60 => miss\n1 GET => miss",
    ),
    (
        "RFC 9213 2.1: nor a string",
        "0 GET <- 200 | cdn-cache-control: max-age=\"60\" | cache-control: max-age=60 => miss\n1 GET => miss",
    ),
    (
        "RFC 9213 2.1: of duplicates the last",
        "0 GET <- 200 | cdn-cache-control: max-age=60 | cdn-cache-control: max-age=5 => miss\n5 GET => miss",
    ),
    (
        "RFC 9213 2.1: unrecognized directives",
        "0 GET <- 200 | cdn-cache-control: a=(b c), max-age=60, d => miss\n59 GET => hit | age: 59",
    ),
    (
        "RFC 9213 2.1: negative",
        "0 GET <- 200 | cdn-cache-control: max-age=-1 | cache-control: max-age=60 => miss\n1 GET => miss",
    ),
    (
        "RFC 9213 2.2: fields with names",
        "0 GET <- 200 | cdn-cache-control: max-age=60, private=\"x-a\" | x-a: 1 => miss\n1 GET => hit | age: 1 | -x-a",
    ),
    (
        "3.5: Authorization",
        "0 GET | authorization: x <- 200 | cdn-cache-control: max-age=60, public => miss\n1 GET => hit | age: 1",
    ),
    (
        "3.5: Authorization, public only for others",
        "0 GET | authorization: x <- 200 | cdn-cache-control: max-age=60 | cache-control: public => miss\n1 GET => miss",
    ),
    (
        "RFC 5861: windows",
        "0 GET <- 200 | cdn-cache-control: max-age=5, stale-while-revalidate=5 => miss\n9 GET => stale | age: 9",
    ),
    (
        "RFC 5861: windows for others",
        "0 GET <- 200 | cdn-cache-control: max-age=5 | cache-control: max-age=5, stale-while-revalidate=5 => miss\n9 GET => miss",
    ),
    (
        "Surrogate-Control",
        "0 GET <- 200 | surrogate-control: max-age=60, content=\"ESI/1.0\" | cache-control: no-store => miss\n59 GET => hit | age: 59 | -surrogate-control",
    ),
    ("Surrogate-Control, stale", "0 GET <- 200 | surrogate-control: max-age=5+5 => miss\n9 GET => stale | age: 9"),
    (
        "Surrogate-Control: processing alone",
        "0 GET <- 200 | surrogate-control: content=\"ESI/1.0\" | cache-control: max-age=5 => miss\n4 GET => hit | age: 4\n5 GET => miss",
    ),
    (
        "Surrogate-Control: no-store",
        "0 GET <- 200 | surrogate-control: no-store | cache-control: max-age=5 => miss\n4 GET => miss",
    ),
    (
        "Surrogate-Control before CDN-Cache-Control",
        "0 GET <- 200 | surrogate-control: max-age=60 | cdn-cache-control: no-store => miss\n4 GET => hit | age: 4",
    ),
    (
        "4.3.4: a 304 that does not say it again is judged with it",
        "0 GET <- 200 | surrogate-control: max-age=5 | cache-control: no-store | etag: \"1\" | surrogate-key: a => miss
         6 GET <- 304 | cache-control: no-store | etag: \"1\" => check | age: 0 | -surrogate-control | -surrogate-key
         10 GET => hit | age: 4",
    ),
    (
        "4.3.4: and one that says it anew by that",
        "0 GET <- 200 | surrogate-control: max-age=5 | etag: \"1\" => miss\n6 GET <- 304 | surrogate-control: max-age=9 => check | age: 0\n14 GET => hit | age: 8",
    ),
];

#[test]
fn targeted() {
    run(&Plan::default(), CASES);
}
