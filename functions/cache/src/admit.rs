//! Which requests may be answered from the store.

use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE};
use http::{HeaderMap, Method};
use tidegate_core::RequestView;

use crate::{Condition, Plan, RequestDirectives};

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
    let headers = view.headers;
    let is_head = match *view.method {
        Method::GET => false,
        Method::HEAD => true,
        _ => return Err(Bypass::Method),
    };
    let seen = Seen::of(headers);
    if seen.for_origin {
        return Err(Bypass::Request);
    }
    if plan.bypass.iter().any(|condition| condition.holds(view)) {
        return Err(Bypass::Condition);
    }
    if seen.cookie && is_signed_in(plan, headers) {
        return Err(Bypass::SignedIn);
    }
    let reads_directives = seen.directives && plan.client_directives;
    Ok(Wish {
        directives: if reads_directives { RequestDirectives::read(headers) } else { RequestDirectives::default() },
        is_authorized: seen.authorization && !plan.recipe.headers.contains(&AUTHORIZATION),
        is_head,
        // RFC 9110 section 14.2: only GET has ranges.
        is_range: !is_head && seen.range,
    })
}

/// What there is among the fields of a request. One pass: that costs less than to look for each.
#[derive(Default)]
struct Seen {
    /// Something that only the origin can answer.
    for_origin: bool,
    directives: bool,
    authorization: bool,
    cookie: bool,
    range: bool,
}

impl Seen {
    fn of(headers: &HeaderMap) -> Self {
        let mut seen = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                "transfer-encoding" | "upgrade" | "if-match" | "if-unmodified-since" => seen.for_origin = true,
                "content-length" => seen.for_origin |= has_body(headers),
                "cache-control" | "pragma" => seen.directives = true,
                "authorization" => seen.authorization = true,
                "cookie" => seen.cookie = true,
                "range" => seen.range = true,
                _ => {}
            }
        }
        seen
    }
}

/// A length that cannot be read is one that is not zero.
fn has_body(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0")
}

/// Whether it has a cookie that marks a signed-in user and is not part of the key.
fn is_signed_in(plan: &Plan, headers: &HeaderMap) -> bool {
    let is_mark = |cookie: &[u8]| {
        let mut marks = plan.session_cookies.iter().filter(|name| name.as_bytes() == cookie);
        marks.any(|name| !plan.recipe.cookies.contains(name))
    };
    let is_looked_for = !plan.session_cookies.is_empty() && !plan.recipe.headers.contains(&COOKIE);
    is_looked_for && cookies(headers).any(|(cookie, _)| is_mark(cookie))
}

impl Condition {
    fn holds(&self, view: &RequestView<'_>) -> bool {
        let fits = |value: &[u8], wanted: &Option<Arc<str>>| {
            wanted.as_ref().is_none_or(|wanted| value.trim_ascii() == wanted.as_bytes())
        };
        match self {
            Self::Header(name, wanted) => view.headers.get_all(name).iter().any(|value| fits(value.as_bytes(), wanted)),
            Self::Cookie(name, wanted) => {
                cookies(view.headers).any(|(cookie, value)| cookie == name.as_bytes() && fits(value, wanted))
            }
            Self::Query(name, wanted) => {
                let pairs = view.query.into_iter().flat_map(|query| query.split('&'));
                let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                pairs.any(|(key, value)| key == &**name && fits(value.as_bytes(), wanted))
            }
        }
    }
}

/// The cookies of a request, all of them, without quotes around their values: [`RequestView::cookie`] knows only the
/// first of a name, and none beside bytes that are not ASCII, where an origin may see others.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|field| field.as_bytes().split(|byte| *byte == b';'));
    pairs.map(|pair| {
        let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let value = pair.get(end + 1..).unwrap_or_default().trim_ascii();
        let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        (pair[..end].trim_ascii(), quoted.unwrap_or(value))
    })
}

#[cfg(test)]
mod tests;
