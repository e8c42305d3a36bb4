//! Sockets and HTTP: a listener on each core, connections, and the way of a request through the host.

pub mod body;
pub mod core;
mod date;
mod front;
pub mod http1;
mod http2;
pub mod interim;
pub mod paced;
mod platform;
mod preface;
pub mod problem;
pub mod trace;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use http::{Request, Response};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use self::body::{RequestBody, ResponseBody};
use self::core::Core;
use self::front::Front;
pub use self::http1::Refusal;
use self::interim::Interim;
use crate::engine::Places;

/// Connections that wait to be accepted, on each core.
const BACKLOG: i32 = 4096;
/// How often idle instances are looked at.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);
/// What a client gets that is one too many, without being read.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Answers requests. One is made for each connection.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Informational responses ahead of the final one are left with `interim`.
    fn handle(
        &self,
        request: Request<RequestBody>,
        interim: &Interim,
    ) -> impl Future<Output = Response<ResponseBody>> + Send;

    /// Largest request body in bytes.
    fn body_bytes_max(&self) -> u64;

    /// Is told of a request that was refused before it could be handled.
    fn refused(&self, _refusal: Refusal) {}
}

/// Tells connections that the server is ending.
#[derive(Clone, Debug)]
pub struct Drain(watch::Receiver<bool>);

impl Drain {
    /// A drain and the switch that starts it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (switch, receiver) = watch::channel(false);
        (switch, Self(receiver))
    }

    /// Whether the server is ending.
    pub fn has_started(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the server is ending.
    pub async fn started(&mut self) {
        // A switch that is gone has ended everything.
        let _ = self.0.wait_for(|has_started| *has_started).await;
    }
}

/// The cores at work.
pub struct Server {
    /// Where they listen.
    pub address: SocketAddr,
    /// The cores, in no particular order.
    pub cores: Vec<Arc<Core>>,
    threads: Vec<JoinHandle<()>>,
    switches: Vec<watch::Sender<bool>>,
}

impl Server {
    /// Listens on `address` with one thread for each of `cores`.
    ///
    /// # Errors
    /// When the address cannot be listened on, or a thread cannot be started.
    pub fn start(address: SocketAddr, cores: Vec<Arc<Core>>, connections: &Places) -> anyhow::Result<Self> {
        let listeners = listen(address, cores.len())?;
        let address = listeners[0].local_addr().context("the listener has no address")?;
        let (mut threads, mut switches) = (Vec::new(), Vec::new());
        for (index, (core, listener)) in cores.iter().zip(listeners).enumerate() {
            let (switch, drain) = Drain::new();
            let (core, connections) = (Arc::clone(core), connections.clone());
            let thread = std::thread::Builder::new()
                .name(format!("core-{index}"))
                .spawn(move || run_core(&core, listener, &connections, drain))
                .context("cannot start a thread for a core")?;
            threads.push(thread);
            switches.push(switch);
        }
        Ok(Self { address, cores, threads, switches })
    }

    /// Accepts nothing more. The threads end when their last request has.
    pub fn drain(&self) {
        for switch in &self.switches {
            switch.send_replace(true);
        }
    }

    /// Whether every thread has ended.
    pub fn has_ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

/// Binds `count` listeners to one address, so that each core accepts for itself.
fn listen(address: SocketAddr, count: usize) -> anyhow::Result<Vec<std::net::TcpListener>> {
    let bind = |address: SocketAddr, is_shared: bool| -> io::Result<std::net::TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(is_shared)?;
        // Accepted connections inherit it: small responses leave at once.
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        if is_shared {
            socket.listen(BACKLOG)?;
        }
        Ok(socket.into())
    };
    let context = || format!("cannot listen on {address}");
    // Sharing a port with another tidegate would split its traffic silently. A socket that does not share tells.
    drop(bind(address, false).with_context(context)?);
    let first = bind(address, true).with_context(context)?;
    let address = first.local_addr().with_context(context)?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(bind(address, true).with_context(context)?);
    }
    Ok(listeners)
}

fn run_core(core: &Arc<Core>, listener: std::net::TcpListener, connections: &Places, drain: Drain) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "a core cannot start its runtime"),
    };
    runtime.block_on(async {
        match TcpListener::from_std(listener) {
            Ok(listener) => accept(core, listener, connections, drain).await,
            Err(error) => tracing::error!(%error, "a core cannot use its listener"),
        }
    });
}

/// Accepts until the drain starts, then waits for the connections and for what components still do.
async fn accept(core: &Arc<Core>, listener: TcpListener, connections: &Places, mut drain: Drain) {
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
    loop {
        let accepted = tokio::select! {
            biased;
            () = drain.started() => break,
            accepted = listener.accept() => accepted,
            _ = expiry.tick() => {
                core.drop_expired();
                continue;
            }
        };
        match accepted {
            Ok((stream, client)) => {
                let Some(place) = connections.try_take() else {
                    // A client that cannot take this at once gets a closed connection instead.
                    let _ = stream.try_write(FULL);
                    continue;
                };
                let (front, drain, alive) = (Front::new(Arc::clone(core), client), drain.clone(), alive.clone());
                tokio::spawn(async move {
                    serve_connection(stream, front, drain).await;
                    drop((place, alive));
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: give requests in flight the time to free some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop((listener, alive));
    let _ = all_gone.recv().await;
    while core.app().app().requests_in_flight() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Serves one connection, in whichever protocol its client speaks.
pub async fn serve_connection(mut stream: TcpStream, handler: impl Handler, mut drain: Drain) {
    let detected = tokio::select! {
        biased;
        detected = preface::detect(&mut stream) => detected,
        () = drain.started() => None,
    };
    match detected {
        Some((preface::Protocol::Http1, read_ahead)) => http1::serve(stream, read_ahead, handler, drain).await,
        Some((preface::Protocol::Http2, read_ahead)) => http2::serve(stream, read_ahead, handler, drain).await,
        None => {}
    }
}
