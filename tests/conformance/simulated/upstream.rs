//! The upstream as a platform sees it: a response, or the failure that it makes of something else.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, response};
use tidegate_edge_config::edge::Upstream;
use tidegate_pipeline::{Failure, Fetch};

use super::body::Body;
use super::{fields, header_map};
use crate::case::{Down, Interim, Origin, Then, Version};
use crate::shell::SeenRequest;

/// What the upstream will do, if it can be reached: else why not, and how long that took. None if nobody expected it.
pub fn reach(config: &Upstream, origin: Option<Origin>) -> Result<Option<Origin>, (Failure, Duration)> {
    // RFC 6761 section 6.4: this name leads nowhere.
    if config.host.ends_with(".invalid") {
        return Err((Failure::Dns, Duration::ZERO));
    }
    match origin.as_ref().map(|origin| origin.down) {
        Some(Down::Refused) => Err((Failure::ConnectionRefused, Duration::ZERO)),
        Some(Down::Silent) => Err((Failure::ConnectTimeout, config.connect_timeout)),
        _ => Ok(origin),
    }
}

/// A request as the upstream gets it.
pub fn seen(fetch: &Fetch, body: &Body) -> SeenRequest {
    let head = &fetch.head;
    let limit = usize::try_from(fetch.max_request_body).unwrap_or(usize::MAX);
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let is_origin_form = head.uri.authority().is_none() && target.starts_with('/');
    SeenRequest {
        method: head.method.to_string(),
        target: target.to_owned(),
        fields: fields(&head.headers),
        body: body.bytes.slice(..body.bytes.len().min(limit)),
        trailers: fields(&body.trailers),
        tunnel: Bytes::new(),
        is_kept: false,
        is_truncated: body.is_broken,
        fault: (!is_origin_form).then(|| format!("a target that is not in origin form: {}", head.uri)),
    }
}

/// An interim response as it comes.
pub fn interim(interim: &Interim) -> response::Parts {
    head(interim.status, Version::Http11, header_map(&interim.fields))
}

/// What comes of a request.
pub fn respond(origin: &Origin, fetch: &Fetch) -> Result<Response<Body>, Failure> {
    match origin.then {
        Some(Then::Close) if origin.status.is_none() => return Err(Failure::ConnectionTerminated),
        Some(Then::Reset) => return Err(Failure::ConnectionTerminated),
        Some(Then::NeverAnswers) => return Err(Failure::FirstByteTimeout),
        Some(Then::Garbage) => return Err(Failure::InvalidResponse),
        Some(Then::HugeHead) => return Err(Failure::ResponseHeadTooLarge),
        _ => {}
    }
    let status = origin.status.unwrap_or(200);
    let has_none = fetch.head.method == http::Method::HEAD || matches!(status, 100..=199 | 204 | 304);
    let body = if has_none { Body::default() } else { Body::of_response(origin) };
    Ok(Response::from_parts(head(status, origin.version, header_map(&origin.all_fields())), body))
}

fn head(status: u16, version: Version, headers: http::HeaderMap) -> response::Parts {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = StatusCode::from_u16(status).unwrap_or_else(|_| panic!("{status} is no status"));
    head.version = if version == Version::Http10 { http::Version::HTTP_10 } else { http::Version::HTTP_11 };
    head.headers = headers;
    head
}
