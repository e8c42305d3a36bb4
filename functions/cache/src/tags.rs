//! Tags: names that many responses share, to purge them by (`Surrogate-Key`, `Cache-Tag`, and Cache Groups, RFC 9875).

use std::sync::Arc;

use http::HeaderMap;

/// The tags of a response: words of `Surrogate-Key`, members of `Cache-Tag`, and `Cache-Groups`, which belong to an
/// origin (scheme, host and port of `url`) and are written `group ORIGIN NAME`. Each once, at most 1,024 of at most 256
/// bytes.
pub fn tags_of(headers: &HeaderMap, url: &str) -> Vec<Arc<str>> {
    let _ = (headers, url);
    Vec::new()
}

/// The tags of the groups that a response to an unsafe request invalidates: `Cache-Group-Invalidation`.
pub fn groups_of(headers: &HeaderMap, url: &str) -> Vec<Arc<str>> {
    let _ = (headers, url);
    Vec::new()
}
