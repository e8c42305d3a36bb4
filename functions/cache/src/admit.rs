//! Which requests may be answered from the store.

use tidegate_core::RequestView;

use crate::{Plan, RequestDirectives};

/// What a request that was admitted wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// What it says in Cache-Control (or `Pragma: no-cache`), if that counts.
    pub directives: RequestDirectives,
    /// Whether it identifies a user by `Authorization`, which is not part of the key (RFC 9111 section 3.5).
    pub is_authorized: bool,
    /// Whether it is HEAD.
    pub is_head: bool,
    /// Whether it asks for a part (Range with GET).
    pub is_range: bool,
}

/// Why a request passes by the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bypass {
    /// Its method is neither GET nor HEAD.
    Method,
    /// It has a body, wants another protocol, or is on a condition that only the origin can judge (`If-Match`,
    /// `If-Unmodified-Since`).
    Request,
    /// The plan says so.
    Condition,
    /// It is a signed-in user's.
    SignedIn,
    /// Its key would be too long.
    Key,
}

/// Whether a request may be answered from the store, and its response be stored.
///
/// # Errors
/// Why it passes by.
pub fn admit(plan: &Plan, view: &RequestView<'_>) -> Result<Wish, Bypass> {
    let _ = (plan, view);
    Err(Bypass::Request)
}
