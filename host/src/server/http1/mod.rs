//! HTTP/1.1 for one connection (RFC 9112): strict heads and framing, pipelining, streaming in both directions.
//!
//! It is our own because the edge's cost per request is decided here, and because a lenient parser in front of
//! other parsers is how requests are smuggled: see [`head`].

pub mod chunked;
mod connection;
pub mod head;
#[cfg(test)]
pub mod properties;
pub mod read;
pub mod wire;
mod write;

use std::future::poll_fn;
use std::task::{Context, Poll};

use http::StatusCode;

pub use connection::serve;

/// A request that is refused before any handler sees it. The connection closes after the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400, with what is wrong.
    BadRequest(&'static str),
    /// 405: CONNECT asks for a proxy, which this is not.
    MethodNotAllowed,
    /// 408: the client was too slow.
    Timeout,
    /// 413: the body is larger than allowed.
    BodyTooLarge,
    /// 414: the request target is too long.
    TargetTooLong,
    /// 417: an expectation other than `100-continue`.
    ExpectationFailed,
    /// 431: the head is too large.
    HeadTooLarge,
    /// 501: a transfer coding other than chunked.
    CodingNotImplemented,
    /// 505: not HTTP/1.0 or HTTP/1.1.
    VersionNotSupported,
}

impl Refusal {
    /// The status that the client gets.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::CodingNotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::VersionNotSupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        }
    }

    /// What is wrong, in words for the client; says nothing about the inside.
    pub fn detail(self) -> &'static str {
        match self {
            Self::BadRequest(detail) => detail,
            Self::MethodNotAllowed => "CONNECT is not served here",
            Self::Timeout => "the request took too long to arrive",
            Self::BodyTooLarge => "the request body is too large",
            Self::TargetTooLong => "the request target is too long",
            Self::ExpectationFailed => "the only expectation understood is 100-continue",
            Self::HeadTooLarge => "the request head is too large",
            Self::CodingNotImplemented => "the only transfer coding understood is chunked",
            Self::VersionNotSupported => "HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here",
        }
    }
}

/// Polls once, without waiting: what is there at once can be written together with what went before.
async fn poll_once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    poll_fn(|context| match poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
