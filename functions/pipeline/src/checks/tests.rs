use http::Request;

use super::*;

type Fields<'a> = &'a [(&'a str, &'a str)];

fn request(method: &str, target: &str, version: Version, lines: Fields) -> request::Parts {
    let mut builder = Request::builder().method(method).uri(target).version(version);
    for (name, value) in lines {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

const V10: Version = Version::HTTP_10;
const V11: Version = Version::HTTP_11;
const V2: Version = Version::HTTP_2;

#[test]
fn what_passes() {
    // method, target, version, fields; then: target, host
    type Row<'a> = (&'a str, &'a str, Version, Fields<'a>, &'a str, Option<&'a str>);
    let table: &[Row] = &[
        ("GET", "/a?b=c", V11, &[("host", "A.example")], "/a?b=c", Some("A.example")),
        ("GET", "/", V10, &[], "/", None),
        ("GET", "/", V11, &[("host", "")], "/", Some("")),
        ("POST", "/", V10, &[("expect", "100-continue")], "/", None),
        ("GET", "/", V10, &[("host", "a")], "/", Some("a")),
        // RFC 9112 section 3.2.2: absolute form wins.
        ("GET", "http://b.example:81/x?y", V11, &[("host", "a.example")], "/x?y", Some("b.example:81")),
        ("GET", "http://b.example", V10, &[], "/", Some("b.example")),
        ("GET", "http://b.example?y", V11, &[("host", "a")], "/?y", Some("b.example")),
        ("GET", "https://b.example/x", V2, &[], "/x", Some("b.example")),
        ("GET", "https://b.example/x", V2, &[("host", "B.example")], "/x", Some("b.example")),
        ("POST", "/", V11, &[("host", "a"), ("content-length", "5"), ("expect", "100-Continue")], "/", Some("a")),
        ("OPTIONS", "/", V11, &[("host", "a"), ("max-forwards", "soon")], "/", Some("a")),
    ];
    for (method, target, version, lines, sent, host) in table {
        let mut parts = request(method, target, *version, lines);
        assert_eq!(check(ChecksConfig::default(), &mut parts), Ok(None), "{method} {target} {lines:?}");
        assert_eq!(parts.uri, *sent);
        assert_eq!(parts.headers.get(HOST).map(|host| host.to_str().unwrap()), *host);
        assert!(!parts.headers.contains_key(EXPECT) || *version == V11);
    }
}

#[test]
fn dot_segments_may_pass() {
    let mut parts = request("GET", "/a/%2e%2e/b", V11, &[("host", "a")]);
    assert_eq!(check(ChecksConfig { dot_segments: DotSegments::Pass }, &mut parts), Ok(None));
    assert_eq!(parts.uri, "/a/%2e%2e/b");
}

#[test]
fn what_is_refused() {
    let host = ("host", "a");
    type Row<'a> = (&'a str, &'a str, Version, Fields<'a>, Refusal);
    let table: &[Row] = &[
        ("CONNECT", "a.example:443", V11, &[host], Refusal::Method),
        ("TRACE", "/", V11, &[host], Refusal::Method),
        ("GET", "*", V11, &[host], Refusal::Target),
        ("GET", "a.example:443", V11, &[host], Refusal::Target),
        ("GET", "ftp://a/", V11, &[host], Refusal::Target),
        ("GET", "/", V11, &[], Refusal::Host),
        ("GET", "http://a/", V11, &[], Refusal::Host),
        ("GET", "/", V11, &[host, host], Refusal::Host),
        ("GET", "http://a/", V11, &[host, host], Refusal::Host),
        ("GET", "http://u:p@a/", V11, &[host], Refusal::Host),
        ("GET", "/", V11, &[("host", "a b")], Refusal::Host),
        ("GET", "/", V10, &[("host", "a@b")], Refusal::Host),
        ("GET", "/", V2, &[], Refusal::Host),
        ("GET", "https://a/", V2, &[("host", "b")], Refusal::Host),
        ("OPTIONS", "*", V11, &[], Refusal::Host),
        ("GET", "/a/%2E./b", V11, &[host], Refusal::DotSegment),
        ("GET", "http://a/../b", V11, &[host], Refusal::DotSegment),
        ("POST", "/", V11, &[host, ("content-length", "+5")], Refusal::ContentLength),
        ("POST", "/", V11, &[host, ("content-length", "5, 5")], Refusal::ContentLength),
        ("POST", "/", V11, &[host, ("content-length", "5"), ("content-length", "5")], Refusal::ContentLength),
        ("POST", "/", V11, &[host, ("content-length", "99999999999999999999")], Refusal::ContentLength),
        ("POST", "/", V11, &[host, ("expect", "a-miracle")], Refusal::Expectation),
    ];
    for (method, target, version, lines, refusal) in table {
        let mut parts = request(method, target, *version, lines);
        assert_eq!(
            check(ChecksConfig::default(), &mut parts),
            Err(*refusal),
            "{method} {target} {version:?} {lines:?}"
        );
    }
}

#[test]
fn options_may_be_for_us() {
    let host = ("host", "a");
    type Row<'a> = (&'a str, Fields<'a>, Option<StatusCode>, Option<&'a str>);
    let table: &[Row] = &[
        ("*", &[host], Some(StatusCode::NO_CONTENT), None),
        ("/", &[host, ("max-forwards", "0")], Some(StatusCode::NO_CONTENT), Some("0")),
        ("/", &[host, ("max-forwards", "3")], None, Some("2")),
        ("/", &[host], None, None),
    ];
    for (target, lines, answer, left) in table {
        let mut parts = request("OPTIONS", target, V11, lines);
        assert_eq!(check(ChecksConfig::default(), &mut parts), Ok(*answer), "{target} {lines:?}");
        assert_eq!(parts.headers.get(MAX).map(|left| left.to_str().unwrap()), *left);
    }
}

const MAX: http::HeaderName = http::header::MAX_FORWARDS;

#[test]
fn a_length_beside_transfer_encoding_does_not_count() {
    let mut parts =
        request("POST", "/", V11, &[("host", "a"), ("content-length", "5"), ("transfer-encoding", "chunked")]);
    assert_eq!(check(ChecksConfig::default(), &mut parts), Ok(None));
    assert_eq!(declared_length(&parts), None);
}

#[test]
fn cookies_are_one_field() {
    let mut parts = request("GET", "https://a/", V2, &[("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")]);
    assert_eq!(check(ChecksConfig::default(), &mut parts), Ok(None));
    assert_eq!(parts.headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
}
