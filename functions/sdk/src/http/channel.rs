//! The two ends of a body that is written while it is sent. It holds one chunk: the writer waits for the reader.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::future::poll_fn;

use crate::{Error, Result};

/// Writes the chunks of a [`Body::channel`](super::Body::channel). Dropped, it ends the body.
#[derive(Debug)]
pub struct Writer(Rc<RefCell<Shared>>);

pub(super) struct Chunks(Rc<RefCell<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    slot: Option<Result<Bytes>>,
    closed: bool,
    /// Whoever waits: the writer for room, or the reader for a chunk; never both.
    waiting: Option<Waker>,
}

pub(super) fn new() -> (Writer, Chunks) {
    let shared = Rc::new(RefCell::new(Shared::default()));
    (Writer(shared.clone()), Chunks(shared))
}

impl Shared {
    fn wake(&mut self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.wake();
    }
}

impl Writer {
    /// Sends a chunk as soon as there is room. An error means that nobody reads any more: stop.
    pub async fn send(&mut self, chunk: impl Into<Bytes>) -> Result<()> {
        self.put(Ok(chunk.into())).await
    }

    /// Ends the body as broken, so that its receiver does not take it for complete.
    pub async fn fail(mut self, error: Error) {
        // Nobody reading is fine here: then nobody is misled either.
        let _ = self.put(Err(error)).await;
    }

    async fn put(&mut self, item: Result<Bytes>) -> Result<()> {
        let mut item = Some(item);
        poll_fn(|cx| {
            let mut shared = self.0.borrow_mut();
            if shared.closed {
                return Poll::Ready(Err(Error::internal("the reader of this body is gone")));
            }
            if shared.slot.is_some() {
                shared.waiting = Some(cx.waker().clone());
                return Poll::Pending;
            }
            shared.slot = item.take();
            shared.wake();
            Poll::Ready(Ok(()))
        })
        .await
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut shared = self.0.borrow_mut();
        if let Some(item) = shared.slot.take() {
            shared.wake();
            return Poll::Ready(Some(item));
        }
        if shared.closed {
            return Poll::Ready(None);
        }
        shared.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.borrow_mut().close();
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        self.0.borrow_mut().close();
    }
}
