//! Where requests go over HTTP: connections to upstreams, kept and reused on each core.

mod connect;
mod http1;
mod http2;
mod stream;
mod tunnel;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::{Response, request, response};
use tidegate_core::Reason;
use tidegate_edge_config::edge::{self, Protocol};
use tidegate_pipeline::Failure;
use tokio::time::Instant;

use self::http1::{Connection, SendError};

use self::connect::Tls;
pub use self::http1::UpstreamBody;
pub use self::tunnel::Tunnel;
use crate::engine::{Permit, Places};
use crate::server::body::{RequestBody, ResponseBody};

/// Is told of the informational responses (1xx) ahead of the final one, as the upstream sent them.
pub type Inform<'a> = &'a (dyn Fn(response::Parts) + Sync);

/// An upstream as all cores share it.
pub struct Shared {
    /// What the configuration says of it.
    pub config: edge::Upstream,
    /// Places for connections.
    pub connections: Places,
    /// What was counted.
    pub counts: Counts,
    /// For an upstream that is spoken to over TLS.
    tls: Option<Tls>,
    /// Its part on each core.
    cores: Mutex<Vec<Weak<Upstream>>>,
}

/// What is counted of an upstream.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests sent, each once however often it was tried.
    pub requests: AtomicU64,
    /// Connections made.
    pub connections: AtomicU64,
    failures: Mutex<BTreeMap<Reason, u64>>,
}

impl Counts {
    fn count(&self, failure: &Failure) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner).entry(failure.reason()).or_default() += 1;
    }

    /// How often requests failed, by reason.
    pub fn failures(&self) -> BTreeMap<Reason, u64> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    /// An upstream, as `config` says. Paths in it are relative to `folder`.
    ///
    /// # Errors
    /// When TLS to it cannot be set up.
    pub fn new(config: edge::Upstream, folder: &Path) -> Result<Self, String> {
        let tls = if config.is_tls { Some(Tls::new(&config, folder)?) } else { None };
        let connections = Places::new(config.max_connections as usize);
        Ok(Self { config, connections, counts: Counts::default(), tls, cores: Mutex::default() })
    }

    /// A place for a connection. One that an idle connection holds is better used for a request, whichever core has it.
    fn take_place(&self) -> Option<Permit> {
        self.connections.try_take().or_else(|| {
            let cores = self.cores.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = cores.iter().filter_map(Weak::upgrade).any(|upstream| upstream.idle().pop_front().is_some());
            self.connections.try_take()
        })
    }
}

/// An upstream on one core: its idle connections there.
pub struct Upstream {
    shared: Arc<Shared>,
    /// The one used last at the back: it is the warmest, and those at the front may time out.
    idle: Mutex<VecDeque<Connection>>,
    http2: Mutex<Option<http2::Sender>>,
    /// Held while a connection is made that others may be able to share.
    connecting: tokio::sync::Mutex<()>,
}

/// How a request is sent.
#[derive(Clone, Copy)]
struct Way<'a> {
    /// It may become a tunnel.
    needs_http1: bool,
    inform: Inform<'a>,
}

/// A connection, in whichever protocol the upstream speaks.
enum Opened {
    Http1(Connection),
    Http2(http2::Sender),
}

impl Upstream {
    /// An upstream on one core, without connections yet.
    pub fn new(shared: Arc<Shared>) -> Arc<Self> {
        let cores = Arc::clone(&shared);
        let new = Self { shared, idle: Mutex::default(), http2: Mutex::default(), connecting: Default::default() };
        let new = Arc::new(new);
        cores.cores.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&new));
        new
    }

    /// What the configuration says of it.
    pub fn config(&self) -> &edge::Upstream {
        &self.shared.config
    }

    /// Sends a request and waits for the head of its response. `inform` is told of the informational ones before it.
    /// What `needs_http1` may become a tunnel.
    ///
    /// # Errors
    /// Why there is no response; it is counted by then.
    pub async fn send(
        self: &Arc<Self>,
        head: &request::Parts,
        body: RequestBody,
        needs_http1: bool,
        inform: Inform<'_>,
    ) -> Result<Response<ResponseBody>, Failure> {
        self.shared.counts.requests.fetch_add(1, Ordering::Relaxed);
        let can_repeat = matches!(body, RequestBody::Empty) && head.method.is_idempotent();
        let way = Way { needs_http1, inform };
        let outcome = match self.attempt(self.warm(needs_http1), head, body, way).await {
            // The upstream gave an idle connection up while the request was on its way to it (RFC 9112 section 9.3.1).
            Err(error) if error.is_stale && can_repeat => self.attempt(None, head, RequestBody::Empty, way).await,
            outcome => outcome,
        };
        outcome.map_err(|error| {
            self.count_failure(&error.failure);
            error.failure
        })
    }

    async fn attempt(
        self: &Arc<Self>,
        warm: Option<Opened>,
        head: &request::Parts,
        body: RequestBody,
        Way { needs_http1, inform }: Way<'_>,
    ) -> Result<Response<ResponseBody>, SendError> {
        let is_warm = warm.is_some();
        let opened = match warm {
            Some(opened) => opened,
            None => self.open(needs_http1).await.map_err(SendError::of)?,
        };
        match opened {
            Opened::Http1(connection) => http1::exchange(self, connection, head, body, inform).await,
            Opened::Http2(sender) => http2::exchange(self.config(), sender, head, body).await.map_err(|failure| {
                let is_stale = is_warm && failure == Failure::ConnectionTerminated;
                SendError { failure, is_stale }
            }),
        }
    }

    /// A connection that is there already.
    fn warm(&self, needs_http1: bool) -> Option<Opened> {
        if !needs_http1 && let Some(sender) = self.http2_sender() {
            return Some(Opened::Http2(sender));
        }
        let mut idle = self.idle();
        while let Some(mut connection) = idle.pop_back() {
            if connection.is_usable(self.config().keepalive_timeout) {
                return Some(Opened::Http1(connection));
            }
        }
        None
    }

    fn http2_sender(&self) -> Option<http2::Sender> {
        let mut http2 = self.http2.lock().unwrap_or_else(PoisonError::into_inner);
        if http2.as_ref().is_some_and(http2::Sender::is_closed) {
            *http2 = None;
        }
        http2.clone()
    }

    async fn open(&self, needs_http1: bool) -> Result<Opened, Failure> {
        let config = self.config();
        // Many requests share one HTTP/2 connection, so they do not each make one.
        let is_shared = config.protocol == Protocol::Http2;
        let _connecting = if is_shared { Some(self.connecting.lock().await) } else { None };
        if is_shared && let Some(sender) = self.http2_sender() {
            return Ok(Opened::Http2(sender));
        }
        let place = self.shared.take_place().ok_or(Failure::ConnectionLimit)?;
        let (stream, is_http2) = connect::connect(config, self.shared.tls.as_ref(), needs_http1).await?;
        self.shared.counts.connections.fetch_add(1, Ordering::Relaxed);
        if !is_http2 {
            return Ok(Opened::Http1(Connection::new(stream, place)));
        }
        let sender = http2::handshake(stream, place).await?;
        *self.http2.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
        Ok(Opened::Http2(sender))
    }

    /// Keeps a connection for the next request.
    fn put_back(&self, mut connection: Connection) {
        let mut idle = self.idle();
        if connection.read.is_empty() && idle.len() < self.config().keepalive_connections as usize {
            connection.rest();
            idle.push_back(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_failure(&self, failure: &Failure) {
        self.shared.counts.count(failure);
    }

    /// Closes the connections that have been idle for too long.
    pub fn drop_expired(&self, now: Instant) {
        let timeout = self.config().keepalive_timeout;
        let mut idle = self.idle();
        while idle.front().is_some_and(|oldest| now.saturating_duration_since(oldest.idle_since) > timeout) {
            idle.pop_front();
        }
    }

    /// How many connections are idle.
    pub fn idle_count(&self) -> usize {
        self.idle().len()
    }
}
