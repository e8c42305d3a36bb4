//! Compression on the way into the store: once for each encoding, and each decodes to what the origin sent.

use std::io::Read;

use harness::{Answer, Host, Trial, tests};

use super::{Origin, ask, edge, is_hit, is_no_hit, response};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_cache",
        needs [],
        each_client_gets_the_encoding_it_likes_best,
        what_is_compressed_already_is_left_alone,
        parts_are_parts_of_what_was_compressed,
        what_was_compressed_is_still_valid,
    )
}

/// Text that repeats itself, but not exactly.
fn text() -> String {
    (0_u32..20_000).map(|n| format!("word{} ", n.wrapping_mul(2_654_435_761) % 977)).collect()
}

fn decode(answer: &Answer) -> Vec<u8> {
    let (mut body, bytes) = (Vec::new(), &answer.body[..]);
    match answer.header("content-encoding") {
        None => body.extend(bytes),
        Some("gzip") => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut body).unwrap()),
        Some("br") => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut body).unwrap()),
        Some("zstd") => drop(zstd::Decoder::new(bytes).unwrap().read_to_end(&mut body).unwrap()),
        Some(other) => panic!("{other}"),
    }
    body
}

const FIELDS: &str = "cache-control: max-age=60\netag: \"e\"\ncontent-type: text/html";

fn serving(text: String, fields: &'static str) -> (Origin, Host) {
    let origin = Origin::answering(move |_, _| response(fields, &text));
    let host = edge(&origin.server, "compress = true").start();
    (origin, host)
}

fn each_client_gets_the_encoding_it_likes_best() {
    let text = text();
    let (origin, host) = serving(text.clone(), FIELDS);
    // What a client takes, what it gets, and how often the origin was asked by then.
    for (accepted, encoding, asked) in [
        ("gzip", Some("gzip"), 1),
        ("gzip;q=0.5, br", Some("br"), 2),
        ("gzip, deflate, br, zstd", Some("zstd"), 3),
        ("", None, 4),
        ("identity", None, 4),
        ("zstd;q=0, gzip;q=0.1", Some("gzip"), 4),
        ("br;q=1.0, *;q=0.1", Some("br"), 4),
        ("*", Some("zstd"), 4),
        ("deflate", None, 4),
        ("gzip;q=0.2, identity", None, 4),
    ] {
        for _ in 0..2 {
            let answer = ask(&host, "/", &[("accept-encoding", accepted)]);
            let case = format!("{accepted:?}: {:?}", answer.headers);
            assert_eq!(answer.header("content-encoding"), encoding, "{case}");
            assert_eq!(answer.header("etag"), Some(if encoding.is_some() { "W/\"e\"" } else { "\"e\"" }), "{case}");
            assert!(answer.header("vary").is_some_and(|vary| vary.eq_ignore_ascii_case("accept-encoding")), "{case}");
            assert!(decode(&answer) == text.as_bytes(), "{case}");
            assert!(encoding.is_none() || answer.body.len() < text.len() / 2, "{case}");
            assert_eq!(origin.asked(), asked, "{case}");
        }
        is_hit(&ask(&host, "/", &[("accept-encoding", accepted)]));
    }
}

fn what_is_compressed_already_is_left_alone() {
    for fields in [
        "cache-control: max-age=60\ncontent-type: text/html\ncontent-encoding: x-own\nvary: accept-encoding",
        "cache-control: max-age=60, no-transform\ncontent-type: text/html",
        "cache-control: max-age=60\ncontent-type: image/jpeg",
    ] {
        let (_origin, host) = serving(text(), fields);
        for _ in 0..2 {
            let answer = ask(&host, "/", &[("accept-encoding", "zstd, br, gzip")]);
            assert!(answer.body == text().as_bytes(), "{fields}");
            let own = fields.contains("x-own").then_some("x-own");
            assert_eq!(answer.header("content-encoding"), own, "{fields}");
        }
    }
}

fn parts_are_parts_of_what_was_compressed() {
    let (origin, host) = serving(text(), FIELDS);
    for encoding in ["gzip", "br", "zstd"] {
        let accepted = ("accept-encoding", encoding);
        let whole = ask(&host, "/", &[accepted]);
        let part = ask(&host, "/", &[accepted, ("range", "bytes=5-14")]);
        assert_eq!((part.status, &part.body[..]), (206, &whole.body[5..15]), "{encoding}");
        assert_eq!(part.header("content-encoding"), Some(encoding));
        let length = whole.body.len();
        assert_eq!(part.header("content-range"), Some(&*format!("bytes 5-14/{length}")));
        // RFC 9110 section 13.1.5: a weak validator vouches for no bytes.
        let whole_again = ask(&host, "/", &[accepted, ("range", "bytes=5-14"), ("if-range", "W/\"e\"")]);
        assert_eq!((whole_again.status, whole_again.body), (200, whole.body));
    }
    assert_eq!(origin.asked(), 3);
}

fn what_was_compressed_is_still_valid() {
    let text = text();
    let sent = text.clone();
    let origin = Origin::answering(move |request, _| {
        // The origin knows its own validator alone, and compares weakly (RFC 9110 section 13.1.2).
        match request.header("if-none-match") {
            Some("\"e\"" | "W/\"e\"") => b"HTTP/1.1 304 Not Modified\r\netag: \"e\"\r\n\r\n".to_vec(),
            _ => response("cache-control: no-cache\netag: \"e\"\ncontent-type: text/html", &sent),
        }
    });
    let host = edge(&origin.server, "compress = true").start();
    for number in 1..=3 {
        let answer = ask(&host, "/", &[("accept-encoding", "br")]);
        assert!(answer.status == 200 && decode(&answer) == text.as_bytes());
        assert_eq!((answer.header("content-encoding"), answer.header("etag")), (Some("br"), Some("W/\"e\"")));
        is_no_hit(&answer);
        assert_eq!(origin.asked(), number);
    }
    host.wait_for_metric(super::RESULTS, &[("result", "validated")], 2.0);
    let validated = ask(&host, "/", &[("accept-encoding", "br"), ("if-none-match", "W/\"e\"")]);
    assert_eq!((validated.status, &validated.body[..]), (304, &b""[..]));
}
