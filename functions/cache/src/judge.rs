//! What a stored response is good for, for this request, now (RFC 9111 section 4).

use http::StatusCode;
use tidegate_core::Timestamp;

use crate::{Stored, Wish};

/// What is to be done with a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It is the answer. It may be stale, if the client takes that (`max-stale`).
    Answer,
    /// It is the answer, and a newer one is to be fetched after it (RFC 5861 section 3).
    AnswerThenRefresh,
    /// It is no answer before the origin was asked, because it is stale: [`crate::Forward::Stale`].
    Stale,
    /// The same, because the request or the response wants the origin to be asked: [`crate::Forward::Request`].
    Asked,
}

/// What a stored response is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is to be done with it.
    pub reuse: Reuse,
    /// How long it is still fresh, in seconds; negative: for how long it has not been.
    pub ttl_s: i64,
}

/// Judges a stored response that [matches](Stored::matches). `is_purged`: it was purged softly, and counts as stale.
pub fn judge(wish: &Wish, stored: &Stored, is_purged: bool, now: Timestamp) -> Judgement {
    let _ = (wish, stored, is_purged, now);
    Judgement { reuse: Reuse::Stale, ttl_s: 0 }
}

/// Whether a stored response may stand in for one that could not be fetched, or that came with this status
/// (RFC 5861 section 4, RFC 9111 section 4.2.4).
pub fn serves_on_error(wish: &Wish, stored: &Stored, status: Option<StatusCode>, now: Timestamp) -> bool {
    let _ = (wish, stored, status, now);
    false
}
