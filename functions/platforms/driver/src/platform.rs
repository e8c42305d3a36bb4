//! What a place can do.

use std::future::Future;

use bytes::Bytes;
use http::Response;
use tidegate_cache::Key;
use tidegate_core::Timestamp;
use tidegate_pipeline::{Exchange, Failure, Fetch, Released, Store, Stored};

/// What a place can do: send requests, keep responses, tell the time.
pub trait Platform {
    /// A body, of a request or response: it streams.
    type Body;
    /// The body of a stored response, until somebody wants it.
    type Entry;
    /// The right to fetch for everybody who wants a key, and the duty to end it: by [`Platform::store`] or
    /// [`Platform::decline`]. Dropping it, for its client is gone, releases all who wait at once with
    /// [`Released::Gone`].
    type Claim;
    /// A place among those who wait for a claim of somebody else's.
    type Waiting;

    /// What time it is.
    fn now(&self) -> Timestamp;

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

    /// Waits until the claim ends, or for as long as waiting is worth it.
    fn wait(&self, waiting: Self::Waiting) -> impl Future<Output = Result<Found<Self::Entry>, Released>>;

    /// Stores a response while it passes: what comes back is its body for the client. Those who wait get it as soon as
    /// it can be read, and are released if it breaks off.
    fn store(&self, claim: Self::Claim, store: Store, body: Self::Body) -> Self::Body;

    /// Stores a response that no client wants.
    fn store_whole(&self, claim: Self::Claim, store: Store, body: Self::Body) -> impl Future<Output = ()>;

    /// Ends a claim: nothing to share. All who wait are released at once with [`Released::Unshared`].
    fn decline(&self, claim: Self::Claim);

    /// The body of a stored response.
    fn stored_body(&self, entry: Self::Entry) -> Self::Body;
}

/// A stored response.
#[derive(Debug)]
pub struct Found<E> {
    /// Its head.
    pub stored: Stored,
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
}
