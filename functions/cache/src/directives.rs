//! Cache-Control (RFC 9111 section 5.2), in requests and responses, and the fields that stand in for it (RFC 9213).

use std::time::Duration;

use http::HeaderMap;

use crate::Plan;

/// What a request says in Cache-Control.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// `no-store`
    pub no_store: bool,
    /// `no-cache`, or `Pragma: no-cache` without Cache-Control.
    pub no_cache: bool,
    /// `only-if-cached`
    pub only_if_cached: bool,
    /// `max-age`
    pub max_age: Option<Duration>,
    /// `min-fresh`
    pub min_fresh: Option<Duration>,
    /// `max-stale`; without an argument: [`Duration::MAX`].
    pub max_stale: Option<Duration>,
    /// `stale-if-error` (RFC 5861 section 4)
    pub stale_if_error: Option<Duration>,
}

/// What a response says about caching: in Cache-Control, or in a field for us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    pub no_store: bool,
    /// Without field names.
    pub no_cache: bool,
    /// With field names, in lower case.
    pub no_cache_fields: Vec<String>,
    /// Without field names.
    pub private: bool,
    /// With field names, in lower case.
    pub private_fields: Vec<String>,
    pub public: bool,
    pub must_revalidate: bool,
    pub proxy_revalidate: bool,
    pub must_understand: bool,
    pub no_transform: bool,
    pub immutable: bool,
    pub max_age: Option<Duration>,
    pub s_maxage: Option<Duration>,
    pub stale_while_revalidate: Option<Duration>,
    pub stale_if_error: Option<Duration>,
    /// Whether it was said in a field for us, so that `Cache-Control` and `Expires` do not count.
    pub is_targeted: bool,
}

impl RequestDirectives {
    /// What a request says.
    pub fn read(headers: &HeaderMap) -> Self {
        let _ = headers;
        Self::default()
    }
}

impl ResponseDirectives {
    /// What a response says to this cache.
    pub fn read(plan: &Plan, headers: &HeaderMap) -> Self {
        let _ = (plan, headers);
        Self::default()
    }
}
