//! How long responses are fresh, and how old they are (RFC 9111 section 4.2).

use std::time::{Duration, SystemTime};

use http::header::{AGE, DATE, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tidegate_core::{Timestamp, members};

use crate::{Plan, ResponseDirectives};

/// No guess is longer than this.
const HEURISTIC_MAX: Duration = Duration::from_secs(24 * 3600);
/// Nothing is older than this (RFC 9111 section 1.2.2).
const AGE_S_MAX: u64 = 1 << 31;
/// The last second that has a date: 31 Dec 9999 23:59:59 GMT.
const DATE_S_MAX: u64 = 253_402_300_799;
/// No date is longer: `Wednesday, 09-Nov-94 08:49:37 GMT`, and some space.
const DATE_BYTES_MAX: usize = 40;

/// For how long a response is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// So long: somebody says so, or it is a good guess.
    For(Duration),
    /// Nobody knows, but it may be stored, to be validated before it is used.
    Unknown,
    /// It is not to be stored: nobody says how long, and its status is none that is cacheable by default, or the plan
    /// says that its status is not.
    Never,
}

/// The freshness lifetime of a response (RFC 9111 sections 4.2.1 and 4.2.2), never more than the plan's largest. The
/// plan's own values are for what the origin says nothing of, but `override_ttl`, which is for everything that could be
/// stored at all.
pub(crate) fn freshness(
    plan: &Plan,
    directives: &ResponseDirectives,
    status: StatusCode,
    headers: &HeaderMap,
    received_at: Timestamp,
) -> Freshness {
    let explicit = explicit(directives, headers, received_at);
    let by_status = plan.status_ttl.iter().find(|of| of.fits(status)).map(|of| of.ttl);
    let is_by_default = directives.public || is_cacheable_by_default(status);
    let is_storable = explicit.is_some() || by_status.is_some() || is_by_default;
    if let Some(ttl) = plan.override_ttl.filter(|_| is_storable).or(explicit) {
        return Freshness::For(ttl.min(plan.max_ttl));
    }
    let guess = || heuristic(headers, received_at).filter(|_| plan.heuristics);
    match by_status {
        Some(Duration::ZERO) => Freshness::Never,
        Some(ttl) => Freshness::For(ttl.min(plan.max_ttl)),
        None if !is_by_default => Freshness::Never,
        None => match plan.default_ttl.or_else(guess) {
            Some(ttl) => Freshness::For(ttl.min(plan.max_ttl)),
            None => Freshness::Unknown,
        },
    }
}

/// What the origin says (RFC 9111 section 4.2.1). An invalid `Expires` is one in the past (section 5.3).
fn explicit(directives: &ResponseDirectives, headers: &HeaderMap, received_at: Timestamp) -> Option<Duration> {
    let said = directives.s_maxage.or(directives.max_age);
    let expires = || {
        let expires = headers.get(EXPIRES).filter(|_| !directives.is_targeted)?;
        let seconds = http_date(expires).unwrap_or(0).saturating_sub(date(headers, received_at));
        Some(Duration::from_secs(seconds))
    };
    said.or_else(expires)
}

/// A tenth of the time since it was last changed (RFC 9111 section 4.2.2).
fn heuristic(headers: &HeaderMap, received_at: Timestamp) -> Option<Duration> {
    let changed = field_date(headers, LAST_MODIFIED)?;
    let unchanged_for = date(headers, received_at).checked_sub(changed)?;
    Some((Duration::from_secs(unchanged_for) / 10).min(HEURISTIC_MAX))
}

/// RFC 9110 section 15.1.
fn is_cacheable_by_default(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// `corrected_initial_age`: how old a response was when it was received (RFC 9111 section 4.2.3).
pub(crate) fn initial_age(headers: &HeaderMap, requested_at: Timestamp, received_at: Timestamp) -> Duration {
    // In whole seconds, as dates are: the part of a second that a date leaves out is no age.
    let apparent_age = Duration::from_secs(seconds(received_at).saturating_sub(date(headers, received_at)));
    let response_delay = received_at.since(requested_at);
    let corrected_age_value = age_value(headers).saturating_add(response_delay);
    apparent_age.max(corrected_age_value).min(Duration::from_secs(AGE_S_MAX))
}

/// `age_value`: the first member of Age; nothing, if that is no number (RFC 9111 section 5.1).
fn age_value(headers: &HeaderMap) -> Duration {
    let Some(first) = headers.get_all(AGE).iter().flat_map(members).next() else { return Duration::ZERO };
    if !first.iter().all(u8::is_ascii_digit) {
        return Duration::ZERO;
    }
    let age = first.iter().fold(0, |age, digit| (age * 10 + u64::from(digit - b'0')).min(AGE_S_MAX));
    Duration::from_secs(age)
}

/// `date_value`, in seconds since the Unix epoch: when the origin made it, or when it was received, if that is not said
/// (RFC 9110 section 6.6.1).
fn date(headers: &HeaderMap, received_at: Timestamp) -> u64 {
    field_date(headers, DATE).unwrap_or_else(|| seconds(received_at))
}

/// The date of a field, the first of that name, in seconds since the Unix epoch; none: it is not there, or no date.
pub(crate) fn field_date(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    headers.get(name).and_then(http_date)
}

/// An HTTP-date in any of its three forms (RFC 9110 section 5.6.7) and any case (RFC 9111 section 4.2), in seconds since
/// the Unix epoch. A zone other than GMT is invalid (the same section).
fn http_date(value: &HeaderValue) -> Option<u64> {
    let mut buffer = [0; DATE_BYTES_MAX];
    let bytes = value.as_bytes().trim_ascii();
    let text = buffer.get_mut(..bytes.len())?;
    let mut is_first = true;
    for (to, from) in text.iter_mut().zip(bytes) {
        *to = if is_first { from.to_ascii_uppercase() } else { from.to_ascii_lowercase() };
        is_first = !from.is_ascii_alphabetic();
    }
    if let Some(zone) = text.last_chunk_mut::<3>()
        && zone == b"Gmt"
    {
        zone.make_ascii_uppercase();
    }
    let date = httpdate::parse_http_date(std::str::from_utf8(text).ok()?).ok()?;
    Some(date.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}

/// A point in time as an HTTP-date.
pub(crate) fn date_value(at: Timestamp) -> Option<HeaderValue> {
    let date = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds(at).min(DATE_S_MAX)))?;
    HeaderValue::try_from(httpdate::fmt_http_date(date)).ok()
}

fn seconds(at: Timestamp) -> u64 {
    at.as_unix_ms() / 1000
}

#[cfg(test)]
mod tests;
