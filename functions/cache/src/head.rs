//! What a HEAD says of a stored response to GET (RFC 9111 section 4.3.5).

use http::header::{CONTENT_LENGTH, LAST_MODIFIED};
use http::{HeaderMap, Method, StatusCode};

use crate::condition::validator::EntityTag;
use crate::condition::{freshen, is_as_modified, is_coded_here};
use crate::{Extent, Plan, Received, Stored, Unstored, Wish, content_length};

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
///
/// Only 200 says something. Each validator that it names must be the stored one's, and the length, if it says one. What
/// could not be stored any more, were it a response to GET, is invalid.
pub fn update_by_head(plan: &Plan, wish: &Wish, stored: &Stored, length: u64, received: Received<'_>) -> HeadUpdate {
    if received.method != Method::HEAD || received.head.status != StatusCode::OK {
        return HeadUpdate::Keep;
    }
    if !is_of_it(plan, stored, length, &received.head.headers) {
        return HeadUpdate::Invalidate;
    }
    match freshen(plan, wish, stored, received) {
        Ok(renewed) => HeadUpdate::Renew(Box::new(renewed)),
        Err(Unstored::Authorization) => HeadUpdate::Keep,
        Err(_) if wish.directives.no_store => HeadUpdate::Keep,
        Err(_) => HeadUpdate::Invalidate,
    }
}

/// Whether nothing that a HEAD says differs from what is stored.
fn is_of_it(plan: &Plan, stored: &Stored, length: u64, head: &HeaderMap) -> bool {
    let says_length = head.contains_key(CONTENT_LENGTH) && !is_coded_here(plan, stored);
    stored.status == StatusCode::OK
        && has_equal_validators(plan, stored, head)
        && (!says_length || has_length(stored, length, head))
}

/// Whether each validator that the HEAD names is the stored one's.
fn has_equal_validators(plan: &Plan, stored: &Stored, head: &HeaderMap) -> bool {
    let has_equal_tag = EntityTag::of(head).is_none_or(|new| {
        EntityTag::of(&stored.headers)
            .is_some_and(|old| new == old || (is_coded_here(plan, stored) && new.is_weakly(old)))
    });
    has_equal_tag && (!head.contains_key(LAST_MODIFIED) || is_as_modified(head, &stored.headers) == Some(true))
}

/// Whether the length that the HEAD says is that of the stored representation.
fn has_length(stored: &Stored, length: u64, head: &HeaderMap) -> bool {
    let complete_length = match stored.extent {
        Extent::Whole => length,
        Extent::Part { complete_length, .. } => complete_length,
    };
    content_length(head) == Some(complete_length)
}

#[cfg(test)]
mod tests;
