//! Section 4: when a stored response may be the answer.

use tidegate_cache::Plan;

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "4: the target URIs match",
        "0 GET /a <- 200 | cache-control: max-age=60 => miss
         1 GET /b <- 200 | cache-control: max-age=60 => miss
         2 GET /a? <- 200 | cache-control: max-age=60 => miss
         2 GET /a?x <- 200 | cache-control: max-age=60 => miss
         2 GET /A <- 200 | cache-control: max-age=60 => miss
         3 GET /a => hit | age: 3 | = at 0
         3 GET /a?x => hit | age: 1 | = at 2",
    ),
    (
        "4: a GET answers a HEAD",
        "0 GET <- 200 | cache-control: max-age=60 | x: 1 => miss\n1 HEAD => hit | age: 1 | x: 1 | = ",
    ),
    ("4: a HEAD answers no GET", "0 HEAD <- 200 | cache-control: max-age=60 => miss\n1 GET => miss | = at 1"),
    (
        "4: MUST generate Age, replacing any present",
        "0 GET <- 200 | cache-control: max-age=60 | age: 10 => miss | age: 10\n5 GET => hit | age: 15",
    ),
    ("4: also at once", "0 GET <- 200 | cache-control: max-age=60 => miss\n0 GET => hit | age: 0"),
    (
        "4: MUST write through unsafe methods",
        "0 GET <- 200 | cache-control: max-age=60 => miss
         1 POST <- 405 => pass 405
         1 PUT <- 403 => pass 403
         1 DELETE <- 500 => pass 500
         1 UNKNOWN <- 400 => pass 400
         2 GET => hit | age: 2",
    ),
    (
        "4: MUST use the most recent one: what came later replaces",
        "0 GET <- 200 | cache-control: max-age=60 => miss
         5 GET | cache-control: no-cache <- 200 | cache-control: max-age=60 => miss
         6 GET => hit | age: 1 | = at 5",
    ),
    (
        "4: no-cache unless it is validated",
        "0 GET <- 200 | cache-control: no-cache, max-age=60 | etag: \"1\" => miss
         1 GET <- 304 | etag: \"1\" => check | age: 0 | > if-none-match: \"1\" | = at 0
         2 GET <- 200 | cache-control: no-cache | etag: \"2\" => changed | = at 2
         3 GET <- fail => error 502",
    ),
    (
        "4: stale, successfully validated",
        "0 GET <- 200 | cache-control: max-age=1 | last-modified: @-9 => miss
         1 GET <- 304 => check | age: 0 | > if-modified-since: @-9 | = at 0
         1 GET => hit | age: 0",
    ),
    (
        "4.2.4: stale, and disconnected: not unless it is allowed",
        "0 GET <- 200 | cache-control: max-age=1 => miss\n1 GET <- fail => error 502",
    ),
];

#[test]
fn reuse() {
    run(&Plan::default(), CASES);
}
