//! Connections to other hosts: TCP or TLS, a bounded number of them, made within a bounded time.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use wasmtime_wasi_http::Error;

use crate::engine::{Permit, Places};

tokio::task_local! {
    /// How long the request that asks for a connection would wait for one.
    static TIMEOUT: Duration;
}

/// Runs `request`, which waits at most `timeout` for a connection of its own.
pub async fn within<T>(timeout: Duration, request: impl Future<Output = T>) -> T {
    TIMEOUT.scope(timeout, request).await
}

/// Why no connection was made.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    /// The component has as many connections as it may.
    Full,
    /// It took too long.
    Timeout,
}

impl Refused {
    /// As components see it.
    pub fn error(self) -> Error {
        match self {
            Self::Full => Error::ConnectionLimitReached,
            Self::Timeout => Error::ConnectionTimeout,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full => "the component has as many outgoing connections as it may",
            Self::Timeout => "the connection took too long",
        })
    }
}

impl std::error::Error for Refused {}

/// Makes connections while there are places.
#[derive(Clone)]
pub struct Connector {
    inner: HttpsConnector<HttpConnector>,
    places: Places,
}

impl Connector {
    /// A connector for at most as many connections at a time as there are `places`.
    pub fn new(places: Places) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let inner = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config())
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        Self { inner, places }
    }
}

/// One TLS configuration for the process: making one reads the machine's certificates.
fn tls_config() -> rustls::ClientConfig {
    static CONFIG: OnceLock<rustls::ClientConfig> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("ring supports the default protocol versions")
                .with_root_certificates(crate::tls::system_roots())
                .with_no_client_auth()
        })
        .clone()
}

impl Service<Uri> for Connector {
    type Response = Counted;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Counted, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let place = self.places.try_take();
        let timeout = TIMEOUT.try_with(|timeout| *timeout).unwrap_or(super::CONNECT_TIMEOUT);
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            let place = place.ok_or(Refused::Full)?;
            let stream = tokio::time::timeout(timeout, connecting).await.map_err(|_| Refused::Timeout)??;
            Ok(Counted { stream, _place: place })
        })
    }
}

/// A connection that holds its place as long as it lives.
pub struct Counted {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    _place: Permit,
}

impl Connection for Counted {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl Read for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}
