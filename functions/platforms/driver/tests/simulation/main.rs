//! The driver over a platform on a virtual clock, with an executor that polls tasks in an order that a seed decides.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod clock;
mod edge;
mod platform;
mod random;
mod shape;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use platform::{Body, Place, World};
use tidegate_core::Timestamp;
use tidegate_pipeline::{Exchange, Pipeline};

/// What a client got, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Got {
    status: StatusCode,
    body: Bytes,
    head_at: Timestamp,
    body_at: Timestamp,
}

/// A client, and the shell that serves it: what is left to do afterwards is done in a task of its own.
async fn client(world: Rc<World>, pipeline: Arc<Pipeline>, method: &str, target: &str) -> Got {
    let place = Place(Rc::clone(&world));
    let (mut exchange, action) = Exchange::start(pipeline, edge::start(method, target), world.sim.now());
    let response = tidegate_driver::run(&place, &mut exchange, action, Body::Whole(None)).await;
    let head_at = world.sim.now();
    if exchange.has_later() {
        world.sim.spawn(async move { tidegate_driver::later(&place, &mut exchange).await });
    }
    let status = response.status();
    let body = response.into_body().read().await;
    Got { status, body, head_at, body_at: world.sim.now() }
}
