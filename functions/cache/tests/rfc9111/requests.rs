//! Sections 5.2.1 and 5.4: what clients say.

use tidegate_cache::Plan;

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "5.2.1.1: max-age",
        "0 GET <- 200 | cache-control: max-age=60 | etag: \"1\" => miss
         10 GET | cache-control: max-age=10 => hit | age: 10
         11 GET | cache-control: MAX-AGE=\"10\" <- 304 => check | age: 0",
    ),
    (
        "5.2.1.1: zero asks",
        "0 GET <- 200 | cache-control: max-age=60 | etag: \"1\" => miss\n0 GET | cache-control: max-age=0 <- 304 => check | age: 0",
    ),
    (
        "5.2.1.1: what is no number asks",
        "0 GET <- 200 | cache-control: max-age=60 => miss\n0 GET | cache-control: max-age=x => miss",
    ),
    (
        "5.2.1.1: not stale, without max-stale",
        "0 GET <- 200 | cache-control: max-age=5, stale-while-revalidate=9 => miss\n6 GET | cache-control: max-age=60 => miss",
    ),
    (
        "5.2.1.1: huge",
        "0 GET <- 200 | cache-control: max-age=60 => miss\n9 GET | cache-control: max-age=99999999999999999999 => hit | age: 9",
    ),
    (
        "5.2.1.2: max-stale",
        "0 GET <- 200 | cache-control: max-age=5 => miss
         15 GET | cache-control: max-stale=10 => stale | age: 15 | = at 0
         16 GET | cache-control: max-stale=10 => miss",
    ),
    (
        "5.2.1.2: of any age",
        "0 GET <- 200 | cache-control: max-age=5 => miss\n99999 GET | cache-control: max-stale => stale | age: 99999",
    ),
    (
        "5.2.1.2: what is no number says nothing",
        "0 GET <- 200 | cache-control: max-age=5 => miss\n6 GET | cache-control: max-stale=x => miss",
    ),
    (
        "5.2.1.2: beside max-age",
        "0 GET <- 200 | cache-control: max-age=5 => miss\n9 GET | cache-control: max-age=60, max-stale=10 => stale | age: 9",
    ),
    (
        "5.2.1.3: min-fresh",
        "0 GET <- 200 | cache-control: max-age=60 => miss
         40 GET | cache-control: min-fresh=20 => hit | age: 40
         41 GET | cache-control: min-fresh=20 => miss",
    ),
    (
        "5.2.1.4: no-cache",
        "0 GET <- 200 | cache-control: max-age=60 | etag: \"1\" => miss\n1 GET | cache-control: no-cache <- 304 => check | age: 0 | > if-none-match: \"1\" | > cache-control: no-cache",
    ),
    (
        "5.2.1.4: without a validator",
        "0 GET <- 200 | cache-control: max-age=60 => miss\n1 GET | cache-control: No-Cache <- 200 | cache-control: max-age=60 => miss\n2 GET => hit | age: 1 | = at 1",
    ),
    (
        "5.2.1.4: among others",
        "0 GET <- 200 | cache-control: max-age=60 => miss\n1 GET | cache-control: a=\"no-cache\" => hit | age: 1\n1 GET | cache-control: a=\"b,\", no-cache => miss",
    ),
    ("5.4: Pragma: no-cache", "0 GET <- 200 | cache-control: max-age=60 => miss\n1 GET | pragma: No-Cache => miss"),
    (
        "5.4: not beside Cache-Control",
        "0 GET <- 200 | cache-control: max-age=60 => miss\n1 GET | pragma: no-cache | cache-control: max-age=9 => hit | age: 1",
    ),
    ("5.4: another pragma", "0 GET <- 200 | cache-control: max-age=60 => miss\n1 GET | pragma: x => hit | age: 1"),
    (
        "5.2.1.5: no-store: nothing of it is stored",
        "0 GET | cache-control: no-store <- 200 | cache-control: max-age=60 => miss\n1 GET => miss",
    ),
    (
        "5.2.1.5: it does not apply to what is stored",
        "0 GET <- 200 | cache-control: max-age=5 => miss
         1 GET | cache-control: no-store => hit | age: 1
         6 GET | cache-control: no-store <- 200 | cache-control: max-age=60 => miss
         7 GET => miss",
    ),
    (
        "5.2.1.7: only-if-cached",
        "0 GET | cache-control: only-if-cached => error 504
         0 GET <- 200 | cache-control: max-age=5 => miss
         1 GET | cache-control: only-if-cached => hit | age: 1
         6 GET | cache-control: only-if-cached => error 504
         6 GET | cache-control: only-if-cached, max-stale => stale | age: 6
         1 GET | cache-control: only-if-cached, no-cache => error 504",
    ),
];

#[test]
fn requests() {
    run(&Plan::default(), CASES);
}

#[test]
fn directives_are_advisory() {
    let plan = Plan { client_directives: false, ..Plan::default() };
    let cases = &[(
        "5.2.1: MAY implement them",
        "0 GET | cache-control: no-store <- 200 | cache-control: max-age=5 => miss
         1 GET | cache-control: no-cache => hit | age: 1
         1 GET | cache-control: max-age=0 => hit | age: 1
         1 GET | pragma: no-cache => hit | age: 1
         6 GET | cache-control: max-stale => miss",
    )];
    run(&plan, cases);
}
