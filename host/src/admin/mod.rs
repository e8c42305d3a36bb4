//! The admin side: health, readiness, metrics and reloads, on an address of its own.

pub mod metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};

use crate::app::{App, LoadError};
use crate::engine::Places;
use crate::server::body::{RequestBody, ResponseBody};
use crate::server::core::Core;
use crate::server::interim::Interim;
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
pub struct Admin {
    status: Arc<Status>,
    reload: Arc<Reload>,
}

/// Loads everything again, or says what is wrong. Blocks.
pub type Reload = dyn Fn() -> Result<(), LoadError> + Send + Sync;

impl Admin {
    /// The admin side of what `status` shows and `reload` reloads.
    pub fn new(status: Arc<Status>, reload: Arc<Reload>) -> Self {
        Self { status, reload }
    }

    async fn post(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        let (request, _) = request.into_parts();
        if request.uri.path() != "/reload" {
            return not_allowed("GET, HEAD", "only /reload takes POST");
        }
        // A page in somebody's browser can post here, but not without saying where it comes from.
        if request.headers.contains_key(ORIGIN) {
            return problem::response(StatusCode::FORBIDDEN, "pages of other sites have no business here");
        }
        let reload = Arc::clone(&self.reload);
        match tokio::task::spawn_blocking(move || reload()).await {
            Ok(Ok(())) => text(StatusCode::OK, "text/plain", "reloaded\n"),
            Ok(Err(error)) => text(StatusCode::UNPROCESSABLE_ENTITY, "text/plain", format!("{error}\n")),
            Err(_) => problem::response(StatusCode::INTERNAL_SERVER_ERROR, "the reload failed"),
        }
    }
}

impl Handler for Admin {
    async fn handle(&self, request: Request<RequestBody>, _interim: &Interim) -> Response<ResponseBody> {
        match *request.method() {
            Method::GET | Method::HEAD => {}
            Method::POST => return self.post(request).await,
            _ => return not_allowed("GET, HEAD, POST", "only GET, HEAD and POST are served here"),
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "text/plain", "ok\n"),
            "/readyz" if self.status.is_ready.load(Ordering::Relaxed) => text(StatusCode::OK, "text/plain", "ready\n"),
            "/readyz" => problem::response(StatusCode::SERVICE_UNAVAILABLE, "not taking requests"),
            "/metrics" => {
                text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics::render(&self.status))
            }
            "/reload" => not_allowed("POST", "a reload changes what is served: use POST"),
            "/" => text(StatusCode::OK, "text/plain", "/healthz\n/readyz\n/metrics\n/reload (POST)\n"),
            _ => problem::response(StatusCode::NOT_FOUND, "the admin side has /healthz, /readyz, /metrics and /reload"),
        }
    }

    fn body_bytes_max(&self) -> u64 {
        1 << 20
    }
}

fn not_allowed(allow: &'static str, detail: &str) -> Response<ResponseBody> {
    let mut response = problem::response(StatusCode::METHOD_NOT_ALLOWED, detail);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

fn text(status: StatusCode, content_type: &'static str, body: impl Into<bytes::Bytes>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
