//! The admin side: health, readiness, metrics, reloads, purges and limits, on an address of its own.

pub mod limits;
pub mod metrics;
pub mod permission;
pub mod purge;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};

use self::permission::Permission;
use crate::app::{App, LoadError};
use crate::cache::Cache;
use crate::engine::Places;
use crate::limit::Limits;
use crate::server::body::{RequestBody, ResponseBody};
use crate::server::core::Core;
use crate::server::interim::Interim;
use crate::server::{Handler, problem};

/// Longest order, in bytes.
const ORDER_BYTES_MAX: usize = 1 << 20;

/// What there is.
const PATHS: &str = "/healthz
/readyz
/metrics
/limits
/limits/reset (POST)
/limits/peek (POST)
/reload (POST)
/purge (POST)
";

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
    /// What is stored of responses.
    pub cache: Arc<Cache>,
    /// What limits have counted.
    pub limits: Arc<Limits>,
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
    permission: Permission,
}

/// Loads everything again, or says what is wrong. Blocks.
pub type Reload = dyn Fn() -> Result<(), LoadError> + Send + Sync;

impl Admin {
    /// The admin side of what `status` shows and `reload` reloads. Who may change what is stored and counted is said by
    /// `permission`.
    pub fn new(status: Arc<Status>, reload: Arc<Reload>, permission: Permission) -> Self {
        Self { status, reload, permission }
    }

    async fn post(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        let (request, body) = request.into_parts();
        // A page in somebody's browser can post here, but not without saying where it comes from.
        if request.headers.contains_key(ORIGIN) {
            return problem::response(StatusCode::FORBIDDEN, "pages of other sites have no business here");
        }
        match request.uri.path() {
            "/reload" => self.reload().await,
            path @ ("/purge" | "/limits/reset" | "/limits/peek") => {
                if let Err(refusal) = self.permission.check(&request.headers) {
                    return *refusal;
                }
                let Ok(body) = Limited::new(body, ORDER_BYTES_MAX).collect().await else {
                    return problem::response(StatusCode::BAD_REQUEST, "the order is too long, or was cut short");
                };
                let body = body.to_bytes();
                match path {
                    "/purge" => self.purge(&body).await,
                    "/limits/reset" => limits::reset(&self.status, &body).await,
                    _ => limits::peek(&self.status, &body).await,
                }
            }
            _ => not_allowed("GET, HEAD", "only /reload, /purge, /limits/reset and /limits/peek take POST"),
        }
    }

    async fn reload(&self) -> Response<ResponseBody> {
        let reload = Arc::clone(&self.reload);
        match tokio::task::spawn_blocking(move || reload()).await {
            Ok(Ok(())) => text(StatusCode::OK, "text/plain", "reloaded\n"),
            Ok(Err(error)) => text(StatusCode::UNPROCESSABLE_ENTITY, "text/plain", format!("{error}\n")),
            Err(_) => problem::response(StatusCode::INTERNAL_SERVER_ERROR, "the reload failed"),
        }
    }

    async fn purge(&self, body: &Bytes) -> Response<ResponseBody> {
        let purges = match purge::read(body) {
            Ok(purges) => purges,
            Err(refusal) => return *refusal,
        };
        let (count, cache) = (purges.len(), Arc::clone(&self.status.cache));
        // It is on disk before anybody is told.
        match tokio::task::spawn_blocking(move || cache.purge(&purges)).await {
            Ok(Ok(())) => purge::done(count),
            Ok(Err(error)) => {
                tracing::error!(%error, "a purge is not on disk");
                problem::response(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "purged, but a restart could forget that: see the log",
                )
            }
            Err(_) => problem::response(StatusCode::INTERNAL_SERVER_ERROR, "the purge failed"),
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
            "/limits" => match self.permission.check(request.headers()) {
                Ok(()) => limits::list(&self.status),
                Err(refusal) => *refusal,
            },
            "/limits/reset" | "/limits/peek" => not_allowed("POST", "use POST"),
            "/reload" => not_allowed("POST", "a reload changes what is served: use POST"),
            "/purge" => not_allowed("POST", "a purge changes what is stored: use POST"),
            "/" => text(StatusCode::OK, "text/plain", PATHS),
            _ => problem::response(
                StatusCode::NOT_FOUND,
                "the admin side has /healthz, /readyz, /metrics, /limits, /reload and /purge",
            ),
        }
    }

    fn body_bytes_max(&self) -> u64 {
        1 << 20
    }
}

/// A JSON document.
fn json(status: StatusCode, value: &serde_json::Value) -> Response<ResponseBody> {
    text(status, "application/json", format!("{value}\n"))
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
