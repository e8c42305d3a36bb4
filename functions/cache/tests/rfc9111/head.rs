//! Section 4.3.5: what a HEAD says of a stored response. What is stored has a body of 4 bytes.

use tidegate_cache::Plan;

use crate::run;

/// The fields of the stored response, the status and fields of the HEAD, and what comes of the next GET. All ask, for
/// what is stored is stale.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("the same tag: updated", "etag: \"a\" | x: 1", "200 | etag: \"a\" | x: 2", "hit | age: 1 | x: 2 | = 0123"),
    ("the same time: updated", "last-modified: @-9 | x: 1", "200 | last-modified: @-9 | x: 2", "hit | age: 1 | x: 2"),
    (
        "the same length",
        "etag: \"a\"",
        "200 | etag: \"a\" | content-length: 4 | x: 2",
        "hit | age: 1 | x: 2 | -content-length",
    ),
    ("no validators at all", "x: 1", "200 | x: 2", "hit | age: 1 | x: 2"),
    ("no validators received", "etag: \"a\" | x: 1", "200 | x: 2", "hit | age: 1 | x: 2 | etag: \"a\""),
    (
        "fresh for longer",
        "etag: \"a\"",
        "200 | etag: \"a\" | cache-control: max-age=60",
        "hit | age: 1 | cache-control: max-age=60",
    ),
    ("another tag: stale", "etag: \"a\"", "200 | etag: \"b\"", "miss"),
    ("another time: stale", "last-modified: @-9", "200 | last-modified: @-5", "miss"),
    ("another length: stale", "etag: \"a\"", "200 | etag: \"a\" | content-length: 5", "miss"),
    ("another length alone: stale", "x: 1", "200 | content-length: 5", "miss"),
    ("not to be stored any more", "etag: \"a\"", "200 | etag: \"a\" | cache-control: no-store", "miss"),
    ("it is gone: nothing is said of what is stored", "etag: \"a\"", "410", "changed | > if-none-match: \"a\""),
    ("an error", "etag: \"a\"", "500", "changed | > if-none-match: \"a\""),
];

#[test]
fn what_a_head_says() {
    let script = |stored: &str, head: &str, expected: &str| {
        let status = head.split(' ').next().unwrap_or_default();
        format!(
            "0 GET <- 200 | cache-control: max-age=5 | {stored} | = 0123 => miss
             9 HEAD <- {head} => miss {status} | >-if-none-match | >-if-modified-since | =
             10 GET <- 200 => {expected}"
        )
    };
    let cases: Vec<_> =
        CASES.iter().map(|(rule, stored, head, expected)| (*rule, &*script(stored, head, expected).leak())).collect();
    run(&Plan::default(), &cases);
}

#[test]
fn of_the_variant() {
    let case = "0 GET | a: 1 <- 200 | cache-control: max-age=5 | vary: a | etag: \"1\" => miss
                0 GET | a: 2 <- 200 | cache-control: max-age=5 | vary: a | etag: \"2\" => miss
                9 HEAD | a: 1 <- 200 | vary: a | etag: \"1\" | x: 1 => miss
                9 GET | a: 1 => hit | age: 0 | x: 1
                9 GET | a: 2 => changed | > if-none-match: \"2\"";
    run(&Plan::default(), &[("4.3.5: those that could have been chosen", case)]);
}
