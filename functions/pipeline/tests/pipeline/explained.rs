//! `tidegate explain` and `[[expect]]`.

use http::{HeaderMap, Method, StatusCode};
use tidegate_cache::Plan;
use tidegate_pipeline::expect;
use tidegate_pipeline::explain::{Explanation, Question, explain};

use crate::support::{cached, pipeline};

const EDGE: &str = r#"[client]
trusted_proxies = ["10.0.0.0/8"]

[[upstream]]
name = "stable"
url = "http://stable.internal:9000"

[[upstream]]
name = "next"
url = "http://next.internal:9000"

[[route]]
name = "shop"
host = "shop.example"
split = [
  { weight = 95, upstream = "stable" },
  { weight = 5, upstream = "next" },
]
rewrite = { path = "/v1{path}" }
request = { set = { x-edge = "yes" }, remove = ["cookie"] }

[[route]]
name = "bare"
host = "www.shop.example"
redirect = "https://shop.example{path}"
"#;

fn ask(edge: &str, url: &str) -> Explanation {
    let question = Question {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: HeaderMap::new(),
        peer: [192, 0, 2, 1].into(),
        country: None,
        answer: (StatusCode::OK, HeaderMap::new()),
        counted: None,
    };
    explain(&cached(edge, Plan::default()), &question)
}

#[test]
fn a_request_is_explained() {
    let expected = "\
checks   nothing is wrong with the request
client   192.0.2.1 by https
route    shop                                                                edge.toml:12
split    arm 1 of 2, which gets 95 of 100 requests                           edge.toml:16
rewrite  /v1/p/1?x=1 instead of /p/1?x=1                                     edge.toml:12
cache    nothing is stored for https://shop.example/p/1?x=1#upstream=stable  edge.toml:12
cache    fetched for all who want it                                         edge.toml:12
rewrite  request fields: without cookie; set x-edge                          edge.toml:12
fetch    GET /v1/p/1?x=1 from upstream stable                                edge.toml:4
cache    not stored: cache/stale                                             edge.toml:12
respond  200 OK

> GET /v1/p/1?x=1  to upstream stable
> host: shop.example
> forwarded: for=192.0.2.1;host=shop.example;proto=https
> x-forwarded-for: 192.0.2.1
> x-forwarded-proto: https
> x-forwarded-host: shop.example
> x-edge: yes
> via: 1.1 tidegate

< 200 OK
< via: 1.1 tidegate
< cache-status: tidegate; fwd=uri-miss
";
    assert_eq!(ask(EDGE, "https://shop.example/p/1?x=1").to_string(), expected);
}

#[test]
fn so_is_one_that_goes_nowhere() {
    let expected = "\
checks  nothing is wrong with the request
client  192.0.2.1 by http
route   none; not shop: method is GET, not POST
rescue  404 route/no-match

< 404 Not Found
< content-type: application/problem+json
";
    let edge = EDGE.replace("host = \"shop.example\"", "host = \"shop.example\"\nmethod = \"POST\"");
    assert_eq!(ask(&edge, "http://shop.example/").to_string(), expected);
}

#[test]
fn programs_get_the_same() {
    let json = ask(EDGE, "https://shop.example/p/1?x=1").to_json();
    assert_eq!(json["route"], "shop");
    assert_eq!(json["key"], "https://shop.example/p/1?x=1#upstream=stable");
    assert_eq!((&json["sent"]["upstream"], &json["sent"]["target"]), (&"stable".into(), &"/v1/p/1?x=1".into()));
    assert_eq!((&json["response"]["status"], &json["reason"]), (&200.into(), &serde_json::Value::Null));
    assert_eq!((&json["steps"][2]["stage"], &json["steps"][2]["source"]), (&"route".into(), &"edge.toml:12".into()));

    let json = ask(EDGE, "https://other.example/").to_json();
    assert_eq!((&json["reason"], &json["sent"]), (&"route/no-match".into(), &serde_json::Value::Null));
}

#[test]
fn expectations_are_checked() {
    let met = r#"
[[expect]]
request = "GET https://shop.example/p/1?x=1"
route = "shop"
upstream = "stable"
target = "/v1/p/1?x=1"
sent = { x-forwarded-proto = "https", cookie = false }
status = 200

[[expect]]
request = "GET https://shop.example/"
answer = { status = 500 }
status = 500

[[expect]]
request = "GET https://www.shop.example/a"
route = "bare"
response = { location = "https://shop.example/a" }

[[expect]]
request = "GET https://other.example/"
route = false
status = 404
"#;
    assert_eq!(expect::run_all(&pipeline(&format!("{EDGE}{met}"))), []);

    let unmet = r#"
[[expect]]
request = "GET https://shop.example/p/1"
route = "bare"
upstream = "next"
target = "/p/1"
sent = { x-forwarded-proto = false, cookie = "a" }
status = 404
response = { via = "x" }
"#;
    let found: Vec<_> = expect::run_all(&pipeline(&format!("{EDGE}{unmet}"))).iter().map(ToString::to_string).collect();
    let expected = [
        r#"route: expected "bare", got "shop""#,
        r#"upstream: expected "next", got "stable""#,
        r#"target: expected "/p/1", got "/v1/p/1""#,
        r#"status: expected "404", got "200""#,
        r#"sent.cookie: expected "a", got none"#,
        r#"sent.x-forwarded-proto: expected none, got "https""#,
        r#"response.via: expected "x", got "1.1 tidegate""#,
    ];
    let expected: Vec<_> =
        expected.iter().map(|rest| format!("edge.toml:27: GET https://shop.example/p/1: {rest}")).collect();
    assert_eq!(found, expected);
}
