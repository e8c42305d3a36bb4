//! Section 4.4, and RFC 9875: what unsafe requests make invalid.

use tidegate_cache::Plan;

use crate::run;

/// An unsafe request for `/p` with its answer, and whether what is stored for `/p`, `/q?a` and `/r/s` is still there.
const CASES: &[(&str, &str, [bool; 3])] = &[
    ("4.4: MUST invalidate the target: POST", "POST /p <- 200 => pass 200", [false, true, true]),
    ("4.4: PUT", "PUT /p <- 204 => pass 204", [false, true, true]),
    ("4.4: DELETE", "DELETE /p <- 202 => pass 202", [false, true, true]),
    ("4.4: PATCH", "PATCH /p <- 200 => pass 200", [false, true, true]),
    ("4.4: methods whose safety is unknown", "M-SEARCH /p <- 200 => pass 200", [false, true, true]),
    ("4.4: methods have case", "get /p <- 200 => pass 200", [false, true, true]),
    ("4.4: 3xx is no error", "POST /p <- 303 => pass 303", [false, true, true]),
    ("4.4: 4xx is one", "POST /p <- 404 => pass 404", [true, true, true]),
    ("4.4: 5xx is one", "POST /p <- 500 | location: /q?a => pass 500", [true, true, true]),
    ("4.4: OPTIONS is safe", "OPTIONS /p <- 200 | location: /q?a => pass 200", [true, true, true]),
    ("4.4: TRACE is safe", "TRACE /p <- 200 => pass 200", [true, true, true]),
    ("4.4: a failure is no response", "POST /p <- fail => error 502", [true, true, true]),
    ("4.4: Location", "POST /p <- 201 | location: /q?a => pass 201", [false, false, true]),
    (
        "4.4: Location, absolute",
        "POST /p <- 201 | location: https://shop.example/q?a => pass 201",
        [false, false, true],
    ),
    (
        "RFC 9110 4.2.3: with the default port, in upper case",
        "POST /p <- 201 | location: HTTPS://Shop.Example:443/q?a#f => pass 201",
        [false, false, true],
    ),
    ("4.4: Location, relative", "POST /p <- 201 | location: r/s => pass 201", [false, true, false]),
    ("4.4: Location, dots", "POST /p/ <- 201 | location: ../r/./s => pass 201", [true, true, false]),
    (
        "4.4: Location, without a scheme",
        "POST /p <- 201 | location: //shop.example/r/s => pass 201",
        [false, true, false],
    ),
    ("4.4: Content-Location", "POST /p <- 200 | content-location: /r/s => pass 200", [false, true, false]),
    ("4.4: both", "POST /p <- 201 | content-location: /r/s | location: /q?a => pass 201", [false, false, false]),
    (
        "4.4: MUST NOT on another origin: host",
        "POST /p <- 201 | location: https://other.example/q?a => pass 201",
        [false, true, true],
    ),
    (
        "4.4: another origin: scheme",
        "POST /p <- 201 | location: http://shop.example/q?a => pass 201",
        [false, true, true],
    ),
    (
        "4.4: another origin: port",
        "POST /p <- 201 | location: https://shop.example:8443/q?a => pass 201",
        [false, true, true],
    ),
    (
        "4.4: another origin: user",
        "POST /p <- 201 | content-location: https://shop.example@other.example/q?a => pass 201",
        [false, true, true],
    ),
    ("4.4: the query counts", "POST /p <- 201 | location: /q?b => pass 201", [false, true, true]),
    ("RFC 9875 3: groups", "POST /p <- 200 | cache-group-invalidation: \"g\" => pass 200", [false, true, false]),
    (
        "RFC 9875 3: another group",
        "POST /p <- 200 | cache-group-invalidation: \"G\", \"h\" => pass 200",
        [false, true, true],
    ),
    (
        "RFC 9875 3: MUST be ignored for safe methods",
        "OPTIONS /p <- 200 | cache-group-invalidation: \"g\" => pass 200",
        [true, true, true],
    ),
    (
        "RFC 9875 3: a list of strings alone",
        "POST /p <- 200 | cache-group-invalidation: g => pass 200",
        [false, true, true],
    ),
];

#[test]
fn what_is_invalid() {
    let next = |path: &str, is_there: bool| match is_there {
        true => format!("2 GET {path} => hit | age: 2"),
        false => format!("2 GET {path} => miss"),
    };
    let script = |line: &str, [p, q, r]: [bool; 3]| {
        let stored = "0 GET /p <- 200 | cache-control: max-age=60 => miss
             0 GET /q?a <- 200 | cache-control: max-age=60 => miss
             0 GET /r/s <- 200 | cache-control: max-age=60 | cache-groups: \"f\", \"g\";revalidate => miss";
        format!("{stored}\n1 {line}\n{}\n{}\n{}", next("/p", p), next("/q?a", q), next("/r/s", r))
    };
    let cases: Vec<_> = CASES.iter().map(|(rule, line, are)| (*rule, &*script(line, *are).leak())).collect();
    run(&Plan::default(), &cases);
}

#[test]
fn all_variants_are_invalid() {
    let case = "0 GET | a: 1 <- 200 | cache-control: max-age=60 | vary: a => miss
                0 GET | a: 2 <- 200 | cache-control: max-age=60 | vary: a => miss
                1 PUT | a: 1 => pass
                2 GET | a: 1 => miss
                2 GET | a: 2 => miss";
    run(&Plan::default(), &[("4.4: all stored responses whose target URI matches", case)]);
}
