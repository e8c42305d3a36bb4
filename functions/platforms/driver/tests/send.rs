//! Futures are Send where the platform's are, so that a shell with many threads can spawn them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tidegate_cache::{Key, Piece, Purge};
use tidegate_core::Timestamp;
use tidegate_driver::{Claimed, Counters, Found, Platform, later, run};
use tidegate_limit::{Charge, Count, Counted};
use tidegate_pipeline::{Action, Exchange, Failure, Fetch, Released, Store};

struct Threaded;

impl Counters for Threaded {
    type Permit = ();

    async fn take(&self, _: &Arc<Count>) -> (Counted, Option<()>) {
        (Counted::default(), None)
    }

    fn charge(&self, _: Vec<Charge>) {}
}

impl Platform for Threaded {
    type Body = Bytes;
    type Entry = Bytes;
    type Claim = ();
    type Waiting = ();

    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    async fn delay(&self, _: Duration) {}

    fn holding(&self, body: Bytes, (): ()) -> Bytes {
        body
    }

    fn whole(&self, bytes: Bytes) -> Bytes {
        bytes
    }

    async fn fetch(&self, _: &Exchange, _: Fetch, body: Option<Bytes>) -> Result<Response<Bytes>, Failure> {
        Ok(Response::new(body.unwrap_or_default()))
    }

    async fn lookup(&self, _: &Key) -> Option<Found<Bytes>> {
        None
    }

    async fn claim(&self, _: &Key, _: Option<Timestamp>) -> Claimed<(), ()> {
        Claimed::Held(())
    }

    async fn wait(&self, (): (), _: Duration) -> Result<Found<Bytes>, Released> {
        Err(Released::Gone)
    }

    async fn store(&self, (): (), _: Store, fetched: Option<Bytes>, found: Option<Bytes>) -> Bytes {
        fetched.or(found).unwrap_or_default()
    }

    async fn settled(&self, _: Bytes) {}

    fn release(&self, (): (), _: Released) {}

    async fn purge(&self, _: Vec<Purge>) {}

    fn stored_body(&self, entry: Bytes, _: Option<Vec<Piece>>) -> Bytes {
        entry
    }
}

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

async fn answer(mut exchange: Exchange, action: Action) -> Response<Bytes> {
    let response = is_send(run(&Threaded, &mut exchange, action, Bytes::new())).await;
    is_send(later(&Threaded, &mut exchange)).await;
    response
}

/// It compiles: that is the test.
#[test]
fn a_spawned_task_may_move_between_threads() {
    let _ = |exchange, action| is_send(answer(exchange, action));
}
