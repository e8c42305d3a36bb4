//! Conditional requests: the client's, answered from what is stored, and ours, by which what is stored is validated
//! (RFC 9111 section 4.3, RFC 9110 section 13).

use http::HeaderMap;

use crate::{Plan, Received, Stored, Wish};

/// Whether the client has this representation already: then the answer is 304 (RFC 9110 section 13.2.2). Only for what
/// would be 200 otherwise.
pub fn is_not_modified(request: &HeaderMap, stored: &Stored) -> bool {
    let _ = (request, stored);
    false
}

/// Makes a request one for others, or a validation of what is stored: without the client's conditions, and with those
/// that follow from `stored` (RFC 9111 section 4.3.1). Range is left to a request that asks for a part, if `keeps_range`.
/// Whether it has a condition now.
pub fn set_validators(request: &mut HeaderMap, stored: Option<&Stored>, keeps_range: bool) -> bool {
    let _ = (request, stored, keeps_range);
    false
}

/// What is stored, freshened by a 304 (RFC 9111 sections 3.2 and 4.3.4). None: the 304 is of something else.
pub fn renew(plan: &Plan, wish: &Wish, stored: &Stored, received: Received<'_>) -> Option<Stored> {
    let _ = (plan, wish, stored, received);
    None
}
