use http::Response;
use proptest::prelude::*;

use super::*;
use Coding::{Brotli, Gzip, Zstd};

fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines.split(" | ").filter_map(|line| line.split_once(": ")) {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

#[test]
fn negotiation() {
    // Accept-Encoding (lines parted by |), what is offered, what is chosen; RFC 9110 section 12.5.3
    let table: &[(&str, &[Coding], Option<Coding>)] = &[
        ("gzip, deflate, br, zstd", &Coding::ALL, Some(Zstd)),
        ("gzip, deflate, br", &Coding::ALL, Some(Brotli)),
        ("gzip, deflate, br", &[Gzip, Brotli], Some(Gzip)),
        ("gzip | br", &Coding::ALL, Some(Brotli)),
        ("GZIP", &Coding::ALL, Some(Gzip)),
        ("x-gzip", &Coding::ALL, Some(Gzip)),
        ("deflate", &Coding::ALL, None),
        ("gzip", &[], None),
        ("", &Coding::ALL, None),
        (" , ,", &Coding::ALL, None),
        // The client's weights come first (section 12.4.2).
        ("gzip;q=1.0, br;q=0.5", &Coding::ALL, Some(Gzip)),
        ("gzip;q=0.5, br;q=0.501", &Coding::ALL, Some(Brotli)),
        ("gzip;q=0.5, br;q=0.5009", &[Gzip, Brotli], Some(Gzip)),
        ("gzip;q=0", &Coding::ALL, None),
        ("gzip;q=0.000", &Coding::ALL, None),
        ("gzip;q=0.001", &Coding::ALL, Some(Gzip)),
        ("gzip ; q = 0.1 , br ;Q=0.2", &Coding::ALL, Some(Brotli)),
        ("gzip;x=1;q=0", &Coding::ALL, None),
        ("gzip;q=1.", &Coding::ALL, Some(Gzip)),
        ("gzip;q=.5", &Coding::ALL, Some(Gzip)),
        // Not valid: not taken, or 1 at most.
        ("gzip;q=", &Coding::ALL, None),
        ("gzip;q=-1", &Coding::ALL, None),
        ("gzip;q=high", &Coding::ALL, None),
        ("gzip;q=1,br;q=7", &[Gzip, Brotli], Some(Gzip)),
        ("gzip;q=99999999999999999999", &Coding::ALL, Some(Gzip)),
        // The first of several counts.
        ("gzip;q=0, gzip", &Coding::ALL, None),
        ("gzip, gzip;q=0", &Coding::ALL, Some(Gzip)),
        // "*" is what is not mentioned.
        ("*", &Coding::ALL, Some(Zstd)),
        ("*;q=0", &Coding::ALL, None),
        ("zstd;q=0, *", &Coding::ALL, Some(Brotli)),
        ("gzip;q=0.5, *;q=0.1", &Coding::ALL, Some(Gzip)),
        ("gzip, *;q=0", &Coding::ALL, Some(Gzip)),
        // "identity" counts by its weight.
        ("identity", &Coding::ALL, None),
        ("identity, gzip", &Coding::ALL, Some(Gzip)),
        ("identity, gzip;q=0.5", &Coding::ALL, None),
        ("identity;q=0.5, gzip;q=0.6", &Coding::ALL, Some(Gzip)),
        ("identity;q=0, gzip;q=0.1", &Coding::ALL, Some(Gzip)),
        ("identity;q=0", &Coding::ALL, None),
        ("*;q=0.5, identity;q=0.7", &Coding::ALL, None),
        ("*, identity;q=0", &Coding::ALL, Some(Zstd)),
    ];
    for (accepted, offered, chosen) in table {
        let mut request = HeaderMap::new();
        for line in accepted.split('|') {
            request.append(ACCEPT_ENCODING, line.parse().unwrap());
        }
        assert_eq!(negotiate(&request, offered), *chosen, "{accepted}");
    }
    assert_eq!(negotiate(&HeaderMap::new(), &Coding::ALL), None);
}

fn config() -> Compress {
    let types = ["text/*", "application/json", "image/svg+xml"].map(Into::into).to_vec();
    Compress { codings: vec![Brotli, Gzip], min_size: 100, types }
}

fn compressed(config: &Compress, status: u16, request: &str, response: &str) -> (Option<Coding>, HeaderMap) {
    let (mut head, ()) = Response::builder().status(status).body(()).unwrap().into_parts();
    head.headers = headers(response);
    let coding = compress(config, &headers(request), &mut head);
    (coding, head.headers)
}

#[test]
fn what_is_compressed() {
    // status, request, response, into what; otherwise it is left as it is
    let table = [
        (200, "accept-encoding: gzip", "content-type: text/html", Some(Gzip)),
        (200, "accept-encoding: gzip, br", "content-type: text/html", Some(Brotli)),
        (404, "accept-encoding: gzip", "content-type: text/html; charset=utf-8", Some(Gzip)),
        (200, "accept-encoding: gzip", "content-type: TEXT/Html;x", Some(Gzip)),
        (200, "accept-encoding: gzip", "content-type: application/json", Some(Gzip)),
        (200, "accept-encoding: gzip", "content-type: image/svg+xml", Some(Gzip)),
        (200, "accept-encoding: gzip", "content-type: text/html | content-length: 100", Some(Gzip)),
        (200, "accept-encoding: gzip", "content-type: text/html | content-encoding: identity", Some(Gzip)),
        (200, "accept-encoding: gzip", "content-type: text/html | cache-control: max-age=1", Some(Gzip)),
        // Too small, or who knows.
        (200, "accept-encoding: gzip", "content-type: text/html | content-length: 99", None),
        (200, "accept-encoding: gzip", "content-type: text/html | content-length: many", None),
        (200, "accept-encoding: gzip", "content-type: text/html | content-length: -1", None),
        // Not a type in the list.
        (200, "accept-encoding: gzip", "content-type: image/png", None),
        (200, "accept-encoding: gzip", "content-type: application/json5", None),
        (200, "accept-encoding: gzip", "content-type: texts/html", None),
        (200, "accept-encoding: gzip", "content-type: text", None),
        (200, "accept-encoding: gzip", "content-type: text/event-stream", None),
        (200, "accept-encoding: gzip", "x-a: 1", None),
        // Coded already (RFC 9110 section 8.4).
        (200, "accept-encoding: gzip", "content-type: text/html | content-encoding: br", None),
        (200, "accept-encoding: gzip", "content-type: text/html | content-encoding: identity, gzip", None),
        // RFC 9111 sections 5.2.1.6 and 5.2.2.6.
        (200, "accept-encoding: gzip", "content-type: text/html | cache-control: max-age=1, No-Transform", None),
        (200, "accept-encoding: gzip | cache-control: no-transform", "content-type: text/html", None),
        // No content, or not all of it.
        (204, "accept-encoding: gzip", "content-type: text/html", None),
        (205, "accept-encoding: gzip", "content-type: text/html", None),
        (206, "accept-encoding: gzip", "content-type: text/html | content-range: bytes 0-1/2", None),
        (200, "accept-encoding: gzip", "content-type: text/html | content-range: bytes 0-1/2", None),
        (304, "accept-encoding: gzip", "content-type: text/html", None),
        (103, "accept-encoding: gzip", "content-type: text/html", None),
    ];
    for (status, request, response, coding) in table {
        let (got, after) = compressed(&config(), status, request, response);
        assert_eq!(got, coding, "{response}");
        match coding {
            Some(coding) => assert_eq!(after["content-encoding"], coding.as_str()),
            None => assert_eq!(after, headers(response), "{response}"),
        }
    }
    let all = Compress { types: vec!["*/*".into()], ..config() };
    assert_eq!(compressed(&all, 200, "accept-encoding: gzip", "content-type: a/b").0, Some(Gzip));
    assert_eq!(compressed(&all, 200, "accept-encoding: gzip", "content-type: text/event-stream").0, None);
    let stream = Compress { types: vec!["text/event-stream".into()], ..config() };
    assert_eq!(compressed(&stream, 200, "accept-encoding: gzip", "content-type: text/event-stream").0, Some(Gzip));
}

#[test]
fn what_becomes_of_the_head() {
    // request, response, response then
    let table = [
        (
            "accept-encoding: gzip",
            "content-type: text/css | content-length: 1000 | accept-ranges: bytes | etag: \"1\" | content-md5: x \
             | content-digest: x | repr-digest: x | digest: x | last-modified: x | content-encoding: identity | x-a: 1",
            "content-type: text/css | etag: W/\"1\" | last-modified: x | content-encoding: gzip | vary: Accept-Encoding | x-a: 1",
        ),
        // RFC 9110 section 8.8.3: validators.
        (
            "accept-encoding: gzip",
            "content-type: text/css | etag: W/\"1\"",
            "content-type: text/css | etag: W/\"1\" | content-encoding: gzip | vary: Accept-Encoding",
        ),
        (
            "accept-encoding: gzip",
            "content-type: text/css | etag: 1",
            "content-type: text/css | content-encoding: gzip | vary: Accept-Encoding",
        ),
        // RFC 9110 section 12.5.5: what it varies by already.
        (
            "accept-encoding: gzip",
            "content-type: text/css | vary: x-a, accept-encoding",
            "content-type: text/css | vary: x-a, accept-encoding | content-encoding: gzip",
        ),
        (
            "accept-encoding: gzip",
            "content-type: text/css | vary: *",
            "content-type: text/css | vary: * | content-encoding: gzip",
        ),
        (
            "accept-encoding: gzip",
            "content-type: text/css | vary: x-a",
            "content-type: text/css | vary: x-a | vary: Accept-Encoding | content-encoding: gzip",
        ),
        // Not for this client, but for others.
        (
            "accept-encoding: deflate",
            "content-type: text/css | content-length: 1000 | etag: \"1\"",
            "content-type: text/css | content-length: 1000 | etag: \"1\" | vary: Accept-Encoding",
        ),
        ("x-a: 1", "content-type: text/css", "content-type: text/css | vary: Accept-Encoding"),
    ];
    for (request, before, after) in table {
        assert_eq!(compressed(&config(), 200, request, before).1, headers(after), "{before}");
    }
}

proptest! {
    /// What is chosen was offered, and is taken by a weight that none of the others has more of.
    #[test]
    fn the_best_one_is_chosen(
        weights in proptest::collection::vec((prop::sample::select(vec!["gzip", "br", "zstd", "identity", "*", "deflate"]), 0..=1_000_u16), 0..6),
        offered in prop::sample::subsequence(Coding::ALL.to_vec(), 0..=3),
    ) {
        let members: Vec<_> = weights.iter().map(|(name, weight)| format!("{name};q={}.{:03}", weight / 1_000, weight % 1_000)).collect();
        let request = HeaderMap::from_iter([(ACCEPT_ENCODING, members.join(", ").parse().unwrap())]);
        let of = |name: &str| weights.iter().find(|(named, _)| *named == name).map(|(_, weight)| *weight);
        let weight = |coding: Coding| of(coding.as_str()).or(of("*")).unwrap_or(0);
        let best = offered.iter().map(|coding| weight(*coding)).max().unwrap_or(0);
        match negotiate(&request, &offered) {
            Some(coding) => {
                prop_assert!(offered.contains(&coding));
                prop_assert!(weight(coding) == best && best > 0 && best >= of("identity").unwrap_or(0));
            }
            None => prop_assert!(best == 0 || of("identity") > Some(best)),
        }
    }

    #[test]
    fn nothing_panics(accepted in "[a-z*;=q0-9., \t]{0,40}", media_type in "[a-z/;* ]{0,20}", etag in "[a-zW/\"]{0,6}") {
        let request = format!("accept-encoding: {accepted}");
        let _ = compressed(&config(), 200, &request, &format!("content-type: {media_type} | etag: {etag}"));
    }
}
