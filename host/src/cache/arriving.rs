//! A body that arrives once and is read by many, each at its own pace, from its beginning, while it arrives.
//!
//! What is pushed is copied: an upstream's buffers are large and shared, and a body that is kept must not pin them.
//! While no more than `bytes_max` arrived everything is kept, the writer waits for nobody and readers may join late.
//! From then on it passes through: nobody joins any more, what all readers have taken is dropped, and the writer waits
//! while more than [`BACKLOG_MAX`] bytes wait for the slowest of them.
//!
//! A body that ends too soon, or is not as long as was announced, is [`Broken`], and every reader is told so behind what
//! came: a half-arrived response is never taken for a whole one.

mod pieces;
mod readers;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::sync::Notify;

use self::pieces::Pieces;
use self::readers::Readers;

/// How much may wait for the slowest reader of a body that is not kept, in bytes.
pub const BACKLOG_MAX: u64 = 256 << 10;

/// A body that arrives, or has arrived. Shared by its readers on all cores.
pub struct Arriving {
    announced: Option<u64>,
    bytes_max: u64,
    state: Mutex<State>,
    settled: Notify,
}

/// How a body turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there, whole.
    Complete,
    /// It will never be whole.
    Broken(Broken),
    /// It is too large to be kept, and may still be on its way to those who read it already.
    TooLarge,
}

/// Why a body is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Whoever wrote it went away before its end.
    #[error("the body was cut off")]
    CutOff,
    /// It ended before the length that was announced.
    #[error("the body is shorter than announced")]
    TooShort,
    /// It went on behind the length that was announced.
    #[error("the body is longer than announced")]
    TooLong,
}

/// Nobody wants the rest of a body: it is not kept and all its readers are gone, or it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody wants the rest of the body")]
pub struct Gone;

#[derive(Default)]
struct State {
    pieces: Pieces,
    phase: Phase,
    /// Whether it is not kept.
    is_passing: bool,
    readers: Readers,
    /// The writer, if it waits for room.
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Arriving,
    Complete,
    Broken(Broken),
}

impl Arriving {
    /// A body of which nothing has arrived yet. `length`: in bytes, if it was announced. `bytes_max`: once more than
    /// this has arrived it is not kept; if more than this is announced, with its first byte.
    pub fn new(length: Option<u64>, bytes_max: u64) -> (Writer, Arc<Self>) {
        let state = Mutex::default();
        let arriving = Arc::new(Self { announced: length, bytes_max, state, settled: Notify::new() });
        (Writer(Arc::clone(&arriving)), arriving)
    }

    /// Reads it from its first byte. None: nobody may join any more, for it is not kept or is broken.
    pub fn reader(self: &Arc<Self>) -> Option<Reader> {
        let mut state = self.lock();
        if state.is_passing || matches!(state.phase, Phase::Broken(_)) {
            return None;
        }
        let id = state.readers.join();
        drop(state);
        Some(Reader { arriving: Arc::clone(self), id, position: 0, end: u64::MAX, is_done: false })
    }

    /// How long it is, in bytes: as announced, or, once it is complete, as it came.
    pub fn length(&self) -> Option<u64> {
        self.announced.or_else(|| {
            let state = self.lock();
            (state.phase == Phase::Complete).then(|| state.pieces.end())
        })
    }

    /// Waits until it is known how it turns out. A body that is too large to be kept settles when that shows, not at its
    /// end.
    pub async fn settled(&self) -> Outcome {
        loop {
            // Made before the state is looked at, so that no change falls in between.
            let settled = self.settled.notified();
            if let Some(outcome) = self.outcome() {
                return outcome;
            }
            settled.await;
        }
    }

    /// How it turned out, if that is known.
    pub fn outcome(&self) -> Option<Outcome> {
        let state = self.lock();
        match state.phase {
            _ if state.is_passing => Some(Outcome::TooLarge),
            Phase::Arriving => None,
            Phase::Complete => Some(Outcome::Complete),
            Phase::Broken(broken) => Some(Outcome::Broken(broken)),
        }
    }

    /// The whole body, once it is complete, if it was kept. It is one piece of memory of exactly its size: if it came in
    /// pieces, the first call copies them together, at a few GB/s, and on this thread. The lock is not held meanwhile.
    pub fn bytes(&self) -> Option<Bytes> {
        let pieces = {
            let state = self.lock();
            if state.is_passing || state.phase != Phase::Complete {
                return None;
            }
            match state.pieces.whole() {
                Ok(whole) => return Some(whole),
                Err(pieces) => pieces,
            }
        };
        let whole = Bytes::from(pieces.concat());
        // Readers that come later, and those under way, share it; the pieces go when nobody sends them any more.
        self.lock().pieces = Pieces::of(whole.clone());
        Some(whole)
    }

    fn settle(&self, mut state: MutexGuard<'_, State>, phase: Phase) {
        state.phase = phase;
        let wakers = state.readers.wake_all();
        drop(state);
        self.settled.notify_waiters();
        wakers.for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops what no reader needs, if the body is not kept. The writer is to be woken if it may go on.
    fn let_go(&mut self) -> Option<Waker> {
        if !self.is_passing {
            return None;
        }
        let slowest = self.readers.slowest();
        self.pieces.forget(slowest.unwrap_or(u64::MAX));
        self.has_room().is_none_or(|room| room).then(|| self.writer.take())?
    }

    /// Whether the writer may go on; none: nobody wants the rest.
    fn has_room(&self) -> Option<bool> {
        match self.phase {
            Phase::Broken(_) => None,
            _ if !self.is_passing => Some(true),
            _ => {
                let slowest = self.readers.slowest()?;
                Some(self.pieces.end().saturating_sub(slowest) <= BACKLOG_MAX)
            }
        }
    }
}

/// The one that brings the body. Dropped before [`Writer::finish`], it leaves it broken.
pub struct Writer(Arc<Arriving>);

impl Writer {
    /// Adds to the body: a copy. Beyond the announced length nothing is added, and the body is broken.
    pub fn push(&mut self, data: &[u8]) {
        let arriving = &*self.0;
        let mut state = arriving.lock();
        if data.is_empty() || state.phase != Phase::Arriving {
            return;
        }
        let end = state.pieces.end().saturating_add(data.len() as u64);
        if arriving.announced.is_some_and(|length| end > length) {
            return arriving.settle(state, Phase::Broken(Broken::TooLong));
        }
        let is_too_large = arriving.announced.unwrap_or(0).max(end) > arriving.bytes_max;
        let turns_out = is_too_large && !state.is_passing;
        state.is_passing = is_too_large;
        state.pieces.push(data);
        state.let_go();
        let wakers = state.readers.wake_up_to(end);
        drop(state);
        if turns_out {
            arriving.settled.notify_waiters();
        }
        wakers.for_each(Waker::wake);
    }

    /// Waits until there is room for more: at once while the body is kept.
    ///
    /// # Errors
    /// When nobody wants the rest.
    pub async fn room(&self) -> Result<(), Gone> {
        std::future::poll_fn(|context| self.poll_room(context)).await
    }

    /// As [`Writer::room`], for those who poll.
    pub fn poll_room(&self, context: &Context<'_>) -> Poll<Result<(), Gone>> {
        let mut state = self.0.lock();
        match state.has_room() {
            Some(true) => Poll::Ready(Ok(())),
            None => Poll::Ready(Err(Gone)),
            Some(false) => {
                state.writer = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The body is at its end: complete, if it is as long as was announced.
    pub fn finish(self) {
        let mut state = self.0.lock();
        if state.phase != Phase::Arriving {
            return;
        }
        let is_short = self.0.announced.is_some_and(|length| state.pieces.end() < length);
        state.pieces.seal();
        self.0.settle(state, if is_short { Phase::Broken(Broken::TooShort) } else { Phase::Complete });
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let state = self.0.lock();
        if state.phase == Phase::Arriving {
            self.0.settle(state, Phase::Broken(Broken::CutOff));
        }
    }
}

/// One that reads the body.
pub struct Reader {
    arriving: Arc<Arriving>,
    id: u64,
    position: u64,
    end: u64,
    is_done: bool,
}

impl Reader {
    /// Reads no more than this part, in bytes from the beginning of the body. To be said before anything is read: what
    /// was taken is not given again. The part ends where the body ends, if that is sooner. It may be complete although
    /// the body breaks behind it.
    #[must_use]
    pub fn range(mut self, range: Range<u64>) -> Self {
        let position = range.start.max(self.position);
        let mut state = self.arriving.lock();
        state.readers.advance(self.id, self.position, position);
        let writer = state.let_go();
        drop(state);
        (self.position, self.end) = (position, range.end);
        writer.into_iter().for_each(Waker::wake);
        self
    }

    /// The next bytes, as many as are there in one piece; none at the end.
    ///
    /// # Errors
    /// When the body turns out to be broken, behind what came of it.
    pub fn poll_frame(&mut self, context: &Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        if self.is_done {
            return Poll::Ready(None);
        }
        if self.position >= self.end {
            self.leave();
            return Poll::Ready(None);
        }
        let mut state = self.arriving.lock();
        if let Some(mut bytes) = state.pieces.at(self.position) {
            bytes.truncate(usize::try_from(self.end - self.position).unwrap_or(usize::MAX));
            let position = self.position + bytes.len() as u64;
            state.readers.advance(self.id, self.position, position);
            let writer = state.let_go();
            drop(state);
            self.position = position;
            writer.into_iter().for_each(Waker::wake);
            return Poll::Ready(Some(Ok(bytes)));
        }
        let last = match state.phase {
            Phase::Arriving => {
                state.readers.wait(self.position, self.id, context.waker());
                return Poll::Pending;
            }
            Phase::Complete => None,
            Phase::Broken(broken) => Some(Err(broken)),
        };
        drop(state);
        self.leave();
        Poll::Ready(last)
    }

    fn leave(&mut self) {
        if self.is_done {
            return;
        }
        self.is_done = true;
        let mut state = self.arriving.lock();
        state.readers.leave(self.id, self.position);
        let writer = state.let_go();
        drop(state);
        writer.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.leave();
    }
}
