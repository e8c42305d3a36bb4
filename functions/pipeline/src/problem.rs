//! Errors as clients see them: `application/problem+json` (RFC 9457) that says nothing about the inside.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode, response};

/// A response with `status` whose body says what went wrong in words meant for clients.
pub fn response(status: StatusCode, detail: &str) -> (response::Parts, Bytes) {
    let problem = serde_json::json!({
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": detail,
    });
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = status;
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        head.headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    (head, problem.to_string().into())
}
