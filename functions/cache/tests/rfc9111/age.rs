//! Sections 4.2.3 and 5.1: how old a response is.

use tidegate_cache::Plan;

use crate::{Case, run};

const CASES: &[Case] = &[
    ("4.2.3: resident_time", "0 GET <- 200 | cache-control: max-age=60 => miss\n59 GET => hit | age: 59"),
    (
        "4.2.3: age_value",
        "0 GET <- 200 | cache-control: max-age=60 | age: 50 => miss | age: 50\n9 GET => hit | age: 59\n10 GET => asked",
    ),
    (
        "4.2.3: apparent_age",
        "0 GET <- 200 | cache-control: max-age=60 | date: @-50 => miss\n9 GET => hit | age: 59\n10 GET => asked",
    ),
    (
        "4.2.3: max(apparent_age, corrected_age_value)",
        "0 GET <- 200 | cache-control: max-age=60 | date: @-50 | age: 20 => miss | age: 20\n9 GET => hit | age: 59",
    ),
    (
        "4.2.3: the other way round",
        "0 GET <- 200 | cache-control: max-age=60 | date: @-20 | age: 50 => miss | age: 50\n9 GET => hit | age: 59",
    ),
    (
        "4.2.3: a Date ahead is no age",
        "0 GET <- 200 | cache-control: max-age=60 | date: @90 => miss\n9 GET => hit | age: 9 | date: @90",
    ),
    (
        "4.2.3: MUST interpret it relative to the time of the request",
        "0..7 GET <- 200 | cache-control: max-age=60 | age: 10 => miss | age: 10\n20 GET => hit | age: 30\n49 GET => hit | age: 59\n50 GET => asked",
    ),
    ("4.2.3: response_delay alone", "0..7 GET <- 200 | cache-control: max-age=60 => miss\n20 GET => hit | age: 20"),
    ("4.2.3: older than fresh", "0 GET <- 200 | cache-control: max-age=60 | age: 60 => miss | age: 60\n0 GET => asked"),
    (
        "5.1: the first member",
        "0 GET <- 200 | cache-control: max-age=60 | age: 10, 50 => miss | age: 10, 50\n1 GET => hit | age: 11",
    ),
    (
        "5.1: the first line",
        "0 GET <- 200 | cache-control: max-age=60 | age: 10 | age: 99 => miss | age: 10 | age: 99\n1 GET => hit | age: 11",
    ),
    (
        "5.1: invalid SHOULD be ignored",
        "0 GET <- 200 | cache-control: max-age=60 | age: x => miss | age: x\n1 GET => hit | age: 1",
    ),
    (
        "5.1: after other members are discarded",
        "0 GET <- 200 | cache-control: max-age=60 | age: x, 50 => miss | age: x, 50\n1 GET => hit | age: 1",
    ),
    ("5.1: negative", "0 GET <- 200 | cache-control: max-age=60 | age: -50 => miss | age: -50\n1 GET => hit | age: 1"),
    (
        "5.1: a fraction",
        "0 GET <- 200 | cache-control: max-age=60 | age: 50.5 => miss | age: 50.5\n1 GET => hit | age: 1",
    ),
    (
        "5.1: a string",
        "0 GET <- 200 | cache-control: max-age=60 | age: \"50\" => miss | age: \"50\"\n1 GET => hit | age: 1",
    ),
    (
        "5.1: with a parameter",
        "0 GET <- 200 | cache-control: max-age=60 | age: 50;x => miss | age: 50;x\n1 GET => hit | age: 1",
    ),
    ("5.1: empty", "0 GET <- 200 | cache-control: max-age=60 | age: => miss | age:\n1 GET => hit | age: 1"),
    (
        "1.2.2: 2^31",
        "0 GET <- 200 | cache-control: max-age=60 | age: 2147483648 => miss | age: 2147483648\n1 GET => asked",
    ),
    (
        "1.2.2: more than any integer",
        "0 GET <- 200 | cache-control: max-age=60 | age: 99999999999999999999 => miss | age: 99999999999999999999\n1 GET => asked",
    ),
    (
        "4.2.3: since it was last validated",
        "0 GET <- 200 | cache-control: max-age=5 | etag: \"1\" | date: @0 => miss
         9 GET <- 304 | date: @9 | etag: \"1\" => check | age: 0
         13 GET => hit | age: 4
         14 GET <- 304 | date: @14 => check | age: 0",
    ),
    (
        "4.2.3: the age of the 304",
        "0 GET <- 200 | cache-control: max-age=5 | etag: \"1\" | age: 3 => miss | age: 3
         9 GET <- 304 | date: @7 | age: 1 | etag: \"1\" => check | age: 2
         11 GET => hit | age: 4
         12 GET <- 304 => check | age: 0",
    ),
    (
        "4.2.3: a 304 without Date does not have the old one's age",
        "0 GET <- 200 | cache-control: max-age=5 | etag: \"1\" | date: @0 | age: 1 => miss | age: 1\n9 GET <- 304 => check | age: 0 | date: @9\n13 GET => hit | age: 4",
    ),
];

#[test]
fn ages() {
    run(&Plan::default(), CASES);
}
