//! Requests as they are written to an upstream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TE};
use http::{HeaderMap, Method, request};
use http_body::Body;

use super::connection::Connection;
use crate::server::body::RequestBody;
use crate::server::http1::chunked::is_allowed_trailer;
use crate::server::http1::wire::{put_chunk_head, put_field};
use tidegate_pipeline::Failure;
use wasmtime_wasi_http::Error;

/// Bodies are gathered up to this many bytes before they are written; larger pieces are written from where they are.
const GATHER_BYTES_MAX: usize = 16 * 1024;

/// A request's body on its way out.
#[derive(Debug)]
pub struct Outgoing {
    body: RequestBody,
    framing: Framing,
    /// A piece that is written from where it is, behind what the connection has gathered.
    piece: Bytes,
    /// What follows the piece.
    piece_end: &'static [u8],
    phase: Phase,
    /// The upstream took all that there was: what comes next is up to the client, which has time limits of its own.
    waits_for_client: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Length(u64),
    Chunked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The upstream has to ask for the body first (`Expect: 100-continue`).
    Awaited,
    Body,
    Flushing,
    Done,
}

impl Outgoing {
    /// Puts the head of the request into the connection's buffer; its body follows as it is polled.
    pub fn start(head: &request::Parts, body: RequestBody, connection: &mut Connection) -> Self {
        let framing = framing(head, &body);
        put_head(&mut connection.write, head, framing);
        let is_awaited = framing != Framing::None && head.headers.contains_key(EXPECT);
        let phase = match framing {
            Framing::None => Phase::Flushing,
            _ if is_awaited => Phase::Awaited,
            _ => Phase::Body,
        };
        Self { body, framing, piece: Bytes::new(), piece_end: b"", phase, waits_for_client: false }
    }

    /// Whether the upstream has yet to ask for the body.
    pub fn is_awaited(&self) -> bool {
        self.phase == Phase::Awaited
    }

    /// The upstream asked for the body, or was given time enough to.
    pub fn go_on(&mut self) {
        if self.phase == Phase::Awaited {
            self.phase = Phase::Body;
        }
    }

    /// Whether all was written: the connection can take another request.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether more of the body has to come from the client before anything happens.
    pub fn waits_for_client(&self) -> bool {
        self.waits_for_client
    }

    /// Writes as much as the upstream takes. Ready when all was written, or with what went wrong.
    pub fn poll_send(&mut self, connection: &mut Connection, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.waits_for_client = false;
        loop {
            if self.phase == Phase::Done {
                return Poll::Ready(Ok(()));
            }
            let is_waiting = self.gather(connection, context)?;
            let write = connection.poll_write(&mut self.piece, &mut self.piece_end, context);
            ready!(write).map_err(|_| Failure::ConnectionTerminated)?;
            match self.phase {
                Phase::Flushing => self.phase = Phase::Done,
                _ if is_waiting => {
                    self.waits_for_client = self.phase == Phase::Body;
                    return Poll::Pending;
                }
                _ => {}
            }
        }
    }

    /// Takes what there is of the body, up to a write's worth. True if more has to be waited for.
    fn gather(&mut self, connection: &mut Connection, context: &mut Context<'_>) -> Result<bool, Failure> {
        while self.phase == Phase::Body && self.piece.is_empty() && connection.write.len() < GATHER_BYTES_MAX {
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => return Ok(true),
                Poll::Ready(frame) => frame,
            };
            match frame {
                Some(Err(Error::HttpRequestBodySize(_))) => return Err(Failure::RequestBodyTooLarge),
                Some(Err(_)) => return Err(Failure::RequestBodyFailed),
                None => self.end(connection, None)?,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.put_data(connection, data)?,
                    Err(frame) => self.end(connection, frame.trailers_ref())?,
                },
            }
        }
        Ok(self.phase == Phase::Awaited)
    }

    fn put_data(&mut self, connection: &mut Connection, data: Bytes) -> Result<(), Failure> {
        if data.is_empty() {
            return Ok(());
        }
        match &mut self.framing {
            // A body that is not as long as its head says would be read as the next request.
            Framing::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(Failure::RequestBodyFailed)?;
                self.piece_end = b"";
            }
            Framing::Chunked => {
                put_chunk_head(&mut connection.write, data.len());
                self.piece_end = b"\r\n";
            }
            Framing::None => return Err(Failure::RequestBodyFailed),
        }
        if data.len() > GATHER_BYTES_MAX {
            self.piece = data;
        } else {
            connection.write.extend_from_slice(&data);
            connection.write.extend_from_slice(std::mem::take(&mut self.piece_end));
        }
        Ok(())
    }

    fn end(&mut self, connection: &mut Connection, trailers: Option<&HeaderMap>) -> Result<(), Failure> {
        match self.framing {
            Framing::Length(1..) => return Err(Failure::RequestBodyFailed),
            Framing::Chunked => {
                connection.write.extend_from_slice(b"0\r\n");
                for (name, value) in trailers.into_iter().flatten().filter(|(name, _)| is_allowed_trailer(name)) {
                    put_field(&mut connection.write, name.as_str().as_bytes(), value.as_bytes());
                }
                connection.write.extend_from_slice(b"\r\n");
            }
            _ => {}
        }
        self.phase = Phase::Flushing;
        Ok(())
    }
}

/// RFC 9112 section 6.3, from the sender's side: a length that is known is said, else the body is chunked.
fn framing(head: &request::Parts, body: &RequestBody) -> Framing {
    if matches!(body, RequestBody::Empty) {
        return Framing::None;
    }
    let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.map_or(Framing::Chunked, Framing::Length)
}

fn put_head(out: &mut BytesMut, head: &request::Parts, framing: Framing) {
    out.reserve(256 + head.headers.len() * 48);
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.extend_from_slice(b" ");
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    if target.starts_with('?') {
        out.extend_from_slice(b"/");
    }
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in &head.headers {
        // What frames the body is said below; an empty one needs no permission.
        if name != CONTENT_LENGTH && (framing != Framing::None || name != EXPECT) {
            put_field(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    // RFC 9110 section 10.1.4: TE belongs to this connection.
    if head.headers.contains_key(TE) && !head.headers.contains_key(CONNECTION) {
        put_field(out, b"connection", b"te");
    }
    match framing {
        Framing::Length(length) => {
            put_field(out, b"content-length", itoa::Buffer::new().format(length).as_bytes());
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // RFC 9110 section 8.6: where a body means something, its absence is said.
        Framing::None if matches!(head.method, Method::POST | Method::PUT | Method::PATCH) => {
            out.extend_from_slice(b"content-length: 0\r\n");
        }
        Framing::None => {}
    }
    out.extend_from_slice(b"\r\n");
}
