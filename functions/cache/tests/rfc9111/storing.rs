//! Section 3: which responses are stored, and for whom.

use tidegate_cache::{Plan, SetCookie};

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "3: the request method is understood",
        "0 POST <- 200 | cache-control: max-age=60 => pass
         1 GET <- 200 | cache-control: max-age=60 => miss
         2 GET => hit | age: 1 | = at 1",
    ),
    (
        "3: OPTIONS is not answered from the store, nor stored",
        "0 GET <- 200 | cache-control: max-age=60 => miss
         1 OPTIONS <- 200 | cache-control: max-age=60 => pass
         2 GET => hit | age: 2 | = at 0",
    ),
    (
        "RFC 9110 9.3.1: a GET with a body is not for us",
        "0 GET <- 200 | cache-control: max-age=60 => miss
         1 GET | content-length: 3 => pass
         1 GET | transfer-encoding: chunked => pass
         2 GET | content-length: 0 => hit | age: 2",
    ),
    (
        "3: explicit freshness makes any final status storable",
        "0 GET <- 599 | cache-control: max-age=60 => miss 599\n1 GET => hit 599 | age: 1",
    ),
    ("3: the same by Expires", "0 GET <- 499 | expires: @60 => miss 499\n1 GET => hit 499 | age: 1"),
    ("3: the same by s-maxage", "0 GET <- 302 | cache-control: s-maxage=60 => miss 302\n1 GET => hit 302 | age: 1"),
    (
        "3: no explicit freshness, and a status that is not heuristically cacheable",
        "0 GET <- 302 | last-modified: @-10000 => miss 302\n1 GET <- 302 => miss 302",
    ),
    (
        "4.2.2: no explicit freshness, but public",
        "0 GET <- 302 | last-modified: @-10000 | cache-control: public => miss 302\n999 GET => hit 302 | age: 999",
    ),
    (
        "3: 206 was not asked for: not understood",
        "0 GET <- 206 | content-range: bytes 0-1/4 | cache-control: max-age=60 => miss 206\n1 GET => miss",
    ),
    (
        "3: 304 is no response to store",
        "0 GET <- 304 | cache-control: max-age=60 | etag: \"1\" => miss 304\n1 GET => miss",
    ),
    ("RFC 6585 4: 429 MUST NOT be stored", "0 GET <- 429 | cache-control: max-age=60 => miss 429\n1 GET => miss"),
    ("3: no-store in the response", "0 GET <- 200 | cache-control: max-age=60, no-store => miss\n1 GET => miss"),
    ("3: private in the response", "0 GET <- 200 | cache-control: private, max-age=60 => miss\n1 GET => miss"),
    (
        "3.5: Authorization, nothing that allows it",
        "0 GET | authorization: x <- 200 | cache-control: max-age=60 => miss\n1 GET | authorization: x => miss\n2 GET => miss",
    ),
    (
        "3.5: Authorization and public",
        "0 GET | authorization: x <- 200 | cache-control: max-age=60, public => miss\n1 GET => hit | age: 1",
    ),
    (
        "3.5: Authorization and must-revalidate",
        "0 GET | authorization: x <- 200 | cache-control: max-age=60, must-revalidate => miss\n1 GET | authorization: y => hit | age: 1",
    ),
    (
        "3.5: Authorization and s-maxage",
        "0 GET | authorization: x <- 200 | cache-control: s-maxage=60 => miss\n1 GET => hit | age: 1",
    ),
    (
        "3.5: Authorization, s-maxage=0 and max-age: not without asking",
        "0 GET | authorization: x <- 200 | cache-control: s-maxage=0, max-age=60 | etag: \"1\" => miss
         1 GET <- 304 | etag: \"1\" => check | age: 0 | > if-none-match: \"1\"",
    ),
    (
        "3.5: what was stored for all is for those who are authorized, too",
        "0 GET <- 200 | cache-control: max-age=60 => miss\n1 GET | authorization: x => hit | age: 1",
    ),
    (
        "7.3: caution with Set-Cookie",
        "0 GET <- 200 | cache-control: max-age=60 | set-cookie: a=1 => miss | set-cookie: a=1\n1 GET => miss",
    ),
    (
        "5.2.2.7: Set-Cookie that is named private is not stored, the rest is",
        "0 GET <- 200 | cache-control: max-age=60, private=\"Set-Cookie\" | set-cookie: a=1 => miss | set-cookie: a=1
         1 GET => hit | age: 1 | -set-cookie",
    ),
    (
        "3: RFC 9110 15.1: statuses that are heuristically cacheable",
        "0 GET /200 <- 200 | last-modified: @-1000 => miss
         0 GET /203 <- 203 | last-modified: @-1000 => miss 203
         0 GET /204 <- 204 | last-modified: @-1000 => miss 204
         0 GET /300 <- 300 | last-modified: @-1000 => miss 300
         0 GET /301 <- 301 | last-modified: @-1000 => miss 301
         0 GET /308 <- 308 | last-modified: @-1000 => miss 308
         0 GET /404 <- 404 | last-modified: @-1000 => miss 404
         0 GET /405 <- 405 | last-modified: @-1000 => miss 405
         0 GET /410 <- 410 | last-modified: @-1000 => miss 410
         0 GET /414 <- 414 | last-modified: @-1000 => miss 414
         0 GET /501 <- 501 | last-modified: @-1000 => miss 501
         99 GET /200 => hit | age: 99
         99 GET /203 => hit 203 | age: 99
         99 GET /204 => hit 204 | age: 99
         99 GET /300 => hit 300 | age: 99
         99 GET /301 => hit 301 | age: 99
         99 GET /308 => hit 308 | age: 99
         99 GET /404 => hit 404 | age: 99
         99 GET /405 => hit 405 | age: 99
         99 GET /410 => hit 410 | age: 99
         99 GET /414 => hit 414 | age: 99
         99 GET /501 => hit 501 | age: 99",
    ),
    (
        "3: RFC 9110 15.1: and some that are not",
        "0 GET /201 <- 201 | last-modified: @-1000 => miss 201
         0 GET /302 <- 302 | last-modified: @-1000 => miss 302
         0 GET /307 <- 307 | last-modified: @-1000 => miss 307
         0 GET /400 <- 400 | last-modified: @-1000 => miss 400
         0 GET /403 <- 403 | last-modified: @-1000 => miss 403
         0 GET /500 <- 500 | last-modified: @-1000 => miss 500
         0 GET /503 <- 503 | last-modified: @-1000 => miss 503
         1 GET /201 => miss
         1 GET /302 => miss
         1 GET /307 => miss
         1 GET /400 => miss
         1 GET /403 => miss
         1 GET /500 => miss
         1 GET /503 => miss",
    ),
];

#[test]
fn storing() {
    run(&Plan::default(), CASES);
}

#[test]
fn cookies_that_are_stripped() {
    let plan = Plan { set_cookie: SetCookie::Strip, ..Plan::default() };
    let case = "0 GET <- 200 | cache-control: max-age=60 | set-cookie: a=1 | set-cookie: b=2 => miss | set-cookie: a=1 | set-cookie: b=2
                1 GET => hit | age: 1 | -set-cookie";
    run(&plan, &[("7.3: Set-Cookie does not inhibit caching", case)]);
}
