//! One request on one instance, from the outside: its time limit, its response, its body as it is made.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use http_body::{Body, Frame};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use super::fault::Fault;
use super::instance::{Desk, Instance};
use super::permit::Permit;
use super::target::{Journey, Target};
use crate::server::body::ResponseBody;
use crate::server::trace::TraceParent;

/// A body up to this size that is complete when its head is leaves as one piece with a Content-Length.
const GATHER_BYTES_MAX: usize = 64 * 1024;

/// What a call polls.
pub enum Work {
    /// An instance that is kept if all goes well.
    Kept(Instance),
    /// An instance for this request alone.
    SingleUse(Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>),
}

/// An instance at work on a request. Nothing of it runs unless it is polled; it needs no task of its own.
pub struct Call {
    /// `None` once it ended, so that what it held is free at once.
    work: Option<Work>,
    /// Where the response will be.
    desk: Arc<Desk>,
    started: Instant,
    /// Made only for a call that has to wait.
    sleep: Option<Pin<Box<Sleep>>>,
    target: Arc<Target>,
    trace: TraceParent,
    /// Its place among the component's requests.
    _admitted: Permit,
}

impl Call {
    /// A call of `target` that fails with [`Fault::Timeout`] when it takes longer than the handler's limit.
    pub fn new(work: Work, desk: Arc<Desk>, target: Arc<Target>, journey: &Journey, admitted: Permit) -> Self {
        let (started, trace) = (journey.started, journey.trace);
        Self { work: Some(work), desk, started, sleep: None, target, trace, _admitted: admitted }
    }

    /// Runs until the response's head is there; the body goes on where it is written.
    ///
    /// # Errors
    /// The fault that kept it from responding; it is logged and counted by then.
    pub async fn respond(mut self) -> Result<Response<ResponseBody>, Fault> {
        let response = poll_fn(|context| {
            let worked = self.poll(context)?;
            match self.desk.take_response() {
                Some(response) => Poll::Ready(Ok(response)),
                None if worked.is_ready() => Poll::Ready(Err(self.report(Fault::NoResponse))),
                None => self.poll_deadline(context).map(Err),
            }
        })
        .await?;
        let (head, body) = response.into_parts();
        let mut body = ComponentBody { call: Some(self), ahead: None, then: Then::More, body };
        let is_whole = poll_fn(|context| Poll::Ready(body.gather(context))).await;
        let body = if is_whole {
            ResponseBody::whole(body.ahead.take().unwrap_or_default())
        } else {
            ResponseBody::component(body)
        };
        Ok(Response::from_parts(head, body))
    }

    /// Ready when the instance has finished all its work, or failed.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let worked = match &mut self.work {
            None => return Poll::Ready(Ok(())),
            Some(Work::Kept(instance)) => instance.poll(context),
            Some(Work::SingleUse(run)) => run.as_mut().poll(context),
        };
        let outcome = ready!(worked);
        if let (Some(Work::Kept(instance)), Ok(())) = (self.work.take(), &outcome) {
            self.target.put_back(instance);
        }
        Poll::Ready(outcome.map_err(|fault| self.report(fault)))
    }

    /// Ready once the time is up; all work is ended then. A call that is done without waiting never asks: it needs no
    /// timer.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<Fault> {
        let deadline = self.started + self.target.handler().limits().timeout;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        ready!(sleep.as_mut().poll(context));
        self.work = None;
        Poll::Ready(self.report(Fault::Timeout))
    }

    fn report(&self, fault: Fault) -> Fault {
        self.target.handler().report(&fault, &self.trace);
        fault
    }

    /// Lets what the guest still does after its response go on without anybody waiting, up to its deadline.
    fn go_on_alone(mut self) {
        if self.work.is_some()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            // The outcome was reported by `poll`; nobody is left to tell.
            runtime.spawn(poll_fn(move |context| match self.poll(context) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => self.poll_deadline(context).map(drop),
            }));
        }
    }
}

/// The body of a component's response, made as it is polled.
pub struct ComponentBody {
    /// Taken when the body is dropped.
    call: Option<Call>,
    /// What was gathered before the head left.
    ahead: Option<Bytes>,
    /// What comes after `ahead`.
    then: Then,
    body: WasiBody,
}

enum Then {
    More,
    Trailers(HeaderMap),
    Failure(Error),
    Nothing,
}

impl ComponentBody {
    /// Takes what is there without waiting. True if that is all of it, and it has no trailers.
    fn gather(&mut self, context: &mut Context<'_>) -> bool {
        loop {
            match self.poll_more(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        self.ahead = Some(match self.ahead.take() {
                            None => data,
                            Some(ahead) => {
                                let mut joined = BytesMut::from(ahead);
                                joined.extend_from_slice(&data);
                                joined.freeze()
                            }
                        });
                        if self.ahead.as_ref().is_some_and(|ahead| ahead.len() >= GATHER_BYTES_MAX) {
                            return false;
                        }
                    }
                    Err(frame) => {
                        self.then = frame.into_trailers().map_or(Then::Nothing, Then::Trailers);
                        return false;
                    }
                },
                Poll::Ready(Some(Err(error))) => {
                    self.then = Then::Failure(error);
                    return false;
                }
                Poll::Ready(None) => return true,
                Poll::Pending => return false,
            }
        }
    }

    /// The next frame. The guest runs first: it may be waiting for room that the last frame has made.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(call) = self.call.as_mut() else { return Poll::Ready(None) };
        if let Poll::Ready(Err(fault)) = call.poll(context) {
            return Poll::Ready(Some(Err(Error::InternalError(Some(fault.reason().to_owned())))));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            // A component that hands the request's body on fails with its client.
            if let Some(Err(error)) = &frame
                && !matches!(error, Error::ConnectionTerminated | Error::HttpRequestBodySize(_))
            {
                call.report(Fault::ErrorCode(format!("its body broke off: {error}")));
            }
            return Poll::Ready(frame);
        }
        Poll::Pending
    }

    /// The next frame, as [`Body::poll_frame`].
    pub fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(Ok(Frame::data(ahead))));
        }
        match std::mem::replace(&mut self.then, Then::Nothing) {
            Then::More => {
                self.then = Then::More;
                // Asked even while frames are ready, for there may be no end of them; and even if the guest ended long
                // ago, for the body that it left may come from elsewhere.
                if let Some(call) = self.call.as_mut()
                    && let Poll::Ready(fault) = call.poll_deadline(context)
                {
                    self.then = Then::Nothing;
                    return Poll::Ready(Some(Err(Error::InternalError(Some(fault.reason().to_owned())))));
                }
                self.poll_more(context)
            }
            Then::Trailers(trailers) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Then::Failure(error) => Poll::Ready(Some(Err(error))),
            Then::Nothing => Poll::Ready(None),
        }
    }
}

impl Drop for ComponentBody {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.go_on_alone();
        }
    }
}

impl fmt::Debug for ComponentBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ComponentBody").finish_non_exhaustive()
    }
}
