//! What is wrong with a request that goes no further.

use http::StatusCode;
use tidegate_core::Reason;

use crate::rescue::Row;

/// Why a request is sent nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A method that is not for edges: CONNECT, TRACE.
    Method,
    /// A target that is none of those in RFC 9112 section 3.2, or not one for this method.
    Target,
    /// No host, two, or none that could exist (RFC 9112 section 3.2).
    Host,
    /// `.` or `..` in the path, in whatever disguise: what it means would depend on who reads it.
    DotSegment,
    /// A Content-Length that is no number, or two.
    ContentLength,
    /// An expectation other than `100-continue` (RFC 9110 section 10.1.1).
    Expectation,
    /// No route fits.
    NoRoute,
    /// The route's rewrite or redirect would lead elsewhere than it means.
    Rewrite,
    /// It went through here too often (RFC 9110 section 7.6.3).
    Loop,
    /// It takes only what is stored (`only-if-cached`), and nothing is (RFC 9111 section 5.2.1.7).
    OnlyIfCached,
    /// It would purge what is not its client's to purge.
    Purge,
    /// A limit refuses whom it counts.
    Denied,
    /// A limit cannot tell whom to count.
    KeyMissing,
    /// More than a quota allows (RFC 6585 section 4).
    OverQuota,
    /// More are in flight than a limit allows.
    InFlight,
    /// Nobody knows whether a quota allows it, and its limit is closed then.
    LimitStore,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Method,
        Self::Target,
        Self::Host,
        Self::DotSegment,
        Self::ContentLength,
        Self::Expectation,
        Self::NoRoute,
        Self::Rewrite,
        Self::Loop,
        Self::OnlyIfCached,
        Self::Purge,
        Self::Denied,
        Self::KeyMissing,
        Self::OverQuota,
        Self::InFlight,
        Self::LimitStore,
    ];

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.row().status
    }

    /// The error's name in `Proxy-Status` (RFC 9209 section 2.3).
    pub fn proxy_error(&self) -> &'static str {
        self.row().proxy_error
    }

    /// The reason, for logs and metrics.
    pub fn reason(&self) -> Reason {
        self.row().reason
    }

    /// What clients are told.
    pub fn detail(&self) -> &'static str {
        self.row().detail
    }

    pub(crate) fn row(&self) -> Row {
        use StatusCode as S;
        let (error, denied) = ("http_request_error", "http_request_denied");
        match self {
            Self::Method => Row::new(S::METHOD_NOT_ALLOWED, error, "checks/method", "the method is not allowed here"),
            Self::Target => Row::new(S::BAD_REQUEST, error, "checks/target", "the request target is not valid"),
            Self::Host => Row::new(S::BAD_REQUEST, error, "checks/host", "the host is missing or not valid"),
            Self::DotSegment => Row::new(S::BAD_REQUEST, error, "checks/dot-segment", "the path has a dot segment"),
            Self::ContentLength => {
                Row::new(S::BAD_REQUEST, error, "checks/content-length", "the content length is not valid")
            }
            Self::Expectation => {
                Row::new(S::EXPECTATION_FAILED, error, "checks/expectation", "the expectation cannot be met")
            }
            Self::NoRoute => Row::new(S::NOT_FOUND, "destination_not_found", "route/no-match", "no route leads there"),
            Self::Rewrite => Row::new(S::BAD_REQUEST, error, "route/rewrite", "the path cannot be rewritten"),
            Self::Loop => {
                Row::new(S::LOOP_DETECTED, "proxy_loop_detected", "proxy/loop", "the request goes in a circle")
            }
            Self::OnlyIfCached => {
                Row::new(S::GATEWAY_TIMEOUT, error, "cache/only-if-cached", "nothing is stored that could be used")
            }
            Self::Purge => {
                Row::new(S::FORBIDDEN, denied, "cache/purge-denied", "this client may not purge what is stored")
            }
            Self::Denied => Row::new(S::FORBIDDEN, denied, "limit/denied", "this client is not let in"),
            Self::KeyMissing => {
                Row::new(S::FORBIDDEN, denied, "limit/key-missing", "the request does not say whom it is from")
            }
            Self::OverQuota => {
                Row::new(S::TOO_MANY_REQUESTS, denied, "limit/over-quota", "more requests than are allowed")
            }
            Self::InFlight => {
                Row::new(S::TOO_MANY_REQUESTS, denied, "limit/in-flight", "more requests at a time than are allowed")
            }
            Self::LimitStore => {
                Row::new(S::SERVICE_UNAVAILABLE, "proxy_internal_error", "limit/store-down", "try again later")
            }
        }
    }
}
