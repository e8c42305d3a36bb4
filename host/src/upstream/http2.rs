//! HTTP/2 to an upstream, by hyper: one connection on each core carries all requests.

use http::{Request, Response, Version, request};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::error::Error as _;
use std::time::Duration;
use tidegate_edge_config::edge;
use tidegate_pipeline::Failure;

use super::stream::Stream;
use crate::engine::Permit;
use crate::server::body::{RequestBody, ResponseBody};

/// How often a silent upstream is asked whether it is still there, and how long it has to say so.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// What the upstream may send of one body, and of all, before it is read: enough for a megabyte in few round trips.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// A connection that takes many requests at a time.
pub type Sender = SendRequest<RequestBody>;

/// Speaks HTTP/2 on `stream`. A task of its own moves its frames for as long as it lives, and holds its place.
///
/// # Errors
/// When the upstream does not answer the preface.
pub async fn handshake(stream: Stream, place: Permit) -> Result<Sender, Failure> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let (sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|_| Failure::ConnectionTerminated)?;
    tokio::spawn(async move {
        // The requests on it are told; nobody else is there to listen.
        let _ = connection.await;
        drop(place);
    });
    Ok(sender)
}

/// Sends a request and waits for the head of its response.
///
/// # Errors
/// What kept the response from coming.
pub async fn exchange(
    upstream: &edge::Upstream,
    mut sender: Sender,
    head: &request::Parts,
    body: RequestBody,
) -> Result<Response<ResponseBody>, Failure> {
    let request = to_http2(upstream, head, body)?;
    let sending = async {
        sender.ready().await.map_err(|_| Failure::ConnectionTerminated)?;
        sender.send_request(request).await.map_err(|error| failure(&error))
    };
    let response = tokio::time::timeout(upstream.first_byte_timeout, sending).await;
    let response = response.unwrap_or(Err(Failure::FirstByteTimeout))?;
    let idle_timeout = upstream.idle_timeout;
    Ok(response.map(|body| ResponseBody::http2(body, idle_timeout)))
}

/// The request with scheme and authority in its target, and without what HTTP/2 has no place for (RFC 9113 section 8.2.2).
fn to_http2(
    upstream: &edge::Upstream,
    head: &request::Parts,
    body: RequestBody,
) -> Result<Request<RequestBody>, Failure> {
    let mut headers = head.headers.clone();
    let authority = headers.remove(http::header::HOST).unwrap_or_else(|| upstream.authority.clone());
    headers.remove(http::header::EXPECT);
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(if upstream.is_tls { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP });
    uri.authority = http::uri::Authority::try_from(authority.as_bytes()).ok();
    uri.path_and_query = head.uri.path_and_query().cloned();
    let mut request = Request::new(body);
    *request.uri_mut() = http::Uri::from_parts(uri).map_err(|_| Failure::InvalidResponse)?;
    *request.method_mut() = head.method.clone();
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    Ok(request)
}

fn failure(error: &hyper::Error) -> Failure {
    if error.is_user() || error.is_body_write_aborted() {
        return Failure::RequestBodyFailed;
    }
    let is_io = error.source().is_some_and(|source| source.is::<std::io::Error>());
    if is_io || error.is_closed() || error.is_incomplete_message() || error.is_canceled() {
        Failure::ConnectionTerminated
    } else {
        Failure::InvalidResponse
    }
}
