//! The admin side: health, readiness and metrics, on an address of its own.

pub mod metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use crate::app::App;
use crate::engine::Places;
use crate::server::body::{RequestBody, ResponseBody};
use crate::server::core::Core;
use crate::server::{Handler, problem};

/// What the admin side shows.
pub struct Status {
    /// The cores at work.
    pub cores: Vec<Arc<Core>>,
    /// The application that they serve.
    pub app: ArcSwap<App>,
    /// Places for instances.
    pub instances: Places,
    /// Places for connections.
    pub connections: Places,
    /// Set while the host takes requests.
    pub is_ready: AtomicBool,
    /// Reloads that changed what is served.
    pub reloads: AtomicU64,
    /// Reloads that did not, because something was wrong.
    pub failed_reloads: AtomicU64,
}

/// Answers requests on the admin address.
#[derive(Clone)]
pub struct Admin(pub Arc<Status>);

impl Handler for Admin {
    async fn handle(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = problem::response(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "text/plain", "ok\n"),
            "/readyz" if self.0.is_ready.load(Ordering::Relaxed) => text(StatusCode::OK, "text/plain", "ready\n"),
            "/readyz" => problem::response(StatusCode::SERVICE_UNAVAILABLE, "not taking requests"),
            "/metrics" => text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics::render(&self.0)),
            "/" => text(StatusCode::OK, "text/plain", "/healthz\n/readyz\n/metrics\n"),
            _ => problem::response(StatusCode::NOT_FOUND, "the admin side has /healthz, /readyz and /metrics"),
        }
    }

    fn body_bytes_max(&self) -> u64 {
        1 << 20
    }
}

fn text(status: StatusCode, content_type: &'static str, body: impl Into<bytes::Bytes>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
