//! Bodies: what the host streams in, and what it is given to stream out.

use std::mem;

use bytes::Bytes;
use futures_util::stream::StreamExt;
use http::{HeaderMap, StatusCode, header::CONTENT_LENGTH};
use wasip3::{
    http::types::{ErrorCode, Request, Response, Trailers},
    wit_bindgen::{FutureReader, FutureWriter, StreamReader, StreamResult, StreamWriter},
    wit_future, wit_stream,
};

use super::fetch;
use crate::http::body::{Inner, LocalStream};
use crate::{Error, Result, http::Body};

/// Room for one read. The host fills it with what it has.
const CHUNK: usize = 64 << 10;

type End = Result<Option<Trailers>, ErrorCode>;

/// The two halves of a body as WASI knows it.
pub(super) type Halves = (Option<StreamReader<u8>>, FutureReader<End>);

/// The body of a message that the host handed in.
pub(crate) struct Incoming {
    state: State,
    length: Option<u64>,
    /// What it means that the body breaks off: whose fault it is depends on who sent it.
    broken_off: fn(ErrorCode) -> Error,
}

enum State {
    /// Nobody has asked for it yet: so far the host need not stream anything.
    Unread(Message),
    Reading {
        chunks: StreamReader<u8>,
        end: FutureReader<End>,
        _done: FutureWriter<Result<(), ErrorCode>>,
    },
    Over,
}

pub(super) enum Message {
    Request(Request),
    Response(Response),
}

impl Incoming {
    pub(super) fn new(message: Message, headers: &HeaderMap) -> Self {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let broken_off = match message {
            Message::Request(_) => visitor_broke_off,
            Message::Response(_) => fetch::failed,
        };
        Self { state: State::Unread(message), length, broken_off }
    }

    pub(crate) fn len(&self) -> Option<u64> {
        match self.state {
            State::Unread(_) => self.length,
            State::Reading { .. } => None,
            State::Over => Some(0),
        }
    }

    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.start();
        let State::Reading { chunks, .. } = &mut self.state else { return Ok(None) };
        let room = self.length.map_or(CHUNK, |length| usize::try_from(length).unwrap_or(CHUNK).clamp(1, CHUNK));
        loop {
            let (result, chunk) = chunks.read(Vec::with_capacity(room)).await;
            match result {
                StreamResult::Complete(0) => continue,
                StreamResult::Complete(_) => return Ok(Some(chunk.into())),
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
        match mem::replace(&mut self.state, State::Over) {
            State::Reading { end, .. } => end.await.map(|_trailers| None).map_err(self.broken_off),
            State::Unread(_) | State::Over => Ok(None),
        }
    }

    fn start(&mut self) {
        if let State::Unread(_) = self.state {
            let State::Unread(message) = mem::replace(&mut self.state, State::Over) else { return };
            let (done, whether_done) = wit_future::new(|| Ok(()));
            let (chunks, end) = match message {
                Message::Request(request) => Request::consume_body(request, whether_done),
                Message::Response(response) => Response::consume_body(response, whether_done),
            };
            self.state = State::Reading { chunks, end, _done: done };
        }
    }

    /// What is left of it, to be handed on: the host splices it, trailers and all.
    fn into_halves(mut self) -> Halves {
        self.start();
        match self.state {
            State::Reading { chunks, end, .. } => (Some(chunks), end),
            State::Unread(_) | State::Over => no_bytes(),
        }
    }
}

fn visitor_broke_off(error: ErrorCode) -> Error {
    Error::status(StatusCode::BAD_REQUEST, "the body broke off").because(error)
}

/// What the host is to send. Whatever has to be written to it is written after the head is handed over.
pub(super) fn halves(body: Body) -> Halves {
    match body.into_inner() {
        Inner::Full(bytes) if bytes.is_empty() => no_bytes(),
        Inner::Full(bytes) => {
            let (writer, chunks) = wit_stream::new();
            let (end, whether_complete) = wit_future::new(|| Ok(None));
            wasip3::spawn(write_all(bytes, writer, end));
            (Some(chunks), whether_complete)
        }
        Inner::Stream(stream) => {
            let (writer, chunks) = wit_stream::new();
            // A task that is dropped halfway must not look like a body that is complete.
            let (end, whether_complete) = wit_future::new(|| Err(ErrorCode::HttpResponseIncomplete));
            wasip3::spawn(write_each(stream, writer, end));
            (Some(chunks), whether_complete)
        }
        Inner::Incoming(incoming) => incoming.into_halves(),
    }
}

fn no_bytes() -> Halves {
    // Dropped unwritten, the writer says Ok(None): complete, without trailers.
    let (_end, whether_complete) = wit_future::new(|| Ok(None));
    (None, whether_complete)
}

async fn write_all(bytes: Bytes, mut writer: StreamWriter<u8>, end: FutureWriter<End>) {
    // Bytes that are left over mean that nobody wants them any more. That is the reader's right.
    let _left = writer.write_all(bytes.into()).await;
    drop(writer);
    let _ = end.write(Ok(None)).await;
}

async fn write_each(mut stream: LocalStream, mut writer: StreamWriter<u8>, end: FutureWriter<End>) {
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) if chunk.is_empty() => {}
            Ok(chunk) => {
                if !writer.write_all(chunk.into()).await.is_empty() {
                    break; // the reader is gone; dropping the stream tells whoever fills it
                }
            }
            Err(error) => {
                crate::log!("error: a body was broken off: {error}");
                drop(writer);
                let _ = end.write(Err(ErrorCode::InternalError(None))).await;
                return;
            }
        }
    }
    drop(stream);
    drop(writer);
    let _ = end.write(Ok(None)).await;
}
