//! An edge with one cached route, and requests to it.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use tidegate_cache::Plan;
use tidegate_core::Trace;
use tidegate_edge_config::edge::{Edge, Nothing, Route};
use tidegate_pipeline::{Pipeline, Start};
use tidegate_route::Table;

const EDGE: &str = r#"
    [[upstream]]
    name = "origin"
    url = "http://127.0.0.1:9000"

    [[route]]
    name = "all"
    upstream = "origin"
"#;

/// Everything goes to one upstream, and is fresh and then, while it is refreshed, stale for so many milliseconds,
/// whatever the origin says.
pub fn fresh(fresh: u64, stale: u64) -> Plan {
    Plan {
        override_ttl: Some(Duration::from_millis(fresh)),
        stale_while_revalidate: Duration::from_millis(stale),
        ..Plan::default()
    }
}

/// An edge by this plan.
pub fn pipeline(plan: Plan) -> Arc<Pipeline> {
    let (edge, _) = Edge::parse("edge.toml", EDGE, &mut Nothing).unwrap();
    let plan = Arc::new(plan);
    let cached = |route: &Route| Route { cache: Some(Arc::clone(&plan)), ..route.clone() };
    let routes = edge.routes.iter().map(|(matches, route)| (matches.clone(), cached(route))).collect();
    Pipeline::new(Edge { routes: Table::new(routes), ..edge })
}

pub fn start(method: &str, target: &str, said: &[(&str, &str)]) -> Start {
    let mut request = Request::builder().method(method).uri(target).header("host", "shop.example");
    for (name, value) in said {
        request = request.header(*name, *value);
    }
    Start {
        request: request.body(()).unwrap().into_parts().0,
        peer: [192, 0, 2, 1].into(),
        is_https: false,
        country: None,
        random: 0,
        trace: Trace::default(),
    }
}
