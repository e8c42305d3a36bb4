//! In process: the Exchange and the driver over a simulated platform. Time is virtual, so nothing ever waits, and
//! nothing is sent: what shells do with bytes and connections is not tried here, and what the policies decide is.

mod body;
mod platform;
mod upstream;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use tidegate_core::{Timestamp, Trace};
use tidegate_edge_config::Edge;
use tidegate_edge_config::edge::Outside;
use tidegate_edge_config::secret::Text;
use tidegate_pipeline::{Exchange, Pipeline, Start};

use crate::case::{self, Fields, Need, Request, Version};
use crate::load::Loaded;
use crate::shell::{Flight, Running, Seen, SeenResponse, Shell};
use body::Body;
use platform::Simulated;

/// Where the upstream is, in the configuration and in Host fields.
const ORIGIN_HOST: &str = "192.0.2.80:8080";

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
            Need::ClientAddress | Need::ExactTime | Need::SilentNetwork | Need::Function => None,
        }
    }

    fn misses(&self, _: &Loaded) -> Option<String> {
        None
    }

    fn start(&self, case: &Loaded) -> Box<dyn Running> {
        let (edge, _) = Edge::parse(&case.file, &case.edge, &mut Variables)
            .unwrap_or_else(|errors| panic!("the configuration is not valid:\n{errors}"));
        let places = edge.upstreams.iter().map(|upstream| Cell::new(upstream.max_connections)).collect();
        Box::new(World { pipeline: Pipeline::new(edge), now: Rc::new(Cell::new(BEGINNING)), places, random: 0 })
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
            _ => None,
        }
    }

    fn secret_file(&mut self, _: &str) -> Result<Text, String> {
        Err("a case is one file".to_owned())
    }
}

/// How many more connections each upstream may have.
type Places = Rc<[Cell<u32>]>;

struct World {
    pipeline: Arc<Pipeline>,
    now: Rc<Cell<Timestamp>>,
    places: Places,
    random: u64,
}

impl Running for World {
    fn variables(&self) -> BTreeMap<&'static str, String> {
        let names = ["ORIGIN", "ORIGIN_HOST"];
        names.into_iter().filter_map(|name| Some((name, Variables.variable(name)?))).collect()
    }

    fn begin(&mut self, request: &Request, origin: &[case::Origin], is_held: bool) -> Box<dyn Flight> {
        // Any odd number goes through all others before it comes back; which ones does not matter to a case.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let (now, places) = (Rc::clone(&self.now), Rc::clone(&self.places));
        let platform = Rc::new(Simulated::new(Arc::clone(&self.pipeline), now, places, origin.to_vec(), is_held));
        let start = start(request, self.random);
        let body = Body::of_request(request);
        let answer = answer(Arc::clone(&self.pipeline), Rc::clone(&platform), start, body);
        let mut flight = SimulatedFlight { answer: Box::pin(answer), platform, response: None };
        flight.go_on();
        Box::new(flight)
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
        self.platform.release();
        self.go_on();
        let response = self.response.unwrap_or_else(|| Err("it waits for something that never comes".to_owned()));
        Seen { sent: self.platform.take_sent(), response }
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
