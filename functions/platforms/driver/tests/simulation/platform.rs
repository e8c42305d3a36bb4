//! A place with a store, claims and a scripted upstream.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, response};
use tidegate_cache::Key;
use tidegate_core::Timestamp;
use tidegate_driver::{Claimed, Found, Platform};
use tidegate_pipeline::{Exchange, Failure, Fetch, Released, Store, Stored};

use crate::clock::Sim;

/// What the upstream answers.
#[derive(Clone)]
pub struct Answer {
    pub delay: Duration,
    pub result: Result<HeaderMap, Failure>,
    pub chunks: Vec<Bytes>,
    /// Before each chunk, and before the end.
    pub pause: Duration,
}

type Upstream = Box<dyn Fn(&Fetch, u64) -> Answer>;

/// The place.
pub struct World {
    pub sim: Rc<Sim>,
    upstream: Upstream,
    entries: RefCell<HashMap<Key, Entry>>,
    claims: RefCell<HashMap<Key, Rc<Slot>>>,
    /// When fetches began, by target.
    pub fetches: RefCell<Vec<(String, Timestamp)>>,
    /// How many fetches are under way, and how many there were at most, by target.
    under_way: RefCell<HashMap<String, (usize, usize)>>,
}

struct Entry {
    stored_at: Timestamp,
    head: response::Parts,
    body: Bytes,
}

/// A claim, as those see it who wait.
#[derive(Default)]
struct Slot {
    outcome: Cell<Option<Outcome>>,
    wakers: RefCell<Vec<Waker>>,
}

#[derive(Clone, Copy)]
enum Outcome {
    Stored,
    Released(Released),
}

impl World {
    pub fn new(sim: &Rc<Sim>, upstream: impl Fn(&Fetch, u64) -> Answer + 'static) -> Rc<Self> {
        Rc::new(Self {
            sim: Rc::clone(sim),
            upstream: Box::new(upstream),
            entries: RefCell::default(),
            claims: RefCell::default(),
            fetches: RefCell::default(),
            under_way: RefCell::default(),
        })
    }

    pub fn fetch_count(&self) -> usize {
        self.fetches.borrow().len()
    }

    /// How many fetches of a target there were at most at a time.
    pub fn concurrency(&self, target: &str) -> usize {
        self.under_way.borrow().get(target).map_or(0, |(_, most)| *most)
    }

    /// Nothing is left over but what is stored.
    pub fn assert_quiet(&self) {
        assert!(self.claims.borrow().is_empty(), "claims are left");
        assert!(self.under_way.borrow().values().all(|(now, _)| *now == 0), "fetches are left");
    }
}

/// The platform as the driver has it.
#[derive(Clone)]
pub struct Place(pub Rc<World>);

impl Platform for Place {
    type Body = Body;
    type Entry = Bytes;
    type Claim = Claim;
    type Waiting = Waiting;

    fn now(&self) -> Timestamp {
        self.0.sim.now()
    }

    fn whole(&self, bytes: Bytes) -> Body {
        Body::Whole(Some(bytes))
    }

    async fn fetch(&self, _: &Exchange, fetch: Fetch, body: Option<Body>) -> Result<Response<Body>, Failure> {
        let world = &self.0;
        assert!(body.is_none() || fetch.shares.is_none(), "one client's body would decide what others get");
        let target = fetch.head.uri.to_string();
        let number = world.fetch_count() as u64;
        world.fetches.borrow_mut().push((target.clone(), world.sim.now()));
        let under_way = UnderWay::begin(world, target);
        let answer = (world.upstream)(&fetch, number);
        world.sim.sleep(answer.delay).await;
        let mut response = Response::new(Body::Slow {
            sim: Rc::clone(&world.sim),
            chunks: answer.chunks.into(),
            pause: answer.pause,
            _under_way: under_way,
        });
        *response.headers_mut() = answer.result?;
        Ok(response)
    }

    async fn lookup(&self, key: &Key) -> Option<Found<Bytes>> {
        self.0.sim.sleep(Duration::ZERO).await;
        self.0.found(key)
    }

    async fn claim(&self, key: &Key, seen: Option<Timestamp>) -> Claimed<Claim, Waiting> {
        self.0.sim.sleep(Duration::ZERO).await;
        if let Some(slot) = self.0.claims.borrow().get(key) {
            return Claimed::Taken(Waiting { key: key.clone(), slot: Rc::clone(slot) });
        }
        if self.0.entries.borrow().get(key).map(|entry| entry.stored_at) != seen {
            return Claimed::Changed;
        }
        let slot = Rc::<Slot>::default();
        self.0.claims.borrow_mut().insert(key.clone(), Rc::clone(&slot));
        Claimed::Held(Claim { world: Rc::clone(&self.0), key: key.clone(), slot, outcome: Released::Gone.into() })
    }

    async fn wait(&self, waiting: Waiting) -> Result<Found<Bytes>, Released> {
        match waiting.slot.ended().await {
            Outcome::Stored => self.0.found(&waiting.key).ok_or(Released::Gone),
            Outcome::Released(released) => Err(released),
        }
    }

    fn store(&self, claim: Claim, store: Store, body: Body) -> Body {
        Body::Tee { inner: Box::new(body), into: Some((claim, store, Vec::new())) }
    }

    async fn store_whole(&self, claim: Claim, store: Store, body: Body) {
        self.store(claim, store, body).read().await;
    }

    fn decline(&self, mut claim: Claim) {
        claim.outcome = Released::Unshared.into();
    }

    fn stored_body(&self, entry: Bytes) -> Body {
        Body::Whole(Some(entry))
    }
}

impl World {
    fn found(&self, key: &Key) -> Option<Found<Bytes>> {
        let entries = self.entries.borrow();
        let entry = entries.get(key)?;
        let stored = Stored { stored_at: entry.stored_at, head: entry.head.clone() };
        Some(Found { stored, entry: entry.body.clone() })
    }
}

impl Slot {
    fn ended(&self) -> impl Future<Output = Outcome> + '_ {
        poll_fn(|context| match self.outcome.get() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                self.wakers.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        })
    }
}

/// A claim. However it ends, all who wait are woken.
pub struct Claim {
    world: Rc<World>,
    key: Key,
    slot: Rc<Slot>,
    outcome: Outcome,
}

impl From<Released> for Outcome {
    fn from(released: Released) -> Self {
        Self::Released(released)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.world.claims.borrow_mut().remove(&self.key);
        self.slot.outcome.set(Some(self.outcome));
        self.slot.wakers.take().into_iter().for_each(Waker::wake);
    }
}

pub struct Waiting {
    key: Key,
    slot: Rc<Slot>,
}

pub enum Body {
    Whole(Option<Bytes>),
    Slow { sim: Rc<Sim>, chunks: VecDeque<Bytes>, pause: Duration, _under_way: UnderWay },
    Tee { inner: Box<Body>, into: Option<(Claim, Store, Vec<u8>)> },
}

impl Body {
    pub async fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::Whole(bytes) => bytes.take(),
            Self::Slow { sim, chunks, pause, .. } => {
                sim.sleep(*pause).await;
                chunks.pop_front()
            }
            Self::Tee { inner, into } => {
                let chunk = Box::pin(inner.next()).await;
                match (&chunk, into) {
                    (Some(chunk), Some((_, _, kept))) => kept.extend_from_slice(chunk),
                    (None, into) => keep(into.take()),
                    _ => {}
                }
                chunk
            }
        }
    }

    pub async fn read(mut self) -> Bytes {
        let mut all = Vec::new();
        while let Some(chunk) = self.next().await {
            all.extend_from_slice(&chunk);
        }
        all.into()
    }
}

fn keep(whole: Option<(Claim, Store, Vec<u8>)>) {
    let Some((mut claim, store, body)) = whole else { return };
    let stored_at = claim.world.sim.now();
    let entry = Entry { stored_at, head: store.head, body: body.into() };
    claim.world.entries.borrow_mut().insert(store.key, entry);
    claim.outcome = Outcome::Stored;
}

/// A fetch, from its request to the end of its body.
pub struct UnderWay {
    world: Rc<World>,
    target: String,
}

impl UnderWay {
    fn begin(world: &Rc<World>, target: String) -> Self {
        let mut under_way = world.under_way.borrow_mut();
        let (now, most) = under_way.entry(target.clone()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        Self { world: Rc::clone(world), target }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut under_way = self.world.under_way.borrow_mut();
        under_way.get_mut(&self.target).unwrap().0 -= 1;
    }
}
