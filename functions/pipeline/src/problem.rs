//! Errors as clients see them: `application/problem+json` (RFC 9457) that says nothing about the inside.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode, response};
use serde::Serialize;

/// A response with `status` whose body says what went wrong in words meant for clients.
pub fn response(status: StatusCode, detail: &str) -> (response::Parts, Bytes) {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = status;
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        head.headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    (head, body(None, status, detail, &[]))
}

/// The body of a problem. `kind` is its type, if it has one, and `violated_policies` those that a request exceeds
/// (draft-ietf-httpapi-ratelimit-headers-10 section 6.1).
pub(crate) fn body(kind: Option<&str>, status: StatusCode, detail: &str, violated_policies: &[&str]) -> Bytes {
    let title = status.canonical_reason().unwrap_or("Error");
    let problem = Problem { kind, title, status: status.as_u16(), detail, violated_policies };
    // Texts and numbers always have a form in JSON.
    serde_json::to_vec(&problem).unwrap_or_default().into()
}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(rename = "violated-policies", skip_serializing_if = "<[_]>::is_empty")]
    violated_policies: &'a [&'a str],
}
