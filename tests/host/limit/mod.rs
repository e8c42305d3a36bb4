//! Rate limits, with the real host: many clients on both cores, other hosts that share a Redis, one that is killed,
//! stalls or forgets. What a limit says of a single request is in the tables of `functions/` and in `conformance`.

mod answers;
mod delay;
mod exact;
mod flood;
mod in_flight;
mod leases;
mod load;
mod operators;
mod reload;
mod shared;
mod store_down;

use harness::client::{self, empty, full};
use harness::{Answer, Host, Setup, Trial};
use http::Request;

pub fn tests() -> Vec<Trial> {
    [
        flood::tests(),
        leases::tests(),
        exact::tests(),
        store_down::tests(),
        shared::tests(),
        in_flight::tests(),
        delay::tests(),
        reload::tests(),
        operators::tests(),
        answers::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Requests, by limit and decision.
const DECISIONS: &str = "tidegate_limit_requests_total";

/// An edge on two cores.
fn edge(text: impl AsRef<[u8]>) -> Setup {
    Setup::edge(text).arguments(["--cores", "2"])
}

/// A limit with these keys, and an answer at /NAME that it guards.
fn limited(name: &str, keys: &str) -> String {
    format!("{}{}", limit(name, keys), fixed(name, &format!("\"{name}\"")))
}

/// A limit with these keys.
fn limit(name: &str, keys: &str) -> String {
    format!("[[limit]]\nname = \"{name}\"\n{keys}\n")
}

/// An answer at /NAME that these limits guard.
fn fixed(name: &str, limits: &str) -> String {
    format!(
        "[[route]]\nname = \"{name}\"\npath = \"/{name}\"\nlimit = {limits}\nrespond = {{ status = 200, body = \"fine\" }}\n"
    )
}

/// The answer to a GET with these fields.
fn ask(host: &Host, path: &str, fields: &[(&str, &str)]) -> Answer {
    let request = Request::get(path).header("host", "shop.example");
    let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    host.send(request.body(empty()).unwrap())
}

/// Statuses of so many requests, one after the other.
fn statuses(host: &Host, path: &str, requests: usize) -> Vec<u16> {
    (0..requests).map(|_| ask(host, path, &[]).status).collect()
}

/// Asserts that `passes` go through, and none behind them.
#[track_caller]
fn has_left(host: &Host, path: &str, passes: usize) {
    let expected = [vec![200; passes], vec![429; 2]].concat();
    assert_eq!(statuses(host, path, passes + 2), expected, "{path}");
}

/// A parameter of this limit in `RateLimit` or `RateLimit-Policy`, as it stands there.
fn parameter(answer: &Answer, field: &str, limit: &str, name: &str) -> Option<String> {
    let items = answer.header(field)?.split(", ");
    let mut items = items.filter_map(|item| item.strip_prefix(&format!("\"{limit}\";")));
    let parameters = items.next()?;
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    parameters.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// What the answer says is left of this limit.
fn left(answer: &Answer, limit: &str) -> Option<u32> {
    parameter(answer, "ratelimit", limit, "r").map(|left| left.parse().unwrap())
}

/// The answer of the admin side to an order.
fn order(host: &Host, path: &str, text: &str, fields: &[(&str, &str)]) -> Answer {
    let request = Request::post(path).header("content-type", "application/json");
    let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    client::run(client::exchange(host.admin, request.body(full(text.to_owned())).unwrap()))
}

/// A new configuration for the one that is there.
fn write(setup: &Setup, text: &str) {
    // Renamed into place, so that nobody reads half of it.
    let draft = setup.folder().join("draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, setup.folder().join("edge.toml")).unwrap();
}

/// Where limits in Redis find it. `more` are more keys.
fn store(url: &str, more: &str) -> String {
    format!("[limit_store.redis]\nurl = \"{url}\"\n{more}\n")
}

/// Tests that need a Redis.
fn redis_tests<const N: usize>(tests: [(&str, fn()); N]) -> Vec<Trial> {
    let trial = |(name, run): (&str, fn())| {
        harness::trial::test_with(&format!("limit::{name}"), [harness::redis::server_binary()].into_iter(), run)
    };
    tests.into_iter().map(trial).collect()
}
