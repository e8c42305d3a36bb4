//! Requests that components send: only where they may, over connections that are kept, and to each other in process.

use bytes::Bytes;
use harness::client::{self, channel, empty, with_host};
use harness::origin::Origin;
use harness::{Host, Setup, Trial, manifest, run, served, tests, wait_for};
use http::{HeaderMap, HeaderValue, Request};

const FAULTS: &str = "tidegate_component_faults_total";

pub fn tests() -> Vec<Trial> {
    let mut all = tests!(
        "outgoing",
        on internal_setup,
        needs ["capabilities", "echo", "faults"],
        components_call_each_other_in_process,
        bodies_and_trailers_pass_in_process,
        calls_in_a_circle_end,
        an_unknown_component_is_an_error,
        a_component_without_permission_cannot_call,
        a_fault_of_the_called_one_is_an_error_of_its_caller,
    );
    all.extend(tests!(
        "outgoing",
        needs ["capabilities", "echo-p2"],
        connections_are_kept_and_used_again,
        bodies_and_trailers_pass,
        what_is_not_allowed_is_denied_and_explained,
        connections_have_a_limit,
        a_server_that_never_answers_costs_one_request,
        a_refused_connection_is_an_error_for_the_component,
        https_needs_a_certificate_that_is_trusted,
    ));
    all
}

/// A component that may call `allowed`, by WASI 0.3 under `/` and by WASI 0.2 under `/p2`.
fn setup(allowed: &str, limits: &str) -> Setup {
    Setup::new(manifest(&format!(
        r#"
        [[trigger.http]]
        route = "/..."
        component = "it"
        [component.it]
        source = "guest:capabilities"
        allowed_outbound_hosts = ["{allowed}"]
        [component.it.tool.tidegate]
        {limits}

        [[trigger.http]]
        route = "/p2/..."
        component = "p2"
        [component.p2]
        source = "guest:echo-p2"
        allowed_outbound_hosts = ["{allowed}"]
        "#
    )))
    // One core has one pool.
    .arguments(["--cores", "1"])
}

fn connections_are_kept_and_used_again() {
    let origin = Origin::start();
    let host = setup(&origin.url(""), "").start();
    for number in 0..10 {
        let answer = host.get(&format!("/fetch?url={}", origin.url(&format!("/path?n={number}"))));
        assert_eq!((answer.status, answer.header("x-origin")), (200, Some("yes")));
        assert_eq!(answer.json()["target"], format!("/path?n={number}"));
    }
    assert_eq!((origin.connections(), origin.requests()), (1, 10));
    for _ in 0..10 {
        assert_eq!(host.get(&format!("/p2/fetch?{}/path", origin.address)).json()["target"], "/path");
    }
    // A component's connections are its own.
    assert_eq!((origin.connections(), origin.requests()), (2, 20));
}

fn bodies_and_trailers_pass() {
    let origin = Origin::start();
    let host = setup(&origin.url(""), "").start();
    let answer = run(post_with_trailers(&host, &format!("/fetch?url={}", origin.url("/echo"))));
    answer.is(200, "the body");
    assert_eq!(answer.trailers.get("x-sum").map(HeaderValue::as_bytes), Some(&b"42"[..]));
    let large = vec![b'x'; 5_000_000];
    assert_eq!(host.post(&format!("/fetch?url={}", origin.url("/echo")), large.clone()).body, large);
}

/// Over HTTP/2, where trailers need no announcement.
async fn post_with_trailers(host: &Host, path: &str) -> harness::Answer {
    let (mut sender, body) = channel();
    let mut connection = client::http2(host.address).await;
    let request = Request::post(format!("http://{}{path}", host.address))
        .header("te", "trailers")
        .header("trailer", "x-sum")
        .body(body)
        .unwrap();
    let send = async {
        sender.send_data(Bytes::from_static(b"the body")).await.unwrap();
        let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), HeaderValue::from(42))]);
        sender.send_trailers(trailers).await.unwrap();
        drop(sender);
    };
    let receive = async { client::read(connection.send_request(request).await.unwrap()).await };
    tokio::join!(send, receive).1
}

fn what_is_not_allowed_is_denied_and_explained() {
    let (allowed, other) = (Origin::start(), Origin::start());
    let host = setup(&allowed.url(""), "").start();
    let denied = host.get(&format!("/fetch?url={}", other.url("/")));
    assert_eq!(denied.status, 502);
    assert!(denied.text().contains("HttpRequestDenied"), "{denied:?}");
    host.wait_for_log_with(&["[component.it]", &format!("allowed_outbound_hosts = [\"http://{}\"]", other.address)]);

    assert_eq!(host.get(&format!("/p2/fetch?{}/", other.address)).status, 502);
    host.wait_for_log_with(&["[component.p2]", &format!("allowed_outbound_hosts = [\"http://{}\"]", other.address)]);

    // Another scheme, another name for the same machine, the admin side.
    for url in [
        format!("https://{}/", allowed.address),
        format!("http://localhost:{}/", allowed.address.port()),
        format!("http://{}/metrics", host.admin),
        format!("http://{}@{}/", allowed.address, other.address),
    ] {
        assert_eq!(host.get(&format!("/fetch?url={url}")).status, 502, "{url}");
    }
    assert_eq!((allowed.connections(), other.connections()), (0, 0));
    // A denial is an answer: no fault.
    assert_eq!(host.metrics().sum(FAULTS, &[]), 0.0);
}

fn connections_have_a_limit() {
    let origin = Origin::start();
    let host = setup(&origin.url(""), "max_outgoing_connections = 1").start();
    let address = host.address;
    let never = format!("/fetch?url={}", origin.url("/never"));
    run(async {
        let mut connection = client::http1(address).await;
        let waiting = connection.send_request(with_host(Request::get(never).body(empty()).unwrap(), address));
        let second = async {
            while origin.requests() == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            let request = Request::get(format!("/fetch?url={}", origin.url("/"))).body(empty()).unwrap();
            client::exchange(address, request).await
        };
        tokio::select! {
            answer = waiting => panic!("the server never answers, and yet: {answer:?}"),
            answer = second => {
                assert_eq!(answer.status, 502, "{answer:?}");
                assert!(answer.text().contains("ConnectionLimitReached"), "{answer:?}");
            }
        }
    });
    assert_eq!(origin.connections(), 1);
    // The first client is gone: its connection is free again.
    let fetch = format!("/fetch?url={}", origin.url("/"));
    wait_for("a free connection", || (host.get(&fetch).status == 200).then_some(()));
}

fn a_server_that_never_answers_costs_one_request() {
    let origin = Origin::start();
    let host = setup(&origin.url(""), "timeout = \"2s\"").start();
    let never = format!("/fetch?url={}", origin.url("/never"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| host.get(&never));
        wait_for("the request to arrive", || (origin.requests() == 1).then_some(()));
        assert_eq!(host.get(&format!("/fetch?url={}", origin.url("/"))).status, 200);
        waiting.join().unwrap().is_problem(504);
    });
    host.wait_for_metric(FAULTS, &[("component", "it"), ("reason", "timeout")], 1.0);
}

fn a_refused_connection_is_an_error_for_the_component() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let host = setup(&format!("http://{closed}"), "").start();
    let answer = host.get(&format!("/fetch?url=http://{closed}/"));
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("ConnectionRefused"), "{answer:?}");
    assert_eq!(host.metrics().sum(FAULTS, &[]), 0.0);
}

fn https_needs_a_certificate_that_is_trusted() {
    let origin = Origin::start_tls();
    let url = format!("https://localhost:{}", origin.address.port());
    let setup = setup(&url, "");
    std::fs::write(setup.folder().join("ca.pem"), origin.certificate()).unwrap();
    let trusting = setup.clone().environment("SSL_CERT_FILE", &setup.folder().join("ca.pem").display().to_string());
    let host = trusting.start();
    for _ in 0..3 {
        let answer = host.get(&format!("/fetch?url={url}/path"));
        assert_eq!((answer.status, answer.header("x-origin")), (200, Some("yes")), "{answer:?}");
        assert_eq!(answer.json()["target"], "/path");
    }
    assert_eq!(origin.connections(), 1);
    host.stop();

    let host = setup.start();
    let answer = host.get(&format!("/fetch?url={url}/path"));
    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(answer.text().contains("Tls"), "{answer:?}");
    assert_eq!(origin.requests(), 3);
}

fn internal_setup() -> Setup {
    Setup::new(served(
        &[("/echo/...", "echo")],
        r#"
        [[trigger.http]]
        route = "/caller/..."
        component = "caller"
        [component.caller]
        source = "guest:capabilities"
        allowed_outbound_hosts = ["http://*.spin.internal"]

        [[trigger.http]]
        route = { private = true }
        component = "faults"
        [component.faults]
        source = "guest:faults"

        [[trigger.http]]
        route = "/bare/..."
        component = "bare"
        [component.bare]
        source = "guest:capabilities"
        "#,
    ))
}

fn components_call_each_other_in_process(host: &Host) {
    let request = Request::get("/caller/fetch?url=http://echo.spin.internal/headers").header("x-own", "kept");
    let answer = host.send(request.body(empty()).unwrap());
    assert_eq!(answer.status, 200, "{answer:?}");
    let head = answer.json();
    assert_eq!(head["target"], "/headers");
    assert!(head.to_string().contains(r#"["x-own","kept"]"#), "{head}");
}

fn bodies_and_trailers_pass_in_process(host: &Host) {
    for path in ["copy", "back"] {
        let url = format!("/caller/fetch?url=http://echo.spin.internal/{path}");
        let answer = run(post_with_trailers(host, &url));
        answer.is(200, "the body");
        assert_eq!(answer.trailers.get("x-sum").map(HeaderValue::as_bytes), Some(&b"42"[..]), "{path}");
        let large = vec![b'x'; 5_000_000];
        assert!(host.post(&url, large.clone()).body == large, "{path}");
    }
}

fn calls_in_a_circle_end(host: &Host) {
    let answer = host.get("/caller/recurse?url=http://caller.spin.internal/recurse");
    // Each caller hands on the error that it saw; the innermost saw what the host said.
    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(answer.text().contains("LoopDetected"), "{answer:?}");
    host.wait_for_metric(FAULTS, &[("component", "caller"), ("reason", "loop")], 1.0);
    assert_eq!(host.get("/caller/fetch?url=http://echo.spin.internal/headers").status, 200);
}

fn an_unknown_component_is_an_error(host: &Host) {
    let answer = host.get("/caller/fetch?url=http://nobody.spin.internal/");
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("DestinationNotFound"), "{answer:?}");
}

fn a_component_without_permission_cannot_call(host: &Host) {
    let answer = host.get("/bare/fetch?url=http://echo.spin.internal/headers");
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("HttpRequestDenied"), "{answer:?}");
    host.wait_for_log_with(&["[component.bare]", "allowed_outbound_hosts = [\"http://echo.spin.internal\"]"]);
}

fn a_fault_of_the_called_one_is_an_error_of_its_caller(host: &Host) {
    let answer = host.get("/caller/fetch?url=http://faults.spin.internal/panic");
    // Whether as an error or as a response with status 500, the caller can tell; the client learns nothing inside.
    assert!(matches!(answer.status, 500 | 502), "{answer:?}");
    assert!(!answer.text().contains("SECRET"), "{answer:?}");
    host.wait_for_metric(FAULTS, &[("component", "faults"), ("reason", "trap")], 1.0);
    assert_eq!(host.metrics().sum(FAULTS, &[("component", "caller"), ("reason", "trap")]), 0.0);
    host.get("/caller/fetch?url=http://faults.spin.internal/ok").is(200, "ok");
}
