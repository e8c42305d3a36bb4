//! New connections to an upstream: its name resolved, TCP, and TLS where it is spoken.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tidegate_edge_config::edge::{Protocol, Upstream};
use tidegate_pipeline::Failure;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::stream::Stream;
use crate::tls;

/// What is needed for TLS to one upstream.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    /// For what only HTTP/1.1 can do.
    http1_connector: TlsConnector,
    server_name: ServerName<'static>,
}

impl Tls {
    /// The TLS that `upstream` asks for. Paths are relative to `folder`.
    ///
    /// # Errors
    /// When its name is none that a certificate can have, or there are no certificate authorities to trust.
    pub fn new(upstream: &Upstream, folder: &Path) -> Result<Self, String> {
        let roots = match &upstream.tls.ca_file {
            Some(file) => tls::roots_of(&folder.join(file))?,
            None => tls::system_roots(),
        };
        let name = upstream.tls.server_name.as_deref().unwrap_or(&upstream.host);
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("{name:?} is no name that a certificate can have"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            TlsConnector::from(Arc::new(config))
        };
        let protocols: &[&[u8]] = match upstream.protocol {
            Protocol::Auto => &[b"h2", b"http/1.1"],
            Protocol::Http1 => &[b"http/1.1"],
            Protocol::Http2 => &[b"h2"],
        };
        Ok(Self { connector: connector(protocols), http1_connector: connector(&[b"http/1.1"]), server_name })
    }
}

/// A new connection, and whether HTTP/2 is spoken on it; never if it `needs_http1`.
///
/// # Errors
/// What kept it from being made, within the upstream's time for that.
pub async fn connect(upstream: &Upstream, tls: Option<&Tls>, needs_http1: bool) -> Result<(Stream, bool), Failure> {
    let connecting = async {
        let stream = connect_tcp(upstream).await?;
        match tls {
            None => Ok((Stream::Plain(stream), upstream.protocol == Protocol::Http2)),
            Some(tls) => {
                let connector = if needs_http1 { &tls.http1_connector } else { &tls.connector };
                let handshake = connector.connect(tls.server_name.clone(), stream);
                let stream = handshake.await.map_err(|error| {
                    tracing::warn!(upstream = %upstream.name, %error, "no TLS to the upstream");
                    tls_failure(&error)
                })?;
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                if upstream.protocol == Protocol::Http2 && !is_http2 {
                    tracing::warn!(upstream = %upstream.name, "the upstream does not speak HTTP/2");
                    return Err(Failure::Tls);
                }
                Ok((Stream::Tls(Box::new(stream)), is_http2))
            }
        }
    };
    tokio::time::timeout(upstream.connect_timeout, connecting).await.unwrap_or(Err(Failure::ConnectTimeout))
}

fn tls_failure(error: &io::Error) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => Failure::TlsCertificate,
        _ => Failure::Tls,
    }
}

/// The first of the upstream's addresses that takes a connection.
async fn connect_tcp(upstream: &Upstream) -> Result<TcpStream, Failure> {
    let addresses = tokio::net::lookup_host((&*upstream.host, upstream.port)).await.map_err(|error| {
        tracing::warn!(upstream = %upstream.name, host = %upstream.host, %error, "the upstream's name has no address");
        Failure::Dns
    })?;
    let mut failure = Failure::Dns;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A socket that cannot do without delay still works.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                tracing::debug!(upstream = %upstream.name, %address, %error, "the upstream takes no connection");
                failure = match error.kind() {
                    io::ErrorKind::ConnectionRefused => Failure::ConnectionRefused,
                    io::ErrorKind::TimedOut => Failure::ConnectTimeout,
                    _ => Failure::DestinationUnreachable,
                };
            }
        }
    }
    Err(failure)
}
