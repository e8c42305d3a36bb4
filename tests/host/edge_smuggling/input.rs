//! What clients send to fool parsers: requests that are right, wrong in ways that parsers are known to disagree about,
//! one behind the other, and with some of their bytes changed.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Bytes on a client's connection, and where they are cut into writes.
#[derive(Clone)]
pub struct Input {
    pub bytes: Vec<u8>,
    pub cuts: Vec<usize>,
}

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "b\"{}\", cut at {:?}", self.bytes.escape_ascii(), self.cuts)
    }
}

/// Bytes that parsers read differently.
const ODD: &[u8] = b"\r\n\n\r \t:;,\0\x0b\x0c\x1f\x7f\x80\x85\xa0\xff+-_09afFxX*/\\#@%=\"(){}";

const METHODS: &[&str] = &["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "BREW", "get", "TRACE", "CONNECT"];

const TARGETS: &[&str] = &[
    "/",
    "/a",
    "/a/b?c=d&e",
    "/a//b/%2f%0d%0a",
    "//a/b",
    "*",
    "http://a/b",
    "http://other:80/b?c",
    "http://other?c",
    "http://other",
    "https://a/",
    "HTTP://A/",
    "http://user@a/",
    "http:///b",
    "http://a b/",
    "a",
    "a:80",
    "/a b",
    "/a\tb",
    "/a#b",
    "/%",
    "/a\"<>",
    "/{a}|^`",
    "/\u{e9}",
    "/a/../b",
    "/a HTTP/1.1\r\nx: /",
    "/a HTTP/1.0",
    "",
];

const VERSIONS: &[&str] = &[
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/1.2",
    "HTTP/2.0",
    "HTTP/0.9",
    "http/1.1",
    "HTTP/1.1 ",
    " HTTP/1.1",
    "HTTP/01.1",
    "HTTP/1.10",
    "",
];

const ENDS_OF_LINE: &[&str] = &["\n", "\r", "\r\r\n", "\n\r\n", " \r\n", "\0\r\n"];

const HOSTS: &[&str] = &[
    "Host: a\r\nHost: a\r\n",
    "Host: a\r\nHost: b\r\n",
    "",
    "Host:\r\n",
    "Host: \r\n",
    "Host : a\r\n",
    "Host: a b\r\n",
    "Host: a, b\r\n",
    "Host: a@b\r\n",
    "Host: a/b\r\n",
    "Host: [::1]:80\r\n",
    "Host: a:80:90\r\n",
    "Host: a:\r\n",
    " Host: a\r\n",
    "Host: a\r\n b\r\n",
    "Host: a\r\nConnection: host\r\n",
];

/// How a body of five bytes is announced, or seems to be.
const FRAMINGS: &[&str] = &[
    "",
    "Content-Length: 5\r\n",
    "Content-Length: 05\r\n",
    "Content-Length:5\r\n",
    "Content-Length:\t5 \t\r\n",
    "content-length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: +5\r\n",
    "Content-Length: -5\r\n",
    "Content-Length: 0x5\r\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: 5,6\r\n",
    "Content-Length: 5 5\r\n",
    "Content-Length: 5.0\r\n",
    "Content-Length: 5;a\r\n",
    "Content-Length: \"5\"\r\n",
    "Content-Length: 5_\r\n",
    "Content-Length:\r\n",
    "Content-Length: \r\n 5\r\n",
    "Content-Length : 5\r\n",
    "Content-Length\t: 5\r\n",
    "Content-Length\0: 5\r\n",
    "Content-Length: 5\0\r\n",
    "Content-Length: \x0b5\r\n",
    "Content-Length: \x0c5\r\n",
    "Content-Length: 5\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 0\r\n",
    "Content-Length: 0\r\nContent-Length: 5\r\n",
    "Content_Length: 5\r\n",
    "Content-Length: 18446744073709551621\r\n",
    "Content-Length: 4294967301\r\n",
    "Content-Length: 9223372036854775807\r\n",
    "X: y\nContent-Length: 5\r\n",
    "X: y\rContent-Length: 5\r\n",
    "X: y\r\n Content-Length: 5\r\n",
    "Connection: content-length\r\nContent-Length: 5\r\n",
    "Connection: close\r\nContent-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: CHUNKED\r\n",
    "transfer-encoding:chunked\r\n",
    "Transfer-Encoding: chunked \t\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: chunkedx\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    "Transfer-Encoding: identity, chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: , chunked\r\n",
    "Transfer-Encoding: chunked,\r\n",
    "Transfer-Encoding: chunked;q=1\r\n",
    "Transfer-Encoding: \"chunked\"\r\n",
    "Transfer-Encoding:\r\n",
    "Transfer-Encoding:\r\n chunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding\t: chunked\r\n",
    "Transfer-Encoding: \x0bchunked\r\n",
    "Transfer-Encoding: \0chunked\r\n",
    "Transfer-Encoding: chunked\0\r\n",
    "Transfer_Encoding: chunked\r\n",
    "Transfer-Encoding\u{a0}: chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nTransfer-Encoding:\r\n",
    "X: y\nTransfer-Encoding: chunked\r\n",
    "X: y\rTransfer-Encoding: chunked\r\n",
    "X: y\r\n\tTransfer-Encoding: chunked\r\n",
    " Transfer-Encoding: chunked\r\n",
    "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
    "TE: trailers\r\nTransfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\nContent-Length: 5\r\n",
    "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n",
    "Upgrade: websocket\r\nConnection: upgrade\r\n",
    "Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\nHTTP2-Settings: AAA\r\n",
];

const BODIES: &[&str] = &[
    "",
    "hello",
    "5\r\nhello\r\n0\r\n\r\n",
    "0\r\n\r\n",
    "05\r\nhello\r\n00\r\n\r\n",
    "2\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5\t\r\nhello\r\n0\r\n\r\n",
    "5_\r\nhello\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0;c\r\n\r\n",
    "5 ; a = \"b;\\\"c\"\r\nhello\r\n0\r\n\r\n",
    "5;\r\nhello\r\n0\r\n\r\n",
    "5;a=\"\r\nhello\r\n0\r\n\r\n",
    "5;a\nhello\r\n0\r\n\r\n",
    "5;a\rb\r\nhello\r\n0\r\n\r\n",
    "5;\0\r\nhello\r\n0\r\n\r\n",
    "5\nhello\n0\n\n",
    "5\rhello\r0\r\r",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhelloo\r\n0\r\n\r\n",
    "6\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\n",
    "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\n\r\n",
    "5\r\nhello\r\n0\r\n x\r\n\r\n",
    "5\r\nhello\r\n0\r\nX y\r\n\r\n",
    "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "5\r\nhello\r\n0\n\r\n",
    "5\r\nhello\r\n0\r\n\n",
    "5\r\nhello\r\n\r\n",
    "\r\n",
    "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "0\r\n\r\nGET /inner HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\nGET /inner HTTP/1.1\r\nX: ",
    "1a\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n0\r\n\r\n",
];

/// A text that is usually the plain one, and else one of the others.
fn mostly(plain: &'static str, others: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(plain), 1 => select(others)]
}

/// A request, right or wrong.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let line = (
        prop_oneof![6 => select(&METHODS[..4]), 1 => select(METHODS)],
        prop_oneof![6 => select(&TARGETS[..5]), 2 => select(TARGETS)],
        mostly("HTTP/1.1", VERSIONS),
    );
    let host = mostly("Host: a\r\n", HOSTS);
    let end = prop_oneof![30 => Just("\r\n"), 1 => select(ENDS_OF_LINE)];
    let before = prop_oneof![12 => Just(""), 1 => select(&["\r\n", "\r\n\r\n", "\n", "\r", " ", "\0"][..])];
    let framing = prop_oneof![3 => select(&["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"][..]), 4 => select(FRAMINGS)];
    let body = prop_oneof![3 => select(&BODIES[..6]), 2 => select(BODIES)];
    (before, line, end, host, framing, body).prop_map(
        |(before, (method, target, version), end, host, framing, body)| {
            format!("{before}{method} {target} {version}{end}{host}{framing}\r\n{body}").into_bytes()
        },
    )
}

/// A request without fault.
fn valid_request() -> impl Strategy<Value = Vec<u8>> {
    let method = select(&METHODS[..4]);
    let target =
        select(&["/", "/a", "/a/b?c=d&e", "/a//b/%2f%0d%0a", "http://a/b", "http://other:80/b?c", "http://other"][..]);
    let with_body = select(
        &[
            ("", ""),
            ("Content-Length: 0\r\n", ""),
            ("Content-Length: 5\r\n", "hello"),
            ("content-length:\t05 \r\n", "h\r\n\r\n"),
            ("Content-Length: 34\r\n", "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n12"),
            ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            ("Transfer-Encoding: Chunked\r\n", "2\r\nhe\r\n3;a=\"b\"\r\nllo\r\n000\r\nX: y\r\n\r\n"),
            ("Transfer-Encoding: chunked\r\n", "22\r\nGET /inner HTTP/1.1\r\nHost: a\r\n\r\n12\r\n0\r\n\r\n"),
        ][..],
    );
    (method, target, with_body).prop_map(|(method, target, (framing, body))| {
        format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{framing}\r\n{body}").into_bytes()
    })
}

/// What is done to bytes.
fn change(bytes: &mut Vec<u8>, (at, other, odd, kind): (Index, Index, u8, u8)) {
    if bytes.is_empty() {
        return;
    }
    let (at, other) = (at.index(bytes.len()), other.index(bytes.len()));
    match kind {
        0 | 1 => bytes[at] = odd,
        2 | 3 => bytes.insert(at, odd),
        4 => drop(bytes.remove(at)),
        5 => bytes.truncate(at),
        _ => {
            let (from, to) = (at.min(other), at.max(other).min(at.min(other) + 24));
            let piece = bytes[from..to].to_vec();
            bytes.splice(to..to, piece);
        }
    }
}

fn with_cuts(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Input> {
    (bytes, prop::collection::vec(any::<Index>(), 0..3)).prop_map(|(bytes, cuts)| {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        Input { bytes, cuts }
    })
}

/// Several requests, with some bytes changed.
pub fn anything() -> impl Strategy<Value = Input> {
    let requests = prop::collection::vec(prop_oneof![2 => valid_request(), 3 => request()], 1..4);
    let changes = prop::collection::vec((any::<Index>(), any::<Index>(), select(ODD), 0..7u8), 0..3);
    with_cuts((requests, changes).prop_map(|(requests, changes)| {
        let mut bytes = requests.concat();
        changes.into_iter().for_each(|it| change(&mut bytes, it));
        bytes
    }))
}

/// Several requests without fault.
pub fn valid() -> impl Strategy<Value = Input> {
    with_cuts(prop::collection::vec(valid_request(), 1..6).prop_map(|requests| requests.concat()))
}
