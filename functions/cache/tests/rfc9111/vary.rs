//! Section 4.1: variants.

use tidegate_cache::{Coding, Compress, Normal, Plan};

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "4.1: MUST NOT be used unless the nominated fields match",
        "0 GET | a: 1 <- 200 | cache-control: max-age=60 | vary: a => miss
         1 GET | a: 2 <- 200 | cache-control: max-age=60 | vary: a => miss
         2 GET | a: 1 => hit | age: 2 | = at 0
         2 GET | a: 2 => hit | age: 1 | = at 1
         2 GET | a: 3 => miss",
    ),
    (
        "4.1: absent matches absent alone",
        "0 GET <- 200 | cache-control: max-age=60 | vary: a => miss
         1 GET | a: <- 200 | cache-control: max-age=60 | vary: a => miss
         2 GET => hit | age: 2 | = at 0
         2 GET | a: => hit | age: 1 | = at 1",
    ),
    (
        "4.1: all of several",
        "0 GET | a: 1 | b: 2 <- 200 | cache-control: max-age=60 | vary: a, b => miss
         1 GET | b: 2 | a: 1 | c: 3 => hit | age: 1
         1 GET | a: 1 <- 200 => miss
         1 GET | a: 2 | b: 1 <- 200 => miss",
    ),
    (
        "RFC 9110 5.1: field names are case-insensitive",
        "0 GET | A: 1 <- 200 | cache-control: max-age=60 | Vary: FOO,a => miss\n1 GET | a: 1 => hit | age: 1",
    ),
    (
        "RFC 9110 5.6.1: spaces, empty members, duplicates, several lines",
        "0 GET | a: 1 | b: 2 <- 200 | cache-control: max-age=60 | vary: , a ,, A | vary:\tb => miss
         1 GET | a: 1 | b: 2 => hit | age: 1
         1 GET | a: 1 => miss",
    ),
    (
        "4.1: values are compared with their case",
        "0 GET | a: x <- 200 | cache-control: max-age=60 | vary: a => miss\n1 GET | a: X => miss",
    ),
    (
        "4.1: combining lines",
        "0 GET | a: 1 | a: 2 <- 200 | cache-control: max-age=60 | vary: a => miss
         1 GET | a: 1, 2 => hit | age: 1
         1 GET | a: 2, 1 => miss",
    ),
    (
        "4.1: normalizing: Accept-Encoding",
        "0 GET | accept-encoding: gzip, br <- 200 | cache-control: max-age=60 | vary: accept-encoding => miss
         1 GET | accept-encoding: GZIP,br => hit | age: 1
         1 GET | accept-encoding: gzip | accept-encoding: br => hit | age: 1
         1 GET | accept-encoding: gzip => miss",
    ),
    (
        "4.1: normalizing: Accept-Language",
        "0 GET | accept-language: en-US, de;q=0.5 <- 200 | cache-control: max-age=60 | vary: accept-language => miss
         1 GET | accept-language: en-us,de; q=0.5 => hit | age: 1
         1 GET | accept-language: de;q=0.5, en-us => miss",
    ),
    (
        "4.1: normalizing: space in Accept",
        "0 GET | accept: a/b, c/d;q=0.5 <- 200 | cache-control: max-age=60 | vary: accept => miss
         1 GET | accept: a/b,c/d; q=0.5 => hit | age: 1
         1 GET | accept: a/b | accept: c/d ;q=0.5 => hit | age: 1
         1 GET | accept: a/b => miss",
    ),
    (
        "4.1: but not in its strings",
        "0 GET | accept: a/b;c=\"d  e\" <- 200 | cache-control: max-age=60 | vary: accept => miss
         1 GET | accept: a/b;c=\"de\" => miss",
    ),
    ("4.1: * always fails to match", "0 GET <- 200 | cache-control: max-age=60 | vary: * => miss\n1 GET => miss"),
    (
        "4.1: * beside others",
        "0 GET | a: 1 <- 200 | cache-control: max-age=60 | vary: a, * => miss\n1 GET | a: 1 => miss",
    ),
    (
        "4.1: * in another line",
        "0 GET | a: 1 <- 200 | cache-control: max-age=60 | vary: a | vary: * => miss\n1 GET | a: 1 => miss",
    ),
    (
        "4.1: an empty Vary varies by nothing",
        "0 GET | a: 1 <- 200 | cache-control: max-age=60 | vary: => miss\n1 GET | a: 2 => hit | age: 1",
    ),
    ("4.1: no name at all", "0 GET <- 200 | cache-control: max-age=60 | vary: a b => miss\n1 GET => miss"),
    (
        "4.1: what identifies users is in the key or not stored",
        "0 GET | cookie: a=1 <- 200 | cache-control: max-age=60 | vary: cookie => miss\n1 GET | cookie: a=1 => miss",
    ),
    (
        "4.1: responses may name other fields",
        "0 GET | a: 1 | b: 1 <- 200 | cache-control: max-age=60 | vary: a => miss
         1 GET | a: 2 | b: 2 <- 200 | cache-control: max-age=60 | vary: b => miss
         2 GET | a: 1 | b: 9 => hit | age: 2 | = at 0
         2 GET | a: 9 | b: 2 => hit | age: 1 | = at 1
         2 GET | a: 9 | b: 9 => miss",
    ),
    (
        "4.1: the first one that varies takes the place of one that does not",
        "0 GET <- 200 | cache-control: max-age=1 => miss
         5 GET | a: 1 <- 200 | cache-control: max-age=60 | vary: a => miss
         6 GET | a: 1 => hit | age: 1
         6 GET => miss",
    ),
    (
        "4.1: names that nobody has heard of, and many",
        "0 GET | c: 3 <- 200 | cache-control: max-age=60 | vary: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p => miss
         1 GET | c: 3 => hit | age: 1
         1 GET | c: 3 | p: 1 => miss",
    ),
    (
        "4.1: SHOULD choose one with a valid Vary before one that omits it",
        "0 GET | a: 1 <- 200 | cache-control: max-age=60 | vary: a => miss
         1 GET <- 200 | cache-control: max-age=60 => miss
         2 GET | a: 1 => hit | age: 2 | = at 0
         2 GET | a: 3 => hit | age: 1 | = at 1
         2 GET => hit | age: 1 | = at 1",
    ),
    (
        "4.1: one that omits it, for a variant that is stale, takes its place",
        "0 GET | a: 1 <- 200 | cache-control: max-age=1 | vary: a => miss
         5 GET | a: 1 <- 200 | cache-control: max-age=9 | etag: \"1\" => miss
         6 GET | a: 1 => hit | age: 1 | = at 5
         14 GET | a: 1 <- 304 => check | age: 0
         15 GET | a: 1 => hit | age: 1 | = at 5",
    ),
    (
        "4.3.1: a variant is validated by its own tag",
        "0 GET | a: 1 <- 200 | cache-control: max-age=1 | vary: a | etag: \"1\" => miss
         0 GET | a: 2 <- 200 | cache-control: max-age=1 | vary: a | etag: \"2\" => miss
         5 GET | a: 1 <- 304 | etag: \"1\" => check | age: 0 | > if-none-match: \"1\" | = at 0
         5 GET | a: 2 <- 304 | etag: \"2\" => check | age: 0 | > if-none-match: \"2\"
         5 GET | a: 3 => miss | >-if-none-match",
    ),
    (
        "4.3.4: a 304 that says no Vary leaves the choice as it was",
        "0 GET | a: 1 <- 200 | cache-control: max-age=1 | vary: a | etag: \"1\" => miss
         5 GET | a: 1 <- 304 | etag: \"1\" | cache-control: max-age=60 => check | age: 0 | vary: a
         6 GET | a: 1 => hit | age: 1
         6 GET | a: 2 => miss",
    ),
    (
        "4.3.4: a 304 that says more fields adds them",
        "0 GET | a: 1 | b: 1 <- 200 | cache-control: max-age=1 | vary: a | etag: \"1\" => miss
         5 GET | a: 1 | b: 1 <- 304 | etag: \"1\" | vary: a, b | cache-control: max-age=60 => check | age: 0
         6 GET | a: 1 | b: 1 => hit | age: 1
         6 GET | a: 1 | b: 2 => asked",
    ),
];

#[test]
fn variants() {
    run(&Plan::default(), CASES);
}

#[test]
fn codings() {
    let codings = vec![Coding::Brotli, Coding::Gzip];
    let normal = Normal { codings: codings.clone(), languages: Vec::new() };
    let plain = Plan { normal: normal.clone(), ..Plan::default() };
    run(
        &plain,
        &[(
            "RFC 9110 12.5.3: who takes none of them gets none",
            "0 GET | accept-encoding: deflate <- 200 | cache-control: max-age=60 | vary: accept-encoding => miss | > accept-encoding: identity
             1 GET | accept-encoding: br;q=0 => hit | age: 1
             1 GET | accept-encoding: => hit | age: 1
             1 GET | accept-encoding: gzip, deflate => miss | > accept-encoding: gzip
             1 GET => miss | >-accept-encoding",
        )],
    );
    let compress = Compress { codings, min_size: 0, types: vec!["a/b".into()] };
    let plan = Plan { compress: Some(compress), normal, ..Plan::default() };
    run(
        &plan,
        &[
            (
                "RFC 9110 8.8.1: compressed here, the tag is weak",
                "0 GET | accept-encoding: gzip <- 200 | cache-control: max-age=9 | content-type: a/b | etag: \"1\" => miss | etag: W/\"1\" | content-encoding: gzip
                 1 GET | accept-encoding: gzip => hit | age: 1 | = gzip of at 0 | vary: Accept-Encoding | etag: W/\"1\"
                 1 GET | accept-encoding: x <- 200 | cache-control: max-age=9 | content-type: a/b | etag: \"1\" => miss | etag: \"1\" | -content-encoding
                 1 GET | accept-encoding: br <- 200 | cache-control: max-age=9 | content-type: a/b | etag: \"1\" => miss | etag: W/\"1\"
                 9 GET | accept-encoding: gzip <- 304 | etag: \"1\" => check | age: 0 | etag: W/\"1\" | content-encoding: gzip",
            ),
            (
                "5.2.2.6: no-transform",
                "0 GET | accept-encoding: gzip <- 200 | cache-control: max-age=9, no-transform | content-type: a/b | etag: \"1\" => miss | etag: \"1\" | -content-encoding",
            ),
            (
                "5.2.1.6: no-transform of the client",
                "0 GET | accept-encoding: gzip | cache-control: no-transform <- 200 | cache-control: max-age=9 | content-type: a/b => miss | -content-encoding",
            ),
        ],
    );
}
