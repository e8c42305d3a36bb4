//! Bodies on their way through the host: opaque, streamed, with backpressure in both directions.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::admin::metrics::Record;
use crate::cache::body::StoredBody;
use crate::engine::ComponentBody;
use crate::limit::Permit;
use crate::server::paced::Paced;
use crate::server::platform::remove_reserved;
use crate::upstream::{Tunnel, UpstreamBody};

/// A request's body, read by a component.
pub enum RequestBody {
    /// There is none.
    Empty,
    /// It arrives over an HTTP/1.1 connection as it is read.
    Http1(Receiver),
    /// It arrives over an HTTP/2 stream as it is read.
    Http2(hyper::body::Incoming),
    /// Another component makes it.
    Component(WasiBody),
    /// So many bytes of it are taken.
    Limited(Box<RequestBody>, u64),
}

impl RequestBody {
    /// The body, of which no more than `bytes_max` are taken.
    pub fn limited(self, bytes_max: u64) -> Self {
        match self {
            Self::Empty => Self::Empty,
            body => Self::Limited(Box::new(body), bytes_max),
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "Empty",
            Self::Http1(_) => "Http1",
            Self::Http2(_) => "Http2",
            Self::Component(_) => "Component",
            Self::Limited(..) => "Limited",
        })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Http1(receiver) => receiver.poll_frame(context),
            Self::Http2(incoming) => {
                Pin::new(incoming).poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(Error::Hyper)))
            }
            Self::Component(body) => Pin::new(body).poll_frame(context),
            Self::Limited(body, bytes_left) => {
                let Some(frame) = ready!(Pin::new(&mut **body).poll_frame(context)) else { return Poll::Ready(None) };
                let length = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
                return Poll::Ready(Some(match bytes_left.checked_sub(length) {
                    None => Err(Error::HttpRequestBodySize(None)),
                    Some(left) => {
                        *bytes_left = left;
                        frame
                    }
                }));
            }
        };
        frame.map(|frame| frame.map(|frame| frame.map(without_reserved_trailers)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Http1(_) => false,
            Self::Http2(incoming) => incoming.is_end_stream(),
            Self::Component(body) => body.is_end_stream(),
            Self::Limited(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Http1(_) => SizeHint::default(),
            Self::Http2(incoming) => incoming.size_hint(),
            Self::Component(body) => body.size_hint(),
            Self::Limited(body, _) => body.size_hint(),
        }
    }
}

/// Trailer fields are no way around the names that are the host's alone to set.
fn without_reserved_trailers(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        remove_reserved(trailers);
    }
    frame
}

/// A channel of one frame from a connection to the reader of its body. The connection reads its socket only when
/// somebody waits for a frame, so a body takes no more memory than one read, and `100 Continue` is sent only for a
/// body that is wanted.
pub fn channel() -> (Sender, Receiver) {
    let shared = Arc::new(Shared::default());
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

#[derive(Debug, Default)]
struct Shared {
    slot: Mutex<Slot>,
    /// Set once the receiver waits for a frame.
    is_wanted: AtomicBool,
}

#[derive(Debug, Default)]
struct Slot {
    frame: Option<Result<Frame<Bytes>, Error>>,
    /// The body ended as it should; without it, a sender that is gone left it cut short.
    is_complete: bool,
    sender_gone: bool,
    receiver_gone: bool,
    sender: Option<Waker>,
    receiver: Option<Waker>,
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        // A poisoned slot is still a slot: nothing panics while holding it.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection's end of a request body.
#[derive(Debug)]
pub struct Sender(Arc<Shared>);

/// What the reader of a body wants from its connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Demand {
    /// The next frame.
    Frame,
    /// Nothing any more: it was dropped.
    Gone,
}

impl Sender {
    /// Waits until the reader wants a frame or is gone.
    pub fn poll_demand(&self, context: &mut Context<'_>) -> Poll<Demand> {
        let mut slot = self.0.slot();
        if slot.receiver_gone {
            Poll::Ready(Demand::Gone)
        } else if slot.frame.is_none() && self.0.is_wanted.load(Ordering::Relaxed) {
            Poll::Ready(Demand::Frame)
        } else {
            slot.sender = Some(context.waker().clone());
            Poll::Pending
        }
    }

    /// Hands one frame over. Call it after [`Sender::poll_demand`] asked for one.
    pub fn send(&self, frame: Result<Frame<Bytes>, Error>) {
        let mut slot = self.0.slot();
        slot.frame = Some(frame);
        self.0.is_wanted.store(false, Ordering::Relaxed);
        if let Some(waker) = slot.receiver.take() {
            waker.wake();
        }
    }

    /// Hands the trailers over, if any; the body is complete.
    pub fn finish(self, trailers: Option<HeaderMap>) {
        let mut slot = self.0.slot();
        slot.frame = trailers.map(|trailers| Ok(Frame::trailers(trailers)));
        slot.is_complete = true;
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut slot = self.0.slot();
        slot.sender_gone = true;
        if let Some(waker) = slot.receiver.take() {
            waker.wake();
        }
    }
}

/// The reader's end of a request body.
#[derive(Debug)]
pub struct Receiver(Arc<Shared>);

impl Receiver {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut slot = self.0.slot();
        if let Some(frame) = slot.frame.take() {
            return Poll::Ready(Some(frame));
        }
        if slot.is_complete {
            return Poll::Ready(None);
        }
        if slot.sender_gone {
            return Poll::Ready(Some(Err(Error::ConnectionTerminated)));
        }
        slot.receiver = Some(context.waker().clone());
        self.0.is_wanted.store(true, Ordering::Relaxed);
        if let Some(waker) = slot.sender.take() {
            waker.wake();
        }
        Poll::Pending
    }
}

impl Body for Receiver {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Self::poll_frame(self.get_mut(), context)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut slot = self.0.slot();
        slot.receiver_gone = true;
        if let Some(waker) = slot.sender.take() {
            waker.wake();
        }
    }
}

/// Moves a body through a channel as it is asked for.
pub async fn pump(body: &mut ResponseBody, sender: Sender) {
    while poll_fn(|context| sender.poll_demand(context)).await == Demand::Frame {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            Some(frame) => sender.send(frame),
            None => return sender.finish(None),
        }
    }
}

/// A response's body.
#[derive(Debug)]
pub struct ResponseBody {
    content: Content,
    end: End,
}

/// What ends with a response: when its body is dropped, written out or not.
#[derive(Debug, Default)]
pub struct End {
    /// The request is recorded in the metrics.
    record: Option<Record>,
    /// What it had in flight is given back to its limits.
    permit: Option<Box<Permit>>,
}

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Component(Box<ComponentBody>),
    Upstream(Box<UpstreamBody>),
    Http2(Box<Paced<hyper::body::Incoming>>),
    Stored(Box<StoredBody>),
    Tunnel(Box<Tunnel>),
}

impl ResponseBody {
    /// A body that is complete.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Whole(bytes.into()), end: End::default() }
    }

    /// A body that a component makes as it is written.
    pub fn component(body: ComponentBody) -> Self {
        Self { content: Content::Component(Box::new(body)), end: End::default() }
    }

    /// A body that comes from an upstream as it is written.
    pub fn upstream(body: UpstreamBody) -> Self {
        Self { content: Content::Upstream(Box::new(body)), end: End::default() }
    }

    /// A body that comes from an upstream over HTTP/2.
    pub fn http2(body: hyper::body::Incoming, idle_timeout: Duration) -> Self {
        Self { content: Content::Http2(Box::new(Paced::new(body, idle_timeout))), end: End::default() }
    }

    /// A body from the store, which may still be arriving there.
    pub fn stored(body: StoredBody) -> Self {
        Self { content: Content::Stored(Box::new(body)), end: End::default() }
    }

    /// In place of the body of `101 Switching Protocols`: what the connection is from then on.
    pub fn tunnel(tunnel: Tunnel) -> Self {
        Self { content: Content::Tunnel(Box::new(tunnel)), end: End::default() }
    }

    /// The tunnel if this is one, and what to drop when it ends.
    pub fn into_tunnel(self) -> Option<(Tunnel, End)> {
        match self.content {
            Content::Tunnel(tunnel) => Some((*tunnel, self.end)),
            _ => None,
        }
    }

    /// Has `record` observed when this body is dropped.
    pub fn recorded(mut self, record: Record) -> Self {
        self.end.record = Some(record);
        self
    }

    /// Has what is in flight given back when this body is dropped.
    pub fn holding(mut self, permit: Permit) -> Self {
        self.end.permit = Some(Box::new(permit));
        self
    }

    /// Nothing in place of the body; what makes it is dropped.
    pub fn emptied(mut self) -> Self {
        self.content = Content::Whole(Bytes::new());
        self
    }

    /// The bytes, if the body is complete.
    pub fn as_whole(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Whole(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.get_mut().content {
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Component(body) => body.poll_frame(context),
            Content::Upstream(body) => body.poll_frame(context),
            Content::Http2(body) => Pin::new(body).poll_frame(context),
            Content::Stored(body) => body.poll_data(context).map(|data| {
                data.map(|data| data.map(Frame::data).map_err(|broken| Error::InternalError(Some(broken.to_string()))))
            }),
            Content::Tunnel(_) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.as_whole().is_some_and(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Upstream(body) => body.bytes_left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Content::Http2(body) => body.inner().size_hint(),
            Content::Stored(body) => body.bytes_left().map_or_else(SizeHint::default, SizeHint::with_exact),
            Content::Component(_) | Content::Tunnel(_) => SizeHint::default(),
        }
    }
}
