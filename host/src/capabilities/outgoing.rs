//! Outgoing HTTP: only where the manifest allows, over pooled connections, or in process to another component.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::header::{CONNECTION, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TRANSFER_ENCODING, UPGRADE};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::client::legacy;
use tidegate_edge_config::hosts::AllowedHosts;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::connect::Connector;
use crate::engine::{Journey, Places};
use crate::server::body::{self, RequestBody};
use crate::server::core::CoreApp;
use crate::server::paced::Paced;

mod connect;

/// The host suffix of components of the same application.
const INTERNAL_SUFFIX: &str = ".spin.internal";
/// How long a connection may take to be made, unless the component says otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle connections kept for each host; more are closed.
const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 32;
/// How long an idle connection is kept.
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);

/// A component's pool of connections on one core.
#[derive(Clone)]
pub struct Client(legacy::Client<Connector, WasiBody>);

impl Client {
    /// A pool that has at most as many connections open as there are `places`.
    pub fn new(places: Places) -> Self {
        let client = legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
            .build(Connector::new(places));
        Self(client)
    }
}

/// How the outgoing requests of one instance leave.
pub struct Outgoing {
    component: Arc<str>,
    allowed: Arc<AllowedHosts>,
    client: Client,
    app: Weak<CoreApp>,
    /// The request that the instance works on.
    journey: Option<Journey>,
}

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl Outgoing {
    /// The outgoing side of a new instance.
    pub fn new(component: Arc<str>, allowed: Arc<AllowedHosts>, client: Client, app: Weak<CoreApp>) -> Self {
        Self { component, allowed, client, app, journey: None }
    }

    /// From now on what is sent belongs to `journey`.
    pub fn start(&mut self, journey: Journey) {
        self.journey = Some(journey);
    }

    /// Whether the manifest allows the request; says in the log what would.
    fn check(&self, request: &Request<WasiBody>) -> Result<(), Error> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("http");
        let Some(host) = uri.host() else { return Err(Error::HttpRequestUriInvalid) };
        if self.allowed.allows(scheme, host, uri.port_u16()) {
            return Ok(());
        }
        let entry = AllowedHosts::entry_for(scheme, host, uri.port_u16());
        tracing::warn!(
            component = %self.component,
            "component {0:?} may not send requests to {scheme}://{host}: \
             add allowed_outbound_hosts = [{entry:?}] under [component.{0}]",
            &*self.component
        );
        Err(Error::HttpRequestDenied)
    }

    fn send(&self, mut request: Request<WasiBody>, options: Option<RequestOptions>) -> Result<SendFuture, Error> {
        self.check(&request)?;
        if let Some(journey) = &self.journey {
            journey.trace.pass_on(request.headers_mut());
        }
        if let Some(name) = request.uri().host().and_then(|host| host.strip_suffix(INTERNAL_SUFFIX)) {
            let name = name.to_owned();
            return Ok(Box::pin(send_internal(self.app.clone(), name, request, self.journey)));
        }
        Ok(Box::pin(send_external(self.client.clone(), request, options.unwrap_or_default())))
    }
}

type SendFuture = Pin<Box<dyn Future<Output = Sent> + Send>>;

impl WasiHttpHooks for Outgoing {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_forbidden(name)
    }

    fn forbidden_header_filter(&mut self) -> wasmtime_wasi_http::ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _transmitted: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        match self.send(request, options) {
            Ok(sent) => Box::new(sent),
            Err(error) => Box::new(std::future::ready(Err(error))),
        }
    }
}

/// Fields that are a connection's, not a component's: it neither sees nor sets them.
fn is_forbidden(name: &HeaderName) -> bool {
    matches!(*name, CONNECTION | HOST | PROXY_AUTHENTICATE | PROXY_AUTHORIZATION | TRANSFER_ENCODING | UPGRADE)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}

async fn send_external(client: Client, request: Request<WasiBody>, options: RequestOptions) -> Sent {
    let connect_timeout = options.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
    let exchange = connect::within(connect_timeout, client.0.request(request));
    let response = match options.first_byte_timeout {
        Some(timeout) => tokio::time::timeout(timeout, exchange).await.map_err(|_| Error::ConnectionReadTimeout)?,
        None => exchange.await,
    };
    let response = response.map_err(|error| send_error(&error))?;
    let response = response.map(|body| {
        let body = body.map_err(Error::Hyper);
        match options.between_bytes_timeout {
            Some(timeout) => Paced::new(body, timeout).boxed_unsync(),
            None => body.boxed_unsync(),
        }
    });
    Ok((response, Box::new(std::future::ready(Ok(())))))
}

/// The error code that says most about a failed request.
fn send_error(error: &legacy::Error) -> Error {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<connect::Refused>() {
            return refused.error();
        }
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            if is_tls(error) {
                return Error::TlsCertificateError;
            }
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                    return Error::ConnectionTerminated;
                }
                _ => {}
            }
        }
        if cause.is::<rustls::Error>() {
            return Error::TlsCertificateError;
        }
        source = cause.source();
    }
    if error.is_connect() { Error::DestinationUnavailable } else { Error::HttpProtocolError }
}

/// An `io::Error` does not count what it wraps among its sources, and may wrap another.
fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>() || inner.downcast_ref().is_some_and(is_tls))
}

/// Hands the request to another component of the application, without a socket.
async fn send_internal(app: Weak<CoreApp>, name: String, request: Request<WasiBody>, journey: Option<Journey>) -> Sent {
    let (Some(app), Some(mut journey)) = (app.upgrade(), journey) else { return Err(Error::DestinationNotFound) };
    journey.depth += 1;
    let (respond, response) = tokio::sync::oneshot::channel();
    // A task of its own: two instances must not run inside each other.
    tokio::spawn(async move {
        match app.call_component(&name, request.map(RequestBody::Component), journey).await {
            Ok(response) => {
                let (head, mut body) = response.into_parts();
                if let Some(whole) = body.as_whole() {
                    let whole = http_body_util::Full::new(whole.clone()).map_err(|never| match never {});
                    // Nobody waits any more if this fails.
                    let _ = respond.send(Ok(Response::from_parts(head, whole.boxed_unsync())));
                    return;
                }
                let (sender, receiver) = body::channel();
                if respond.send(Ok(Response::from_parts(head, receiver.boxed_unsync()))).is_ok() {
                    body::pump(&mut body, sender).await;
                }
            }
            Err(error) => drop(respond.send(Err(error))),
        }
    });
    let response = response.await.map_err(|_| Error::InternalError(None))??;
    Ok((response, Box::new(std::future::ready(Ok(())))))
}
