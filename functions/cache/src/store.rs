//! Which requests may be answered from the store, and which responses may go there: a cautious minimum.

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, RANGE, SET_COOKIE, TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{HeaderName, Method, StatusCode, response};
use tidegate_core::members;

/// Whether a request may be answered from the store, and its response be shared with others.
///
/// Not one that identifies a user by `Authorization` (RFC 9111 section 3.5); not one for a part of a resource, on a
/// condition that could fail, or with a body, for its response would be no answer for others; not one that wants another
/// protocol. What it says in Cache-Control is not heard: those directives are advisory (RFC 9111 section 5.2.1), and
/// whoever reloads would ask the origin.
pub fn may_look(method: &Method, headers: &HeaderMap) -> bool {
    const OWN: [HeaderName; 7] =
        [AUTHORIZATION, RANGE, IF_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE, TRANSFER_ENCODING, UPGRADE];
    matches!(*method, Method::GET | Method::HEAD)
        && !OWN.iter().any(|name| headers.contains_key(name))
        && headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0")
}

/// Makes a request's response one for others: without the conditions by which it would be "not modified", as it is for
/// this client alone. A whole response is an answer to them as well (RFC 9110 section 13.1.2). There is no body either.
pub fn generalize(headers: &mut HeaderMap) {
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, CONTENT_LENGTH] {
        headers.remove(name);
    }
}

/// Whether the response to a request that [`may_look`] may be stored and given to others (RFC 9111 section 3).
///
/// Only a whole representation without a sign that it is one user's own.
pub fn may_store(method: &Method, head: &response::Parts) -> bool {
    *method == Method::GET
        && head.status == StatusCode::OK
        && !head.headers.contains_key(SET_COOKIE)
        && !head.headers.contains_key(VARY)
        && !has_directive(&head.headers, &["no-store", "no-cache", "private"])
}

/// Whether `Cache-Control` has one of these directives, with an argument or without.
fn has_directive(headers: &HeaderMap, directives: &[&str]) -> bool {
    let fields = headers.get_all(CACHE_CONTROL).iter();
    let mut given = fields.flat_map(members).map(|directive| {
        let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.trim_ascii()
    });
    given.any(|given| directives.iter().any(|directive| given.eq_ignore_ascii_case(directive.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields<'a> = &'a [(&'static str, &'a str)];

    fn headers(lines: Fields) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn requests() {
        let table: &[(Method, Fields, bool)] = &[
            (Method::GET, &[], true),
            (Method::HEAD, &[("cookie", "a=1")], true),
            (Method::POST, &[], false),
            (Method::GET, &[("authorization", "Bearer x")], false),
            (Method::GET, &[("range", "bytes=0-1")], false),
            (Method::GET, &[("content-length", "5")], false),
            (Method::GET, &[("content-length", "0")], true),
            (Method::GET, &[("transfer-encoding", "chunked")], false),
            (Method::GET, &[("connection", "upgrade"), ("upgrade", "websocket")], false),
            (Method::GET, &[("if-match", "\"a\"")], false),
            (Method::GET, &[("if-none-match", "\"a\""), ("cache-control", "no-cache")], true),
        ];
        for (method, lines, expected) in table {
            assert_eq!(may_look(method, &headers(lines)), *expected, "{method} {lines:?}");
        }
    }

    #[test]
    fn responses() {
        let table: &[(Method, u16, Fields, bool)] = &[
            (Method::GET, 200, &[], true),
            (Method::GET, 200, &[("cache-control", "public, max-age=60")], true),
            (Method::HEAD, 200, &[], false),
            (Method::GET, 206, &[], false),
            (Method::GET, 404, &[], false),
            (Method::GET, 200, &[("set-cookie", "a=1")], false),
            (Method::GET, 200, &[("vary", "accept-encoding")], false),
            (Method::GET, 200, &[("cache-control", "max-age=60"), ("cache-control", "Private=\"x\"")], false),
            (Method::GET, 200, &[("cache-control", "x=1,no-store")], false),
            (Method::GET, 200, &[("cache-control", "not-private")], true),
        ];
        for (method, status, lines, expected) in table {
            let (mut head, ()) = http::Response::new(()).into_parts();
            head.status = StatusCode::from_u16(*status).unwrap();
            head.headers = headers(lines);
            assert_eq!(may_store(method, &head), *expected, "{method} {status} {lines:?}");
        }
    }
}
