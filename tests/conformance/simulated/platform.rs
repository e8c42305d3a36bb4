//! The platform: it does at once what others wait for, and moves the clock.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tidegate_cache::Key;
use tidegate_core::Timestamp;
use tidegate_driver::{Claimed, Found, Platform};
use tidegate_edge_config::edge::Upstream;
use tidegate_pipeline::{Exchange, Failure, Fetch, Pipeline, Released, Store, Target};

use super::body::Body;
use super::{Places, fields, upstream};
use crate::case::{self, Fields, Then};
use crate::shell::SeenRequest;

/// The platform of one request.
pub struct Simulated {
    pipeline: Arc<Pipeline>,
    now: Rc<Cell<Timestamp>>,
    places: Places,
    origin: RefCell<std::vec::IntoIter<case::Origin>>,
    is_held: Cell<bool>,
    sent: RefCell<Vec<SeenRequest>>,
    interims: RefCell<Vec<(u16, Fields)>>,
}

impl Simulated {
    pub fn new(
        pipeline: Arc<Pipeline>,
        now: Rc<Cell<Timestamp>>,
        places: Places,
        origin: Vec<case::Origin>,
        is_held: bool,
    ) -> Self {
        let origin = RefCell::new(origin.into_iter());
        let (sent, interims) = (RefCell::default(), RefCell::default());
        Self { pipeline, now, places, origin, is_held: Cell::new(is_held), sent, interims }
    }

    /// Lets the upstream answer.
    pub fn release(&self) {
        self.is_held.set(false);
    }

    /// What the upstream got.
    pub fn take_sent(&self) -> Vec<SeenRequest> {
        self.sent.take()
    }

    /// What was passed on before the response.
    pub fn take_interims(&self) -> Vec<(u16, Fields)> {
        self.interims.take()
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn pass(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }

    async fn released(&self) {
        poll_fn(|_| if self.is_held.get() { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    /// What a function does that gives back what it gets.
    fn echo(&self, fetch: &Fetch, body: Option<Body>) -> Result<Response<Body>, Failure> {
        let body = body.unwrap_or_default();
        if body.bytes.len() as u64 > fetch.max_request_body {
            return Err(Failure::RequestBodyTooLarge);
        }
        let response = Response::builder().header("content-type", "application/octet-stream");
        response.body(body).map_err(|_| Failure::Internal)
    }
}

impl Simulated {
    async fn ask(
        &self,
        config: &Upstream,
        exchange: &Exchange,
        fetch: &Fetch,
        mut body: Body,
    ) -> Result<Response<Body>, Failure> {
        if body.bytes.len() as u64 > fetch.max_request_body {
            body.is_broken = true;
            self.sent.borrow_mut().push(upstream::seen(fetch, &body));
            return Err(Failure::RequestBodyTooLarge);
        }
        let reached = upstream::reach(config, self.origin.borrow_mut().next());
        let origin = reached.inspect_err(|(_, time)| self.pass(*time)).map_err(|(failure, _)| failure)?;
        self.sent.borrow_mut().push(upstream::seen(fetch, &body));
        // A request that nobody expected is told from those by their number.
        let origin = origin.unwrap_or_default();
        self.released().await;
        self.pass(origin.delay.min(config.first_byte_timeout));
        if origin.delay > config.first_byte_timeout {
            return Err(Failure::FirstByteTimeout);
        }
        for head in origin.informational.iter().map(upstream::interim) {
            let passed_on = exchange.informational(head);
            self.interims.borrow_mut().extend(passed_on.map(|head| (head.status.as_u16(), fields(&head.headers))));
        }
        if origin.then == Some(Then::NeverAnswers) {
            self.pass(config.first_byte_timeout);
        }
        upstream::respond(&origin, fetch)
    }
}

impl Platform for Simulated {
    type Body = Body;
    type Entry = Body;
    type Claim = ();
    type Waiting = ();

    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn whole(&self, bytes: Bytes) -> Body {
        Body::whole(bytes)
    }

    async fn fetch(&self, exchange: &Exchange, fetch: Fetch, body: Option<Body>) -> Result<Response<Body>, Failure> {
        let Target::Upstream(id) = fetch.to else { return self.echo(&fetch, body) };
        let config = self.pipeline.edge().upstreams.get(id.0).ok_or(Failure::Internal)?;
        let place = &self.places[id.0];
        place.set(place.get().checked_sub(1).ok_or(Failure::ConnectionLimit)?);
        let response = self.ask(config, exchange, &fetch, body.unwrap_or_default()).await;
        place.set(place.get() + 1);
        response
    }

    async fn lookup(&self, _: &Key) -> Option<Found<Body>> {
        None
    }

    async fn claim(&self, _: &Key, _: Option<Timestamp>) -> Claimed<(), ()> {
        Claimed::Held(())
    }

    async fn wait(&self, (): ()) -> Result<Found<Body>, Released> {
        Err(Released::Gone)
    }

    fn store(&self, (): (), _: Store, body: Body) -> Body {
        body
    }

    async fn store_whole(&self, (): (), _: Store, _: Body) {}

    fn decline(&self, (): ()) {}

    fn stored_body(&self, entry: Body) -> Body {
        entry
    }
}
