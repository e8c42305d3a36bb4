//! `Max-Forwards`: how far an OPTIONS request may go (RFC 9110 section 7.6.2).

use http::header::MAX_FORWARDS;
use http::{HeaderMap, HeaderValue};

/// Counts down. False if the request may go no further. What is no number is left alone.
pub(super) fn forward(headers: &mut HeaderMap) -> bool {
    let Some(left) = headers.get(MAX_FORWARDS).and_then(super::number) else { return true };
    if left == 0 {
        return false;
    }
    headers.insert(MAX_FORWARDS, HeaderValue::from(left - 1));
    true
}
