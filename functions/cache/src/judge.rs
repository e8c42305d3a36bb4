//! What a stored response is good for, for this request, now (RFC 9111 section 4).

use std::time::Duration;

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

/// Judges a stored response that [matches](Stored::matches). `is_purged`: it was purged softly, and counts as stale:
/// as if its lifetime had ended just now.
pub fn judge(wish: &Wish, stored: &Stored, is_purged: bool, now: Timestamp) -> Judgement {
    let age = milliseconds(stored.age(now));
    let lifetime = milliseconds(stored.fresh_for);
    let left = if is_purged { lifetime.min(age) } else { lifetime } - age;
    Judgement { reuse: reuse(wish, stored, age, left), ttl_s: left.div_euclid(1000) }
}

/// `left` is how long it is still fresh. All in milliseconds.
fn reuse(wish: &Wish, stored: &Stored, age: i64, left: i64) -> Reuse {
    let asked = &wish.directives;
    if stored.no_cache || asked.no_cache {
        return Reuse::Asked;
    }
    // RFC 9111 section 5.2.1.1. Who takes nothing that is older than now wants the origin to be asked.
    let is_too_old = asked.max_age.is_some_and(|limit| limit.is_zero() || age > milliseconds(limit));
    // Section 5.2.1.3.
    let is_too_short = asked.min_fresh.is_some_and(|least| left < milliseconds(least));
    match left > 0 {
        true if is_too_old || is_too_short => Reuse::Asked,
        true => Reuse::Answer,
        false if is_too_old || asked.min_fresh.is_some() => Reuse::Stale,
        false => reuse_stale(wish, stored, -left),
    }
}

/// What it is good for after its lifetime, if neither side forbids to use it then (RFC 9111 section 4.2.4).
fn reuse_stale(wish: &Wish, stored: &Stored, staleness: i64) -> Reuse {
    let asked = &wish.directives;
    // RFC 9111 section 5.2.1.2: no more than so long.
    let is_taken = asked.max_stale.is_some_and(|limit| staleness <= milliseconds(limit));
    // Section 5.2.1.1: with max-age, and without max-stale, nothing that is stale.
    let may_refresh = is_taken || (asked.max_age.is_none() && asked.max_stale.is_none());
    if may_refresh && staleness < milliseconds(stored.stale_while_revalidate) {
        Reuse::AnswerThenRefresh
    } else if is_taken && !stored.must_revalidate {
        Reuse::Answer
    } else {
        Reuse::Stale
    }
}

/// Whether a stored response may stand in for one that could not be fetched, or that came with this status
/// (RFC 5861 section 4, RFC 9111 section 4.2.4). Not where the origin or the client forbids to use what was not
/// validated.
pub fn serves_on_error(wish: &Wish, stored: &Stored, status: Option<StatusCode>, now: Timestamp) -> bool {
    let is_error = status.is_none_or(|status| matches!(status.as_u16(), 500 | 502..=504));
    if !is_error || stored.no_cache || wish.directives.no_cache {
        return false;
    }
    let taken = wish.directives.stale_if_error.filter(|_| !stored.must_revalidate);
    let window = stored.stale_if_error.max(taken.unwrap_or_default());
    milliseconds(stored.age(now).saturating_sub(stored.fresh_for)) < milliseconds(window)
}

/// More than three million years are no more, so that sums do not overflow.
fn milliseconds(duration: Duration) -> i64 {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX).min(100_000_000_000_000);
    seconds * 1000 + i64::from(duration.subsec_millis())
}

#[cfg(test)]
mod tests;
