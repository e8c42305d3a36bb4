//! The writing half of a connection: responses leave in as few writes as their bodies allow.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Version, response};
use http_body::Body;
use tokio::io::AsyncWrite;
use tokio::net::tcp::WriteHalf;

use super::chunked::is_allowed_trailer;
use super::read::Patience;
use super::wire::{put_chunk_head, put_field};
use super::{Refusal, poll_once};
use crate::server::body::ResponseBody;
use crate::server::date;
use crate::server::problem;

/// How long a client may take none of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bodies up to this size are copied behind their head; larger ones are written from where they are.
const COPY_BYTES_MAX: usize = 16 * 1024;
/// Responses to pipelined requests wait for each other up to this many bytes.
const GATHER_BYTES_MAX: usize = 64 * 1024;

/// What is said to CONNECT (RFC 9110 section 15.5.6).
const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// What the request says about how its response is written.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub is_head: bool,
    pub is_1_1: bool,
    pub takes_trailers: bool,
}

impl Asked {
    /// As read from a request's method and version.
    pub fn new(method: &Method, version: Version, takes_trailers: bool) -> Self {
        Self { is_head: method == Method::HEAD, is_1_1: version == Version::HTTP_11, takes_trailers }
    }
}

/// How the end of a response body is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

/// Why a response was not written to its end; the connection cannot go on.
#[derive(Debug)]
pub enum WriteError {
    /// The client is gone, or takes nothing.
    Connection,
    /// The body failed, or was not as long as announced.
    Body,
}

impl From<io::Error> for WriteError {
    fn from(_: io::Error) -> Self {
        Self::Connection
    }
}

/// The writing half with what waits to be written.
pub struct Writer<'a> {
    socket: WriteHalf<'a>,
    buffer: BytesMut,
    patience: Patience,
}

impl<'a> Writer<'a> {
    pub fn new(socket: WriteHalf<'a>) -> Self {
        Self { socket, buffer: BytesMut::with_capacity(1024), patience: Patience::none() }
    }

    /// Writes one response. `started` is set once its head is on the way. A small complete one stays in the buffer
    /// until [`Writer::flush`].
    ///
    /// # Errors
    /// When the connection is unusable afterwards.
    pub async fn respond(
        &mut self,
        response: Response<ResponseBody>,
        asked: Asked,
        keep_alive: &mut bool,
        started: &AtomicBool,
    ) -> Result<(), WriteError> {
        started.store(true, Ordering::Relaxed);
        let (head, body) = response.into_parts();
        let framing = framing(head.status, &head.headers, &body, asked)?;
        if framing == Framing::UntilClose {
            *keep_alive = false;
        }
        self.put_head(head.status, &head.headers, framing, asked, *keep_alive);
        if asked.is_head || framing == Framing::None {
            return Ok(());
        }
        match body.as_whole() {
            Some(whole) if whole.len() <= COPY_BYTES_MAX => {
                self.buffer.extend_from_slice(whole);
                if self.buffer.len() > GATHER_BYTES_MAX { Ok(self.flush().await?) } else { Ok(()) }
            }
            Some(whole) => Ok(self.flush_with(whole.clone(), b"").await?),
            None => self.stream(body, framing, asked).await,
        }
    }

    /// Writes a body as it comes.
    async fn stream(&mut self, mut body: ResponseBody, framing: Framing, asked: Asked) -> Result<(), WriteError> {
        let mut bytes_left = if let Framing::Length(length) = framing { length } else { u64::MAX };
        loop {
            let frame = match poll_once(|context| Pin::new(&mut body).poll_frame(context)).await {
                Some(frame) => frame,
                None => {
                    self.flush().await?;
                    poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
                }
            };
            let frame = match frame {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return Err(WriteError::Body),
                None => break,
            };
            match frame.into_data() {
                Ok(data) => {
                    bytes_left = bytes_left.checked_sub(data.len() as u64).ok_or(WriteError::Body)?;
                    self.put_data(data, framing).await?;
                }
                Err(frame) => {
                    if framing == Framing::Chunked {
                        self.put_last_chunk(frame.trailers_ref().filter(|_| asked.takes_trailers));
                        return Ok(());
                    }
                }
            }
        }
        match framing {
            Framing::Chunked => self.put_last_chunk(None),
            Framing::Length(_) if bytes_left > 0 => return Err(WriteError::Body),
            _ => {}
        }
        Ok(())
    }

    /// Puts some of a body behind what waits, and writes when that is worth a write.
    async fn put_data(&mut self, data: Bytes, framing: Framing) -> io::Result<()> {
        // An empty chunk would end the body.
        if data.is_empty() {
            return Ok(());
        }
        let is_chunked = framing == Framing::Chunked;
        if is_chunked {
            put_chunk_head(&mut self.buffer, data.len());
        }
        let end: &'static [u8] = if is_chunked { b"\r\n" } else { b"" };
        if data.len() > COPY_BYTES_MAX {
            return self.flush_with(data, end).await;
        }
        self.buffer.extend_from_slice(&data);
        self.buffer.extend_from_slice(end);
        if self.buffer.len() > GATHER_BYTES_MAX { self.flush().await } else { Ok(()) }
    }

    fn put_last_chunk(&mut self, trailers: Option<&HeaderMap>) {
        self.buffer.extend_from_slice(b"0\r\n");
        for (name, value) in trailers.into_iter().flatten().filter(|(name, _)| is_allowed_trailer(name)) {
            put_field(&mut self.buffer, name.as_str().as_bytes(), value.as_bytes());
        }
        self.buffer.extend_from_slice(b"\r\n");
    }

    fn put_head(&mut self, status: StatusCode, headers: &HeaderMap, framing: Framing, asked: Asked, keep_alive: bool) {
        let out = &mut self.buffer;
        out.reserve(256 + headers.len() * 48);
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.extend_from_slice(b" ");
        out.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
        out.extend_from_slice(b"\r\n");
        // To a HEAD request a component may say how long the body would have been.
        let keeps_length = asked.is_head && framing == Framing::None;
        for (name, value) in headers {
            if !is_hop_by_hop(name) && (keeps_length || name != header::CONTENT_LENGTH) {
                put_field(out, name.as_str().as_bytes(), value.as_bytes());
            }
        }
        if !headers.contains_key(header::DATE) {
            date::with_now(|now| put_field(out, b"date", now));
        }
        match framing {
            Framing::Length(length) => {
                put_field(out, b"content-length", itoa::Buffer::new().format(length).as_bytes());
            }
            Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Framing::None | Framing::UntilClose => {}
        }
        if !keep_alive {
            out.extend_from_slice(b"connection: close\r\n");
        } else if !asked.is_1_1 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Puts the head of an informational response; of `101 Switching Protocols` with what it switches to.
    pub fn put_informational(&mut self, head: &response::Parts) {
        let out = &mut self.buffer;
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(head.status.as_str().as_bytes());
        out.extend_from_slice(b" ");
        out.extend_from_slice(head.status.canonical_reason().unwrap_or("").as_bytes());
        out.extend_from_slice(b"\r\n");
        let is_switch = head.status == StatusCode::SWITCHING_PROTOCOLS;
        for (name, value) in &head.headers {
            if (is_switch && name == header::UPGRADE) || !(is_hop_by_hop(name) || name == header::CONTENT_LENGTH) {
                put_field(out, name.as_str().as_bytes(), value.as_bytes());
            }
        }
        out.extend_from_slice(if is_switch { b"connection: upgrade\r\n\r\n" } else { b"\r\n" });
    }

    /// The socket, once all that waited is written: for a protocol that is not HTTP any more.
    pub fn hand_over(&mut self) -> &mut WriteHalf<'a> {
        &mut self.socket
    }

    /// Answers a request that no handler sees; the connection closes afterwards.
    pub async fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        let mut response = problem::response(refusal.status(), refusal.detail());
        if refusal == Refusal::MethodNotAllowed {
            response.headers_mut().insert(header::ALLOW, ALLOWED);
        }
        let (head, body) = response.into_parts();
        let whole = body.as_whole().cloned().unwrap_or_default();
        let asked = Asked { is_head: false, is_1_1: true, takes_trailers: false };
        self.put_head(head.status, &head.headers, Framing::Length(whole.len() as u64), asked, false);
        self.buffer.extend_from_slice(&whole);
        self.flush().await
    }

    /// Writes all that waits.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.flush_with(Bytes::new(), b"").await
    }

    /// Writes all that waits, then `data`, then `end`, without copying them.
    async fn flush_with(&mut self, data: Bytes, end: &'static [u8]) -> io::Result<()> {
        let mut rest = (data, end);
        self.patience.grant(WRITE_TIMEOUT);
        while !(self.buffer.is_empty() && rest.0.is_empty() && rest.1.is_empty()) {
            let written = poll_fn(|context| self.poll_write(context, &rest.0, rest.1)).await?;
            let written = skip(&mut self.buffer, written);
            let written = skip(&mut rest.0, written);
            skip(&mut rest.1, written);
            self.patience.grant(WRITE_TIMEOUT);
        }
        Ok(())
    }

    fn poll_write(&mut self, context: &mut Context<'_>, data: &[u8], end: &[u8]) -> Poll<io::Result<usize>> {
        let socket = Pin::new(&mut self.socket);
        let outcome = if data.is_empty() {
            socket.poll_write(context, &self.buffer)
        } else {
            socket.poll_write_vectored(context, &[IoSlice::new(&self.buffer), IoSlice::new(data), IoSlice::new(end)])
        };
        match outcome {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Pending => self.patience.poll_exhausted(context).map(|()| Err(io::ErrorKind::TimedOut.into())),
            ready => ready,
        }
    }

    /// Says that nothing more will be written.
    pub async fn shut_down(&mut self) {
        // The client may be gone already; then there is nobody left to tell.
        let _ = poll_fn(|context| Pin::new(&mut self.socket).poll_shutdown(context)).await;
    }
}

/// Skips what was written of `buffer`; returns what is left of `written`.
fn skip(buffer: &mut impl Buf, written: usize) -> usize {
    let skipped = written.min(buffer.remaining());
    buffer.advance(skipped);
    written - skipped
}

/// RFC 9112 section 6.3, from the sender's side.
fn framing(status: StatusCode, headers: &HeaderMap, body: &ResponseBody, asked: Asked) -> Result<Framing, WriteError> {
    if status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return Ok(Framing::None);
    }
    if let Some(whole) = body.as_whole() {
        // Without a body there is no telling how long it would have been, unless its maker did.
        return Ok(if asked.is_head && whole.is_empty() { Framing::None } else { Framing::Length(whole.len() as u64) });
    }
    match headers.get(header::CONTENT_LENGTH) {
        Some(_) if asked.is_head => Ok(Framing::None),
        Some(length) => {
            let length = length.to_str().ok().and_then(|length| length.parse().ok()).ok_or(WriteError::Body)?;
            Ok(Framing::Length(length))
        }
        None if asked.is_head => Ok(Framing::None),
        None => Ok(match body.size_hint().exact() {
            Some(length) => Framing::Length(length),
            None if asked.is_1_1 => Framing::Chunked,
            None => Framing::UntilClose,
        }),
    }
}

/// Fields that belong to this connection and are the server's alone to send (RFC 9110 section 7.6.1).
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(*name, header::CONNECTION | header::TRANSFER_ENCODING | header::UPGRADE | header::TE)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}
