//! Bodies that may not pause for too long.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

/// A body that fails when it pauses for longer than `timeout`.
#[derive(Debug)]
pub struct Paced<B> {
    body: B,
    timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<B> Paced<B> {
    /// Bounds the pauses of `body`.
    pub fn new(body: B, timeout: Duration) -> Self {
        Self { body, timeout, sleep: None }
    }

    /// The body itself.
    pub fn inner(&self) -> &B {
        &self.body
    }
}

impl<B: Body<Data = Bytes, Error: Into<Error>> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.sleep = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let timeout = self.timeout;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        sleep.as_mut().poll(context).map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }
}
