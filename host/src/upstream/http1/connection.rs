//! One connection, with what was read ahead and what waits to be written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::engine::Permit;
use crate::server::http1::read::Patience;
use crate::upstream::stream::Stream;

/// Bytes asked of the socket at first, and at most when a body keeps filling what was asked for.
const READ_BYTES_MIN: usize = 8 * 1024;
const READ_BYTES_MAX: usize = 256 * 1024;

/// A connection to an upstream that speaks HTTP/1.1.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    pub read: BytesMut,
    pub write: BytesMut,
    pub patience: Patience,
    /// Bytes written in its whole life: whether it changes shows whether the upstream takes any.
    pub written_bytes: u64,
    read_bytes: usize,
    /// Since when it has been idle.
    pub idle_since: Instant,
    /// It has answered a request before.
    pub is_reused: bool,
    _place: Permit,
}

impl Connection {
    /// A new connection that holds one of its upstream's places.
    pub fn new(stream: Stream, place: Permit) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
            write: BytesMut::with_capacity(1024),
            patience: Patience::none(),
            written_bytes: 0,
            read_bytes: READ_BYTES_MIN,
            idle_since: Instant::now(),
            is_reused: false,
            _place: place,
        }
    }

    /// Whether it can take a request: nothing came while it was idle, not even its end.
    pub fn is_usable(&mut self, idle_timeout: Duration) -> bool {
        self.idle_since.elapsed() < idle_timeout && self.read.is_empty() && !self.stream.is_spent()
    }

    /// Makes it ready to wait for the next request.
    pub fn rest(&mut self) {
        self.is_reused = true;
        self.idle_since = Instant::now();
        self.read_bytes = READ_BYTES_MIN;
        if self.write.capacity() > READ_BYTES_MIN {
            self.write = BytesMut::with_capacity(1024);
        }
    }

    /// Reads once. Zero bytes are the end.
    pub fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.read.reserve(self.read_bytes);
        let room = self.read.spare_capacity_mut();
        let asked = room.len();
        let mut buffer = ReadBuf::uninit(room);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        let length = buffer.filled().len();
        // SAFETY: `poll_read` has initialised the first `length` bytes of the spare capacity, which `buffer` tracks.
        unsafe { self.read.set_len(self.read.len() + length) };
        if length == asked {
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
        }
        Poll::Ready(Ok(length))
    }

    /// Writes what waits, then `piece`, then `end`. Ready when all of it was written.
    pub fn poll_write(
        &mut self,
        piece: &mut Bytes,
        end: &mut &'static [u8],
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.write.is_empty() || !piece.is_empty() || !end.is_empty() {
            let stream = Pin::new(&mut self.stream);
            let mut written = if piece.is_empty() && end.is_empty() {
                ready!(stream.poll_write(context, &self.write))?
            } else {
                let slices = [IoSlice::new(&self.write), IoSlice::new(piece), IoSlice::new(end)];
                ready!(stream.poll_write_vectored(context, &slices))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written_bytes += written as u64;
            for part in [&mut self.write as &mut dyn Buf, piece, end] {
                let skipped = written.min(part.remaining());
                part.advance(skipped);
                written -= skipped;
            }
        }
        // TLS holds records back until it is told.
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// The bare connection and what was read ahead, for a protocol that is not HTTP any more.
    pub fn into_parts(self) -> (Stream, BytesMut, Permit) {
        (self.stream, self.read, self._place)
    }
}
