//! HTTP/2 with prior knowledge (h2c, RFC 9113 section 3.3), by hyper.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::body::{RequestBody, ResponseBody};
use super::interim::Interim;
use super::preface::Rewound;
use super::{Drain, Handler, problem};

/// Requests in flight on one connection.
const STREAMS_MAX: u32 = 256;
/// Largest request head in bytes.
const HEAD_BYTES_MAX: u32 = 64 * 1024;
/// How long a connection may stay without a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a silent client is asked whether it is still there, and how long it has to say so.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves one connection until either side ends it.
pub async fn serve(stream: TcpStream, read_ahead: BytesMut, handler: impl Handler, mut drain: Drain) {
    let handler = Arc::new(handler);
    let in_flight = Arc::new(AtomicUsize::new(0));
    let service = service_fn({
        let in_flight = Arc::clone(&in_flight);
        move |request| answer(Arc::clone(&handler), InFlight::enter(&in_flight), request)
    });
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Rewound::new(stream, read_ahead)), service));
    let mut idle_since_last_look = false;
    let mut look = tokio::time::interval(IDLE_TIMEOUT);
    let mut is_ending = false;
    loop {
        tokio::select! {
            biased;
            // A client that breaks the protocol gets what HTTP/2 has for that from hyper.
            _ = connection.as_mut() => return,
            () = drain.started(), if !is_ending => is_ending = true,
            _ = look.tick(), if !is_ending => {
                is_ending = idle_since_last_look && in_flight.load(Ordering::Relaxed) == 0;
                idle_since_last_look = in_flight.load(Ordering::Relaxed) == 0;
            }
        }
        if is_ending {
            connection.as_mut().graceful_shutdown();
        }
    }
}

async fn answer(
    handler: Arc<impl Handler>,
    _in_flight: InFlight,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    if request.method() == Method::CONNECT {
        return Ok(problem::response(StatusCode::METHOD_NOT_ALLOWED, "CONNECT is not served here"));
    }
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > handler.body_bytes_max()) {
        return Ok(problem::response(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large"));
    }
    let request = request.map(|body| match hyper::body::Body::is_end_stream(&body) {
        true => RequestBody::Empty,
        false => RequestBody::Http2(body).limited(handler.body_bytes_max()),
    });
    let is_head = request.method() == Method::HEAD;
    let response = handler.handle(request, &Interim::default()).await;
    Ok(if is_head { without_body(response) } else { response })
}

/// A response to HEAD says how long its body would be and has none (RFC 9110 section 9.3.2). What has none here may have
/// had one where it was made, who may have said how long it is.
fn without_body(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    if let Some(whole) = response.body().as_whole()
        && !whole.is_empty()
    {
        let length = HeaderValue::from(whole.len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
    }
    response.map(ResponseBody::emptied)
}

/// Counts a request while it is being answered.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
