//! The response policies: what is changed of an answer on its way to the client, in this order.

use std::fmt::Write as _;
use std::time::Duration;

use http::header::{CONNECTION, SET_COOKIE, UPGRADE, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, response};
use tidegate_edge_config::edge::Route;

use crate::{Failure, Pipeline, hop};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Checks the head of a final response, and takes off what belonged to its connection: this is what may be stored.
///
/// A function is not a proxy's next hop: its host has removed what it should not say, and there is no Via.
pub(crate) fn receive(
    pipeline: &Pipeline,
    head: &mut response::Parts,
    is_upstream: bool,
    is_upgrade: bool,
) -> Result<(), Failure> {
    let is_switch = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if head.status.is_informational() && !(is_switch && is_upgrade) {
        return Err(Failure::InvalidResponse);
    }
    if !is_upstream {
        return Ok(());
    }
    let protocol = head.headers.get(UPGRADE).filter(|_| is_switch).cloned();
    hop::remove(&mut head.headers);
    if is_switch {
        let protocol = protocol.ok_or(Failure::UpgradeFailed)?;
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, protocol);
    }
    head.headers.append(VIA, pipeline.via(head.version).clone());
    Ok(())
}

/// An interim response (1xx) as it is passed on; none if it is not: 100 is between the shells and their peers, 101 is
/// final, and a client of HTTP/1.0 knows none (RFC 9110 section 15.2).
pub(crate) fn informational(
    pipeline: &Pipeline,
    client: Version,
    mut head: response::Parts,
) -> Option<response::Parts> {
    let is_passed_on = head.status.is_informational()
        && !matches!(head.status, StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS)
        && client >= Version::HTTP_11;
    is_passed_on.then(|| {
        hop::remove(&mut head.headers);
        head.headers.append(VIA, pipeline.via(head.version).clone());
        head
    })
}

/// What the route says of its responses, whoever made them.
pub(crate) fn apply(route: &Route, set_cookie: Option<HeaderValue>, headers: &mut HeaderMap) {
    route.rewrite.response.apply(headers);
    if let Some(cookie) = set_cookie {
        headers.append(SET_COOKIE, cookie);
    }
}

/// `Server-Timing`: where the time went.
pub(crate) fn say_timing(headers: &mut HeaderMap, total: Duration, fetch: Option<Duration>) {
    let mut text = String::with_capacity(40);
    let edge = total.saturating_sub(fetch.unwrap_or_default());
    // Writing into a string cannot fail.
    let _ = write!(text, "edge;dur={}", edge.as_millis());
    if let Some(fetch) = fetch {
        let _ = write!(text, ", upstream;dur={}", fetch.as_millis());
    }
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.append(SERVER_TIMING, value);
    }
}

/// `Proxy-Status` of a response that was fetched (RFC 9209 section 2.1.4).
pub(crate) fn say_status(pipeline: &Pipeline, headers: &mut HeaderMap, received: StatusCode) {
    let text = format!("{}; received-status={}", pipeline.proxy(), received.as_u16());
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.append(PROXY_STATUS, value);
    }
}
