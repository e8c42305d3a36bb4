//! Sections 4.3.1, 4.3.3 and 4.3.4: what is stored is validated, and freshened.

use tidegate_cache::Plan;

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "4.3.1: MUST send the entity tag",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss\n2 GET <- 304 => check | age: 0 | > if-none-match: \"a\" | >-if-modified-since",
    ),
    ("4.3.1: as it is, weak", "0 GET <- 200 | cache-control: max-age=1 | etag: W/\"a\" => miss\n2 GET <- 304 => check | age: 0 | > if-none-match: W/\"a\""),
    ("4.3.1: as it is, without quotes", "0 GET <- 200 | cache-control: max-age=1 | etag: a => miss\n2 GET <- 304 => check | age: 0 | > if-none-match: a"),
    (
        "4.3.1: SHOULD send Last-Modified",
        "0 GET <- 200 | cache-control: max-age=1 | last-modified: @-9 => miss\n2 GET <- 304 => check | age: 0 | > if-modified-since: @-9 | >-if-none-match",
    ),
    (
        "4.3.1: in most cases both",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" | last-modified: @-9 => miss
         2 GET <- 304 => check | age: 0 | > if-modified-since: @-9 | > if-none-match: \"a\"",
    ),
    ("4.3.1: no validator, no condition", "0 GET <- 200 | cache-control: max-age=1 => miss\n2 GET => miss | >-if-modified-since | >-if-none-match"),
    (
        "4.3.1: in place of the client's own",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss
         2 GET | if-none-match: \"b\" | if-modified-since: @-9 <- 304 => check | age: 0 | > if-none-match: \"a\" | >-if-modified-since | = at 0",
    ),
    (
        "4.3.2: 304 and a tag that the client has not: 200",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss\n2 GET | if-none-match: \"b\" <- 304 | etag: \"a\" => check | age: 0 | = at 0",
    ),
    (
        "4.3.2: 304 and a tag that the client has: 304",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss\n2 GET | if-none-match: \"b\", \"a\" <- 304 | etag: \"a\" => check 304 | age: 0 | etag: \"a\" | =",
    ),
    (
        "4.3.3: a full response MUST be used, and may be stored",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss
         2 GET <- 200 | cache-control: max-age=9 | etag: \"b\" => changed | etag: \"b\" | = at 2
         3 GET => hit | age: 1 | = at 2",
    ),
    (
        "4.3.3: a full response that is not to be stored",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss
         2 GET <- 200 | cache-control: no-store => changed | = at 2
         3 GET <- 200 => asked | = at 3",
    ),
    (
        "4.3.3: a 404 for what was there",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss\n2 GET <- 404 | cache-control: max-age=9 => changed 404\n3 GET => hit 404 | age: 1",
    ),
    (
        "4.3.4: a strong validator that is not stored MUST NOT be used",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss\n2 GET <- 304 | etag: \"b\" => again 0",
    ),
    ("4.3.4: a weak one that is not stored", "0 GET <- 200 | cache-control: max-age=1 | etag: W/\"a\" => miss\n2 GET <- 304 | etag: W/\"b\" => again 0"),
    ("4.3.4: strong, and stored as weak", "0 GET <- 200 | cache-control: max-age=1 | etag: W/\"a\" => miss\n2 GET <- 304 | etag: \"a\" => again 0"),
    ("4.3.4: weak, and stored as strong", "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss\n2 GET <- 304 | etag: W/\"a\" => check | age: 0"),
    (
        "4.3.4: Last-Modified is a weak validator",
        "0 GET <- 200 | cache-control: max-age=1 | last-modified: @-9 => miss\n2 GET <- 304 | last-modified: @-9 => check | age: 0",
    ),
    ("4.3.4: another Last-Modified", "0 GET <- 200 | cache-control: max-age=1 | last-modified: @-9 => miss\n2 GET <- 304 | last-modified: @-5 => again 0"),
    (
        "4.3.4: the same Last-Modified in another format",
        "0 GET <- 200 | cache-control: max-age=1 | last-modified: @-60 => miss\n2 GET <- 304 | last-modified: Sunday, 06-Nov-94 08:48:37 GMT => check | age: 0",
    ),
    ("4.3.4: no validator at all", "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" | last-modified: @-9 => miss\n2 GET <- 304 | x: 1 => check | age: 0 | x: 1"),
    (
        "4.3.4: how long it is fresh is worked out anew",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss
         2 GET <- 304 | cache-control: max-age=20 => check | age: 0
         21 GET => hit | age: 19
         22 GET <- 304 => check | age: 0",
    ),
    (
        "4.3.4: and heuristics",
        "0 GET <- 200 | last-modified: @-100 | date: @0 => miss\n10 GET <- 304 | date: @100 => check | age: 0\n29 GET => hit | age: 19\n30 GET <- 304 => check | age: 0",
    ),
    (
        "4.3.4: a stale window of the 304",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss
         2 GET <- 304 | cache-control: max-age=1, stale-if-error=60 => check | age: 0
         9 GET <- fail => saved | age: 7",
    ),
    ("4.3.1: Range of what is stored whole: all of it is validated", "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" | = 0123 => miss\n2 GET | range: bytes=1-2 <- 304 => check 206 | age: 0 | = 12 | >-range | > if-none-match: \"a\""),
    (
        "4.3.4: what the client may not have stored leaves the store as it was",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"a\" => miss
         2 GET | authorization: x <- 304 | cache-control: max-age=60 => check | age: 2
         3 GET <- 304 => check | age: 0",
    ),
];

#[test]
fn validation() {
    run(&Plan::default(), CASES);
}
