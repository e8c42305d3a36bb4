//! Limits on a request's way.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tidegate_limit::{Count, Counted, Memory, Moment};
use tidegate_pipeline::{Action, Exchange, Input, LimitResult, Pipeline, Reply, ReplyBody};

use crate::support::{Fields, NOW, head, lines, pipeline, start};

const EDGE: &str = r#"
[[upstream]]
name = "app"
url = "http://app.internal:9000"

[[limit]]
name = "per-client"
rate = "10/m"
burst = 1
cost_from = "x-cost"

[[limit]]
name = "tenant"
rate = "60/m"
burst = 0
key = "header:x-tenant"
missing = "skip"
deny = ["header:x-tenant=evil"]

[[limit]]
name = "slow"
rate = "1/s"
burst = 0
delay = "1s"

[[limit]]
name = "flight"
algorithm = "concurrency"
in_flight = 1

[[limit]]
name = "watched"
rate = "1/h"
shadow = true

[[limit]]
name = "shared"
rate = "1/h"
store = "redis"
when_down = "closed"

[limit_store]
redis = { url = "redis://127.0.0.1" }

[[route]]
name = "app"
upstream = "app"
limit = ["per-client", "tenant"]

[[route]]
name = "any"
path = "/any"
upstream = "app"
limit = { any = ["per-client", "tenant"] }

[[route]]
name = "slow"
path = "/slow"
respond = { body = "here" }
limit = "slow"

[[route]]
name = "flight"
path = "/flight"
respond = { body = "here" }
limit = "flight"

[[route]]
name = "watched"
path = "/watched"
respond = { body = "here" }
limit = "watched"

[[route]]
name = "shared"
path = "/shared"
respond = { body = "here" }
limit = "shared"
"#;

/// A place with one thread and one clock.
struct Place {
    pipeline: Arc<Pipeline>,
    memory: Memory,
    now: Duration,
}

impl Place {
    fn new() -> Self {
        Self { pipeline: pipeline(EDGE), memory: Memory::new(100), now: Duration::ZERO }
    }

    fn take(&mut self, count: &Count) -> Counted {
        self.memory.take(count, Moment::default() + self.now)
    }

    /// What becomes of a request whose response has these fields, and what was done for that, in words.
    fn ask(&mut self, target: &str, fields: Fields, response: Fields) -> (Exchange, Reply, String) {
        let start = start("GET", target, fields);
        let (mut exchange, mut action) = Exchange::start(Arc::clone(&self.pipeline), start, NOW + self.now);
        let mut done = Vec::new();
        loop {
            let input = match action {
                Action::Count(count) => {
                    done.push("count".to_owned());
                    Input::Counted(self.take(&count))
                }
                Action::Delay(delay) => {
                    done.push(format!("delay {}", delay.as_millis()));
                    self.now += delay;
                    Input::Delayed
                }
                Action::Fetch(_) => {
                    done.push("fetch".to_owned());
                    Input::Fetched(head(200, response))
                }
                Action::Respond(reply) => {
                    for charge in &reply.charges {
                        done.push(format!("charge {}", charge.cost));
                        self.memory.charge(charge, Moment::default() + self.now);
                    }
                    return (exchange, reply, done.join(", "));
                }
                action => panic!("{action:?}"),
            };
            action = exchange.advance(input, NOW + self.now);
        }
    }

    /// The status, what is left, and what was done.
    fn answer(&mut self, target: &str, fields: Fields) -> (u16, String, String) {
        let (_, reply, done) = self.ask(target, fields, &[]);
        (reply.head.status.as_u16(), lines(&reply.head.headers, "ratelimit"), done)
    }
}

fn said(status: u16, left: &str, done: &str) -> (u16, String, String) {
    (status, left.to_owned(), done.to_owned())
}

fn body(reply: &Reply) -> serde_json::Value {
    match &reply.body {
        ReplyBody::Whole(bytes) => serde_json::from_slice(bytes).unwrap(),
        body => panic!("{body:?}"),
    }
}

#[test]
fn a_refusal_comes_before_anybody_is_asked() {
    let mut place = Place::new();
    assert_eq!(place.answer("/", &[]), said(200, r#""per-client";r=1;t=6"#, "count, fetch"));
    assert_eq!(place.answer("/", &[]), said(200, r#""per-client";r=0;t=12"#, "count, fetch"));
    let (exchange, reply, done) = place.ask("/", &[], &[]);
    assert_eq!((reply.head.status, &*done), (StatusCode::TOO_MANY_REQUESTS, "count"));
    assert_eq!(lines(&reply.head.headers, "retry-after"), "6");
    assert_eq!(lines(&reply.head.headers, "ratelimit-policy"), r#""per-client";q=10;w=60"#);
    assert_eq!(lines(&reply.head.headers, "ratelimit"), r#""per-client";r=0;t=6"#, "as long as Retry-After");
    assert_eq!(exchange.reason().map(|reason| reason.to_string()).as_deref(), Some("limit/over-quota"));
    assert_eq!(
        body(&reply),
        serde_json::json!({
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Too Many Requests",
            "status": 429,
            "detail": "more requests than are allowed",
            "violated-policies": ["per-client"],
        })
    );
    let results: Vec<_> = exchange.limited().map(|limited| (&*limited.limit.name, limited.result)).collect();
    assert_eq!(results, [("tenant", LimitResult::Skip), ("per-client", LimitResult::Refuse)]);
    // One tick before the time it said it is still refused.
    place.now = Duration::from_millis(5_999);
    assert_eq!(place.answer("/", &[]).0, 429);
    place.now = Duration::from_secs(6);
    assert_eq!(place.answer("/", &[]).0, 200);
}

#[test]
fn what_one_refuses_the_others_do_not_take() {
    let mut place = Place::new();
    let tenant: Fields = &[("x-tenant", "a")];
    assert_eq!(place.answer("/", tenant).0, 200);
    let (status, left, _) = place.answer("/", tenant);
    assert_eq!((status, &*left), (429, r#""per-client";r=1;t=6, "tenant";r=0;t=1"#));
    // Another tenant: per-client has one left.
    assert_eq!(place.answer("/", &[("x-tenant", "b")]).0, 200);
}

#[test]
fn one_of_several_is_enough_where_it_says_so() {
    let mut place = Place::new();
    let tenant: Fields = &[("x-tenant", "a")];
    let all: Vec<_> = (0..4).map(|_| place.answer("/any", tenant).0).collect();
    assert_eq!(all, [200, 200, 200, 429], "two of per-client, then one of tenant");
    let (_, reply, _) = place.ask("/any", tenant, &[]);
    assert_eq!(lines(&reply.head.headers, "retry-after"), "1", "the shorter one");
    assert_eq!(body(&reply)["violated-policies"], serde_json::json!(["per-client", "tenant"]));
}

#[test]
fn who_is_on_a_list_is_not_counted() {
    let mut place = Place::new();
    let (exchange, reply, done) = place.ask("/", &[("x-tenant", "evil")], &[]);
    assert_eq!((reply.head.status, &*done), (StatusCode::FORBIDDEN, ""));
    assert_eq!(exchange.reason().map(|reason| reason.to_string()).as_deref(), Some("limit/denied"));
    assert_eq!(lines(&reply.head.headers, "ratelimit"), "");
}

#[test]
fn a_response_says_what_it_has_cost() {
    let mut place = Place::new();
    for (cost, done, left) in [
        ("2", "count, fetch, charge 1", r#""per-client";r=1;t=6"#),
        ("none", "count", r#""per-client";r=0;t=6"#),
        ("0", "count, fetch, charge -1", r#""per-client";r=0;t=12"#),
    ] {
        let (_, reply, what) = place.ask("/", &[], &[("x-cost", cost)]);
        assert_eq!((&*what, &*lines(&reply.head.headers, "ratelimit")), (done, left), "{cost}");
        assert_eq!(lines(&reply.head.headers, "x-cost"), "", "said to us alone");
        if cost == "none" {
            place.now += Duration::from_secs(6);
        }
    }
    // What cost nothing is given back.
    assert_eq!(place.answer("/", &[]).0, 200);
}

#[test]
fn a_request_is_held_back_within_a_bound() {
    let mut place = Place::new();
    assert_eq!(place.answer("/slow", &[]), said(200, r#""slow";r=0;t=1"#, "count"));
    assert_eq!(place.answer("/slow", &[]), said(200, r#""slow";r=0;t=2"#, "count, delay 1000"));
    // The next one would have to wait for longer if it came at the same time.
    let count = match Exchange::start(Arc::clone(&place.pipeline), start("GET", "/slow", &[]), NOW).1 {
        Action::Count(count) => count,
        action => panic!("{action:?}"),
    };
    assert!(place.take(&count).passes(&count, |_| true));
    let (_, reply, done) = place.ask("/slow", &[], &[]);
    assert_eq!((reply.head.status.as_u16(), &*done), (429, "count"));
    assert_eq!(lines(&reply.head.headers, "retry-after"), "1");
}

#[test]
fn what_is_in_flight_is_told_apart() {
    let mut place = Place::new();
    assert_eq!(place.answer("/flight", &[]).0, 200);
    let (exchange, reply, _) = place.ask("/flight", &[], &[]);
    assert_eq!(reply.head.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(exchange.reason().map(|reason| reason.to_string()).as_deref(), Some("limit/in-flight"));
    assert_eq!(lines(&reply.head.headers, "ratelimit-policy"), r#""flight";q=1;qu="concurrent-requests""#);
}

#[test]
fn a_limit_in_shadow_refuses_nobody() {
    let mut place = Place::new();
    assert_eq!(place.answer("/watched", &[]), said(200, "", "count"));
    let (exchange, reply, _) = place.ask("/watched", &[], &[]);
    assert_eq!((reply.head.status, &*lines(&reply.head.headers, "ratelimit")), (StatusCode::OK, ""));
    assert_eq!(exchange.limited().map(|limited| limited.result).collect::<Vec<_>>(), [LimitResult::Shadow]);
}

#[test]
fn a_store_that_is_down_closes_what_says_so() {
    let edge = pipeline(EDGE);
    let (mut exchange, action) = Exchange::start(edge, start("GET", "/shared", &[]), NOW);
    assert!(matches!(action, Action::Count(_)), "{action:?}");
    let down = Counted { verdicts: vec![tidegate_limit::Verdict::DOWN] };
    let Action::Respond(reply) = exchange.advance(Input::Counted(down), NOW) else { panic!("no answer") };
    assert_eq!(reply.head.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(exchange.reason().map(|reason| reason.to_string()).as_deref(), Some("limit/store-down"));
    assert_eq!(lines(&reply.head.headers, "retry-after"), "1");
    assert!(body(&reply)["type"].as_str().unwrap().ends_with("#temporary-reduced-capacity"));
}
