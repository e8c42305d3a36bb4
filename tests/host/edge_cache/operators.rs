//! What operators see and change: reloads, metrics, `explain` and `check`.

use std::path::Path;

use harness::client::{self, empty};
use harness::{Host, Setup, Trial, tests};
use http::Request;
use serde_json::Value;

use super::{Origin, RESULTS, ask, edge, is_hit, response, status, text};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_cache",
        needs [],
        a_reload_changes_what_is_cached_and_keeps_what_is_stored,
        a_reload_changes_no_store,
        results_are_counted,
        memory_is_measured_and_bounded,
        the_stores_have_metrics,
        explain_tells_the_key_and_the_decision,
        check_knows_keys,
    )
}

fn write(folder: &Path, text: &str) {
    let draft = folder.join("draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, folder.join("edge.toml")).unwrap();
}

/// A new configuration for the one that is there.
fn reload(host: &Host, text: &str) {
    write(host.setup().folder(), text);
    let request = Request::post("/reload").body(empty()).unwrap();
    client::run(client::exchange(host.admin, request)).is(200, "reloaded\n");
}

fn numbered() -> Origin {
    Origin::answering(|_, number| response("", number.to_string()))
}

fn a_reload_changes_what_is_cached_and_keeps_what_is_stored() {
    let origin = numbered();
    let host = edge(&origin.server, "default_ttl = \"1h\"").start();
    ask(&host, "/a", &[]).is(200, "1");
    // Other words for the same, and more to say.
    reload(&host, &text(&origin.server, "default_ttl = \"2h\"\ndebug = true"));
    let answer = ask(&host, "/a", &[]);
    answer.is(200, "1");
    is_hit(&answer);
    assert!(status(&answer).contains("key=\"http://shop.example/a\""), "{answer:?}");
    // Another key, and what has it is passed by.
    reload(
        &host,
        &text(
            &origin.server,
            "default_ttl = \"1h\"\nkey = { cookies = [\"theme\"] }\nbypass = { query = { fresh = \"*\" } }",
        ),
    );
    ask(&host, "/a", &[("cookie", "theme=dark")]).is(200, "2");
    ask(&host, "/a", &[("cookie", "theme=dark")]).is(200, "2");
    ask(&host, "/a?fresh=1", &[]).is(200, "3");
    ask(&host, "/a?fresh=1", &[]).is(200, "4");
    // No cache at all, and then as it was.
    let uncached = text(&origin.server, "").replacen("[cache]", "", 1);
    reload(&host, &uncached);
    let answer = ask(&host, "/a", &[]);
    answer.is(200, "5");
    assert_eq!(answer.header("cache-status"), None);
    reload(&host, &text(&origin.server, "default_ttl = \"1h\""));
    let answer = ask(&host, "/a", &[]);
    answer.is(200, "1");
    is_hit(&answer);
}

fn a_reload_changes_no_store() {
    let origin = numbered();
    let host = edge(&origin.server, "default_ttl = \"1h\"").start();
    ask(&host, "/", &[]).is(200, "1");
    reload(&host, &text(&origin.server, "default_ttl = \"1h\"\n[cache_store]\nmemory = \"1MiB\""));
    host.wait_for_log_with(&["WARN", "[cache_store] was changed", "started again"]);
    is_hit(&ask(&host, "/", &[]));
}

fn results_are_counted() {
    let origin = Origin::answering(|request, number| match &*request.target {
        "/old" => response("cache-control: max-age=0, stale-while-revalidate=600\netag: \"e\"", "old"),
        "/validated" if request.header("if-none-match").is_some() => {
            b"HTTP/1.1 304 Not Modified\r\netag: \"e\"\r\n\r\n".to_vec()
        }
        "/validated" => response("cache-control: no-cache\netag: \"e\"", "valid"),
        _ => response("cache-control: max-age=600", number.to_string()),
    });
    let host = edge(&origin.server, "bypass = { header = { x-preview = \"*\" } }").start();
    for result in ["hit", "stale", "validated", "collapsed", "miss", "bypass"] {
        assert_eq!(host.metrics().find(RESULTS, &[("result", result)]).count(), 1, "{result}");
    }
    for (path, fields, result, count) in [
        ("/", &[][..], "miss", 1.0),
        ("/", &[], "hit", 1.0),
        ("/", &[], "hit", 2.0),
        ("/", &[("range", "bytes=0-0")], "hit", 3.0),
        ("/", &[("x-preview", "1")], "bypass", 1.0),
        ("/old", &[], "miss", 2.0),
        ("/old", &[], "stale", 1.0),
        ("/validated", &[], "miss", 3.0),
        ("/validated", &[], "validated", 1.0),
    ] {
        ask(&host, path, fields);
        host.wait_for_metric(RESULTS, &[("result", result)], count);
    }
    host.post("/", "body");
    host.wait_for_metric(RESULTS, &[("result", "bypass")], 2.0);
    assert_eq!(host.metrics().type_of(RESULTS), Some("counter"));
}

fn memory_is_measured_and_bounded() {
    const BODY: usize = 20_000;
    let origin = Origin::answering(|_, _| response("cache-control: max-age=600", vec![b'x'; BODY]));
    let host = edge(&origin.server, "[cache_store]\nmemory = \"2MiB\"").start();
    let metric = |name: &str| host.metrics().sum(&format!("tidegate_cache_memory_{name}"), &[]);
    assert_eq!((metric("bytes"), metric("entries")), (0.0, 0.0));
    ask(&host, "/0", &[]);
    assert_eq!(metric("entries"), 1.0);
    assert!((BODY as f64..BODY as f64 + 4096.0).contains(&metric("bytes")), "{}", metric("bytes"));
    for number in 1..300 {
        ask(&host, &format!("/{number}"), &[]);
    }
    let (bytes, entries) = (metric("bytes"), metric("entries"));
    assert!(bytes <= f64::from(2 << 20) && bytes > f64::from(1 << 20), "{bytes}");
    assert!((60.0..105.0).contains(&entries), "{entries}");
    client::run(client::exchange(
        host.admin,
        Request::post("/purge").body(client::full(r#"{"everything": true}"#)).unwrap(),
    ))
    .is(200, "{\"purged\":1}\n");
    assert_eq!((metric("bytes"), metric("entries")), (0.0, 0.0));
}

fn the_stores_have_metrics() {
    let origin = numbered();
    // Nobody listens at this port for long.
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = format!(
        "[cache_store]\ndisk = {{ path = \"cache\", size = \"64MiB\" }}\nredis = {{ url = \"redis://{nowhere}\" }}"
    );
    let host = edge(&origin.server, &store).start();
    let metrics = host.metrics();
    for (name, kind) in [
        ("memory_bytes", "gauge"),
        ("memory_entries", "gauge"),
        ("memory_evictions_total", "counter"),
        ("claims", "gauge"),
        ("waiting", "gauge"),
        ("disk_hits_total", "counter"),
        ("disk_misses_total", "counter"),
        ("disk_writes_total", "counter"),
        ("disk_dropped_total", "counter"),
        ("disk_errors_total", "counter"),
        ("redis_hits_total", "counter"),
        ("redis_misses_total", "counter"),
        ("redis_skipped_total", "counter"),
        ("redis_writes_total", "counter"),
        ("redis_dropped_total", "counter"),
        ("redis_errors_total", "counter"),
    ] {
        let name = format!("tidegate_cache_{name}");
        assert_eq!(metrics.type_of(&name), Some(kind), "{name}");
        assert_eq!(metrics.find(&name, &[]).count(), 1, "{name}");
    }
}

const EDGE: &str = r#"
[cache]
session_cookies = ["session"]
default_ttl = "1m"
key = { cookies = ["theme"], query = { except = ["utm_*"] } }
bypass = { header = { x-preview = "1" } }

[[upstream]]
name = "origin"
url = "http://127.0.0.1:9"

[[route]]
name = "all"
upstream = "origin"

[[route]]
name = "none"
path = "/none"
upstream = "origin"
cache = false
"#;

/// The decisions of the cache about a request, the key, and what the client is told.
fn explain(arguments: &[&str]) -> (Vec<String>, Value, Option<String>) {
    let ended =
        Setup::edge(EDGE).run(["explain"].iter().chain(arguments).chain(&["--json", "--edge", "edge.toml"]).copied());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let steps = told["steps"].as_array().unwrap().iter().filter(|step| step["stage"] == "cache");
    let decisions = steps.map(|step| step["decision"].as_str().unwrap().to_owned()).collect();
    let fields = told["response"]["headers"].as_array().unwrap().iter();
    let mut status =
        fields.filter(|field| field[0] == "cache-status").map(|field| field[1].as_str().unwrap().to_owned());
    (decisions, told["key"].clone(), status.next())
}

fn explain_tells_the_key_and_the_decision() {
    let url = "http://shop.example/a?b=c&utm_source=x";
    for (arguments, decisions, key, status) in [
        (
            &["GET", url, "-H", "Cookie: theme=dark"][..],
            &["nothing is stored for ", "fetched for all", "stored: "][..],
            Some("http://shop.example/a?b=c\ncookie theme=dark"),
            Some("fwd=uri-miss; stored"),
        ),
        (
            &["GET", url, "--answer", "500"],
            &["nothing is stored", "fetched", "not stored: cache/status"],
            Some("http://shop.example/a?b=c\ncookie theme"),
            Some("fwd=uri-miss; fwd-status=500"),
        ),
        (&["POST", url], &["passed by: "], None, Some("fwd=method")),
        (&["GET", url, "-H", "Cookie: session=1"], &["passed by: "], None, Some("fwd=bypass")),
        (&["GET", url, "-H", "X-Preview: 1"], &["passed by: "], None, Some("fwd=bypass")),
        (&["GET", "http://shop.example/none"], &[], None, None),
    ] {
        let (told, told_key, told_status) = explain(arguments);
        assert_eq!(told.len(), decisions.len(), "{arguments:?}: {told:?}");
        assert!(
            told.iter().zip(decisions).all(|(told, expected)| told.starts_with(expected)),
            "{arguments:?}: {told:?}"
        );
        assert_eq!(told_key.as_str(), key, "{arguments:?}");
        let status = status.map(|status| format!("tidegate; {status}"));
        assert!(told_status.as_ref().is_none_or(|told| told.starts_with(status.as_ref().unwrap())), "{told_status:?}");
        assert_eq!(told_status.is_some(), status.is_some());
    }
}

fn check_knows_keys() {
    let expect = |key: &str| {
        let expect = format!(
            "{EDGE}\n[[expect]]\nrequest = \"GET http://shop.example/a?utm_x=1&b=c\"\nheaders = {{ cookie = \"theme=dark\" }}\n\
             key = \"{key}\"\nresponse = {{ cache-status = \"tidegate; fwd=uri-miss; stored\" }}\n"
        );
        Setup::edge(expect).run(["check", "--edge", "edge.toml"])
    };
    let met = expect("http://shop.example/a?b=c\\ncookie theme=dark");
    assert_eq!((met.code, met.stdout.as_str()), (Some(0), "all is well; 1 expectations met\n"), "{met:?}");
    let unmet = expect("http://shop.example/a?b=c");
    assert_eq!(unmet.code, Some(1), "{unmet:?}");
    let said = unmet.stdout + &unmet.stderr;
    assert!(said.contains("key") && said.contains("cookie theme=dark"), "{said}");
}
