//! Section 4.3.2 and RFC 9110 section 13: the client's own conditions.

use tidegate_cache::Plan;

use crate::{Case, run};

/// What is stored is `etag: "a"`, modified at -100, dated 0; the fields of a request, and whether it gets a 304.
const TAGGED: &[(&str, &str, bool)] = &[
    ("RFC 9110 13.1.2: If-None-Match", "if-none-match: \"a\"", true),
    ("RFC 9110 13.1.2: another", "if-none-match: \"b\"", false),
    ("RFC 9110 13.1.2: the weak comparison", "if-none-match: W/\"a\"", true),
    ("RFC 9110 13.1.2: a list", "if-none-match: \"x\", W/\"y\" ,,\"a\"", true),
    ("RFC 9110 13.1.2: a list without spaces", "if-none-match: \"x\",\"a\",\"y\"", true),
    ("RFC 9110 13.1.2: lines", "if-none-match: \"x\" | if-none-match: \"a\"", true),
    ("RFC 9110 13.1.2: *", "if-none-match: *", true),
    ("RFC 9110 8.8.3: case counts", "if-none-match: \"A\"", false),
    ("RFC 9110 8.8.3: a comma in a tag", "if-none-match: \"x,\"a\"", false),
    ("RFC 9110 8.8.3: without quotes", "if-none-match: a", true),
    ("RFC 9110 13.1.3: If-Modified-Since, the same", "if-modified-since: @-100", true),
    ("RFC 9110 13.1.3: later", "if-modified-since: @-50", true),
    ("RFC 9110 13.1.3: later than Date", "if-modified-since: @5", true),
    ("RFC 9110 13.1.3: later than now", "if-modified-since: @99999", true),
    ("RFC 9110 13.1.3: earlier", "if-modified-since: @-101", false),
    ("RFC 9110 13.1.3: rfc850-date", "if-modified-since: Sunday, 06-Nov-94 08:47:57 GMT", true),
    ("RFC 9110 13.1.3: rfc850-date, earlier", "if-modified-since: Sunday, 06-Nov-94 08:47:56 GMT", false),
    ("RFC 9110 13.1.3: asctime-date", "if-modified-since: Sun Nov  6 08:47:57 1994", true),
    ("RFC 9110 13.1.3: not a date", "if-modified-since: now", false),
    (
        "RFC 9110 13.1.3: a length, as old browsers say",
        "if-modified-since: Sun, 06 Nov 1994 08:48:37 GMT; length=7",
        false,
    ),
    ("RFC 9110 13.1.3: more than one", "if-modified-since: @-50 | if-modified-since: @-50", false),
    ("RFC 9110 13.1.3: MUST be ignored beside If-None-Match", "if-none-match: \"b\" | if-modified-since: @-50", false),
    ("RFC 9110 13.1.3: also if that is true", "if-none-match: \"a\" | if-modified-since: @-101", true),
    ("RFC 9110 13.1.3: also if that is empty", "if-none-match: | if-modified-since: @-50", false),
];

#[test]
fn of_what_is_stored() {
    for method in ["GET", "HEAD"] {
        let script = |fields: &str, is_not_modified: bool| {
            let expected =
                if is_not_modified { "hit 304 | etag: \"a\" | date: @0 | last-modified: @-100 | =" } else { "hit" };
            format!(
                "0 GET <- 200 | cache-control: max-age=60 | date: @0 | etag: \"a\" | last-modified: @-100 | vary: x | expires: @9 | content-location: /l => miss
                 1 {method} | {fields} => {expected} | age: 1 | cache-control: max-age=60 | vary: x | expires: @9 | content-location: /l"
            )
        };
        let cases: Vec<_> = TAGGED.iter().map(|(rule, fields, is)| (*rule, &*script(fields, *is).leak())).collect();
        run(&Plan::default(), &cases);
    }
}

const CASES: &[Case] = &[
    (
        "4.3.2: without Last-Modified, SHOULD use Date",
        "0 GET <- 200 | cache-control: max-age=60 | date: @-10 => miss
         1 GET | if-modified-since: @-10 => hit 304 | age: 11
         1 GET | if-modified-since: @-11 => hit | age: 11",
    ),
    (
        "4.3.2: nor Date: when it was received",
        "5 GET <- 200 | cache-control: max-age=60 => miss\n6 GET | if-modified-since: @5 => hit 304 | age: 1\n6 GET | if-modified-since: @4 => hit | age: 1",
    ),
    ("RFC 9110 13.1.2: no tag is stored", "0 GET <- 200 | cache-control: max-age=60 => miss\n1 GET | if-none-match: \"a\" => hit | age: 1\n1 GET | if-none-match: * => hit 304 | age: 1"),
    ("RFC 9110 13.1.2: a weak tag is stored", "0 GET <- 200 | cache-control: max-age=60 | etag: W/\"a\" => miss\n1 GET | if-none-match: \"a\" => hit 304 | age: 1"),
    ("4.3.2: only 200 and 206", "0 GET <- 404 | cache-control: max-age=60 | etag: \"a\" => miss 404\n1 GET | if-none-match: \"a\" => hit 404 | age: 1"),
    (
        "4.3.2: MUST NOT evaluate what only applies to an origin",
        "0 GET <- 200 | cache-control: max-age=60 | etag: \"a\" => miss
         1 GET | if-match: \"b\" <- 412 => pass 412 | > if-match: \"b\"
         1 GET | if-unmodified-since: @-9 <- 412 => pass 412 | > if-unmodified-since: @-9
         2 GET => hit | age: 2",
    ),
    (
        "4.3.2: what was fetched for a condition is for all",
        "0 GET | if-none-match: \"a\" <- 200 | cache-control: max-age=60 | etag: \"a\" => miss 304 | >-if-none-match | =
         1 GET => hit | age: 1 | = at 0",
    ),
    (
        "4.3.2: a stale one is validated first",
        "0 GET <- 200 | cache-control: max-age=5 | etag: \"a\" => miss
         6 GET | if-none-match: \"a\" <- 200 | cache-control: max-age=5 | etag: \"b\" => changed | etag: \"b\" | = at 6",
    ),
    (
        "4.3.2: and what was validated is compared with the client's",
        "0 GET <- 200 | cache-control: no-cache | etag: \"a\" => miss
         1 GET | if-none-match: \"a\" <- 304 => check 304 | age: 0 | etag: \"a\" | =
         2 GET | if-modified-since: @-9 <- 304 => check | age: 0 | = at 0",
    ),
    (
        "RFC 5861 3: a stale answer is compared, too",
        "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=5 | etag: \"a\" => miss
         6 GET | if-none-match: \"a\" <- 200 | cache-control: max-age=5 | etag: \"b\" => stale 304 | age: 6 | > if-none-match: \"a\"
         7 GET | if-none-match: \"a\" => hit | age: 1 | etag: \"b\" | = at 6",
    ),
    (
        "4.3.2: what stands in for an error, too",
        "0 GET <- 200 | cache-control: max-age=5, stale-if-error=5 | etag: \"a\" => miss\n6 GET | if-none-match: \"a\" <- 503 => saved 304 | age: 6",
    ),
    (
        "4.3.2: HEAD",
        "0 GET <- 200 | cache-control: max-age=60 | last-modified: @-9 => miss\n1 HEAD | if-modified-since: @-9 => hit 304 | age: 1 | last-modified: @-9",
    ),
    (
        "RFC 9110 13.2.2: conditions before Range",
        "0 GET <- 200 | cache-control: max-age=60 | etag: \"a\" | = 0123 => miss
         1 GET | range: bytes=0-1 | if-none-match: \"a\" => hit 304 | age: 1 | =
         1 GET | range: bytes=0-1 | if-none-match: \"b\" => hit 206 | age: 1 | = 01",
    ),
];

#[test]
fn conditions() {
    run(&Plan::default(), CASES);
}
