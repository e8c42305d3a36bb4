//! Sections 3.1 and 3.2: what is stored of the fields, and how they are updated.

use tidegate_cache::Plan;

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "3.1: MUST include all received fields, unrecognized ones too",
        "0 GET <- 200 | cache-control: max-age=60, x=y | x-a: 1 | x-a: 2 | warning: 199 - \"w\" | content-type: a/b | etag: W/\"1\" => miss
         1 GET => hit | age: 1 | x-a: 1 | x-a: 2 | cache-control: max-age=60, x=y | warning: 199 - \"w\" | content-type: a/b | etag: W/\"1\"",
    ),
    (
        "3.1: fields of the proxy MUST NOT be stored",
        "0 GET <- 200 | cache-control: max-age=60 | proxy-authenticate: Basic | proxy-authentication-info: a => miss
         1 GET => hit | age: 1 | -proxy-authenticate | -proxy-authentication-info",
    ),
    (
        "RFC 9110 6.6.1: MUST append a Date that is not there",
        "0 GET <- 200 | cache-control: max-age=60 => miss\n9 GET => hit | age: 9 | date: @0",
    ),
    (
        "3.1: Content-Length is the sender's",
        "0 GET <- 200 | cache-control: max-age=60 | content-length: 4 => miss | content-length: 4\n1 GET => hit | age: 1 | -content-length",
    ),
    (
        "3.2: MUST add each field, replacing what is there",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"1\" | a: 1 | a: 2 | b: 1 | c: 1 | content-type: a/b | date: @0 => miss
         5 GET <- 304 | cache-control: max-age=9 | etag: \"1\" | a: 3 | b: 1 | b: 2 | d: 1 | content-type: a/c | date: @5 => check \
            | age: 0 | a: 3 | b: 1 | b: 2 | c: 1 | d: 1 | content-type: a/c | cache-control: max-age=9 | date: @5 | = at 0
         13 GET => hit | age: 8 | a: 3 | b: 1 | b: 2 | c: 1 | d: 1 | content-type: a/c | cache-control: max-age=9 | date: @5",
    ),
    (
        "3.2: but Content-Length",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"1\" => miss
         5 GET <- 304 | etag: \"1\" | content-length: 0 | x: 1 => check | age: 0 | x: 1 | -content-length | = at 0",
    ),
    (
        "3.2: nor what is excepted from storage",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"1\" => miss
         5 GET <- 304 | etag: \"1\" | proxy-authenticate: Basic | x: 1 => check | age: 0 | x: 1 | -proxy-authenticate",
    ),
    (
        "3.2: an Expires of the 304 counts",
        "0 GET <- 200 | expires: @2 | date: @0 | etag: \"1\" => miss
         5 GET <- 304 | expires: @15 | date: @5 | etag: \"1\" => check | age: 0 | expires: @15
         14 GET => hit | age: 9
         15 GET <- 304 => check | age: 0",
    ),
    (
        "3.2: a Last-Modified of the 304 replaces a stored one of the same time",
        "0 GET <- 200 | cache-control: max-age=1 | etag: \"1\" | last-modified: @-100 => miss
         5 GET <- 304 | etag: \"1\" | last-modified: @-90 | cache-control: max-age=3 => check | age: 0 | last-modified: @-90
         9 GET <- 304 | etag: \"1\" => check | age: 0 | > if-modified-since: @-90 | > if-none-match: \"1\"",
    ),
];

#[test]
fn fields() {
    run(&Plan::default(), CASES);
}
