//! The reading half of a connection: heads, bodies and the patience for both.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use http_body::Frame;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::ReadHalf;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

use super::Refusal;
use super::chunked::{Decoded, Decoder};
use super::head::{self, Framing, HEAD_BYTES_MAX, Head, Scanner};
use crate::server::body::{Demand, Sender};

/// How long a connection may stay idle between requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a head may take to arrive once its first byte has.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a body may pause.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes asked of the socket at once, and the most that a body or pipelined requests wait in memory.
const READ_BYTES: usize = 8 * 1024;
/// How much of an unread body is thrown away to keep the connection, in bytes.
const DISCARD_BYTES_MAX: u64 = 256 * 1024;

/// A timer that is armed again only when it fires too early: cheap for connections that are never idle.
#[derive(Debug)]
pub struct Patience {
    sleep: Option<Pin<Box<Sleep>>>,
    deadline: Instant,
}

impl Patience {
    /// None, until some is granted.
    pub fn none() -> Self {
        Self { sleep: None, deadline: Instant::now() }
    }

    /// Sets how long the next waits may take together.
    pub fn grant(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
    }

    /// Ready when the time is up. Polled only while there is something to wait for.
    pub fn poll_exhausted(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

/// What came instead of more bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Interruption {
    /// The client closed its side, or the connection broke.
    Closed,
    /// The client was too slow.
    TimedOut,
}

/// The reading half with what it has read ahead.
pub struct Reader<'a> {
    socket: ReadHalf<'a>,
    buffer: BytesMut,
    scanner: Scanner,
    patience: Patience,
}

/// A body that is still arriving.
pub struct Incoming {
    decoder: BodyDecoder,
    bytes_left: u64,
    /// `100 Continue` is owed before the first byte is asked for.
    owes_continue: bool,
}

enum BodyDecoder {
    Length,
    Chunked(Decoder),
}

impl Incoming {
    /// The body that `head` announces, or `None`.
    ///
    /// # Errors
    /// 413 when it announces more than `bytes_max`.
    pub fn announced(head: &Head, bytes_max: u64) -> Result<Option<Self>, Refusal> {
        let (decoder, bytes_left) = match head.framing {
            Framing::None => return Ok(None),
            Framing::Length(length) if length > bytes_max => return Err(Refusal::BodyTooLarge),
            Framing::Length(length) => (BodyDecoder::Length, length),
            Framing::Chunked => (BodyDecoder::Chunked(Decoder::default()), bytes_max),
        };
        Ok(Some(Self { decoder, bytes_left, owes_continue: head.expects_continue }))
    }

    /// What the buffered bytes give of the body.
    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Decoded, Refusal> {
        match &mut self.decoder {
            BodyDecoder::Length if self.bytes_left == 0 => Ok(Decoded::End(None)),
            BodyDecoder::Length if buffer.is_empty() => Ok(Decoded::Incomplete),
            BodyDecoder::Length => {
                let taken = usize::try_from(self.bytes_left).unwrap_or(usize::MAX).min(buffer.len());
                self.bytes_left -= taken as u64;
                Ok(Decoded::Data(buffer.split_to(taken).freeze()))
            }
            BodyDecoder::Chunked(decoder) => {
                let decoded = decoder.decode(buffer)?;
                if let Decoded::Data(data) = &decoded {
                    self.bytes_left = self.bytes_left.checked_sub(data.len() as u64).ok_or(Refusal::BodyTooLarge)?;
                }
                Ok(decoded)
            }
        }
    }
}

impl<'a> Reader<'a> {
    /// Reads from `socket`, after the bytes that were `read_ahead` to see which protocol it speaks.
    pub fn new(socket: ReadHalf<'a>, read_ahead: BytesMut) -> Self {
        Self { socket, buffer: read_ahead, scanner: Scanner::default(), patience: Patience::none() }
    }

    /// The next head if all of it has been read already.
    pub fn buffered_head(&mut self) -> Result<Option<Head>, Refusal> {
        if self.scanner.is_fresh() {
            head::skip_empty_lines(&mut self.buffer);
        }
        match self.scanner.find_end(&self.buffer)? {
            Some(end) => head::parse(&self.buffer.split_to(end).freeze()).map(Some),
            None => Ok(None),
        }
    }

    /// Waits for bytes of the next head. `Closed` between two requests is the ordinary end of a connection.
    pub async fn await_head_bytes(&mut self) -> Result<(), Interruption> {
        // The first byte of a head starts the clock for all of it.
        if self.buffer.is_empty() {
            self.patience.grant(IDLE_TIMEOUT);
            self.fill().await?;
            self.patience.grant(HEAD_TIMEOUT);
            return Ok(());
        }
        self.fill().await
    }

    /// Starts the clock for a head whose first bytes were read ahead.
    pub fn start_head_clock(&mut self) {
        self.patience.grant(HEAD_TIMEOUT);
    }

    /// Whether a part of a head has arrived.
    pub fn has_partial_head(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Feeds a body to its reader as that asks for it, until it is complete or unwanted.
    ///
    /// # Errors
    /// A refusal for a body that breaks the rules; `Ok(Err(_))` when the connection ends early.
    pub async fn feed(
        &mut self,
        incoming: &mut Incoming,
        sender: Sender,
        response_started: &AtomicBool,
    ) -> Result<(), Refusal> {
        loop {
            if poll_fn(|context| sender.poll_demand(context)).await == Demand::Gone {
                return Ok(());
            }
            if std::mem::take(&mut incoming.owes_continue) && !response_started.load(Ordering::Relaxed) {
                // A socket that takes not even this is one whose client will not get an answer either.
                let _ = self.socket.as_ref().try_write(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            match self.next_of_body(incoming).await {
                Ok(Decoded::Data(data)) => sender.send(Ok(Frame::data(data))),
                Ok(Decoded::End(trailers)) => {
                    sender.finish(trailers);
                    return Ok(());
                }
                Ok(Decoded::Incomplete) => {}
                Err(refusal) => {
                    sender.send(Err(match refusal {
                        Refusal::BodyTooLarge => Error::HttpRequestBodySize(None),
                        Refusal::Timeout => Error::ConnectionReadTimeout,
                        _ => Error::HttpProtocolError,
                    }));
                    return Err(refusal);
                }
            }
        }
    }

    /// Throws the rest of a body away, so that the next request can be read. False if that is not worth it.
    pub async fn discard(&mut self, incoming: &mut Incoming) -> bool {
        // A client that still waits for permission may send its body or not: nobody can tell where it ends.
        if incoming.owes_continue {
            return false;
        }
        let mut discarded = 0;
        while discarded <= DISCARD_BYTES_MAX {
            match self.next_of_body(incoming).await {
                Ok(Decoded::Data(data)) => discarded += data.len() as u64,
                Ok(Decoded::End(_)) => return true,
                Ok(Decoded::Incomplete) => {}
                Err(_) => return false,
            }
        }
        false
    }

    async fn next_of_body(&mut self, incoming: &mut Incoming) -> Result<Decoded, Refusal> {
        self.patience.grant(BODY_TIMEOUT);
        loop {
            match incoming.decode(&mut self.buffer)? {
                Decoded::Incomplete => {}
                decoded => return Ok(decoded),
            }
            self.fill().await.map_err(|interruption| match interruption {
                Interruption::TimedOut => Refusal::Timeout,
                Interruption::Closed => Refusal::BadRequest("the body ends early"),
            })?;
        }
    }

    /// The socket, and what the client sent ahead: for a protocol that is not HTTP any more.
    pub fn hand_over(&mut self) -> (&mut ReadHalf<'a>, BytesMut) {
        (&mut self.socket, self.buffer.split())
    }

    /// Waits until the client has gone away, keeping what it pipelines meanwhile.
    pub async fn until_closed(&mut self) {
        while self.buffer.len() <= HEAD_BYTES_MAX {
            if poll_fn(|context| self.poll_read(context)).await.is_err() {
                return;
            }
        }
        // It pipelines more than is kept: its disconnection goes unnoticed until there is room again.
        std::future::pending::<()>().await;
    }

    /// Reads once, within the time granted.
    async fn fill(&mut self) -> Result<(), Interruption> {
        poll_fn(|context| self.poll_fill(context)).await
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Interruption>> {
        if let Poll::Ready(read) = self.poll_read(context) {
            return Poll::Ready(read);
        }
        self.patience.poll_exhausted(context).map(|()| Err(Interruption::TimedOut))
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Interruption>> {
        self.buffer.reserve(READ_BYTES);
        match ready!(pin!(self.socket.read_buf(&mut self.buffer)).poll(context)) {
            Ok(1..) => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(Interruption::Closed)),
        }
    }

    /// Reads and forgets until the client closes or a moment has passed, so that it gets to read the last response
    /// before a reset could throw it away (RFC 9112 section 9.6).
    pub async fn linger(&mut self) {
        self.patience.grant(Duration::from_secs(1));
        for _ in 0..64 {
            self.buffer.clear();
            if self.fill().await.is_err() {
                return;
            }
        }
    }
}
