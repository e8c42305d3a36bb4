//! Configurations, requests, and an exchange with one scripted upstream.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Version, request, response};
use tidegate_cache::Plan;
use tidegate_core::{Timestamp, Trace};
use tidegate_edge_config::edge::{Edge, Nothing, Route};
use tidegate_pipeline::{Action, Exchange, Fetch, Input, Pipeline, Reply, Start};
use tidegate_route::Table;

/// 10.0.0.0/8 is trusted; `/old` and `/f` are special, everything else goes to one upstream.
pub const EDGE: &str = r#"
[client]
trusted_proxies = ["10.0.0.0/8"]

[[upstream]]
name = "app"
url = "http://app.internal:9000"

[[route]]
name = "all"
upstream = "app"
"#;

/// Fields, as a test writes them.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

pub const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_000);

pub fn pipeline(text: &str) -> Arc<Pipeline> {
    Pipeline::new(edge(text))
}

/// All of its routes' responses are cached.
pub fn cached(text: &str, plan: Plan) -> Arc<Pipeline> {
    let edge = edge(text);
    let plan = Arc::new(plan);
    let cached = |route: &Route| Route { cache: Some(Arc::clone(&plan)), ..route.clone() };
    let routes = edge.routes.iter().map(|(matches, route)| (matches.clone(), cached(route))).collect();
    Pipeline::new(Edge { routes: Table::new(routes), ..edge })
}

fn edge(text: &str) -> Edge {
    Edge::parse("edge.toml", text, &mut Nothing).unwrap_or_else(|errors| panic!("{errors}")).0
}

/// A request by HTTP/1.1 for shop.example, unless it says something else.
pub fn start(method: &str, target: &str, lines: Fields) -> Start {
    let mut builder = Request::builder().method(method).uri(target);
    if !lines.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", "shop.example");
    }
    for (name, value) in lines {
        builder = builder.header(*name, *value);
    }
    Start {
        request: builder.body(()).unwrap().into_parts().0,
        peer: IpAddr::from([192, 0, 2, 1]),
        is_https: false,
        country: None,
        random: 0,
        trace: Trace::default(),
    }
}

pub fn head(status: u16, lines: Fields) -> response::Parts {
    let mut builder = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in lines {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

/// The request that is sent for one that came in.
pub fn sent(pipeline: &Arc<Pipeline>, start: Start) -> Fetch {
    match Exchange::start(Arc::clone(pipeline), start, NOW) {
        (_, Action::Fetch(fetch)) => fetch,
        (_, action) => panic!("{action:?}"),
    }
}

/// The answer to a request that nobody is asked about.
pub fn answered(pipeline: &Arc<Pipeline>, start: Start) -> (Exchange, Reply) {
    match Exchange::start(Arc::clone(pipeline), start, NOW) {
        (exchange, Action::Respond(reply)) => (exchange, reply),
        (_, action) => panic!("{action:?}"),
    }
}

/// The answer to a request, of which the upstream says this after 30 milliseconds.
pub fn exchanged(pipeline: &Arc<Pipeline>, start: Start, input: Input) -> (Exchange, Reply) {
    let (mut exchange, action) = Exchange::start(Arc::clone(pipeline), start, NOW);
    let Action::Fetch(_) = action else { panic!("{action:?}") };
    match exchange.advance(input, NOW + Duration::from_millis(30)) {
        Action::Respond(reply) => (exchange, reply),
        action => panic!("{action:?}"),
    }
}

pub fn with_version(start: Start, version: Version) -> Start {
    Start { request: request_with(start.request, version), ..start }
}

fn request_with(mut request: request::Parts, version: Version) -> request::Parts {
    request.version = version;
    request
}

/// All lines of a field, with a bar between them.
pub fn lines(headers: &HeaderMap, name: &str) -> String {
    let name: HeaderName = name.parse().unwrap();
    let lines: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
    lines.join(" | ")
}

/// The names of all fields, sorted.
pub fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}
