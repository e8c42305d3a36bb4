//! The driver over a platform on a virtual clock, with an executor that polls tasks in an order that a seed decides.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod arriving;
mod body;
mod clock;
mod edge;
mod honest;

mod platform;
mod random;
mod shape;
mod store;

use std::rc::Rc;
use std::sync::Arc;

use body::Body;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use platform::{Place, World};
use tidegate_core::Timestamp;
use tidegate_pipeline::{Exchange, Pipeline};

/// What a client got, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    is_whole: bool,
    head_at: Timestamp,
    /// When the first byte of the body came, if any did.
    first_at: Option<Timestamp>,
    body_at: Timestamp,
}

/// A client, and the shell that serves it: what is left to do afterwards is done in a task of its own.
async fn client(world: Rc<World>, pipeline: Arc<Pipeline>, method: &str, target: &str) -> Got {
    client_with(world, pipeline, method, target, &[]).await
}

/// The same, with fields.
async fn client_with(
    world: Rc<World>,
    pipeline: Arc<Pipeline>,
    method: &str,
    target: &str,
    said: &[(&str, &str)],
) -> Got {
    let place = Place(Rc::clone(&world));
    let start = edge::start(method, target, said);
    let (mut exchange, action) = Exchange::start(pipeline, start, world.sim.now());
    let response = tidegate_driver::run(&place, &mut exchange, action, Body::Whole(None)).await;
    let head_at = world.sim.now();
    if exchange.has_later() {
        world.sim.spawn(async move { tidegate_driver::later(&place, &mut exchange).await });
    }
    let (head, body) = response.into_parts();
    let mut first_at = None;
    // What HEAD gets has no body, whatever the answer's is.
    let (body, end) = match method {
        "HEAD" => (Bytes::new(), Ok(())),
        _ => body.read(|| first_at = Some(world.sim.now())).await,
    };
    Got {
        status: head.status,
        headers: head.headers,
        body,
        is_whole: end.is_ok(),
        head_at,
        first_at,
        body_at: world.sim.now(),
    }
}
