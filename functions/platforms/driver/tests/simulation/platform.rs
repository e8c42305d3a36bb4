//! A place with a store, claims and a scripted upstream.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use tidegate_cache::{Key, Piece, Purge};
use tidegate_core::Timestamp;
use tidegate_driver::{Claimed, Counters, Found, Platform};
use tidegate_limit::{Charge, Count, Counted};
use tidegate_pipeline::{Exchange, Failure, Fetch, Released, Store, StoreBody};

use crate::body::Body;
use crate::clock::{Sim, within};
use crate::store::{Arriving, Cache, Claim, End, Waiting};

/// What the upstream answers.
#[derive(Clone)]
pub struct Answer {
    pub delay: Duration,
    pub result: Result<(StatusCode, HeaderMap), Failure>,
    pub chunks: Vec<Bytes>,
    /// Before each chunk, and before the end.
    pub pause: Duration,
    /// Whether it breaks off instead of ending.
    pub breaks: bool,
}

type Upstream = Box<dyn Fn(&Fetch, u64) -> Answer>;

/// The place.
pub struct World {
    pub sim: Rc<Sim>,
    upstream: Upstream,
    pub cache: Rc<Cache>,
    /// When fetches began, by target.
    pub fetches: RefCell<Vec<(String, Timestamp)>>,
    /// How many fetches are under way, and how many there were at most, by target.
    under_way: RefCell<HashMap<String, (usize, usize)>>,
}

impl World {
    pub fn new(sim: &Rc<Sim>, upstream: impl Fn(&Fetch, u64) -> Answer + 'static) -> Rc<Self> {
        Rc::new(Self {
            sim: Rc::clone(sim),
            upstream: Box::new(upstream),
            cache: Rc::default(),
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
        assert_eq!(self.cache.held(), 0, "claims are left");
        assert!(self.under_way.borrow().values().all(|(now, _)| *now == 0), "fetches are left");
    }
}

/// The platform as the driver has it.
#[derive(Clone)]
pub struct Place(pub Rc<World>);

impl Counters for Place {
    type Permit = ();

    async fn take(&self, _: &Arc<Count>) -> (Counted, Option<()>) {
        unreachable!("nothing is limited here")
    }

    fn charge(&self, _: Vec<Charge>) {}
}

impl Platform for Place {
    type Body = Body;
    type Entry = Rc<Arriving>;
    type Claim = Claim;
    type Waiting = Waiting;

    fn now(&self) -> Timestamp {
        self.0.sim.now()
    }

    async fn delay(&self, delay: Duration) {
        self.0.sim.sleep(delay).await;
    }

    fn holding(&self, body: Body, (): ()) -> Body {
        body
    }

    fn whole(&self, bytes: Bytes) -> Body {
        Body::Whole(Some(bytes))
    }

    async fn fetch(&self, _: &Exchange, fetch: Fetch, body: Option<Body>) -> Result<Response<Body>, Failure> {
        let world = &self.0;
        assert!(body.is_none() || !fetch.is_shared, "one client's body would decide what others get");
        let target = fetch.head.uri.to_string();
        let number = world.fetch_count() as u64;
        world.fetches.borrow_mut().push((target.clone(), world.sim.now()));
        let under_way = UnderWay::begin(world, target);
        let answer = (world.upstream)(&fetch, number);
        world.sim.sleep(answer.delay).await;
        let (status, headers) = answer.result?;
        let mut response = Response::new(Body::Slow {
            sim: Rc::clone(&world.sim),
            chunks: answer.chunks.into(),
            pause: answer.pause,
            breaks: answer.breaks,
            _under_way: under_way,
        });
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }

    async fn lookup(&self, key: &Key) -> Option<Found<Rc<Arriving>>> {
        self.0.sim.sleep(Duration::ZERO).await;
        self.0.cache.lookup(key)
    }

    async fn claim(&self, key: &Key, seen: Option<Timestamp>) -> Claimed<Claim, Waiting> {
        self.0.sim.sleep(Duration::ZERO).await;
        self.0.cache.claim(key, seen)
    }

    async fn wait(&self, waiting: Waiting, at_most: Duration) -> Result<Found<Rc<Arriving>>, Released> {
        within(&self.0.sim, at_most, waiting.wait()).await.unwrap_or(Err(Released::TooLong))
    }

    async fn store(
        &self,
        claim: Claim,
        store: Store,
        fetched: Option<Body>,
        found: Option<Rc<Arriving>>,
    ) -> Rc<Arriving> {
        let (before, after) = match (&store.body, found) {
            (StoreBody::Fetched, None) => (Bytes::new(), Bytes::new()),
            (StoreBody::Spliced(splice), Some(old)) => (old.piece(&splice.before), old.piece(&splice.after)),
            (StoreBody::Found, Some(old)) => {
                claim.offer(&store.stored, &old);
                claim.keep(store.key, store.stored, Rc::clone(&old), store.markers);
                return old;
            }
            (body, _) => panic!("{body:?} without what was found"),
        };
        let arriving = Rc::<Arriving>::default();
        claim.offer(&store.stored, &arriving);
        let filling = Rc::clone(&arriving);
        let fetched = fetched.unwrap_or_else(|| panic!("nothing was fetched"));
        self.0.sim.spawn(fill(claim, store, fetched, before, after, filling));
        arriving
    }

    async fn settled(&self, entry: Rc<Arriving>) {
        entry.settled().await;
    }

    fn release(&self, claim: Claim, released: Released) {
        claim.release(released);
    }

    async fn purge(&self, purges: Vec<Purge>) {
        self.0.sim.sleep(Duration::ZERO).await;
        self.0.cache.purge(purges);
    }

    fn stored_body(&self, entry: Rc<Arriving>, pieces: Option<Vec<Piece>>) -> Body {
        let whole = || vec![Piece::Range(0..u64::MAX)];
        Body::Stored { arriving: entry, pieces: pieces.unwrap_or_else(whole).into(), taken: 0 }
    }
}

/// Reads a body to its end, whoever reads it meanwhile. What is compressed stands in brackets.
async fn fill(claim: Claim, store: Store, mut body: Body, before: Bytes, after: Bytes, into: Rc<Arriving>) {
    let mut claim = Some(claim);
    into.push(&before);
    store.coding.iter().for_each(|coding| into.push(format!("{}(", coding.as_str()).as_bytes()));
    loop {
        match body.next().await {
            Some(Ok(chunk)) => into.push(&chunk),
            // The claim is dropped: one of those who come next tries again.
            Some(Err(_)) => return into.end(End::CutOff),
            None => break,
        }
        if into.len() as u64 > store.max_body {
            claim.take().into_iter().for_each(|claim| claim.release(Released::Unshared));
        }
    }
    store.coding.iter().for_each(|_| into.push(b")"));
    into.push(&after);
    into.end(End::Whole);
    if let Some(claim) = claim {
        claim.keep(store.key, store.stored, into, store.markers);
    }
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
