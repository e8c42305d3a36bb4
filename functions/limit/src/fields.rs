//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).

use std::time::Duration;

use http::HeaderValue;
use tidegate_core::write_string;

use crate::quota::{Algorithm, Quota};
use crate::verdict::{Decision, Verdict};

/// Most lists are shorter, in bytes.
const USUAL: usize = 128;

/// The values of `RateLimit-Policy` and `RateLimit` for what a request took, by the names of the limits; none if there is
/// nothing to say. Those of which nobody knows what is left, for the store [does not answer](Decision::Down) or was
/// [not asked](Verdict::SPARED), are left out of both.
pub fn fields<'a>(
    taken: impl IntoIterator<Item = (&'a str, &'a Quota, &'a Verdict)>,
) -> Option<(HeaderValue, HeaderValue)> {
    let (mut policy, mut state) = (String::with_capacity(USUAL), String::with_capacity(USUAL));
    let is_known = |verdict: &Verdict| verdict.decision != Decision::Down && *verdict != Verdict::SPARED;
    for (name, quota, verdict) in taken.into_iter().filter(|(_, _, verdict)| is_known(verdict)) {
        policy_item(name, quota, &mut policy);
        state_item(name, verdict, &mut state);
    }
    if policy.is_empty() {
        return None;
    }
    // Printable ASCII is all that is written.
    Some((policy.try_into().ok()?, state.try_into().ok()?))
}

/// Appends a quota policy item to a list (section 3.1): `"api";q=100;w=60`, with whole seconds, rounded up; for what is in
/// flight `"api";q=10;qu="concurrent-requests"`.
pub fn policy_item(name: &str, quota: &Quota, to: &mut String) {
    push_name(name, to);
    push_parameter(";q=", quota.count().into(), to);
    match quota.algorithm() {
        Algorithm::Concurrency => to.push_str(";qu=\"concurrent-requests\""),
        _ => push_parameter(";w=", whole_seconds(quota.period()), to),
    }
}

/// Appends a service limit item to a list (section 4.1): `"api";r=50;t=30`, with whole seconds until all is there again,
/// or, where more was asked for than there is, until that would be: as `Retry-After` says, which must not be earlier
/// (section 6). Rounded up. It is left out if it is none, as it is for what is in flight.
pub fn state_item(name: &str, verdict: &Verdict, to: &mut String) {
    push_name(name, to);
    push_parameter(";r=", verdict.remaining.into(), to);
    let wait = match verdict.decision {
        Decision::Refused(wait) if !verdict.reset.is_zero() => wait,
        _ => verdict.reset,
    };
    match whole_seconds(wait) {
        0 => {}
        seconds => push_parameter(";t=", seconds, to),
    }
}

/// Appends the separator and the item itself: always a string (sections 3 and 4.1).
fn push_name(name: &str, to: &mut String) {
    if !to.is_empty() {
        to.push_str(", ");
    }
    // Nearly every one of them.
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        to.push('"');
        to.push_str(name);
        to.push('"');
    } else {
        let written = write_string(name, to);
        debug_assert!(written.is_ok(), "strings take everything");
    }
}

/// By hand, for `core::fmt` would take most of the time.
fn push_parameter(name: &str, number: u64, to: &mut String) {
    to.push_str(name);
    let mut divisor = 10_u64.pow(number.checked_ilog10().unwrap_or(0));
    while divisor > 0 {
        to.push(char::from(b'0' + (number / divisor % 10) as u8));
        divisor /= 10;
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
