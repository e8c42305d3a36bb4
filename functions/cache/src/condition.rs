//! Conditional requests: the client's, answered from what is stored, and ours, by which what is stored is validated
//! (RFC 9111 section 4.3, RFC 9110 section 13).

mod freshen;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod validator;

pub(crate) use freshen::{add_tags, freshen, is_coded_here, update};

use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, DATE, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED,
    RANGE,
};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::freshness::initial_age;
use crate::{Extent, Plan, Received, Stored, Unstored, Wish, range};
use validator::{EntityTag, date};

/// Whether the client has this representation already: then the answer is 304 (RFC 9110 section 13.2.2). Only for what
/// would be 200 otherwise.
///
/// Of the client's conditions, `If-None-Match` and `If-Modified-Since` are a cache's to judge, the latter only without
/// the former (RFC 9111 section 4.3.2). Where a part is stored, only a request for what is in it is judged.
pub fn is_not_modified(request: &HeaderMap, stored: &Stored) -> bool {
    let has_tags = request.contains_key(IF_NONE_MATCH);
    if !has_tags && !request.contains_key(IF_MODIFIED_SINCE) {
        return false;
    }
    let is_answer =
        stored.status == StatusCode::OK && (stored.extent == Extent::Whole || range::covers(request, stored));
    is_answer
        && match has_tags {
            true => has_tag(request, stored),
            false => is_as_old(request, stored),
        }
}

/// Whether `If-None-Match` is false (RFC 9110 section 13.1.2): it names what is stored, or `*`.
fn has_tag(request: &HeaderMap, stored: &Stored) -> bool {
    let own = EntityTag::of(&stored.headers);
    request.get_all(IF_NONE_MATCH).iter().any(|value| {
        value.as_bytes().trim_ascii() == b"*"
            || own.is_some_and(|own| EntityTag::list(value).any(|tag| tag.is_weakly(own)))
    })
}

/// Whether `If-Modified-Since` is false (RFC 9110 section 13.1.3). What does not say when it was modified was so no later
/// than it was sent (RFC 9111 section 4.3.2). What is no date counts as not said.
fn is_as_old(request: &HeaderMap, stored: &Stored) -> bool {
    let name = if stored.headers.contains_key(LAST_MODIFIED) { LAST_MODIFIED } else { DATE };
    let (since, modified) = (date(request, IF_MODIFIED_SINCE), date(&stored.headers, name));
    since.zip(modified).is_some_and(|(since, modified)| modified <= since)
}

/// Makes a request one for others, or a validation of what is stored: without the client's conditions, and with those
/// that follow from `stored` (RFC 9111 section 4.3.1). Range is left to a request that asks for a part, if `keeps_range`.
/// Whether it has a condition now.
///
/// A request that keeps its Range keeps `If-Range`, too, and is no validation. Neither can a stored part be validated, or
/// what is no success: to a condition on that, an origin does not listen (RFC 9110 section 13.2.1).
pub fn set_validators(request: &mut HeaderMap, stored: Option<&Stored>, keeps_range: bool) -> bool {
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, CONTENT_LENGTH] {
        request.remove(name);
    }
    if keeps_range && request.contains_key(RANGE) {
        return false;
    }
    request.remove(RANGE);
    request.remove(IF_RANGE);
    let Some(stored) = stored.filter(|stored| stored.status.is_success() && stored.extent == Extent::Whole) else {
        return false;
    };
    let mut has_condition = false;
    for (condition, validator) in [(IF_NONE_MATCH, ETAG), (IF_MODIFIED_SINCE, LAST_MODIFIED)] {
        if let Some(value) = stored.headers.get(validator).filter(|value| !value.is_empty()) {
            request.insert(condition, value.clone());
            has_condition = true;
        }
    }
    has_condition
}

/// What is stored, freshened by a 304 (RFC 9111 sections 3.2 and 4.3.4). None: the 304 is of something else.
///
/// The 304 may forbid to store what it is of (`no-store`, `private`, a cookie). Then nothing of it is kept but that, and
/// what is stored is not used again without asking. Where it is the request that forbids it (`no-store`, `Authorization`), what
/// is stored stays as it was. Either way it is the answer to the request that was validated.
pub fn renew(plan: &Plan, wish: &Wish, stored: &Stored, received: Received<'_>) -> Option<Stored> {
    let is_of_it = received.head.status == StatusCode::NOT_MODIFIED && selects(plan, stored, &received.head.headers);
    is_of_it.then(|| match freshen(plan, wish, stored, received) {
        Ok(renewed) => renewed,
        Err(Unstored::Authorization) => stored.clone(),
        Err(_) if wish.directives.no_store => stored.clone(),
        Err(_) => retired(plan, stored, received),
    })
}

/// Whether a 304 with these fields is of what is stored (RFC 9111 section 4.3.4).
///
/// A 304 that names no validator, or one of a kind that is not stored, is taken at its word: it answers a condition made
/// of this one stored response (see [`set_validators`]), so it can be of nothing else. Not so a strong one: that must be
/// the stored one.
fn selects(plan: &Plan, stored: &Stored, head: &HeaderMap) -> bool {
    match (EntityTag::of(head), EntityTag::of(&stored.headers)) {
        (Some(new), Some(old)) if new.is_strong() => {
            new.is_strongly(old) || (is_coded_here(plan, stored) && new.is_weakly(old))
        }
        (Some(new), Some(old)) => new.is_weakly(old),
        (Some(new), None) => !new.is_strong() && is_as_modified(head, &stored.headers) == Some(true),
        (None, old) => {
            is_as_modified(head, &stored.headers).unwrap_or_else(|| old.is_some() || !head.contains_key(LAST_MODIFIED))
        }
    }
}

/// Whether both name the same time of modification. None: not both name one.
pub(crate) fn is_as_modified(new: &HeaderMap, old: &HeaderMap) -> Option<bool> {
    let (is, was) = new.get(LAST_MODIFIED).zip(old.get(LAST_MODIFIED))?;
    let dates = date(new, LAST_MODIFIED).zip(date(old, LAST_MODIFIED));
    Some(is == was || dates.is_some_and(|(is, was)| is == was))
}

/// What is stored, good for nothing without asking. Of the 304 it says when it was sent and how it may be cached, so that
/// a cache behind us goes by that.
fn retired(plan: &Plan, stored: &Stored, received: Received<'_>) -> Stored {
    let mut headers = stored.headers.clone();
    let is_said = |name: &HeaderName| [CACHE_CONTROL, EXPIRES, DATE].contains(name) || plan.targets.contains(name);
    update(&mut headers, &received.head.headers, is_said);
    let zero = std::time::Duration::ZERO;
    Stored {
        headers,
        initial_age: initial_age(&received.head.headers, received.requested_at, received.received_at),
        received_at: received.received_at,
        fresh_for: zero,
        stale_while_revalidate: zero,
        stale_if_error: zero,
        must_revalidate: true,
        no_cache: true,
        ..stored.clone()
    }
}
