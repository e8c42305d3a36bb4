//! Outgoing requests, through `wasi:http/client@0.3.0`.

use std::time::Duration;

use http::StatusCode;
use wasip3::http::{
    client,
    types::{ErrorCode, Request as Outgoing, RequestOptions},
};

use super::{
    body::{self, Incoming, Message},
    head,
};
use crate::{
    Error, Result,
    fetch::no_answer_in_time,
    http::{Body, Request, Response},
};

pub(crate) async fn fetch(request: Request, timeout: Duration) -> Result<Response> {
    let to = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let answer = client::send(request_into(request, timeout)?).await;
    let answer = answer.map_err(|error| {
        let cause = format!("fetch from {to}: {error}");
        failed(error).because(cause)
    })?;

    let status = StatusCode::from_u16(answer.get_status_code())?;
    let headers = head::headers_from(answer.get_headers());
    let body = Incoming::new(Message::Response(answer), &headers);
    let mut response = Response::new(Body::incoming(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn request_into(request: Request, timeout: Duration) -> Result<Outgoing> {
    let (parts, body) = request.into_parts();
    // A GET without a body says nothing about its length (RFC 9110, section 8.6).
    let length = body.full_len().filter(|length| *length > 0 || parts.method == http::Method::POST);
    let fields = head::fields_from(&parts.headers, length)?;
    let (chunks, end) = body::halves(body);
    let (outgoing, _whether_sent) = Outgoing::new(fields, chunks, end, Some(options(timeout)));

    let refused = |part: &str| Error::internal(format!("fetch: {part} of {} makes no sense", parts.uri));
    outgoing.set_method(&head::wasi_method(&parts.method)).map_err(|()| refused("the method"))?;
    outgoing.set_scheme(parts.uri.scheme().map(head::wasi_scheme).as_ref()).map_err(|()| refused("the scheme"))?;
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    outgoing.set_authority(authority).map_err(|()| refused("the host"))?;
    let path = parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
    outgoing.set_path_with_query(path).map_err(|()| refused("the path"))?;
    Ok(outgoing)
}

/// A host may not support one or the other: the whole is timed on our side too.
fn options(timeout: Duration) -> RequestOptions {
    let timeout = Some(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(timeout);
    let _ = options.set_first_byte_timeout(timeout);
    let _ = options.set_between_bytes_timeout(timeout);
    options
}

/// What the visitor is told: 504 when an upstream took too long, 502 otherwise. `error` goes to the log.
pub(super) fn failed(error: ErrorCode) -> Error {
    use ErrorCode as E;
    match error {
        E::DnsTimeout
        | E::ConnectionTimeout
        | E::ConnectionReadTimeout
        | E::ConnectionWriteTimeout
        | E::HttpResponseTimeout => no_answer_in_time(error.to_string()),
        _ => Error::status(StatusCode::BAD_GATEWAY, "").because(error),
    }
}
