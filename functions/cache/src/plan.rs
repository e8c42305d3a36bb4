//! What an operator says about caching: for one route.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, StatusCode};
use ipnet::IpNet;

use crate::{Coding, Recipe};

/// How the responses of a route are cached. [`Plan::default`] is RFC 9111 and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Freshness of responses that say nothing of it, and that are cacheable by default (RFC 9110 section 15.1).
    /// None: heuristics.
    pub default_ttl: Option<Duration>,
    /// Freshness whatever the origin says. What it forbids to store (`no-store`, `private`) stays forbidden.
    pub override_ttl: Option<Duration>,
    /// Freshness of responses that say nothing of it, by status, the first that fits; also for statuses that are not
    /// cacheable by default: negative caching.
    pub status_ttl: Vec<StatusTtl>,
    /// No lifetime is longer than this, whoever says it.
    pub max_ttl: Duration,
    /// Whether freshness is guessed from `Last-Modified` when nobody says it (RFC 9111 section 4.2.2).
    pub heuristics: bool,
    /// While a newer one is fetched, a stale response is used for this long, if the origin does not say how long
    /// (RFC 5861 section 3).
    pub stale_while_revalidate: Duration,
    /// When none can be fetched, the same (RFC 5861 section 4).
    pub stale_if_error: Duration,
    /// What makes a key.
    pub recipe: Recipe,
    /// What is made of request fields before they choose among variants.
    pub normal: Normal,
    /// Requests that pass by the cache.
    pub bypass: Vec<Condition>,
    /// Cookies that mark signed-in users. Their requests pass by, unless the cookie is part of the key.
    pub session_cookies: Vec<Arc<str>>,
    /// What becomes of responses with `Set-Cookie`.
    pub set_cookie: SetCookie,
    /// Whether directives in requests count (RFC 9111 section 5.2.1): they are advisory.
    pub client_directives: bool,
    /// Targeted fields that stand in for Cache-Control, the first one that is there (RFC 9213), in this order.
    pub targets: Vec<HeaderName>,
    /// Largest body that is stored, in bytes.
    pub max_body: u64,
    /// How long a request waits for the head of a response that somebody else is fetching.
    pub wait: Duration,
    /// What is compressed before it is stored; none: nothing.
    pub compress: Option<Compress>,
    /// Whether Cache-Status says the key and details, and tags are left in responses.
    pub debug: bool,
    /// Networks whose `PURGE` requests are obeyed; empty: nobody's.
    pub purge_from: Vec<IpNet>,
}

/// A lifetime for some statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusTtl {
    /// The first status it is for.
    pub first: u16,
    /// The last one.
    pub last: u16,
    /// How long such responses are fresh. Zero: they are not stored.
    pub ttl: Duration,
}

impl StatusTtl {
    /// Whether it is for this status.
    pub fn fits(&self, status: StatusCode) -> bool {
        (self.first..=self.last).contains(&status.as_u16())
    }
}

/// What is made of request fields, for upstreams and for the choice among variants: many ways to say the same become
/// one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Normal {
    /// `Accept-Encoding` becomes the best of these that the client takes, or `identity`. Empty: it is left alone.
    pub codings: Vec<Coding>,
    /// `Accept-Language` becomes the best of these that the client takes, or the first. Empty: it is left alone.
    pub languages: Vec<Arc<str>>,
}

/// A request that passes by the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has this field, of this value if there is one.
    Header(HeaderName, Option<Arc<str>>),
    /// It has this cookie, of this value if there is one.
    Cookie(Arc<str>, Option<Arc<str>>),
    /// It has this query parameter, of this value if there is one.
    Query(Arc<str>, Option<Arc<str>>),
}

/// What becomes of responses with `Set-Cookie`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetCookie {
    /// They are one user's own: not stored.
    #[default]
    Pass,
    /// They are stored without it. The client that caused the fetch gets it.
    Strip,
}

/// What is compressed on the way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compress {
    /// Into what: the best of these that the client takes. [`Normal::codings`] is the same then.
    pub codings: Vec<Coding>,
    /// Bodies below this many bytes are not worth it.
    pub min_size: u64,
    /// Media types, `text/*` or `application/json`, in lower case.
    pub types: Vec<Arc<str>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            default_ttl: None,
            override_ttl: None,
            status_ttl: Vec::new(),
            max_ttl: Duration::from_secs(365 * 24 * 3600),
            heuristics: true,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            recipe: Recipe::default(),
            normal: Normal::default(),
            bypass: Vec::new(),
            session_cookies: Vec::new(),
            set_cookie: SetCookie::Pass,
            client_directives: true,
            targets: vec![HeaderName::from_static("surrogate-control"), HeaderName::from_static("cdn-cache-control")],
            max_body: 16 << 20,
            wait: Duration::from_secs(5),
            compress: None,
            debug: false,
            purge_from: Vec::new(),
        }
    }
}
