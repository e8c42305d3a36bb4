//! Sections 3.3 and 3.4, and RFC 9110 sections 13.1.5 and 14: parts.

use tidegate_cache::Plan;

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "RFC 9110 14.2: a range of what is stored whole",
        "0 GET <- 200 | cache-control: max-age=60 | content-type: a/b | etag: \"1\" | = 0123456789 => miss
         1 GET | range: bytes=2-4 => hit 206 | age: 1 | content-range: bytes 2-4/10 | content-type: a/b | etag: \"1\" | = 234
         1 GET | range: bytes=8-99 => hit 206 | age: 1 | content-range: bytes 8-9/10 | = 89
         1 GET | range: bytes=7- => hit 206 | age: 1 | content-range: bytes 7-9/10 | = 789
         1 GET | range: bytes=-2 => hit 206 | age: 1 | content-range: bytes 8-9/10 | = 89
         1 GET | range: bytes=0-9 => hit 206 | age: 1 | content-range: bytes 0-9/10 | = 0123456789
         1 GET | range: bytes=10- => hit 416 | age: 1 | content-range: bytes */10 | -content-type | =
         1 GET | range: bytes=-0 => hit 416 | age: 1 | content-range: bytes */10",
    ),
    (
        "RFC 9110 14.2: MUST ignore what is not understood or invalid",
        "0 GET <- 200 | cache-control: max-age=60 | = 0123456789 => miss
         1 GET | range: lines=0-1 => hit | age: 1 | -content-range | = 0123456789
         1 GET | range: bytes=4-2 => hit | age: 1 | = 0123456789
         1 GET | range: bytes => hit | age: 1 | = 0123456789
         1 GET | range: BYTES=0-1 => hit 206 | age: 1 | = 01
         1 HEAD | range: bytes=0-1 => hit | age: 1 | -content-range | =",
    ),
    (
        "RFC 9110 15.3.7.2: several parts",
        "0 GET <- 200 | cache-control: max-age=60 | content-type: a/b | = 0123456789 => miss
         1 GET | range: bytes=0-1,5-6 => hit 206 | age: 1 | -content-range",
    ),
    ("RFC 9110 14.2: only what would be 200", "0 GET <- 404 | cache-control: max-age=60 | = 0123 => miss 404\n1 GET | range: bytes=0-1 => hit 404 | age: 1 | = 0123"),
    (
        "RFC 9110 13.1.5: If-Range",
        "0 GET <- 200 | cache-control: max-age=60 | etag: \"1\" | last-modified: @-9 | date: @0 | = 0123456789 => miss
         1 GET | range: bytes=0-1 | if-range: \"1\" => hit 206 | age: 1 | = 01
         1 GET | range: bytes=0-1 | if-range: \"2\" => hit | age: 1 | = 0123456789
         1 GET | range: bytes=0-1 | if-range: W/\"1\" => hit | age: 1 | = 0123456789
         1 GET | range: bytes=0-1 | if-range: @-9 => hit 206 | age: 1 | = 01
         1 GET | range: bytes=0-1 | if-range: @-8 => hit | age: 1 | = 0123456789
         1 GET | range: bytes=0-1 | if-range: x => hit | age: 1 | = 0123456789
         1 GET | if-range: \"1\" => hit | age: 1 | = 0123456789",
    ),
    (
        "RFC 9110 8.8.2.2: a date that is not strong",
        "0 GET <- 200 | cache-control: max-age=60 | last-modified: @0 | date: @0 | = 0123456789 => miss
         1 GET | range: bytes=0-1 | if-range: @0 => hit | age: 1 | = 0123456789",
    ),
    (
        "3.3: a part is stored, and MUST NOT be used for more than it has",
        "0 GET | range: bytes=0-3 <- 206 | cache-control: max-age=60 | content-range: bytes 0-3/10 | = 0123 => miss 206 | content-range: bytes 0-3/10 | > range: bytes=0-3
         1 GET | range: bytes=1-2 => hit 206 | age: 1 | content-range: bytes 1-2/10 | = 12
         1 GET | range: bytes=2-5 <- 200 => miss
         1 GET <- 200 => miss",
    ),
    ("3.3: HEAD is not answered from a part", "0 GET | range: bytes=0-3 <- 206 | cache-control: max-age=60 | content-range: bytes 0-3/10 | = 0123 => miss 206\n1 HEAD => miss"),
    (
        "3.3: an unsatisfiable range of a part",
        "0 GET | range: bytes=0-3 <- 206 | cache-control: max-age=60 | content-range: bytes 0-3/10 | = 0123 => miss 206\n1 GET | range: bytes=20- => hit 416 | age: 1 | content-range: bytes */10",
    ),
    (
        "3.4: parts with the same strong validator are combined, with updated fields",
        "0 GET | range: bytes=0-3 <- 206 | cache-control: max-age=60 | content-range: bytes 0-3/10 | etag: \"1\" | x: 1 | y: 1 | = 0123 => miss 206
         1 GET | range: bytes=4-9 <- 206 | cache-control: max-age=60 | content-range: bytes 4-9/10 | etag: \"1\" | x: 2 | = 456789 => miss 206 | x: 2 | = 456789
         2 GET | range: bytes=2-5 => hit 206 | age: 1 | x: 2 | y: 1 | = 2345
         2 GET => hit | age: 1 | x: 2 | y: 1 | -content-range | = 0123456789",
    ),
    (
        "3.4: not by a weak one",
        "0 GET | range: bytes=0-3 <- 206 | cache-control: max-age=60 | content-range: bytes 0-3/10 | etag: W/\"1\" | = 0123 => miss 206
         1 GET | range: bytes=4-9 <- 206 | cache-control: max-age=60 | content-range: bytes 4-9/10 | etag: W/\"1\" | = 456789 => miss 206
         2 GET | range: bytes=4-5 => hit 206 | age: 1 | = 45
         2 GET | range: bytes=2-5 <- 200 => miss",
    ),
    (
        "3.4: not by another one",
        "0 GET | range: bytes=0-3 <- 206 | cache-control: max-age=60 | content-range: bytes 0-3/10 | etag: \"1\" | = 0123 => miss 206
         1 GET | range: bytes=4-9 <- 206 | cache-control: max-age=60 | content-range: bytes 4-9/10 | etag: \"2\" | = 456789 => miss 206
         2 GET | range: bytes=2-5 <- 200 => miss",
    ),
    (
        "3.3: a part of unknown length is not understood",
        "0 GET | range: bytes=0-3 <- 206 | cache-control: max-age=60 | content-range: bytes 0-3/* | = 0123 => miss 206\n1 GET | range: bytes=0-3 => miss",
    ),
    (
        "3: range units that are not understood",
        "0 GET | range: lines=0-3 <- 206 | cache-control: max-age=60 | content-range: lines 0-3/10 | = 0123 => miss 206\n1 GET | range: lines=0-3 => miss",
    ),
    (
        "RFC 9110 15.3.7.2: several parts are not stored",
        "0 GET | range: bytes=0-1,3-4 <- 206 | cache-control: max-age=60 | content-type: multipart/byteranges; boundary=x => miss 206\n1 GET | range: bytes=0-1,3-4 => miss",
    ),
    (
        "RFC 9110 14.2: an origin that ignores Range: all of it is stored, and the part is answered",
        "0 GET | range: bytes=1-2 <- 200 | cache-control: max-age=60 | = 0123 => miss 206 | content-range: bytes 1-2/4 | = 12
         1 GET => hit | age: 1 | = 0123",
    ),
    (
        "3.3: a stale part is not validated as if it were whole",
        "0 GET | range: bytes=0-3 <- 206 | cache-control: max-age=1 | content-range: bytes 0-3/10 | etag: \"1\" | = 0123 => miss 206
         5 GET <- 200 => miss | >-if-none-match",
    ),
    (
        "3.4: a newer part wins where both have bytes",
        "0 GET | range: bytes=0-5 <- 206 | cache-control: max-age=60 | content-range: bytes 0-5/10 | etag: \"1\" | = abcdef => miss 206
         1 GET | range: bytes=4-9 <- 206 | cache-control: max-age=60 | content-range: bytes 4-9/10 | etag: \"1\" | = 456789 => miss 206
         2 GET => hit | age: 1 | = abcd456789",
    ),
    (
        "3.4: what was chosen by a field goes on to be",
        "0 GET | a: 1 | range: bytes=0-3 <- 206 | cache-control: max-age=60 | content-range: bytes 0-3/10 | etag: \"1\" | vary: a | = 0123 => miss 206
         1 GET | a: 1 | range: bytes=4-9 <- 206 | cache-control: max-age=60 | content-range: bytes 4-9/10 | etag: \"1\" | = 456789 => miss 206
         2 GET | a: 1 => hit | age: 1 | = 0123456789
         2 GET | a: 2 => miss",
    ),
    ("RFC 9110 14.4: a 200 that says it is a part is not stored", "0 GET <- 200 | cache-control: max-age=60 | content-range: bytes 0-3/10 => miss\n1 GET => miss"),
    ("RFC 9110 15.5.17: a 416 is not stored", "0 GET | range: bytes=9- <- 416 | cache-control: max-age=60 => miss 416\n1 GET => miss"),
];

#[test]
fn parts() {
    run(&Plan::default(), CASES);
}
