//! The edge on a platform that has nothing but bytes: no clock, no sockets, no store.
//!
//! It exists to be looked at: `functions/pure.sh` builds it for wasm32-unknown-unknown and fails if it imports anything.
//! So whatever is reached from here, from reading a configuration to the driver, needs nothing of its environment.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tidegate_cache::{Key, Piece, Purge};
use tidegate_core::{Timestamp, Trace};
use tidegate_driver::{Claimed, Counters, Found, Platform};
use tidegate_edge_config::edge::{Edge, Nothing};
use tidegate_limit::{Charge, Count, Counted, Memory, Moment};
use tidegate_pipeline::explain::{Question, explain};
use tidegate_pipeline::{Exchange, Failure, Fetch, Pipeline, Released, Start, Store, expect};

const EDGE: &str = include_str!("edge.toml");

/// The status of the answer to a request, of which everything that could be known at build time depends on `random`.
/// 0 if something is wrong here.
// SAFETY: nothing else has this name.
#[unsafe(no_mangle)]
pub extern "C" fn status(random: u64) -> u16 {
    let Ok((edge, _)) = Edge::parse("edge.toml", EDGE, &mut Nothing) else { return 0 };
    let pipeline = Pipeline::new(edge);
    let target = format!("/{random}");
    let Ok(request) = Request::get(&target).header("host", "shop.example").body(()) else { return 0 };
    let question = Question {
        method: request.method().clone(),
        url: request.uri().clone(),
        headers: request.headers().clone(),
        peer: [192, 0, 2, 1].into(),
        country: None,
        answer: Default::default(),
        counted: None,
    };
    let words = explain(&pipeline, &question).to_string().len() + expect::run_all(&pipeline).len();
    let start = Start {
        request: request.into_parts().0,
        peer: [192, 0, 2, 1].into(),
        is_https: false,
        country: None,
        random: random ^ words as u64,
        trace: Trace::kept(),
    };
    let (mut exchange, action) = Exchange::start(pipeline, start, Empty.now());
    let answered = poll(tidegate_driver::run(&Empty, &mut exchange, action, Bytes::new()));
    let later = poll(tidegate_driver::later(&Empty, &mut exchange));
    answered.filter(|_| later.is_some()).map_or(0, |response| response.status().as_u16())
}

/// Nothing here waits.
fn poll<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

struct Empty;

impl Counters for Empty {
    type Permit = ();

    async fn take(&self, count: &Arc<Count>) -> (Counted, Option<()>) {
        (Memory::new(1).take(count, Moment::default()), None)
    }

    fn charge(&self, _: Vec<Charge>) {}
}

impl Platform for Empty {
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

    async fn fetch(&self, _: &Exchange, fetch: Fetch, _: Option<Bytes>) -> Result<Response<Bytes>, Failure> {
        if fetch.is_upgrade { Err(Failure::UpgradeFailed) } else { Ok(Response::new(Bytes::new())) }
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
