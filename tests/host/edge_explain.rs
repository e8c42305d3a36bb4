//! `tidegate explain`: what would become of a request, and which line of the configuration says so.

use harness::{Ended, Setup, Trial, tests};
use serde_json::{Value, json};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_explain",
        needs [],
        a_route_is_told_with_its_line,
        a_redirect_is_told,
        a_split_is_told_and_sticks,
        the_route_that_was_nearly_it_is_told,
        a_spoofed_client_is_not_believed,
        a_trusted_proxy_is_believed,
        an_unknown_url_is_told,
        what_an_upstream_would_answer_is_said_by_the_question,
        a_bad_question_is_told,
        programs_get_json,
        a_bad_file_is_told_as_check_does,
    )
}

const EDGE: &str = r#"
include = ["more.toml"]

[client]
trusted_proxies = ["10.0.0.0/8"]

[[upstream]]
name = "api"
url = "http://127.0.0.1:9000"

[[route]]
name = "api"
path = "/api/{*rest}"
method = ["GET", "POST"]
upstream = "api"
rewrite = { strip_prefix = "/api" }
response = { remove = ["server"] }

[[route]]
name = "old"
path = "/old/{id}"
redirect = { to = "/new/{id}", status = 308 }

[[route]]
name = "split"
path = "/split"
split = [
  { weight = 3, upstream = "api" },
  { weight = 1, upstream = "more" },
]
sticky = { cookie = "arm" }
"#;

const MORE: &str = "[[upstream]]\nname = \"more\"\nurl = \"https://more.example\"\n";

fn setup() -> Setup {
    Setup::edge(EDGE).file("more.toml", MORE)
}

/// What is said to `arguments`, which name the file last.
#[track_caller]
fn explain<const N: usize>(arguments: [&str; N]) -> String {
    let ended = ask(arguments);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    ended.stdout
}

fn ask<const N: usize>(arguments: [&str; N]) -> Ended {
    setup().run(["explain"].into_iter().chain(arguments).chain(["--edge", "edge.toml"]))
}

/// The line of a stage.
#[track_caller]
fn stage<'t>(text: &'t str, name: &str) -> &'t str {
    let mut lines = text.lines().filter(|line| line.split_whitespace().next() == Some(name));
    let line = lines.next().unwrap_or_else(|| panic!("no stage {name} in\n{text}"));
    assert!(lines.next().is_none(), "two stages {name} in\n{text}");
    line
}

fn words(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect()
}

fn a_route_is_told_with_its_line() {
    let text = explain(["GET", "http://shop.example/api/a?b=c", "-H", "Accept: x"]);
    assert_eq!(words(stage(&text, "route")), ["route", "api", "edge.toml:11"]);
    assert_eq!(words(stage(&text, "fetch")), ["fetch", "GET /a?b=c from upstream api", "edge.toml:7"]);
    let rewrites: Vec<_> = text.lines().filter(|line| line.starts_with("rewrite ")).map(words).collect();
    let target = vec!["rewrite", "/a?b=c instead of /api/a?b=c", "edge.toml:11"];
    assert_eq!(rewrites, [target, vec!["rewrite", "response fields: without server", "edge.toml:11"]]);
    assert_eq!(words(stage(&text, "respond")), ["respond", "200 OK"]);
    for line in ["> GET /a?b=c  to upstream api", "> host: shop.example", "> accept: x", "< 200 OK"] {
        assert!(text.lines().any(|it| it == line), "no {line:?} in\n{text}");
    }
}

fn a_redirect_is_told() {
    let text = explain(["GET", "http://shop.example/old/5?a=b"]);
    assert_eq!(words(stage(&text, "redirect")), ["redirect", "308 to /new/5?a=b", "edge.toml:19"]);
    assert!(text.contains("\n< 308 Permanent Redirect\n< location: /new/5?a=b\n"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with('>')), "nothing is sent:\n{text}");
}

fn a_split_is_told_and_sticks() {
    let text = explain(["GET", "http://shop.example/split"]);
    let line = stage(&text, "split").to_owned();
    assert!(line.contains(" of 2, which gets ") && line.contains(" of 4 requests"), "{line}");
    let fields: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("< set-cookie: ")).collect();
    let [field] = fields[..] else { panic!("{text}") };
    let cookie = field.split(';').next().unwrap();
    assert!(cookie.starts_with("arm="), "{cookie}");
    // Whoever has the cookie comes to the same arm, and gets none again.
    let again = explain(["GET", "http://shop.example/split", "-H", &format!("Cookie: {cookie}")]);
    assert_eq!(stage(&again, "split"), line);
    assert!(!again.contains("set-cookie"), "{again}");
    // Different cookies come to different arms, each told with its own line.
    let arms = (0..40).map(|number| {
        let text = explain(["GET", "http://shop.example/split", "-H", &format!("Cookie: arm={number:016x}")]);
        words(stage(&text, "split"))[2].to_owned()
    });
    let arms: std::collections::BTreeSet<_> = arms.collect();
    assert_eq!(arms.into_iter().collect::<Vec<_>>(), ["edge.toml:28", "edge.toml:29"]);
}

fn the_route_that_was_nearly_it_is_told() {
    let text = explain(["DELETE", "http://shop.example/api/a"]);
    let line = stage(&text, "route");
    assert!(line.contains("none; not api: "), "{line}");
}

fn a_spoofed_client_is_not_believed() {
    let text = explain(["GET", "http://a/api/x", "-H", "X-Forwarded-For: 6.6.6.6", "-H", "Forwarded: for=6.6.6.6"]);
    assert!(stage(&text, "client").contains("192.0.2.1"), "{text}");
    assert!(text.contains("> x-forwarded-for: 192.0.2.1\n"), "{text}");
    assert!(!text.contains("6.6.6.6"), "{text}");
}

fn a_trusted_proxy_is_believed() {
    let text =
        explain(["GET", "http://a/api/x", "--client", "10.1.2.3", "-H", "X-Forwarded-For: 6.6.6.6, 198.51.100.7"]);
    assert!(stage(&text, "client").contains("198.51.100.7"), "{text}");
    assert!(text.lines().any(|line| line.ends_with("198.51.100.7, 10.1.2.3")), "{text}");
}

fn an_unknown_url_is_told() {
    let text = explain(["GET", "http://shop.example/nowhere"]);
    assert_eq!(words(stage(&text, "rescue")), ["rescue", "404 route/no-match"]);
    assert!(text.contains("\n< 404 Not Found\n"), "{text}");
}

fn what_an_upstream_would_answer_is_said_by_the_question() {
    let text = explain(["GET", "http://a/api/x", "--answer", "503"]);
    assert_eq!(words(stage(&text, "respond")), ["respond", "503 Service Unavailable"]);
}

fn a_bad_question_is_told() {
    let told = |ended: Ended, code: i32, text: &str| {
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
    };
    let whole = "tidegate: /api is no whole URL. Write it as in https://shop.example/p/1\n";
    told(ask(["GET", "/api"]), 1, whole);
    told(ask(["GET", "ftp://shop.example/"]), 1, "ftp://shop.example/ is no whole URL");
    told(ask(["GET", "http://shop.example/a b"]), 2, "invalid value 'http://shop.example/a b'");
    told(ask(["GET", "http://a/", "-H", "nothing"]), 1, "\"nothing\" is no field: no colon");
    told(ask(["GET", "http://a/", "-H", "a b: c"]), 1, "\"a b\" is no field name");
    told(ask(["GET", "http://a/", "--country", "Austria"]), 1, "\"Austria\" is no country");
}

fn programs_get_json() {
    let ended = ask(["POST", "http://shop.example/api/a", "--json"]);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((found["route"].as_str(), &found["reason"], &found["key"]), (Some("api"), &Value::Null, &Value::Null));
    let route = json!({ "stage": "route", "decision": "api", "source": "edge.toml:11" });
    assert!(found["steps"].as_array().unwrap().contains(&route), "{found:#}");
    let sent = &found["sent"];
    assert_eq!((&sent["upstream"], &sent["function"]), (&json!("api"), &Value::Null));
    assert_eq!((&sent["method"], &sent["target"]), (&json!("POST"), &json!("/a")));
    assert!(sent["headers"].as_array().unwrap().contains(&json!(["host", "shop.example"])), "{sent:#}");
    assert_eq!(found["response"]["status"], 200);

    let ended = ask(["GET", "http://shop.example/nowhere", "--json"]);
    let found: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&found["route"], &found["sent"]), (&Value::Null, &Value::Null));
    assert_eq!((&found["reason"], &found["response"]["status"]), (&json!("route/no-match"), &json!(404)));
    let body = found["response"]["body"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(body).unwrap()["status"], 404);
}

fn a_bad_file_is_told_as_check_does() {
    let setup = Setup::edge("rout = 1\n[[route]]\nname = \"a\"\n");
    let checked = setup.run(["check", "--edge", "edge.toml"]);
    let explained = setup.run(["explain", "GET", "http://a/", "--edge", "edge.toml"]);
    assert_eq!((checked.code, explained.code), (Some(2), Some(2)));
    let messages: Vec<_> = checked.stderr.lines().filter(|line| line.starts_with("edge.toml:")).collect();
    let said: Vec<_> = explained.stderr.lines().filter_map(|line| line.strip_prefix("tidegate: ")).collect();
    assert_eq!(said, messages);
    assert!(messages.len() >= 2, "{messages:?}");
}
