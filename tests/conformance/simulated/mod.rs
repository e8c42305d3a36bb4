//! In process: the Exchange and the driver over a simulated platform. Time is virtual, so nothing ever waits, and
//! nothing is sent: what shells do with bytes and connections is not tried here, and what the policies decide is.

mod body;
mod platform;
mod store;
mod upstream;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use tidegate_cache::{Purge, What};
use tidegate_core::{Timestamp, Trace};
use tidegate_edge_config::Edge;
use tidegate_edge_config::edge::Outside;
use tidegate_edge_config::secret::Text;
use tidegate_limit::Memory;
use tidegate_pipeline::{Exchange, Pipeline, Start};

use crate::case::{self, Fields, Need, Request, Version};
use crate::load::Loaded;
use crate::shell::{Flight, Running, Script, Seen, SeenResponse, Shell};
use body::Body;
use platform::{Place, Simulated};

/// Where the upstream is, in the configuration and in Host fields.
const ORIGIN_HOST: &str = "192.0.2.80:8080";

/// Where a Redis is, in the configuration: what would be kept there is kept where everything is.
const REDIS: &str = "redis://192.0.2.81:6379";

/// How many keys limits may have.
const LIMIT_KEYS_MAX: usize = 10_000;

/// When all begins.
const BEGINNING: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);

/// The crates in process.
pub struct SimulatedShell;

impl Shell for SimulatedShell {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::ClientBytes => Some("it has no parser of requests: those are the shells'"),
            Need::UpstreamBytes => Some("it has no parser of responses: those are the shells'"),
            Need::Connections => Some("connections to upstreams are the shells'"),
            Need::Tunnel => Some("tunnels are the shells'"),
            Need::Interim => Some("a body is there at once"),
            Need::Pieces => Some("a body is there at once"),
            Need::Compression => Some("it does not touch bodies: compressing them is the shells' part"),
            Need::ClientAddress | Need::ExactTime | Need::SilentNetwork | Need::Function | Need::Time | Need::Redis => {
                None
            }
        }
    }

    fn misses(&self, _: &Loaded) -> Option<String> {
        None
    }

    fn start(&self, case: &Loaded) -> Box<dyn Running> {
        let (edge, _) = Edge::parse(&case.file, &case.edge, &mut Variables)
            .unwrap_or_else(|errors| panic!("the configuration is not valid:\n{errors}"));
        let connections = edge.upstreams.iter().map(|upstream| Cell::new(upstream.max_connections)).collect();
        let (pipeline, now, store) = (Pipeline::new(edge), Cell::new(BEGINNING), Rc::default());
        let limits = RefCell::new(Memory::new(LIMIT_KEYS_MAX));
        Box::new(World { place: Rc::new(Place { pipeline, now, connections, store, limits }), random: 0 })
    }
}

/// What a configuration may take from outside: where the upstream is.
struct Variables;

impl Outside for Variables {
    fn include(&mut self, _: &str, _: &str) -> Result<(String, String), String> {
        Err("a case is one file".to_owned())
    }

    fn variable(&mut self, name: &str) -> Option<String> {
        match name {
            "ORIGIN" => Some(format!("http://{ORIGIN_HOST}")),
            "ORIGIN_HOST" => Some(ORIGIN_HOST.to_owned()),
            "REDIS" => Some(REDIS.to_owned()),
            _ => None,
        }
    }

    fn secret_file(&mut self, _: &str) -> Result<Text, String> {
        Err("a case is one file".to_owned())
    }
}

struct World {
    place: Rc<Place>,
    random: u64,
}

impl Running for World {
    fn variables(&self) -> BTreeMap<&'static str, String> {
        let names = ["ORIGIN", "ORIGIN_HOST", "REDIS"];
        names.into_iter().filter_map(|name| Some((name, Variables.variable(name)?))).collect()
    }

    fn beginning_s(&self) -> u64 {
        BEGINNING.as_unix_ms() / 1000
    }

    fn begin(&mut self, request: &Request, script: Script) -> Box<dyn Flight> {
        // Any odd number goes through all others before it comes back; which ones does not matter to a case.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let platform = Rc::new(Simulated::new(Rc::clone(&self.place), script));
        let start = start(request, self.random);
        let body = Body::of_request(request);
        let answer = answer(Arc::clone(&self.place.pipeline), Rc::clone(&platform), start, body);
        let mut flight = SimulatedFlight { answer: Box::pin(answer), platform, response: None, leaves: request.leaves };
        flight.go_on();
        Box::new(flight)
    }

    fn advance(&mut self, time: Duration) {
        self.place.now.set(self.place.now.get() + time);
    }

    fn settle(&mut self) {}

    fn purge(&mut self, purge: &case::Purge) {
        let is_valid = "a case names what can be purged";
        let urls = purge.urls.iter().map(|url| What::url(url).expect(is_valid));
        let prefixes = purge.prefixes.iter().map(|prefix| What::prefix(prefix).expect(is_valid));
        let hosts = purge.hosts.iter().map(|host| What::host(host).expect(is_valid));
        let tags = purge.tags.iter().map(|tag| What::tag(tag).expect(is_valid));
        let everything = purge.everything.then_some(What::Everything);
        let all = urls.chain(prefixes).chain(hosts).chain(tags).chain(everything);
        self.place.store.purge(all.map(|what| Purge { what, is_soft: purge.soft }));
    }
}

/// A request as a shell hands it over.
fn start(request: &Request, random: u64) -> Start {
    let version = if request.version == Version::Http10 { http::Version::HTTP_10 } else { http::Version::HTTP_11 };
    let mut head = http::Request::new(()).into_parts().0;
    head.method = request.method.parse().unwrap_or_else(|_| panic!("{:?} is no method", request.method));
    head.uri = request.target.parse().unwrap_or_else(|_| panic!("{:?} is no target", request.target));
    head.version = version;
    head.headers = header_map(&request.all_fields());
    Start { request: head, peer: request.from, is_https: false, country: None, random, trace: Trace::default() }
}

async fn answer(
    pipeline: Arc<Pipeline>,
    platform: Rc<Simulated>,
    start: Start,
    body: Body,
) -> Result<SeenResponse, String> {
    let is_head = start.request.method == http::Method::HEAD;
    let (mut exchange, action) = Exchange::start(pipeline, start, platform.now());
    let response = tidegate_driver::run(&*platform, &mut exchange, action, body).await;
    platform.responded();
    if exchange.has_later() {
        tidegate_driver::later(&*platform, &mut exchange).await;
    }
    let (head, body) = response.into_parts();
    // Leaving it away is the shell's part.
    let has_none = is_head || matches!(head.status.as_u16(), 204 | 304);
    let body = if has_none { Body::default() } else { body };
    Ok(SeenResponse {
        status: head.status.as_u16(),
        fields: fields(&head.headers),
        body: body.bytes,
        trailers: fields(&body.trailers),
        informational: platform.take_interims(),
        is_truncated: body.is_broken,
        tunnel: Bytes::new(),
    })
}

struct SimulatedFlight {
    answer: Pin<Box<dyn Future<Output = Result<SeenResponse, String>>>>,
    platform: Rc<Simulated>,
    response: Option<Result<SeenResponse, String>>,
    leaves: bool,
}

impl SimulatedFlight {
    /// Goes on as far as it can: nothing here waits for anything but a release.
    fn go_on(&mut self) {
        if self.response.is_none()
            && let Poll::Ready(response) = self.answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.response = Some(response);
        }
    }
}

impl Flight for SimulatedFlight {
    fn finish(mut self: Box<Self>) -> Seen {
        let Self { platform, leaves, .. } = &*self;
        let (platform, leaves) = (Rc::clone(platform), *leaves);
        let response = if leaves {
            drop(self);
            Err("the client is gone".to_owned())
        } else {
            platform.release();
            self.go_on();
            while self.response.is_none() && platform.wait_no_more() {
                self.go_on();
            }
            self.response.unwrap_or_else(|| Err("it waits for something that never comes".to_owned()))
        };
        let (sent, later) = platform.take_sent();
        Seen { sent, later, response }
    }
}

/// Fields as a map.
fn header_map(fields: &Fields) -> HeaderMap {
    let pair = |(name, value): &(String, String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap_or_else(|_| panic!("{name:?} is no name of a field"));
        let value =
            HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| panic!("{value:?} is no value of a field"));
        (name, value)
    };
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter().map(pair) {
        map.append(name, value);
    }
    map
}

/// A map as fields.
fn fields(map: &HeaderMap) -> Fields {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
