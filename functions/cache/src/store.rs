//! Which responses may be stored, and what is stored of them (RFC 9111 section 3).

use std::sync::Arc;
use std::time::Duration;

use http::header::{
    AGE, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, COOKIE, DATE, ETAG, LAST_MODIFIED,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, SET_COOKIE, TRANSFER_ENCODING, VARY,
};
use http::{HeaderMap, HeaderName, Method, StatusCode, response};
use tidegate_core::{Reason, Timestamp, members};

use crate::freshness::{Freshness, date_value, field_date, freshness, initial_age};
use crate::marker::value_of;
use crate::{Extent, Plan, ResponseDirectives, SetCookie, Stored, Vary, Wish, extent, tags_of};

/// A response that was fetched, and the request it answers.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The method of the request that was sent.
    pub method: &'a Method,
    /// The URL of it: scheme, host, path and query.
    pub url: &'a str,
    /// The fields of the client's request, as [`crate::Normal::apply`] left them.
    pub request: &'a HeaderMap,
    /// The head of the response, less what belonged to its connection.
    pub head: &'a response::Parts,
    /// When the request was sent: `request_time`.
    pub requested_at: Timestamp,
    /// When the head came: `response_time`.
    pub received_at: Timestamp,
}

/// Why a response is not stored. Its name is in Cache-Status when debugging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstored {
    /// The method's response is none for others.
    Method,
    /// `no-store`, in the request or the response.
    NoStore,
    /// `private`
    Private,
    /// It answers an `Authorization` and does not say that others may have it.
    Authorization,
    /// It sets a cookie.
    SetCookie,
    /// Its status is not one to store, or the plan says so.
    Status,
    /// It is stale already, and nothing could be done with it: no validator.
    Stale,
    /// It varies by everything, by what identifies users, or by too much.
    Vary,
    /// It is part of something, and cannot be told of what.
    Partial,
    /// Its body is too large.
    TooLarge,
}

impl Unstored {
    /// Its name: `cache/no-store`.
    pub fn reason(self) -> Reason {
        Reason::new(match self {
            Self::Method => "cache/method",
            Self::NoStore => "cache/no-store",
            Self::Private => "cache/private",
            Self::Authorization => "cache/authorization",
            Self::SetCookie => "cache/set-cookie",
            Self::Status => "cache/status",
            Self::Stale => "cache/stale",
            Self::Vary => "cache/vary",
            Self::Partial => "cache/partial",
            Self::TooLarge => "cache/too-large",
        })
    }
}

/// Fields that are not stored (RFC 9111 section 3.1). What belonged to the connection is gone already.
const UNSTORED_FIELDS: [HeaderName; 8] = [
    AGE,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    CONTENT_RANGE,
];
/// Fields that set cookies.
const COOKIE_FIELDS: [HeaderName; 2] = [SET_COOKIE, HeaderName::from_static("set-cookie2")];
/// A response that varies by more fields is not stored.
const VARY_FIELDS_MAX: usize = 16;
/// Nor one that varies by more bytes of the request.
const VARY_BYTES_MAX: usize = 2 << 10;

/// What is to be stored of a response.
///
/// What has no lifetime is stored if it can be validated, or used stale. The plan's stale windows count only where the
/// origin, the plan or a guess says a lifetime, be it zero: what nobody said to be cacheable is not used unasked. Nor do
/// they count beside `s-maxage`, which forbids to use what is stale, but for windows that the origin itself says.
///
/// # Errors
/// Why it may not be stored.
pub fn store(plan: &Plan, wish: &Wish, received: Received<'_>) -> Result<Stored, Unstored> {
    let Received { head, requested_at, received_at, .. } = received;
    if received.method != Method::GET {
        return Err(Unstored::Method);
    }
    let directives = ResponseDirectives::read(plan, &head.headers);
    check_allowed(plan, wish, received, &directives)?;
    let vary = vary(plan, received)?;
    let extent = extent_of(received)?;
    check_length(plan, &head.headers, extent)?;
    let usable = usable(plan, &directives, head, received_at)?;
    Ok(Stored {
        status: if head.status == StatusCode::PARTIAL_CONTENT { StatusCode::OK } else { head.status },
        headers: stored_headers(plan, &directives, received),
        initial_age: initial_age(&head.headers, requested_at, received_at),
        received_at,
        fresh_for: usable.fresh_for,
        stale_while_revalidate: usable.stale_while_revalidate,
        stale_if_error: usable.stale_if_error,
        must_revalidate: usable.must_revalidate,
        no_cache: directives.no_cache,
        vary,
        tags: tags_of(&head.headers, received.url),
        extent,
    })
}

/// Whether it may be stored at all, whatever its lifetime (RFC 9111 sections 3 and 3.5).
fn check_allowed(
    plan: &Plan,
    wish: &Wish,
    received: Received<'_>,
    directives: &ResponseDirectives,
) -> Result<(), Unstored> {
    let status = received.head.status;
    if !is_storable(plan, status) || (directives.must_understand && !is_understood(status)) {
        return Err(Unstored::Status);
    }
    // Section 5.2.2.3: what is understood is stored in spite of no-store.
    if wish.directives.no_store || (directives.no_store && !directives.must_understand) {
        return Err(Unstored::NoStore);
    }
    if directives.private {
        return Err(Unstored::Private);
    }
    let is_for_others = directives.public || directives.must_revalidate || directives.s_maxage.is_some();
    if wish.is_authorized && !is_for_others {
        return Err(Unstored::Authorization);
    }
    let is_stripped = |name: &HeaderName| plan.set_cookie == SetCookie::Strip || is_withheld(directives, name);
    if COOKIE_FIELDS.iter().any(|name| received.head.headers.contains_key(name) && !is_stripped(name)) {
        return Err(Unstored::SetCookie);
    }
    Ok(())
}

/// Whether responses of this status are ever stored: final ones, but those that answer a condition (304), a part that
/// does not exist (416), or that are never to be stored (RFC 6585), unless the plan names them.
fn is_storable(plan: &Plan, status: StatusCode) -> bool {
    match status.as_u16() {
        304 | 416 => false,
        428 | 429 | 431 | 511 => plan.status_ttl.iter().any(|of| of.fits(status)),
        200..=599 => true,
        _ => false,
    }
}

/// Whether we do what the definition of this status asks of caches (RFC 9110 section 15, RFC 9111 section 5.2.2.3).
fn is_understood(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200..=206 | 300..=303 | 305 | 307 | 308 | 400..=417 | 421 | 422 | 425 | 426 | 451 | 500..=505)
}

/// Whether `private` or `no-cache` name this field: then it is not stored (RFC 9111 sections 5.2.2.4 and 5.2.2.7).
fn is_withheld(directives: &ResponseDirectives, name: &HeaderName) -> bool {
    let mut withheld = directives.private_fields.iter().chain(&directives.no_cache_fields);
    withheld.any(|field| field == name.as_str())
}

/// Fields that a response varies by, and what they were.
type Varied = Vec<(HeaderName, Option<Arc<str>>)>;

/// What it varies by (RFC 9111 section 4.1). What identifies users must be in the key.
fn vary(plan: &Plan, received: Received<'_>) -> Result<Varied, Unstored> {
    let lines = received.head.headers.get_all(VARY).iter();
    // A `*` is no name.
    let names = lines.flat_map(members).map(HeaderName::from_bytes).collect::<Result<Vec<_>, _>>();
    let names = Vary::new(names.ok().filter(|names| !names.iter().any(|name| name == "*")).ok_or(Unstored::Vary)?);
    let is_user = |name: &HeaderName| [COOKIE, AUTHORIZATION].contains(name) && !plan.recipe.headers.contains(name);
    if names.names().len() > VARY_FIELDS_MAX || names.names().iter().any(is_user) {
        return Err(Unstored::Vary);
    }
    let value = |name: &HeaderName| value_of(received.request, name).map(|value| Arc::from(value.collect::<String>()));
    let vary: Varied = names.names().iter().map(|name| (name.clone(), value(name))).collect();
    let is_short = vary.iter().all(|(_, value)| value.as_ref().is_none_or(|value| value.len() <= VARY_BYTES_MAX));
    if is_short { Ok(vary) } else { Err(Unstored::Vary) }
}

/// How much of the representation it is (RFC 9111 section 3.3).
fn extent_of(received: Received<'_>) -> Result<Extent, Unstored> {
    let headers = &received.head.headers;
    if received.head.status != StatusCode::PARTIAL_CONTENT {
        return if headers.contains_key(CONTENT_RANGE) { Err(Unstored::Partial) } else { Ok(Extent::Whole) };
    }
    // Several parts have a Content-Range each, in the body (RFC 9110 section 15.3.7.2).
    let is_single = headers.get(CONTENT_TYPE).is_none_or(|media| !is_multipart(media.as_bytes()));
    let is_asked = received.request.contains_key(RANGE);
    let extent = extent(headers).filter(|_| is_single && is_asked).ok_or(Unstored::Partial)?;
    match (extent, content_length(headers)) {
        (Extent::Part { length, .. }, Some(said)) if said != length => Err(Unstored::Partial),
        _ => Ok(extent),
    }
}

fn is_multipart(media_type: &[u8]) -> bool {
    const MULTIPART: &[u8] = b"multipart/byteranges";
    media_type.get(..MULTIPART.len()).is_some_and(|start| start.eq_ignore_ascii_case(MULTIPART))
}

fn check_length(plan: &Plan, headers: &HeaderMap, extent: Extent) -> Result<(), Unstored> {
    let part = match extent {
        Extent::Whole => None,
        Extent::Part { length, .. } => Some(length),
    };
    let length = part.or(content_length(headers));
    if length.is_some_and(|length| length > plan.max_body) { Err(Unstored::TooLarge) } else { Ok(()) }
}

/// What a message says of the length of its content; none if it says nothing, or no number.
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// How it may be used.
struct Usable {
    fresh_for: Duration,
    stale_while_revalidate: Duration,
    stale_if_error: Duration,
    must_revalidate: bool,
}

/// How it may be used, if that is worth storing it.
fn usable(
    plan: &Plan,
    directives: &ResponseDirectives,
    head: &response::Parts,
    received_at: Timestamp,
) -> Result<Usable, Unstored> {
    let lifetime = match freshness(plan, directives, head.status, &head.headers, received_at) {
        Freshness::For(ttl) => Some(ttl),
        Freshness::Unknown => None,
        Freshness::Never => return Err(Unstored::Status),
    };
    let fresh_for = lifetime.unwrap_or_default();
    // RFC 9111 sections 5.2.2.2 and 5.2.2.8: whatever else is said.
    let is_absolute = directives.must_revalidate || directives.proxy_revalidate;
    // Section 5.2.2.10: s-maxage means proxy-revalidate, too. But who says beside it for how long a response may be used
    // stale means just that; only what he does not say is not to be had from anybody else.
    let must_revalidate = is_absolute || directives.s_maxage.is_some();
    let window = |said: Option<Duration>, planned| match lifetime {
        _ if is_absolute => Duration::ZERO,
        Some(_) if !must_revalidate => said.unwrap_or(planned),
        _ => said.unwrap_or_default(),
    };
    let stale_while_revalidate = window(directives.stale_while_revalidate, plan.stale_while_revalidate);
    let stale_if_error = window(directives.stale_if_error, plan.stale_if_error);
    let is_worth = [fresh_for, stale_while_revalidate, stale_if_error].iter().any(|time| !time.is_zero());
    if has_validator(&head.headers) || (is_worth && !directives.no_cache) {
        Ok(Usable { fresh_for, stale_while_revalidate, stale_if_error, must_revalidate })
    } else {
        Err(Unstored::Stale)
    }
}

/// Whether the origin can be asked if it is still the same (RFC 9110 section 8.8).
fn has_validator(headers: &HeaderMap) -> bool {
    let has_etag = headers.get(ETAG).is_some_and(|etag| !etag.as_bytes().trim_ascii().is_empty());
    has_etag || field_date(headers, LAST_MODIFIED).is_some()
}

/// The fields that are stored: see [`Stored::headers`].
fn stored_headers(plan: &Plan, directives: &ResponseDirectives, received: Received<'_>) -> HeaderMap {
    let mut headers = received.head.headers.clone();
    let mut remove = |names: &[HeaderName]| {
        for name in names {
            headers.remove(name);
        }
    };
    remove(&UNSTORED_FIELDS);
    if plan.set_cookie == SetCookie::Strip {
        remove(&COOKIE_FIELDS);
    }
    for name in directives.private_fields.iter().chain(&directives.no_cache_fields) {
        headers.remove(name.as_str());
    }
    // RFC 9110 section 6.6.1.
    if field_date(&headers, DATE).is_none()
        && let Some(date) = date_value(received.received_at)
    {
        headers.insert(DATE, date);
    }
    headers
}

#[cfg(test)]
mod tests;
