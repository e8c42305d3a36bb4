//! `edge.toml`: what the edge does with requests. One file, or several by `include`.
//!
//! [`Edge::parse`] reads raw text into the checked types here, with every error at once. Upstreams, functions and
//! routes refer to each other by index or name, and all references are known to lead somewhere.

mod cache;
mod cache_store;
mod checks;
mod client;
mod conditions;
mod defaults;
mod destination;
mod expect;
mod headers;
mod limit;
mod limit_store;
mod names;
mod policies;
mod proxy;
mod reading;
mod redis;
mod rewrite;
mod route;
pub mod schema;
mod sources;
mod upstream;
mod variables;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};
use ipnet::IpNet;
use tidegate_cache::Plan;
use tidegate_core::{Country, Source};
use tidegate_limit::{Limit, LimitId, Need};
use tidegate_route::{Arm, Destination, Function, Rewrite, Split, Table};

use crate::diagnostics::{Errors, Warning};
use crate::secret::Text;

/// A checked configuration of the edge.
#[derive(Debug)]
pub struct Edge {
    /// Who clients are: `[client]`.
    pub client: ClientConfig,
    /// What is refused before a route is looked for: `[checks]`.
    pub checks: ChecksConfig,
    /// What is said about ourselves: `[proxy]`.
    pub proxy: ProxyConfig,
    /// Where cached responses are kept: `[cache_store]`.
    pub cache_store: CacheStore,
    /// Where limits are counted that several edges share: `[limit_store]`.
    pub limit_store: LimitStore,
    /// `[[limit]]`, in the order of the file. [`LimitId`] is an index into it.
    pub limits: Vec<Limit>,
    /// `[[upstream]]`, in the order of the file. [`tidegate_route::UpstreamId`] is an index into it.
    pub upstreams: Vec<Upstream>,
    /// `[[route]]`.
    pub routes: Table<Route>,
    /// `[[expect]]`, in the order of the file.
    pub expects: Vec<Expect>,
    /// The files that it was read from, the first one first: a change in one calls for a reload.
    pub files: Vec<String>,
}

impl Edge {
    /// Reads a configuration: `file` is the name of the first file, `text` its text.
    ///
    /// # Errors
    /// Everything that is wrong, in all files: file by file, in the order in which they are included.
    pub fn parse(file: &str, text: &str, outside: &mut dyn Outside) -> Result<(Self, Vec<Warning>), Errors> {
        reading::parse(file, text, outside)
    }

    /// What applies without an edge.toml: whatever comes goes to the function whose trigger matches.
    pub fn default_for_functions() -> Self {
        // spin.toml's triggers decide as they do under Spin, which passes every path on.
        const TEXT: &str = "checks.dot_segments = \"pass\"\n[[route]]\nname = \"functions\"\nfunction = \"*\"\n";
        let (edge, _) = Self::parse("built in", TEXT, &mut Nothing).expect("a text of our own, which a test reads");
        Self { files: Vec::new(), ..edge }
    }

    /// The functions that routes name, each with every place that does. "*" names none.
    pub fn functions(&self) -> impl Iterator<Item = (&Arc<str>, &Source)> {
        // A route with several hosts or paths stands in the table several times, one after the other.
        let mut last = None;
        let routes = self.routes.iter().map(|(_, route)| route);
        let routes = routes.filter(move |route| last.replace(&route.name) != Some(&route.name));
        let destinations = routes.flat_map(|route| route.to.destinations_with(&route.source));
        destinations.filter_map(|(to, source)| match to {
            Destination::Function(Function::Named(name)) => Some((name, source)),
            _ => None,
        })
    }
}

/// How a request's client is found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientConfig {
    /// Proxies whose word is taken for who is behind them. What others say is removed.
    pub trusted_proxies: Vec<IpNet>,
    /// The field in which they say it.
    pub address_from: AddressFrom,
    /// The field in which they say the country, such as `cf-ipcountry`.
    pub country_from: Option<HeaderName>,
}

/// The field in which trusted proxies say who their client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressFrom {
    /// `X-Forwarded-For`
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

/// What is refused before a route is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChecksConfig {
    /// What becomes of paths with dot segments.
    pub dot_segments: DotSegments,
}

/// What becomes of paths with `.` or `..` segments, in whatever disguise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DotSegments {
    /// They are refused: what they mean depends on who reads them.
    #[default]
    Refuse,
    /// They are passed on as they are.
    Pass,
}

/// What the proxy says about itself in what it passes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyConfig {
    /// Our name in `Via`, `Forwarded` and `Proxy-Status`.
    pub name: Arc<str>,
    /// Responses carry `Server-Timing`.
    pub server_timing: bool,
    /// Responses carry `Proxy-Status` (RFC 9209).
    pub proxy_status: bool,
}

/// Where cached responses are kept: in memory, and in what else there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheStore {
    /// How many bytes are kept in memory, of all cores together.
    pub memory: u64,
    /// What is kept on disk; none: nothing.
    pub disk: Option<Disk>,
    /// The tier that several edges share; none: there is none.
    pub redis: Option<Redis>,
}

impl Default for CacheStore {
    fn default() -> Self {
        Self { memory: 256 << 20, disk: None, redis: None }
    }
}

/// The part of the store that survives a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its folder, as written: relative to the first file.
    pub path: String,
    /// How many bytes are kept there.
    pub size: u64,
}

/// The part of the store that several edges share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Where it is: `redis://` or `rediss://`. There may be a password in it, so it is secret.
    pub url: Text,
    /// How long an answer of it is waited for.
    pub timeout: Duration,
    /// What its keys begin with.
    pub prefix: String,
    /// Largest body that is kept there, in bytes.
    pub max_body: u64,
}

/// Where limits are counted that several edges share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitStore {
    /// The Redis of those that say so; none: then none does.
    pub redis: Option<LimitRedis>,
}

/// A Redis in which several edges count together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRedis {
    /// Where it is: `redis://` or `rediss://`. There may be a password in it, so it is secret.
    pub url: Text,
    /// How long an answer of it is waited for.
    pub timeout: Duration,
    /// What its keys begin with.
    pub prefix: String,
    /// How many edges count in it, from 1 on.
    pub nodes: u32,
}

/// The limits that count the requests of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Which, each once; none: the requests are not counted.
    pub ids: Vec<LimitId>,
    /// How many of them have to let a request through.
    pub need: Need,
}

/// Where requests are sent over HTTP.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its name; unique.
    pub name: Arc<str>,
    /// Whether it is spoken to over TLS.
    pub is_tls: bool,
    /// Its host, a name or an address (IPv6 without brackets).
    pub host: Arc<str>,
    /// Its port.
    pub port: u16,
    /// Its host and port as they stand in a Host field: the port only if it is not the scheme's own.
    pub authority: HeaderValue,
    /// Which HTTP it speaks.
    pub protocol: Protocol,
    /// How long a connection may take to be made, TLS included.
    pub connect_timeout: Duration,
    /// How long the head of a response may take once the request is sent.
    pub first_byte_timeout: Duration,
    /// How long a body may pause, in either direction.
    pub idle_timeout: Duration,
    /// Connections open at a time, of all cores together. One more request is answered with 503.
    pub max_connections: u32,
    /// Idle connections that are kept, on each core.
    pub keepalive_connections: u32,
    /// How long an idle connection is kept.
    pub keepalive_timeout: Duration,
    /// What is special about its TLS.
    pub tls: Tls,
    /// Where it is said.
    pub source: Source,
}

/// Which HTTP an upstream speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What TLS negotiates (ALPN); HTTP/1.1 without TLS.
    #[default]
    Auto,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone, by prior knowledge where there is no TLS.
    Http2,
}

/// What is special about the TLS to an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The name that its certificate must have, if that is not the upstream's host.
    pub server_name: Option<Arc<str>>,
    /// The file with the certificate authorities to trust instead of the system's, as written.
    pub ca_file: Option<String>,
}

/// What happens to the requests of a route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name; unique. It labels metrics.
    pub name: Arc<str>,
    /// Who answers.
    pub to: To,
    /// What is changed on the way, in both directions.
    pub rewrite: Rewrite,
    /// What counts its requests.
    pub limits: Limits,
    /// How its responses are cached; none: they are not.
    pub cache: Option<Arc<Plan>>,
    /// Largest request body, in bytes. Beyond it: 413.
    pub max_request_body: u64,
    /// Where it is said.
    pub source: Source,
}

/// Who answers the requests of a route.
#[derive(Clone, Debug)]
pub enum To {
    /// Always the same.
    One(Destination),
    /// Several, each its share.
    Split(Split),
}

impl To {
    /// All destinations.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        let (one, arms) = self.parts();
        one.into_iter().chain(arms.iter().map(|arm| &arm.to))
    }

    /// All destinations, each with where it is said; `own` is where the route is.
    fn destinations_with<'d>(&'d self, own: &'d Source) -> impl Iterator<Item = (&'d Destination, &'d Source)> {
        let (one, arms) = self.parts();
        one.into_iter().map(move |to| (to, own)).chain(arms.iter().map(|arm| (&arm.to, &arm.source)))
    }

    fn parts(&self) -> (Option<&Destination>, &[Arm]) {
        match self {
            Self::One(destination) => (Some(destination), &[]),
            Self::Split(split) => (None, &split.arms),
        }
    }
}

/// What must come of a request: checked by `tidegate check`.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The request's method.
    pub method: Method,
    /// Its whole URL.
    pub url: Uri,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its client's address; 192.0.2.1 if not said.
    pub client: IpAddr,
    /// Its client's country.
    pub country: Option<Country>,
    /// What the upstream or function would answer, if it is asked: 200 if not said.
    pub answer: (StatusCode, HeaderMap),
    /// What must come of it.
    pub outcome: Outcome,
    /// Where it is said.
    pub source: Source,
}

/// What must come of a request; what is not said may be anything.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The name of the route it takes; `Some(None)`: none.
    pub route: Option<Option<String>>,
    /// The upstream it is sent to.
    pub upstream: Option<String>,
    /// The function it is handed to.
    pub function: Option<String>,
    /// The target (path and query) that the upstream or function sees.
    pub target: Option<String>,
    /// Fields that the upstream or function sees; `None`: that it does not see.
    pub sent: Vec<(HeaderName, Option<String>)>,
    /// The cache key.
    pub key: Option<String>,
    /// The status of the response.
    pub status: Option<StatusCode>,
    /// Fields of the response; `None`: that it does not have.
    pub headers: Vec<(HeaderName, Option<String>)>,
}

/// What reading a configuration takes from outside.
pub trait Outside {
    /// The name and text of an included file. `name` is as written; `from` is the file that names it. The name that
    /// comes back is shown in messages; it must be the same however a file is reached, for by it files are known that
    /// are included twice, or include themselves.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn include(&mut self, name: &str, from: &str) -> Result<(String, String), String>;

    /// An environment variable.
    fn variable(&mut self, name: &str) -> Option<String>;

    /// The text of a file that holds a secret. `name` is as written, and relative to the first file.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn secret_file(&mut self, name: &str) -> Result<Text, String>;
}

/// Nothing is outside: for a configuration that is complete in itself.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Outside for Nothing {
    fn include(&mut self, _: &str, _: &str) -> Result<(String, String), String> {
        Err("there are no other files".to_owned())
    }

    fn variable(&mut self, _: &str) -> Option<String> {
        None
    }

    fn secret_file(&mut self, _: &str) -> Result<Text, String> {
        Err("there are no files".to_owned())
    }
}
