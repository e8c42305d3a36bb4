//! Request checks: what is refused, or answered, before anything is decided.
//!
//! Shells have parsed the request by then: framing that two parsers could read differently never comes here. These are
//! the rules about what a request means, the same in every place.

mod dots;
mod host;
mod limits;

use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, request};

use tidegate_edge_config::edge::{ChecksConfig, DotSegments};

pub(crate) use host::Host;

use crate::Refusal;

/// What we say is possible here (RFC 9110 section 10.2.1): CONNECT and TRACE are not.
pub(crate) const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// Checks a request, and puts it into one form however it was sent: a target in origin form, the host in Host, at most
/// one Content-Length and one Cookie. The status is that of a request which is for us and needs nothing else.
pub(crate) fn check(config: ChecksConfig, request: &mut request::Parts) -> Result<Option<StatusCode>, Refusal> {
    if matches!(request.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::Method);
    }
    let is_asterisk = request.uri.path() == "*";
    take_authority(request)?;
    host::check(request)?;
    if is_asterisk {
        // RFC 9110 section 9.3.7: it asks about the server as a whole, and that is us.
        return if request.method == Method::OPTIONS { Ok(Some(StatusCode::NO_CONTENT)) } else { Err(Refusal::Target) };
    }
    if !request.uri.path().starts_with('/') {
        return Err(Refusal::Target);
    }
    if config.dot_segments == DotSegments::Refuse && dots::has_dot_segment(request.uri.path()) {
        return Err(Refusal::DotSegment);
    }
    check_length(request)?;
    check_expectation(request)?;
    join_cookies(&mut request.headers);
    let is_for_us = request.method == Method::OPTIONS && !limits::forward(&mut request.headers);
    Ok(is_for_us.then_some(StatusCode::NO_CONTENT))
}

/// The authority of a target in absolute form replaces Host (RFC 9112 section 3.2.2); in HTTP/2 the two must not
/// contradict each other (RFC 9113 section 8.3.1).
fn take_authority(request: &mut request::Parts) -> Result<(), Refusal> {
    if request.uri.scheme().is_none() && request.uri.authority().is_none() {
        return Ok(());
    }
    if !matches!(request.uri.scheme_str(), Some("http" | "https")) {
        return Err(Refusal::Target);
    }
    let parts = std::mem::take(&mut request.uri).into_parts();
    let authority = parts.authority.ok_or(Refusal::Target)?;
    let named = HeaderValue::from_str(authority.as_str()).map_err(|_| Refusal::Host)?;
    let had = request.headers.get(HOST);
    if request.version <= Version::HTTP_11 {
        // Even then the client must send one (RFC 9112 section 3.2).
        if had.is_none() && request.version == Version::HTTP_11 {
            return Err(Refusal::Host);
        }
    } else if had.is_some_and(|had| !had.as_bytes().eq_ignore_ascii_case(named.as_bytes())) {
        return Err(Refusal::Host);
    }
    if request.headers.get_all(HOST).iter().count() > 1 {
        return Err(Refusal::Host);
    }
    request.headers.insert(HOST, named);
    request.uri = Uri::from(match parts.path_and_query {
        None => PathAndQuery::from_static("/"),
        Some(path) if path.as_str().starts_with(['/', '*']) => path,
        // An empty path with a query (RFC 9112 section 3.2.1).
        Some(query) => PathAndQuery::try_from(format!("/{}", query.as_str())).map_err(|_| Refusal::Target)?,
    });
    Ok(())
}

/// One length, a plain number (RFC 9110 section 8.6), and none beside Transfer-Encoding, which overrides it (RFC 9112
/// section 6.3). The sender frames anew.
fn check_length(request: &mut request::Parts) -> Result<(), Refusal> {
    if request.headers.contains_key(TRANSFER_ENCODING) {
        request.headers.remove(CONTENT_LENGTH);
        return Ok(());
    }
    let mut lengths = request.headers.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(()),
        (Some(length), None) if number(length).is_some() => Ok(()),
        _ => Err(Refusal::ContentLength),
    }
}

/// The length of the body, if the client said it.
pub(crate) fn declared_length(request: &request::Parts) -> Option<u64> {
    request.headers.get(CONTENT_LENGTH).and_then(number)
}

fn number(value: &HeaderValue) -> Option<u64> {
    let digits = value.to_str().ok()?;
    // Rust reads a plus sign as well.
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// `100-continue` goes on to the upstream, which may answer without the body; HTTP/1.0 does not know it (RFC 9110
/// section 10.1.1).
fn check_expectation(request: &mut request::Parts) -> Result<(), Refusal> {
    let known = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if !request.headers.contains_key(EXPECT) {
        return Ok(());
    }
    if !request.headers.get_all(EXPECT).iter().all(known) {
        return Err(Refusal::Expectation);
    }
    if request.version < Version::HTTP_11 {
        request.headers.remove(EXPECT);
    }
    Ok(())
}

/// HTTP/2 and HTTP/3 may send a cookie a line; elsewhere it is one (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    // Made of parts of valid values.
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests;
