//! What operators see: health, metrics with the names that others use, traces.

use harness::client::{empty, one_value};
use harness::metrics::Metrics;
use harness::{Host, Setup, Trial, served, tests};
use http::Request;

const DURATION: &str = "http_server_request_duration_seconds";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

pub fn tests() -> Vec<Trial> {
    let mut all = tests!(
        "admin",
        on setup,
        needs ["echo", "faults", "capabilities"],
        health_and_readiness,
        only_reading_is_allowed,
        admin_and_public_sides_are_apart,
        metrics_follow_the_format,
        a_trace_goes_on_through_components,
        a_trace_begins_where_there_is_none,
        an_invalid_trace_is_replaced,
        a_fault_is_logged_with_its_trace,
        requests_are_logged_with_their_trace,
        a_trace_goes_on_to_other_servers,
    );
    all.extend(tests!(
        "admin",
        needs ["echo", "faults"],
        requests_are_counted_by_route_method_and_status,
        labels_are_not_for_clients_to_choose,
        components_have_metrics_of_their_own,
        refusals_are_counted,
    ));
    all
}

fn setup() -> Setup {
    Setup::new(served(
        &[("/echo/...", "echo"), ("/faults/:name", "faults")],
        r#"
        [[trigger.http]]
        route = "/caller/..."
        component = "caller"
        [component.caller]
        source = "guest:capabilities"
        allowed_outbound_hosts = ["http://127.0.0.1:*", "http://*.spin.internal"]

        [[trigger.http]]
        route = "/fixed"
        static_response = { body = "fixed" }
        "#,
    ))
    // Every request is logged here.
    .arguments(["--log", "info,access=debug"])
}

fn health_and_readiness(host: &Host) {
    for path in ["/healthz", "/readyz"] {
        assert_eq!(host.admin(path).status, 200, "{path}");
    }
    assert_eq!(host.admin("/nothing").status, 404);
}

fn only_reading_is_allowed(host: &Host) {
    for method in ["POST", "PUT", "DELETE"] {
        let request = Request::builder().method(method).uri("/metrics").body(empty()).unwrap();
        let answer = harness::run(harness::client::exchange(host.admin, request));
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{answer:?}");
    }
}

fn admin_and_public_sides_are_apart(host: &Host) {
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(host.get(path).status, 404, "{path}");
    }
    assert_eq!(host.admin("/fixed").status, 404);
}

fn metrics_follow_the_format(host: &Host) {
    host.get("/fixed");
    let answer = host.admin("/metrics");
    assert!(answer.header("content-type").is_some_and(|it| it.starts_with("text/plain; version=0.0.4")), "{answer:?}");
    let metrics = Metrics::parse(&answer.text());
    for (name, kind) in [
        (DURATION, "histogram"),
        ("tidegate_component_instances_total", "counter"),
        ("tidegate_component_requests_in_flight", "gauge"),
        ("tidegate_component_faults_total", "counter"),
        ("tidegate_instances", "gauge"),
        ("tidegate_instances_limit", "gauge"),
        ("tidegate_connections", "gauge"),
        ("tidegate_reloads_total", "counter"),
        ("tidegate_refused_requests_total", "counter"),
    ] {
        assert_eq!(metrics.type_of(name), Some(kind), "{name}");
    }
    for sample in metrics.samples() {
        let suffixes = ["_bucket", "_sum", "_count"];
        let base = suffixes.iter().find_map(|suffix| sample.name.strip_suffix(suffix)).unwrap_or(&sample.name);
        assert!(metrics.type_of(base).or(metrics.type_of(&sample.name)).is_some(), "{} has no type", sample.name);
    }
}

fn requests_are_counted_by_route_method_and_status() {
    let host = setup().start();
    let requests =
        [("GET", "/echo/status?code=201", 3), ("POST", "/echo/copy", 2), ("GET", "/fixed", 4), ("GET", "/nowhere", 1)];
    for (method, path, times) in requests {
        for _ in 0..times {
            host.send(Request::builder().method(method).uri(path).body(empty()).unwrap());
        }
    }
    for (route, method, status, count) in [
        ("/echo/...", "GET", "201", 3.0),
        ("/echo/...", "POST", "200", 2.0),
        ("/fixed", "GET", "200", 4.0),
        ("", "GET", "404", 1.0),
    ] {
        let labels = [("http_route", route), ("http_request_method", method), ("http_response_status_code", status)];
        host.wait_for_metric(&format!("{DURATION}_count"), &labels, count);
        let metrics = host.metrics();
        let infinite: Vec<_> = labels.into_iter().chain([("le", "+Inf")]).collect();
        assert_eq!(metrics.sum(&format!("{DURATION}_bucket"), &infinite), count);
        assert!(metrics.sum(&format!("{DURATION}_sum"), &labels) > 0.0);
        let mut last = 0.0;
        for bucket in metrics.find(&format!("{DURATION}_bucket"), &labels) {
            assert!(bucket.value >= last, "buckets count up: {bucket:?}");
            last = bucket.value;
        }
    }
}

fn labels_are_not_for_clients_to_choose() {
    let host = setup().start();
    for number in 0..20 {
        let request = Request::builder().method(format!("METHOD{number}").as_str()).uri(format!("/nowhere/{number}"));
        host.send(request.body(empty()).unwrap());
        host.get(&format!("/faults/{number}"));
    }
    let labels = [("http_request_method", "_OTHER"), ("http_response_status_code", "404")];
    host.wait_for_metric(&format!("{DURATION}_count"), &labels, 20.0);
    host.wait_for_metric(&format!("{DURATION}_count"), &[("http_route", "/faults/:name")], 20.0);
    let metrics = host.metrics();
    assert_eq!(metrics.find(&format!("{DURATION}_count"), &[]).count(), 2, "{metrics:?}");
}

fn components_have_metrics_of_their_own() {
    let host = setup().arguments(["--cores", "1"]).start();
    host.get("/echo/status");
    host.get("/echo/status");
    let echo = [("component", "echo")];
    // The instance is kept for the next request.
    host.wait_for_metric("tidegate_component_instances_total", &echo, 1.0);
    host.wait_for_metric("tidegate_component_idle_instances", &echo, 1.0);
    host.wait_for_metric("tidegate_component_requests_in_flight", &echo, 0.0);
    let mut raw = host.raw();
    raw.send("POST /echo/copy HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nstart");
    assert_eq!(raw.head().status, 200);
    host.wait_for_metric("tidegate_component_requests_in_flight", &echo, 1.0);
    host.wait_for_metric("tidegate_instances", &[], 1.0);
    raw.send("later");
    host.wait_for_metric("tidegate_component_requests_in_flight", &echo, 0.0);
    // Reasons are there before anything happens, so that a rate can be taken of the first.
    let metrics = host.metrics();
    for reason in ["trap", "timeout", "memory", "component-full", "host-full"] {
        let labels = [("component", "faults"), ("reason", reason)];
        assert_eq!(metrics.find("tidegate_component_faults_total", &labels).count(), 1, "{reason}");
    }
    host.get("/faults/panic").is_problem(500);
    host.wait_for_metric("tidegate_component_faults_total", &[("component", "faults"), ("reason", "trap")], 1.0);
    assert_eq!(host.metrics().sum("tidegate_component_faults_total", &echo), 0.0);
}

fn refusals_are_counted() {
    let host = setup().start();
    for _ in 0..3 {
        let mut raw = host.raw();
        raw.send("GET / HTTP/1.1\r\n\r\n");
        assert_eq!(raw.answer().status, 400);
    }
    host.wait_for_metric("tidegate_refused_requests_total", &[("http_response_status_code", "400")], 3.0);
}

/// The trace context that a component is sent.
fn seen(host: &Host, path: &str, sent: Option<&str>) -> String {
    let mut request = Request::get(path);
    if let Some(sent) = sent {
        request = request.header("traceparent", sent);
    }
    let answer = host.send(request.body(empty()).unwrap());
    assert_eq!(answer.status, 200, "{answer:?}");
    let head = answer.json();
    let mut values = head["headers"].as_array().unwrap().iter().filter(|pair| pair[0] == "traceparent");
    let value = values.next().expect("a traceparent")[1].as_str().unwrap().to_owned();
    assert!(values.next().is_none(), "several in {head}");
    value
}

/// The trace's and the span's ids of a valid version 00 field.
fn parts(traceparent: &str) -> (String, String) {
    let parts: Vec<_> = traceparent.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { panic!("{traceparent}") };
    assert_eq!((version, trace.len(), span.len(), flags.len()), ("00", 32, 16, 2), "{traceparent}");
    (trace.to_owned(), span.to_owned())
}

fn a_trace_goes_on_through_components(host: &Host) {
    let value = seen(host, "/echo/headers", Some(&format!("00-{TRACE}-{SPAN}-01")));
    let (trace, span) = parts(&value);
    assert_eq!(trace, TRACE);
    assert_ne!(span, SPAN, "the host's own span is the component's parent");
    assert!(value.ends_with("-01"), "{value}");
    // From component to component as well.
    let value =
        seen(host, "/caller/fetch?url=http://echo.spin.internal/headers", Some(&format!("00-{TRACE}-{SPAN}-01")));
    assert_eq!(parts(&value).0, TRACE);
}

fn a_trace_begins_where_there_is_none(host: &Host) {
    let (first, _) = parts(&seen(host, "/echo/headers", None));
    let (second, _) = parts(&seen(host, "/echo/headers", None));
    assert_ne!(first, second);
}

fn an_invalid_trace_is_replaced(host: &Host) {
    for invalid in [format!("00-{TRACE}-0000000000000000-01"), format!("ff-{TRACE}-{SPAN}-01"), "garbage".to_owned()] {
        let (trace, _) = parts(&seen(host, "/echo/headers", Some(&invalid)));
        assert_ne!(trace, TRACE, "{invalid}");
    }
}

fn a_fault_is_logged_with_its_trace(host: &Host) {
    let trace = "1111111111111111111111111111aaaa";
    let request = Request::get("/faults/panic").header("traceparent", format!("00-{trace}-{SPAN}-01"));
    host.send(request.body(empty()).unwrap()).is_problem(500);
    let line = host.wait_for_log("the fault's trace", |line| line["reason"] == "trap" && line["trace_id"] == trace);
    assert_eq!(line["component"], "faults");
}

fn requests_are_logged_with_their_trace(host: &Host) {
    let trace = "2222222222222222222222222222aaaa";
    let request = Request::get("/echo/status?code=202").header("traceparent", format!("00-{trace}-{SPAN}-01"));
    host.send(request.body(empty()).unwrap());
    let line = host.wait_for_log("the request's trace", |line| line["trace_id"] == trace);
    assert_eq!(line["status"], 202, "{line}");
    assert_eq!(line["route"], "/echo/...", "{line}");
}

fn a_trace_goes_on_to_other_servers(host: &Host) {
    let origin = harness::origin::Origin::start();
    let path = format!("/caller/fetch?url={}", origin.url("/"));
    let value = seen(host, &path, Some(&format!("00-{TRACE}-{SPAN}-01")));
    assert_eq!(parts(&value).0, TRACE);
    let answer = host.get(&path);
    assert_eq!(one_value(&answer.headers, "x-origin"), Some("yes"));
}
