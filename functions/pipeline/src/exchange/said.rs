//! What the response says about the cache: `Cache-Status` (RFC 9211).

use http::{HeaderMap, HeaderName, StatusCode};
use tidegate_cache::{Bypass, CacheStatus, Forward, Key, Plan};

use crate::Pipeline;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// Fields that are said to us alone.
const OURS: [HeaderName; 3] = [
    HeaderName::from_static("surrogate-control"),
    HeaderName::from_static("surrogate-key"),
    HeaderName::from_static("cache-tag"),
];

/// What the cache did with a request, in one word: for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheResult {
    /// Answered with what is stored, and fresh.
    Hit,
    /// Answered with what is stored, and stale.
    Stale,
    /// Answered with what is stored, after the origin was asked whether it is still good.
    Validated,
    /// Answered with what was fetched for somebody else.
    Collapsed,
    /// Fetched.
    Miss,
    /// Passed by.
    Bypass,
}

impl CacheResult {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [Self::Hit, Self::Stale, Self::Validated, Self::Collapsed, Self::Miss, Self::Bypass];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Validated => "validated",
            Self::Collapsed => "collapsed",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

/// What the cache did with a request so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Without the key.
    pub status: CacheStatus<'static>,
    pub key: Option<Key>,
    /// Whether a stale response stands in for one that could not be fetched.
    pub stands_in: bool,
}

impl Said {
    /// In one word; none if the cache had nothing to do with the request.
    pub fn result(&self) -> Option<CacheResult> {
        let status = &self.status;
        Some(match status.forward {
            _ if status.is_hit && status.ttl_s.is_some_and(|ttl| ttl <= 0) => CacheResult::Stale,
            _ if status.is_hit => CacheResult::Hit,
            None => return None,
            Some(_) if status.is_collapsed => CacheResult::Collapsed,
            Some(Forward::Bypass | Forward::Method) => CacheResult::Bypass,
            Some(_) if self.stands_in => CacheResult::Stale,
            Some(_) if status.is_stored && status.forward_status == Some(StatusCode::NOT_MODIFIED) => {
                CacheResult::Validated
            }
            Some(_) => CacheResult::Miss,
        })
    }

    pub fn bypass(&mut self, bypass: Bypass) {
        let (forward, detail) = match bypass {
            Bypass::Method => (Forward::Method, "cache/method"),
            Bypass::Request => (Forward::Bypass, "cache/request"),
            Bypass::Condition => (Forward::Bypass, "cache/condition"),
            Bypass::SignedIn => (Forward::Bypass, "cache/signed-in"),
            Bypass::Key => (Forward::Bypass, "cache/key-too-long"),
        };
        self.status.forward = Some(forward);
        self.status.detail = Some(detail);
    }

    /// Says it in a response of a route that has a cache.
    pub fn say(&self, pipeline: &Pipeline, plan: &Plan, status: StatusCode, headers: &mut HeaderMap) {
        if !plan.debug {
            for name in OURS {
                headers.remove(name);
            }
        }
        if !self.status.is_hit && self.status.forward.is_none() && self.key.is_none() {
            return;
        }
        let forward_status = self.status.forward_status;
        let said = CacheStatus {
            forward_status: forward_status.filter(|forwarded| *forwarded != status || status != StatusCode::OK),
            key: self.key.as_ref().filter(|_| plan.debug).map(Key::as_str),
            detail: self.status.detail.filter(|_| plan.debug),
            ..self.status
        };
        headers.append(CACHE_STATUS, said.to_value(pipeline.name()));
    }
}
