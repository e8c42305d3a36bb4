//! Section 5.2.2: what origins say, beside lifetimes.

use tidegate_cache::Plan;

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "5.2.2.2: must-revalidate: fresh is fresh",
        "0 GET <- 200 | cache-control: max-age=5, must-revalidate | etag: \"1\" => miss\n4 GET => hit | age: 4\n5 GET <- 304 => check | age: 0",
    ),
    (
        "5.2.2.2: with an argument that it should not have",
        "0 GET <- 200 | cache-control: max-age=5, must-revalidate=x => miss\n5 GET | cache-control: max-stale <- fail => error 502",
    ),
    (
        "5.2.2.3: must-understand and a status that is understood",
        "0 GET <- 200 | cache-control: max-age=60, must-understand, no-store => miss\n1 GET => hit | age: 1",
    ),
    (
        "5.2.2.3: in another order, in another line",
        "0 GET <- 404 | cache-control: no-store, max-age=60 | cache-control: Must-Understand => miss 404\n1 GET => hit 404 | age: 1",
    ),
    (
        "5.2.2.3: a status that is not understood",
        "0 GET <- 299 | cache-control: max-age=60, must-understand, no-store => miss 299\n1 GET => miss",
    ),
    (
        "5.2.2.3: not understood, without no-store",
        "0 GET <- 299 | cache-control: max-age=60, must-understand => miss 299\n1 GET => miss",
    ),
    (
        "5.2.2.3: private still is",
        "0 GET <- 200 | cache-control: max-age=60, must-understand, no-store, private => miss\n1 GET => miss",
    ),
    (
        "5.2.2.4: no-cache",
        "0 GET <- 200 | cache-control: max-age=60, No-Cache | etag: \"1\" => miss\n1 GET <- 304 => check | age: 0",
    ),
    (
        "5.2.2.4: no-cache without a validator",
        "0 GET <- 200 | cache-control: max-age=60, no-cache => miss\n1 GET => miss | = at 1",
    ),
    (
        "5.2.2.4: with field names: they are excluded",
        "0 GET <- 200 | cache-control: max-age=60, no-cache=\"X-A, x-b\" | x-a: 1 | x-b: 2 | x-c: 3 => miss | x-a: 1
         1 GET => hit | age: 1 | -x-a | -x-b | x-c: 3",
    ),
    (
        "5.2.2.4: validated, they are there again",
        "0 GET <- 200 | cache-control: max-age=5, no-cache=\"x-a\" | x-a: 1 | etag: \"1\" => miss
         5 GET <- 304 | cache-control: max-age=5, no-cache=\"x-b\" | x-a: 2 | x-b: 3 => check | age: 0 | x-a: 2 | -x-b",
    ),
    (
        "5.2.2.4: the token form",
        "0 GET <- 200 | cache-control: max-age=60, no-cache=x-a | x-a: 1 => miss\n1 GET => hit | age: 1 | -x-a",
    ),
    ("5.2.2.4: an empty list is all", "0 GET <- 200 | cache-control: max-age=60, no-cache=\"\" => miss\n1 GET => miss"),
    ("5.2.2.4: no field names", "0 GET <- 200 | cache-control: max-age=60, no-cache=\"a b\" => miss\n1 GET => miss"),
    (
        "5.2.2.4: a string without an end",
        "0 GET <- 200 | cache-control: max-age=60, no-cache=\"x-a => miss\n1 GET => miss",
    ),
    (
        "5.2.2.4: both forms",
        "0 GET <- 200 | cache-control: max-age=60, no-cache=\"x-a\", no-cache => miss\n1 GET => miss",
    ),
    ("5.2.2.5: no-store", "0 GET <- 200 | cache-control: max-age=60 | cache-control: NO-STORE => miss\n1 GET => miss"),
    ("5.2.2.5: with an argument", "0 GET <- 200 | cache-control: max-age=60, no-store=\"x\" => miss\n1 GET => miss"),
    (
        "5.2.2.5: not in another's string",
        "0 GET <- 200 | cache-control: max-age=60, a=\"b, no-store\" => miss\n1 GET => hit | age: 1",
    ),
    (
        "5.2.2.5: not as the end of a name",
        "0 GET <- 200 | cache-control: max-age=60, x-no-store => miss\n1 GET => hit | age: 1",
    ),
    (
        "5.2.2.7: private with field names: they MUST NOT be stored",
        "0 GET <- 200 | cache-control: max-age=60, private=\"X-A,x-b\" | x-a: 1 | x-b: 2 | x-c: 3 => miss | x-a: 1
         1 GET => hit | age: 1 | -x-a | -x-b | x-c: 3",
    ),
    (
        "5.2.2.7: fields that are not there",
        "0 GET <- 200 | cache-control: private=\"x-a\", max-age=60 => miss\n1 GET => hit | age: 1",
    ),
    (
        "5.2.2.7: both forms",
        "0 GET <- 200 | cache-control: private=\"x-a\", private, max-age=60 => miss\n1 GET => miss",
    ),
    ("5.2.2.7: an empty list is all", "0 GET <- 200 | cache-control: private=\"\", max-age=60 => miss\n1 GET => miss"),
    (
        "5.2.2.8: proxy-revalidate makes nothing cacheable",
        "0 GET <- 500 | cache-control: proxy-revalidate | last-modified: @-100 => miss 500\n1 GET => miss",
    ),
    (
        "5.2.2.9: public makes any status cacheable",
        "0 GET <- 500 | cache-control: public | last-modified: @-1000 => miss 500\n99 GET => hit 500 | age: 99",
    ),
    (
        "5.2.2.9: but not what is no-store",
        "0 GET <- 200 | cache-control: public, no-store, max-age=60 => miss\n1 GET => miss",
    ),
    (
        "5.2.3: community: who does not know it adheres to private",
        "0 GET <- 200 | cache-control: private, community=\"UCI\", max-age=60 => miss\n1 GET => miss",
    ),
    (
        "5.2.3: pre-check and post-check",
        "0 GET <- 200 | cache-control: max-age=60, pre-check=0, post-check=0 => miss\n1 GET => hit | age: 1",
    ),
    (
        "4.3.4: a 304 that forbids to store: answered once, then asked for again",
        "0 GET <- 200 | cache-control: max-age=5 | etag: \"1\" => miss
         6 GET <- 304 | cache-control: no-store | etag: \"1\" | date: @6 => check | age: 0 | cache-control: no-store | date: @6 | = at 0
         7 GET <- 200 => asked | = at 7",
    ),
    (
        "4.3.4: so that who is behind us does not store it, either",
        "0 GET <- 200 | cache-control: max-age=5 | expires: @600 | etag: \"1\" | x: 1 => miss
         6 GET <- 304 | cache-control: private | expires: 0 | set-cookie: a=1 | x: 2 => check | age: 0 | cache-control: private | expires: 0 | x: 1
         7 GET <- 304 => check | age: 0 | cache-control: private
         8 GET <- 304 | cache-control: max-age=5 => check | age: 0
         9 GET => hit | age: 1",
    ),
    (
        "5.2.2.4: a 304 may forbid to reuse without asking",
        "0 GET <- 200 | cache-control: max-age=5 | etag: \"1\" => miss
         6 GET <- 304 | cache-control: no-cache | etag: \"1\" => check | age: 0
         6 GET <- 304 => check | age: 0",
    ),
];

#[test]
fn directives() {
    run(&Plan::default(), CASES);
}
