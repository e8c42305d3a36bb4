//! What a place can do.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tidegate_cache::{Key, Piece, Purge};
use tidegate_core::Timestamp;
use tidegate_pipeline::{Exchange, Failure, Fetch, Looked, Released, Store};

use crate::Counters;

/// What a place can do: send requests, keep responses, count, tell the time.
pub trait Platform: Counters {
    /// A body, of a request or response: it streams.
    type Body;
    /// A stored response, or one that is being stored; its body can be read any number of times.
    type Entry: Clone;
    /// The right to fetch for everybody who wants a key, and the duty to end it: by [`Platform::store`] or
    /// [`Platform::release`]. Dropping it, for its client is gone, releases all who wait at once with
    /// [`Released::Gone`].
    type Claim;
    /// A place among those who wait for a claim of somebody else's.
    type Waiting;

    /// What time it is.
    fn now(&self) -> Timestamp;

    /// Comes back when so much time has passed.
    fn delay(&self, delay: Duration) -> impl Future<Output = ()>;

    /// A body that gives back what is in flight when it has been read to its end, or is dropped.
    fn holding(&self, body: Self::Body, permit: Self::Permit) -> Self::Body;

    /// A whole body.
    fn whole(&self, bytes: Bytes) -> Self::Body;

    /// Sends a request, with a body if it has one, and comes back with the head of the final response. An interim one is
    /// passed on as [`Exchange::informational`] makes it, where the place can do that.
    fn fetch(
        &self,
        exchange: &Exchange,
        fetch: Fetch,
        body: Option<Self::Body>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Failure>>;

    /// What is stored under a key.
    fn lookup(&self, key: &Key) -> impl Future<Output = Option<Found<Self::Entry>>>;

    /// Claims a key, in one step: nobody else may claim it meanwhile, and what is stored there is what was `seen`.
    fn claim(&self, key: &Key, seen: Option<Timestamp>) -> impl Future<Output = Claimed<Self::Claim, Self::Waiting>>;

    /// Waits until something is there for those who wait, or the claim ends; not longer than `at_most`.
    fn wait(
        &self,
        waiting: Self::Waiting,
        at_most: Duration,
    ) -> impl Future<Output = Result<Found<Self::Entry>, Released>>;

    /// Stores a response, and comes back as soon as it can be read, which is before it has arrived. From then on those
    /// who wait get it too. It arrives whether or not anybody reads it; if it breaks off, it breaks off for all, and
    /// nothing is stored. `fetched` and `found` are the bodies that [`Store::body`] means.
    fn store(
        &self,
        claim: Self::Claim,
        store: Store,
        fetched: Option<Self::Body>,
        found: Option<Self::Entry>,
    ) -> impl Future<Output = Self::Entry>;

    /// Waits until a response has arrived that is being stored, or has broken off.
    fn settled(&self, entry: Self::Entry) -> impl Future<Output = ()>;

    /// Ends a claim without anything to share. All who wait are told why, at once.
    fn release(&self, claim: Self::Claim, released: Released);

    /// Forgets what is stored: no later lookup finds it, on no core.
    fn purge(&self, purges: Vec<Purge>) -> impl Future<Output = ()>;

    /// The body of a stored response, or pieces of it.
    fn stored_body(&self, entry: Self::Entry, pieces: Option<Vec<Piece>>) -> Self::Body;
}

/// What is stored.
#[derive(Debug)]
pub struct Found<E> {
    /// Its head, or a mark.
    pub looked: Looked,
    /// Its body.
    pub entry: E,
}

/// What became of a claim.
#[derive(Debug)]
pub enum Claimed<C, W> {
    /// It is held.
    Held(C),
    /// Somebody else holds it: one may wait.
    Taken(W),
    /// Something else is stored by now than was seen.
    Changed,
    /// There are too many.
    Full,
}
