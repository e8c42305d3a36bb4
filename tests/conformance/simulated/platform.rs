//! The platform: it does at once what others wait for, and moves the clock.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tidegate_cache::{Key, Piece, Purge};
use tidegate_core::Timestamp;
use tidegate_driver::{Claimed, Counters, Found, Platform};
use tidegate_edge_config::edge::Upstream;
use tidegate_limit::{Charge, Count, Counted, Memory, Moment};
use tidegate_pipeline::{Exchange, Failure, Fetch, Pipeline, Released, Store as Order, Target};

use super::body::Body;
use super::store::{self, Claim, Store, Waiting};
use super::{fields, upstream};
use crate::case::{self, Fields, Then};
use crate::shell::{Script, SeenRequest};

/// What the requests of a case share.
pub struct Place {
    pub pipeline: Arc<Pipeline>,
    pub now: Cell<Timestamp>,
    /// How many more connections each upstream may have.
    pub connections: Vec<Cell<u32>>,
    pub store: Rc<Store>,
    /// What limits have counted, wherever they keep it.
    pub limits: RefCell<Memory>,
}

impl Place {
    fn moment(&self) -> Moment {
        Moment::from_nanos(self.now.get().as_unix_ms() * 1_000_000)
    }
}

/// What a request has in flight.
pub struct Permit {
    place: Rc<Place>,
    count: Arc<Count>,
    counted: Counted,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.place.limits.borrow_mut().land(&self.count, &self.counted, self.place.moment());
    }
}

/// The platform of one request.
pub struct Simulated {
    place: Rc<Place>,
    origin: RefCell<std::vec::IntoIter<case::Origin>>,
    later: RefCell<std::vec::IntoIter<case::Origin>>,
    is_held: Cell<bool>,
    has_responded: Cell<bool>,
    /// When it stops to wait for another one.
    deadline: Cell<Option<Timestamp>>,
    sent: RefCell<Vec<SeenRequest>>,
    sent_later: RefCell<Vec<SeenRequest>>,
    interims: RefCell<Vec<(u16, Fields)>>,
}

impl Simulated {
    pub fn new(place: Rc<Place>, script: Script) -> Self {
        let entries = |origin: Vec<case::Origin>| RefCell::new(origin.into_iter());
        Self {
            place,
            origin: entries(script.origin),
            later: entries(script.later),
            is_held: Cell::new(script.is_held),
            has_responded: Cell::new(false),
            deadline: Cell::new(None),
            sent: RefCell::default(),
            sent_later: RefCell::default(),
            interims: RefCell::default(),
        }
    }

    /// The client has its response.
    pub fn responded(&self) {
        self.has_responded.set(true);
    }

    /// Lets time pass until it stops to wait for another one. False: it does not wait for one.
    pub fn wait_no_more(&self) -> bool {
        let deadline = self.deadline.take();
        let now = &self.place.now;
        now.set(deadline.unwrap_or_default().max(now.get()));
        deadline.is_some()
    }

    /// Lets the upstream answer.
    pub fn release(&self) {
        self.is_held.set(false);
    }

    /// What the upstream got: at first, and when the client had its response.
    pub fn take_sent(&self) -> (Vec<SeenRequest>, Vec<SeenRequest>) {
        (self.sent.take(), self.sent_later.take())
    }

    fn see(&self, request: SeenRequest) {
        let sent = if self.has_responded.get() { &self.sent_later } else { &self.sent };
        sent.borrow_mut().push(request);
    }

    fn next(&self) -> Option<case::Origin> {
        let origin = if self.has_responded.get() { &self.later } else { &self.origin };
        origin.borrow_mut().next()
    }

    /// What was passed on before the response.
    pub fn take_interims(&self) -> Vec<(u16, Fields)> {
        self.interims.take()
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.place.now.get()
    }

    fn pass(&self, time: Duration) {
        self.place.now.set(self.place.now.get() + time);
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
            self.see(upstream::seen(fetch, &body));
            return Err(Failure::RequestBodyTooLarge);
        }
        let reached = upstream::reach(config, self.next());
        let origin = reached.inspect_err(|(_, time)| self.pass(*time)).map_err(|(failure, _)| failure)?;
        self.see(upstream::seen(fetch, &body));
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

impl Counters for Simulated {
    type Permit = Permit;

    async fn take(&self, count: &Arc<Count>) -> (Counted, Option<Permit>) {
        let place = &self.place;
        let counted = place.limits.borrow_mut().take(count, place.moment());
        let permit = Permit { place: Rc::clone(place), count: Arc::clone(count), counted: counted.clone() };
        (counted, Some(permit))
    }

    fn charge(&self, charges: Vec<Charge>) {
        let mut limits = self.place.limits.borrow_mut();
        charges.iter().for_each(|charge| limits.charge(charge, self.place.moment()));
    }
}

impl Platform for Simulated {
    type Body = Body;
    type Entry = Body;
    type Claim = Claim;
    type Waiting = Waiting;

    fn now(&self) -> Timestamp {
        self.place.now.get()
    }

    async fn delay(&self, delay: Duration) {
        self.pass(delay);
    }

    /// A body is there at once, so its request is over.
    fn holding(&self, body: Body, _: Permit) -> Body {
        body
    }

    fn whole(&self, bytes: Bytes) -> Body {
        Body::whole(bytes)
    }

    async fn fetch(&self, exchange: &Exchange, fetch: Fetch, body: Option<Body>) -> Result<Response<Body>, Failure> {
        let Target::Upstream(id) = fetch.to else { return self.echo(&fetch, body) };
        let config = self.place.pipeline.edge().upstreams.get(id.0).ok_or(Failure::Internal)?;
        let left = &self.place.connections[id.0];
        left.set(left.get().checked_sub(1).ok_or(Failure::ConnectionLimit)?);
        let response = self.ask(config, exchange, &fetch, body.unwrap_or_default()).await;
        left.set(left.get() + 1);
        response
    }

    async fn lookup(&self, key: &Key) -> Option<Found<Body>> {
        self.place.store.find(key)
    }

    async fn claim(&self, key: &Key, seen: Option<Timestamp>) -> Claimed<Claim, Waiting> {
        self.place.store.claim(key, seen)
    }

    async fn wait(&self, waiting: Waiting, at_most: Duration) -> Result<Found<Body>, Released> {
        let deadline = self.now() + at_most;
        poll_fn(|_| match waiting.outcome() {
            Some(outcome) => Poll::Ready(outcome),
            None if self.now() >= deadline => Poll::Ready(Err(Released::TooLong)),
            None => {
                self.deadline.set(Some(deadline));
                Poll::Pending
            }
        })
        .await
    }

    async fn store(&self, claim: Claim, store: Order, fetched: Option<Body>, found: Option<Body>) -> Body {
        claim.store(store, fetched, found)
    }

    async fn settled(&self, _: Body) {}

    fn release(&self, claim: Claim, released: Released) {
        claim.release(released);
    }

    async fn purge(&self, purges: Vec<Purge>) {
        self.place.store.purge(purges);
    }

    fn stored_body(&self, entry: Body, pieces: Option<Vec<Piece>>) -> Body {
        match pieces {
            Some(pieces) => store::pieces(&entry, pieces),
            None => entry,
        }
    }
}
