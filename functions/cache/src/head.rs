//! What a HEAD says of a stored response to GET (RFC 9111 section 4.3.5).

use crate::{Plan, Received, Stored, Wish};

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadUpdate {
    /// Nothing: the HEAD says nothing of it.
    Keep,
    /// It is freshened.
    Renew(Box<Stored>),
    /// It is of an older representation: invalid.
    Invalidate,
}

/// What becomes of a stored response whose body has this length when a response to HEAD comes.
pub fn update_by_head(plan: &Plan, wish: &Wish, stored: &Stored, length: u64, received: Received<'_>) -> HeadUpdate {
    let _ = (plan, wish, stored, length, received);
    HeadUpdate::Keep
}
