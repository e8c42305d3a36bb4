//! Fields that belong to one connection and go no further (RFC 9110 section 7.6.1).

use http::header::{
    self, ACCEPT_RANGES, AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, COOKIE, DATE, ETAG, EXPIRES, FORWARDED, HOST, LAST_MODIFIED, LOCATION, RANGE,
    SET_COOKIE, TE, TRAILER, UPGRADE, VARY, VIA, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_core::members;

/// Always hop-by-hop, whether or not Connection names them. Trailer is not: it says what comes after the body.
/// Proxy-Authorization and its kin are between a client and its own proxy (RFC 9110 section 11.7), which we are not.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    // By text: that is a jump by length, and a field of another one is out at once.
    matches!(
        name.as_str(),
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authentication-info"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Fields for the recipient, which no sender may name in Connection. If one does, it wants them away: the host, the
/// user, who it is. It is not obeyed.
const END_TO_END: [HeaderName; 23] = [
    ACCEPT_RANGES,
    AGE,
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    COOKIE,
    DATE,
    ETAG,
    EXPIRES,
    FORWARDED,
    HOST,
    LAST_MODIFIED,
    LOCATION,
    RANGE,
    SET_COOKIE,
    TRAILER,
    VARY,
    VIA,
    WWW_AUTHENTICATE,
    header::PRAGMA,
];

/// Whether Connection may not name this field.
pub(crate) fn is_end_to_end(name: &HeaderName) -> bool {
    END_TO_END.contains(name) || name.as_str().starts_with("x-forwarded-")
}

/// Removes what belongs to the connection a message came on.
pub(crate) fn remove(headers: &mut HeaderMap) {
    // Empty for HTTP/2, and then nothing is allocated.
    let connection: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    // What nearly all of them say names no field, or one that goes anyway.
    let is_plain = |token: &&[u8]| token.eq_ignore_ascii_case(b"keep-alive") || token.eq_ignore_ascii_case(b"close");
    for token in connection.iter().flat_map(members).filter(|token| !is_plain(token)) {
        if let Ok(name) = HeaderName::from_bytes(token)
            && !is_end_to_end(&name)
        {
            headers.remove(name);
        }
    }
    remove_all(headers, is_hop_by_hop);
}

/// Removes all fields of a kind. One look at each: asking for each name there is would cost a hash of it.
pub(crate) fn remove_all(headers: &mut HeaderMap, is_wanted: impl Fn(&HeaderName) -> bool) {
    // Allocates only if there is one.
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_wanted(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// Whether a field's list has a token, in any case.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let mut all = headers.get_all(name).iter().flat_map(members);
    all.any(|given| given.eq_ignore_ascii_case(token.as_bytes()))
}

/// Whether the sender takes trailers (RFC 9110 section 10.1.4).
pub(crate) fn takes_trailers(headers: &HeaderMap) -> bool {
    has_token(headers, &TE, "trailers")
}

/// The one protocol that a request wants to change to, and may: in HTTP/1.1, by both fields. Not to HTTP/2, by which
/// requests would pass unseen.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    if !has_token(headers, &CONNECTION, "upgrade") {
        return None;
    }
    let mut fields = headers.get_all(UPGRADE).iter();
    let (Some(protocol), None) = (fields.next(), fields.next()) else { return None };
    let text = protocol.to_str().ok()?.trim();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(&byte);
    let is_one = !text.is_empty() && text.bytes().all(is_token);
    let is_http = ["h2c", "h2", "tls/", "http/"]
        .iter()
        .any(|other| text.get(..other.len()).is_some_and(|start| start.eq_ignore_ascii_case(other)));
    (is_one && !is_http).then(|| protocol.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields<'a> = &'a [(&'static str, &'a str)];

    fn headers(lines: Fields) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_goes_no_further() {
        let table: &[(Fields, &[&str])] = &[
            (&[("accept", "a"), ("trailer", "x"), ("cookie", "c")], &["accept", "trailer", "cookie"]),
            (&[("connection", "close")], &[]),
            (&[("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"), ("te", "gzip")], &[]),
            (&[("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("http2-settings", "AAA")], &[]),
            (&[("proxy-authorization", "x"), ("authorization", "y")], &["authorization"]),
            (&[("connection", "X-One , ,x-two"), ("x-one", "1"), ("x-two", "2"), ("x-three", "3")], &["x-three"]),
            (&[("connection", "close"), ("connection", "x-one"), ("x-one", "1"), ("x-one", "1")], &[]),
            // Asked to lose what says who and where.
            (
                &[
                    ("connection", "host, content-length, X-Forwarded-For, authorization"),
                    ("host", "a"),
                    ("content-length", "1"),
                    ("x-forwarded-for", "::1"),
                    ("authorization", "b"),
                ],
                &["host", "content-length", "x-forwarded-for", "authorization"],
            ),
            (&[("connection", "bad name, x-one;q=1"), ("x-one", "1")], &["x-one"]),
        ];
        for (before, after) in table {
            let mut headers = headers(before);
            remove(&mut headers);
            let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
            let mut after = after.to_vec();
            left.sort_unstable();
            after.sort_unstable();
            assert_eq!(left, after, "{before:?}");
        }
    }

    #[test]
    fn which_upgrades_pass() {
        let connection = ("connection", "keep-alive, Upgrade");
        let table: &[(Fields, Option<&str>)] = &[
            (&[connection, ("upgrade", "websocket")], Some("websocket")),
            (&[connection, ("upgrade", "WebSocket")], Some("WebSocket")),
            (&[connection, ("upgrade", "foo/2")], Some("foo/2")),
            (&[("upgrade", "websocket")], None),
            (&[("connection", "close"), ("upgrade", "websocket")], None),
            (&[connection], None),
            (&[connection, ("upgrade", "")], None),
            (&[connection, ("upgrade", "websocket, foo")], None),
            (&[connection, ("upgrade", "websocket"), ("upgrade", "foo")], None),
            (&[connection, ("upgrade", "h2c")], None),
            (&[connection, ("upgrade", "HTTP/2.0")], None),
            (&[connection, ("upgrade", "TLS/1.2")], None),
        ];
        for (lines, expected) in table {
            let protocol = upgrade(&headers(lines));
            assert_eq!(protocol.as_ref().map(|value| value.to_str().unwrap()), *expected, "{lines:?}");
        }
    }

    #[test]
    fn trailers_are_taken_by_who_says_so() {
        for (te, expected) in [("trailers", true), ("gzip;q=0.5, Trailers", true), ("gzip", false), ("", false)] {
            assert_eq!(takes_trailers(&headers(&[("te", te)])), expected, "{te}");
        }
    }
}
