//! `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).

use std::fmt::Write;

use crate::quota::Quota;
use crate::verdict::Verdict;

/// Appends a quota policy item to a list: `"api";q=100;w=60`.
pub fn policy_item(name: &str, quota: &Quota, to: &mut String) {
    let _ = (name, quota, write!(to, ""));
    todo!()
}

/// Appends a service limit item to a list: `"api";r=50;t=30`.
pub fn state_item(name: &str, verdict: &Verdict, to: &mut String) {
    let _ = (name, verdict, write!(to, ""));
    todo!()
}
