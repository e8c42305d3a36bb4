//! A server somewhere else, for components to call.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::{TlsAcceptor, rustls};

/// A server that serves while this lives, and counts.
pub struct Origin {
    /// Where it is.
    pub address: SocketAddr,
    counts: Arc<Counts>,
    certificate: String,
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

impl Origin {
    /// Starts it on a free port.
    pub fn start() -> Self {
        Self::start_with(None, false, String::new())
    }

    /// The same for HTTP/2 by prior knowledge.
    pub fn start_http2() -> Self {
        Self::start_with(None, true, String::new())
    }

    /// The same with TLS, for the name `localhost`, with a certificate of its own.
    ///
    /// # Panics
    /// When there can be no certificate.
    pub fn start_tls() -> Self {
        Self::start_tls_with(&[])
    }

    /// The same for clients that agree to HTTP/2, and for no others.
    pub fn start_tls_http2() -> Self {
        Self::start_tls_with(&[b"h2"])
    }

    fn start_tls_with(protocols: &[&[u8]]) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("its key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring supports them")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a certificate and its key");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self::start_with(Some(TlsAcceptor::from(Arc::new(config))), !protocols.is_empty(), made.cert.pem())
    }

    fn start_with(tls: Option<TlsAcceptor>, is_http2: bool, certificate: String) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::new(Counts::default());
        let (stop, stopped) = oneshot::channel();
        let for_thread = Arc::clone(&counts);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, tls, is_http2, for_thread) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, counts, certificate, _stop: stop }
    }

    /// Its certificate as PEM; empty without TLS.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// `path` as a URL there.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Connections taken so far.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Requests taken so far.
    pub fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }
}

async fn serve(listener: std::net::TcpListener, tls: Option<TlsAcceptor>, is_http2: bool, counts: Arc<Counts>) {
    listener.set_nonblocking(true).expect("an open socket");
    let listener = TcpListener::from_std(listener).expect("a listener");
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::SeqCst);
        let (tls, counts) = (tls.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            match tls {
                None => serve_connection(stream, is_http2, counts).await,
                Some(tls) => {
                    // A client that does not trust the certificate ends it here.
                    if let Ok(stream) = tls.accept(stream).await {
                        serve_connection(stream, is_http2, counts).await;
                    }
                }
            }
        });
    }
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_http2: bool,
    counts: Arc<Counts>,
) {
    let service = service_fn(move |request| {
        counts.requests.fetch_add(1, Ordering::SeqCst);
        answer(request)
    });
    // However it ends, its client sees it.
    if is_http2 {
        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
    } else {
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    }
}

type Answered = Result<Response<BoxBody<Bytes, hyper::Error>>, Infallible>;

/// `/echo` gives back the body and its trailers, `/never` never answers, all else gives back the request's head.
async fn answer(request: Request<Incoming>) -> Answered {
    match request.uri().path() {
        "/never" => std::future::pending().await,
        "/echo" => Ok(Response::builder()
            .header("x-origin", "yes")
            // hyper sends only announced trailers.
            .header("trailer", "x-sum")
            .body(request.into_body().boxed())
            .expect("valid")),
        _ => {
            let text = |headers: &HeaderMap| {
                let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                };
                headers.iter().map(pair).collect::<Vec<_>>()
            };
            let head = serde_json::json!({
                "method": request.method().as_str(),
                "version": format!("{:?}", request.version()),
                "target": request.uri().to_string(),
                "headers": text(request.headers()),
            });
            let body = Full::new(Bytes::from(head.to_string())).map_err(|never| match never {});
            Ok(Response::builder().header("x-origin", "yes").body(body.boxed()).expect("valid"))
        }
    }
}
