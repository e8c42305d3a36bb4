//! A request's way through the host: the pipeline decides, the platform does, and the metrics are told.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::HeaderValue;
use http::{Request, Response};
use tidegate_core::Trace;
use tidegate_pipeline::{Exchange, Failure, Start};
use tokio::time::Instant;

use super::Handler;
use super::body::{RequestBody, ResponseBody};
use super::core::Core;
use super::http1::Refusal;
use super::interim::Interim;
use super::platform::{Body, Host, client_field, now};
use super::trace::TraceParent;
use crate::admin::metrics::Record;
use crate::engine::Journey;

/// Largest request body that any route may allow, in bytes. Beyond it: 413.
const BODY_BYTES_MAX: u64 = 1 << 40;

/// The requests of one connection.
pub struct Front {
    core: Arc<Core>,
    client: SocketAddr,
    /// The client's address and port, as functions see it.
    client_field: HeaderValue,
}

impl Front {
    /// The front for a connection from `client`.
    pub fn new(core: Arc<Core>, client: SocketAddr) -> Self {
        Self { core, client, client_field: client_field(client.ip(), client.port()) }
    }
}

impl Handler for Front {
    async fn handle(&self, request: Request<RequestBody>, interim: &Interim) -> Response<ResponseBody> {
        let started = Instant::now();
        let (mut head, body) = request.into_parts();
        let trace = TraceParent::take_in(&head.headers);
        trace.pass_on(&mut head.headers);
        let method = head.method.clone();
        let app = self.core.app();
        let peer = self.client.ip().to_canonical();
        let random = fastrand::u64(..);
        let start = Start { request: head, peer, is_https: false, country: None, random, trace: Trace::default() };
        let (mut exchange, action) = Exchange::start(Arc::clone(app.app().pipeline()), start, now());
        // Those that count nothing; the others are told when they have counted.
        exchange.limited().for_each(|limited| self.core.metrics.limits.count(&limited));
        let client = match exchange.client().address {
            address if address == peer => self.client_field.clone(),
            // Behind a proxy: nobody told its port.
            address => client_field(address, 0),
        };
        let metrics = Arc::clone(&self.core.metrics);
        let host = Host::new(app, metrics, Journey { started, trace, depth: 0 }, client, Some(interim));
        let response = tidegate_driver::run(&host, &mut exchange, action, Body::Request(body)).await;
        let label = match (host.trigger(), exchange.route()) {
            (Some(trigger), _) => Arc::clone(trigger),
            (None, Some(route)) if exchange.reason() != Some(Failure::NoSuchFunction.reason()) => {
                Arc::clone(&route.name)
            }
            _ => Arc::clone(&self.core.metrics.no_route),
        };
        let record = Record::new(Arc::clone(&self.core.metrics), label, method, response.status(), started);
        if let Some(result) = exchange.cache_result() {
            self.core.metrics.count_cache(result);
        }
        if let Some(reason) = exchange.reason() {
            self.core.metrics.count_rescue(reason);
        }
        tracing::debug!(
            target: "access",
            route = %record.route(), status = response.status().as_u16(), trace_id = %trace.trace_id(), "answered"
        );
        if exchange.has_later() {
            let host = host.later();
            tokio::spawn(async move { tidegate_driver::later(&host, &mut exchange).await });
        }
        response.map(|body| match body {
            Body::Response(body) => body.recorded(record),
            // The pipeline hands no request's body back.
            Body::Request(_) => ResponseBody::whole("").recorded(record),
        })
    }

    fn body_bytes_max(&self) -> u64 {
        BODY_BYTES_MAX
    }

    fn refused(&self, refusal: Refusal) {
        self.core.metrics.count_refusal(refusal.status());
        tracing::debug!(client = ?self.client, status = refusal.status().as_u16(), detail = refusal.detail(), "refused");
    }
}
