//! What is sent to whom: a request as an upstream or a function gets it.

use http::header::{CONNECTION, FORWARDED, HOST, TE, UPGRADE, VIA};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Uri, Version, request};
use tidegate_edge_config::edge::{Protocol, Route, Upstream};
use tidegate_route::HostRewrite;

use crate::checks::Host;
use crate::client::{Sender, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, forwarded};
use crate::{Pipeline, Refusal, hop};

/// How often a request may pass through here. Two edges in a row may share a name, and a route may lead back to the
/// edge on purpose; beyond that it goes in a circle.
const PASSES_MAX: usize = 8;

/// Makes of a client's request what an upstream gets. Whether it may become a tunnel.
pub(crate) fn to_upstream(
    pipeline: &Pipeline,
    upstream: &Upstream,
    route: &Route,
    request: &mut request::Parts,
    target: Option<PathAndQuery>,
    sender: &Sender,
) -> Result<bool, Refusal> {
    let headers = &mut request.headers;
    if passes(headers, pipeline.name()) >= PASSES_MAX {
        return Err(Refusal::Loop);
    }
    let is_http_1_1 = request.version == Version::HTTP_11;
    let may_upgrade = is_http_1_1 && request.method == Method::GET && upstream.protocol != Protocol::Http2;
    let upgrade = if may_upgrade { hop::upgrade(headers) } else { None };
    let takes_trailers = hop::takes_trailers(headers);

    hop::remove(headers);
    introduce(headers, sender);
    let host = host(&route.rewrite.host, headers).unwrap_or_else(|| upstream.authority.clone());
    route.rewrite.request.apply(headers);

    headers.insert(HOST, host);
    headers.append(VIA, pipeline.via(request.version).clone());
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    let is_upgrade = upgrade.is_some();
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
    retarget(request, target);
    request.version = if upstream.protocol == Protocol::Http2 { Version::HTTP_2 } else { Version::HTTP_11 };
    Ok(is_upgrade)
}

/// Makes of a client's request what a function gets. What belongs to the connection is its host's to remove, who also
/// says who the client is.
pub(crate) fn to_function(route: &Route, request: &mut request::Parts, target: Option<PathAndQuery>) {
    let host = host(&route.rewrite.host, &request.headers);
    route.rewrite.request.apply(&mut request.headers);
    if let Some(host) = host {
        request.headers.insert(HOST, host);
    }
    retarget(request, target);
}

fn retarget(request: &mut request::Parts, target: Option<PathAndQuery>) {
    if let Some(target) = target {
        request.uri = Uri::from(target);
    }
}

/// The host that the destination is to see; none: its own.
fn host(rewrite: &HostRewrite, headers: &HeaderMap) -> Option<HeaderValue> {
    match rewrite {
        HostRewrite::Upstream => None,
        HostRewrite::Client => headers.get(HOST).cloned(),
        HostRewrite::Set(host) => Some(host.clone()),
    }
}

/// How often a request has passed through a proxy of this name (RFC 9110 section 7.6.3).
fn passes(headers: &HeaderMap, name: &str) -> usize {
    let fields = headers.get_all(VIA).iter().filter_map(|field| field.to_str().ok());
    let hops = fields.flat_map(|field| field.split(','));
    hops.filter(|hop| hop.split_ascii_whitespace().nth(1) == Some(name)).count()
}

/// Says who the client is and what it asked for. What is still there of that comes from a trusted proxy: it is added
/// to where it is a list, and else it stands.
fn introduce(headers: &mut HeaderMap, sender: &Sender) {
    let asked = headers.get(HOST).filter(|host| !host.is_empty()).cloned();
    let host = Host::of(headers).as_str();
    let peer = sender.peer.to_string();
    let mut text = joined(headers, &FORWARDED, 64 + host.len());
    forwarded::write(&mut text, &peer, host, sender.is_https);
    // What is added here and after it, so that the map grows once.
    headers.reserve(8);
    insert(headers, FORWARDED, text);

    let mut text = joined(headers, &X_FORWARDED_FOR, peer.len());
    text.push_str(&peer);
    insert(headers, X_FORWARDED_FOR, text);

    let scheme = HeaderValue::from_static(if sender.is_https { "https" } else { "http" });
    headers.insert(X_FORWARDED_PROTO, scheme);
    if let Some(asked) = asked
        && !headers.contains_key(X_FORWARDED_HOST)
    {
        headers.insert(X_FORWARDED_HOST, asked);
    }
}

/// All lines of a list field in one, ready for one more element.
fn joined(headers: &HeaderMap, name: &http::HeaderName, more: usize) -> String {
    let mut text = String::with_capacity(more);
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    for line in lines.filter(|line| !line.is_empty()) {
        text.push_str(line);
        text.push_str(", ");
    }
    text
}

fn insert(headers: &mut HeaderMap, name: http::HeaderName, text: String) {
    // Made of parts of valid values.
    if let Ok(value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(text)) {
        headers.insert(name, value);
    }
}
