//! HTTP clients: one request at a time for most tests, hyper's own for those that stream.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::PATIENCE;

/// A request's body.
pub type Body = BoxBody<Bytes, Infallible>;

/// The sending end of [`channel`].
pub type BodySender = http_body_util::channel::Sender<Bytes, Infallible>;

/// A response, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// What came behind the body.
    pub trailers: HeaderMap,
}

impl Answer {
    /// The body as text.
    ///
    /// # Panics
    /// When it is none.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).expect("text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON, {error}: {:?}", self.body))
    }

    /// The field's value; `None` when there is none.
    ///
    /// # Panics
    /// When there are several: then a test should say which.
    pub fn header(&self, name: &str) -> Option<&str> {
        one_value(&self.headers, name)
    }

    /// Asserts the status and the body, showing both when one is wrong.
    #[track_caller]
    pub fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status, String::from_utf8_lossy(&self.body).as_ref()), (status, body));
    }

    /// Asserts an RFC 9457 problem with this status that tells nothing about the inside.
    #[track_caller]
    pub fn is_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
        let text = problem.to_string().to_lowercase();
        for inside in ["secret", "wasm", "panic", "trap", "backtrace", ".rs", "thread", "unreachable"] {
            assert!(!text.contains(inside), "the client learns of {inside:?}: {problem}");
        }
    }
}

/// The value of a field that may be there once.
///
/// # Panics
/// When there are several.
pub fn one_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().expect("a field of printable characters"));
    assert!(values.next().is_none(), "several {name}: {headers:?}");
    value
}

/// Runs a test's asynchronous part.
///
/// # Panics
/// When it does not end in time.
pub fn run<T>(part: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, part).await.expect("an end in time") })
}

/// No body.
pub fn empty() -> Body {
    Empty::new().boxed()
}

/// A body that is complete.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

/// A body that is sent bit by bit.
pub fn channel() -> (BodySender, Body) {
    let (sender, body) = http_body_util::channel::Channel::new(1);
    (sender, body.boxed())
}

/// An HTTP/1.1 connection. It needs the runtime of [`run`].
///
/// # Panics
/// When there is none.
pub async fn http1(address: SocketAddr) -> http1::SendRequest<Body> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

/// An HTTP/2 connection, by prior knowledge. It needs the runtime of [`run`].
///
/// # Panics
/// When there is none.
pub async fn http2(address: SocketAddr) -> http2::SendRequest<Body> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

/// `request` with the Host that HTTP/1.1 wants.
pub fn with_host(mut request: Request<Body>, address: SocketAddr) -> Request<Body> {
    let host = HeaderValue::from_str(&address.to_string()).expect("an address is a field value");
    request.headers_mut().entry(HOST).or_insert(host);
    request
}

/// One request and its whole answer, over an HTTP/1.1 connection of its own.
///
/// # Panics
/// When there is no answer.
pub async fn exchange(address: SocketAddr, request: Request<Body>) -> Answer {
    let mut connection = http1(address).await;
    read(connection.send_request(with_host(request, address)).await.expect("a response")).await
}

/// Reads a response to its end.
///
/// # Panics
/// When the body breaks off.
pub async fn read(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body");
    let trailers = body.trailers().cloned().unwrap_or_default();
    Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes(), trailers }
}

/// The next data of a body that is being received.
///
/// # Panics
/// When it breaks off, or ends.
pub async fn next_data(body: &mut Incoming) -> Bytes {
    let frame = body.frame().await.expect("more of the body").expect("more of the body");
    frame.into_data().expect("data")
}
