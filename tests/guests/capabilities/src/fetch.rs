//! Outgoing requests: to other servers, to other components, to oneself.

use http::Response;
use http_body_util::BodyExt;
use spin_sdk::http::{BoxBody, EmptyBody, Error, FullBody, Request, box_body, send};

use super::{Found, Query};

/// Passes the request's method, fields, body and trailers on to `url`, and gives back the answer.
pub async fn fetch(request: Request, query: &Query) -> Result<Response<BoxBody>, Error> {
    let mut outgoing = http::Request::builder().method(request.method().clone()).uri(query.text("url"));
    let kept = |name: &str| name.starts_with("x-") || matches!(name, "te" | "trailer");
    for (name, value) in request.headers().iter().filter(|(name, _)| kept(name.as_str())) {
        outgoing = outgoing.header(name, value);
    }
    let has_body = request.method() != http::Method::GET;
    let body = if has_body { box_body(request.into_body()) } else { box_body(EmptyBody::new()) };
    match send(outgoing.body(body)?).await {
        Ok(response) => Ok(response.map(box_body)),
        Err(error) => Ok(Response::builder().status(502).body(box_body(FullBody::new(format!("{error:?}").into())))?),
    }
}

/// Calls `url` with the same query, which is meant to lead here again.
pub async fn recurse(query: &Query) -> Found {
    let url = query.text("url");
    let next = http::Request::get(format!("{url}?url={url}")).body(EmptyBody::new()).unwrap();
    let response = send(next).await.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() { Ok(text) } else { Err(text) }
}
