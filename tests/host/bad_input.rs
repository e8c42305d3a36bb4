//! What is no proper request: refused by the book, and never seen by a component.

use harness::{Host, Raw, Setup, Trial, served, tests};

/// Bytes, and the status that they get.
type Case = (&'static str, u16);

pub fn tests() -> Vec<Trial> {
    tests!(
        "bad_input",
        on setup,
        needs ["echo"],
        malformed_heads,
        ambiguous_framing,
        malformed_chunks,
        the_connection_closes_after_a_refusal,
        a_refusal_is_a_problem,
        a_large_head_is_refused,
        many_fields_are_refused,
        a_long_target_is_refused,
        a_large_body_is_refused,
        a_slow_head_is_refused,
        a_slow_body_is_refused,
        a_silent_client_is_let_go,
        pipelined_garbage_does_not_spoil_what_came_before,
        components_see_none_of_it,
        odd_but_valid_requests_are_answered,
    )
}

fn setup() -> Setup {
    Setup::new(served(
        &[("/...", "echo")],
        r#"
        # Only the test that looks for what got through uses this one.
        [[trigger.http]]
        route = "/guarded/..."
        component = "guarded"
        [component.guarded]
        source = "guest:echo"
        "#,
    ))
    .arguments(["--cores", "1"])
}

/// Asserts that nothing is wrong with any case of a table; tells all that is.
#[track_caller]
fn all_right(wrong: impl Iterator<Item = String>) {
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const MALFORMED: [Case; 26] = [
    ("\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", 400),
    ("GET / HTTP/1.1\nhost: a\n\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nx: y\rz\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nx: y\0z\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\n x: folded\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n host: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\n: nameless\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nhost: a\r\nx\x7f: y\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1 \r\nhost: a\r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET relative HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET /#fragment HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("G@T / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET * HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
    ("GET / HTTP/1.1\r\nhost: a\r\nexpect: something\r\n\r\n", 417),
];

fn malformed_heads(host: &Host) {
    all_right(MALFORMED.iter().filter_map(|(bytes, expected)| {
        let status = host.raw().offer(bytes).answer().status;
        (status != *expected).then(|| format!("{bytes:?} got {status}, not {expected}"))
    }));
}

/// Two parties that read one of these differently are how requests are smuggled (RFC 9112 section 11.2).
const AMBIGUOUS: [Case; 19] = [
    ("content-length: 5\r\ntransfer-encoding: chunked", 400),
    ("transfer-encoding: chunked\r\ncontent-length: 0", 400),
    ("content-length: 5\r\ncontent-length: 6", 400),
    ("content-length: 5\r\ncontent-length: 5", 400),
    ("content-length: 5, 5", 400),
    ("content-length: 5, 6", 400),
    ("content-length: +5", 400),
    ("content-length: -5", 400),
    ("content-length: 0x5", 400),
    ("content-length: 5 5", 400),
    ("content-length:", 400),
    ("content-length: five", 400),
    ("content-length : 5", 400),
    ("transfer-encoding: gzip", 501),
    ("transfer-encoding: gzip, chunked", 501),
    ("transfer-encoding: chunked, chunked", 501),
    ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", 501),
    ("transfer-encoding: xchunked", 501),
    ("content-length: 99999999999999999999999999", 413),
];

fn ambiguous_framing(host: &Host) {
    all_right(AMBIGUOUS.iter().filter_map(|(fields, expected)| {
        let mut raw = host.raw();
        raw.offer(format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n"));
        let status = raw.offer("0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n").answer().status;
        raw.is_closed();
        // Of an unknown coding, RFC 9112 section 6.1 asks for 501 or 400.
        let is_expected = status == *expected || (*expected == 501 && status == 400);
        (!is_expected).then(|| format!("{fields:?} got {status}, not {expected}"))
    }));
    let mut raw = host.raw();
    raw.send("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(raw.answer().status, 400);
}

/// Bodies in chunks, all of them wrong.
const BAD_CHUNKS: [&str; 14] = [
    "x\r\n",
    "\r\n",
    "-1\r\n",
    "+1\r\nx\r\n",
    "0x1\r\nx\r\n",
    " 1\r\nx\r\n",
    "1 \r\nxx\r\n0\r\n\r\n",
    "1\nx\r\n0\r\n\r\n",
    "1\r\nxyz\r\n0\r\n\r\n",
    "1\r\nx\n0\r\n\r\n",
    "2\r\nx\r\n0\r\n\r\n",
    "11111111111111111\r\nx\r\n",
    "0\r\nno colon\r\n\r\n",
    "0\r\nx: y\n\r\n",
];

fn malformed_chunks(host: &Host) {
    all_right(BAD_CHUNKS.iter().filter_map(|chunks| {
        let head = "POST /count HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = host.raw().offer(head).offer(chunks).answer();
        (answer.status != 400).then(|| format!("{chunks:?} got {}: {}", answer.status, answer.text()))
    }));
}

fn the_connection_closes_after_a_refusal(host: &Host) {
    for (bytes, _) in MALFORMED {
        let mut raw = host.raw();
        raw.offer(bytes).offer("GET /after HTTP/1.1\r\nhost: a\r\n\r\n");
        let answer = raw.answer();
        assert!((400..=599).contains(&answer.status), "{bytes:?} got {}", answer.status);
        assert_eq!(answer.header("connection"), Some("close"), "{bytes:?}");
        raw.is_closed();
    }
}

fn a_refusal_is_a_problem(host: &Host) {
    let mut raw = host.raw();
    raw.send("GET / HTTP/1.1\r\n\r\n");
    let answer = raw.answer();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["status"], 400);
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("Host")), "{problem}");
}

fn a_large_head_is_refused(host: &Host) {
    // Once with an end, once without one: nobody keeps more than fits to see whether it ends.
    for end in ["\r\n\r\n", ""] {
        let mut raw = host.raw();
        raw.offer(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}{end}", "y".repeat(1 << 20)));
        assert_eq!(raw.answer().status, 431);
    }
}

fn many_fields_are_refused(host: &Host) {
    let fields: String = (0..5000).map(|number| format!("x-{number}: y\r\n")).collect();
    let mut raw = host.raw();
    raw.offer(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n"));
    assert_eq!(raw.answer().status, 431);
}

fn a_long_target_is_refused(host: &Host) {
    let mut raw = host.raw();
    raw.offer(format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(40_000)));
    assert_eq!(raw.answer().status, 414);
}

fn a_large_body_is_refused(host: &Host) {
    // Announced: before a byte of it is sent, and without asking for it.
    let mut raw = host.raw();
    raw.send("POST /count HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1000000000000\r\n\r\n");
    assert_eq!(raw.answer().status, 413);
    raw.is_closed();
}

fn a_slow_head_is_refused(host: &Host) {
    // A byte now and then keeps no connection: the clock is the whole head's.
    let begun = ["GET / HTTP/1.1\r\nhost: a\r\n", "GE"].map(|part| {
        let mut raw = host.raw();
        raw.send(part);
        raw
    });
    for mut raw in begun {
        let answer = raw.answer();
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
        raw.is_closed();
    }
}

fn a_slow_body_is_refused(host: &Host) {
    let mut raw = host.raw();
    raw.send("POST /count HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nonly a part of it");
    let answer = raw.answer();
    // Whichever runs out first, the time for the body or the component's for the request.
    assert!(matches!(answer.status, 408 | 504), "{answer:?}");
}

fn a_silent_client_is_let_go(host: &Host) {
    let mut raw = host.raw();
    raw.is_closed();
}

fn pipelined_garbage_does_not_spoil_what_came_before(host: &Host) {
    let mut raw = host.raw();
    raw.send(
        "GET /status?code=201 HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    assert_eq!((raw.answer().status, raw.answer().status), (201, 400));
    raw.is_closed();
}

fn components_see_none_of_it(host: &Host) {
    assert_eq!(host.get("/guarded/instance").json()["requests"], 1);
    for (bytes, _) in MALFORMED {
        let bytes = bytes.replacen(" / ", " /guarded/instance ", 1);
        Raw::connect(host.address).offer(bytes).answer();
    }
    for (fields, _) in AMBIGUOUS {
        let bytes = format!(
            "POST /guarded/instance HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n0\r\n\r\n\
             GET /guarded/instance HTTP/1.1\r\nhost: a\r\n\r\n"
        );
        Raw::connect(host.address).offer(bytes).answer();
    }
    // The same instance as before, or a new one: in neither case has it seen anything between.
    assert!(host.get("/guarded/instance").json()["requests"].as_u64().unwrap() <= 2);
    let route = [("http_route", "/guarded/...")];
    host.wait_for_metric("http_server_request_duration_seconds_count", &route, 2.0);
    assert!(host.metrics().sum("tidegate_refused_requests_total", &[("http_response_status_code", "400")]) > 0.0);
}

fn odd_but_valid_requests_are_answered(host: &Host) {
    let cases = [
        "\r\n\r\nGET /status HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /status HTTP/1.1\r\nHOST:a\r\n\r\n",
        "GET /status HTTP/1.1\r\nhost: \t a \t\r\n\r\n",
        "GET /status HTTP/1.1\r\nhost:\r\n\r\n",
        "GET /status HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
        "FROB /status HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /status HTTP/1.1\r\nhost: a\r\nx-empty:\r\nx!#$%&'*+-.^_`|~: odd name\r\n\r\n",
        "GET /status HTTP/1.1\r\nhost: a\r\nx: caf\u{e9}\r\n\r\n",
        "POST /status HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
        "POST /count HTTP/1.1\r\nhost: a\r\ncontent-length: 0005\r\n\r\nhello",
        "POST /count HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n00a;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
    ];
    for bytes in cases {
        let mut raw = host.raw();
        raw.send(bytes).send("GET /status?code=202 HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!((raw.answer().status, raw.answer().status), (200, 202), "{bytes:?}");
    }
}
