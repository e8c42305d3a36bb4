//! Upstreams over TLS and over HTTP/2: what is negotiated, and who is trusted.

use harness::client::{self, empty, full, with_host};
use harness::origin::Origin;
use harness::{Answer, Host, Setup, Trial, run, tests};
use http::Request;

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_tls",
        needs [],
        https_over_http_1_1,
        https_over_http_2,
        http_2_by_prior_knowledge,
        many_requests_share_an_http_2_connection,
        bodies_and_trailers_pass_over_http_2,
        a_certificate_of_somebody_else_is_refused,
        a_certificate_for_another_name_is_refused,
        a_name_can_be_given,
        what_does_not_speak_http_2_is_told,
        what_speaks_no_tls_is_told,
    )
}

/// An edge before `url`, its upstream with `keys`, and with `certificate` in ca.pem.
fn edge(url: &str, keys: &str, certificate: &str) -> Host {
    let text = format!(
        "[[upstream]]\nname = \"api\"\nurl = \"{url}\"\n{keys}\n[[route]]\nname = \"all\"\nupstream = \"api\"\n"
    );
    // One core has one pool.
    Setup::edge(text).file("ca.pem", certificate).arguments(["--cores", "1"]).start()
}

const CA: &str = "tls = { ca_file = \"ca.pem\" }";

fn https(origin: &Origin) -> String {
    format!("https://localhost:{}", origin.address.port())
}

/// Asserts that the origin answered, in this version of HTTP.
#[track_caller]
fn came_by(answer: &Answer, version: &str) {
    assert_eq!((answer.status, answer.header("x-origin")), (200, Some("yes")), "{answer:?}");
    assert_eq!(answer.json()["version"], version);
}

/// Asserts a 502 whose reason is counted.
#[track_caller]
fn failed(host: &Host, reason: &str) {
    host.get("/").is_problem(502);
    host.wait_for_metric("tidegate_upstream_failures_total", &[("upstream", "api"), ("reason", reason)], 1.0);
    host.wait_for_metric("tidegate_rescued_requests_total", &[("reason", reason)], 1.0);
}

fn https_over_http_1_1() {
    let origin = Origin::start_tls();
    let host = edge(&https(&origin), CA, origin.certificate());
    for number in 0..5 {
        let answer = host.get(&format!("/path?n={number}"));
        came_by(&answer, "HTTP/1.1");
        assert_eq!(answer.json()["target"], format!("/path?n={number}"));
    }
    assert_eq!((origin.connections(), origin.requests()), (1, 5));
    let large = vec![b'x'; 3_000_000];
    assert!(host.post("/echo", large.clone()).body == large);
}

fn https_over_http_2() {
    let origin = Origin::start_tls_http2();
    let host = edge(&https(&origin), CA, origin.certificate());
    for number in 0..5 {
        let answer = host.get(&format!("/path?n={number}"));
        came_by(&answer, "HTTP/2.0");
        let target = answer.json()["target"].as_str().unwrap().to_owned();
        assert!(target.starts_with("https://") && target.ends_with(&format!("/path?n={number}")), "{target}");
    }
    assert_eq!((origin.connections(), origin.requests()), (1, 5));
}

fn http_2_by_prior_knowledge() {
    let origin = Origin::start_http2();
    let host = edge(&origin.url(""), "protocol = \"http2\"", "");
    for _ in 0..5 {
        came_by(&host.get("/path"), "HTTP/2.0");
    }
    assert_eq!((origin.connections(), origin.requests()), (1, 5));
}

fn many_requests_share_an_http_2_connection() {
    let origin = Origin::start_http2();
    let host = edge(&origin.url(""), "protocol = \"http2\"\nmax_connections = 1", "");
    std::thread::scope(|scope| {
        // They come before there is a connection, and must not each make one.
        for _ in 0..16 {
            scope.spawn(|| came_by(&host.get("/path"), "HTTP/2.0"));
        }
    });
    assert_eq!((origin.connections(), origin.requests()), (1, 16));
}

fn bodies_and_trailers_pass_over_http_2() {
    let origin = Origin::start_http2();
    let host = edge(&origin.url(""), "protocol = \"http2\"", "");
    let large = vec![b'x'; 5_000_000];
    assert!(host.post("/echo", large.clone()).body == large);

    let (mut sender, body) = client::channel();
    let answer = run(async {
        let mut connection = client::http2(host.address).await;
        let request = Request::post(format!("http://{}/echo", host.address)).header("te", "trailers");
        let request = request.header("trailer", "x-sum").body(body).unwrap();
        let send = async {
            sender.send_data(bytes::Bytes::from_static(b"the body")).await.unwrap();
            let name = http::HeaderName::from_static("x-sum");
            sender.send_trailers([(name, http::HeaderValue::from(42))].into_iter().collect()).await.unwrap();
            drop(sender);
        };
        let receive = async { client::read(connection.send_request(request).await.unwrap()).await };
        tokio::join!(send, receive).1
    });
    answer.is(200, "the body");
    assert_eq!(answer.trailers.get("x-sum").map(http::HeaderValue::as_bytes), Some(&b"42"[..]));
}

fn a_certificate_of_somebody_else_is_refused() {
    let (origin, other) = (Origin::start_tls(), Origin::start_tls());
    let host = edge(&https(&origin), CA, other.certificate());
    failed(&host, "fetch/tls-certificate");
    assert_eq!(origin.requests(), 0);
}

fn a_certificate_for_another_name_is_refused() {
    let origin = Origin::start_tls();
    let url = format!("https://127.0.0.1:{}", origin.address.port());
    failed(&edge(&url, CA, origin.certificate()), "fetch/tls-certificate");
    assert_eq!(origin.requests(), 0);
}

fn a_name_can_be_given() {
    let origin = Origin::start_tls();
    let url = format!("https://127.0.0.1:{}", origin.address.port());
    let host = edge(&url, "tls = { ca_file = \"ca.pem\", server_name = \"localhost\" }", origin.certificate());
    came_by(&host.get("/path"), "HTTP/1.1");
}

fn what_does_not_speak_http_2_is_told() {
    let origin = Origin::start_tls();
    let keys = format!("protocol = \"http2\"\n{CA}");
    failed(&edge(&https(&origin), &keys, origin.certificate()), "fetch/tls");
    assert_eq!(origin.requests(), 0);
}

fn what_speaks_no_tls_is_told() {
    let origin = Origin::start();
    let host = edge(&format!("https://{}", origin.address), "", "");
    let request = with_host(Request::get("/").body(empty()).unwrap(), host.address);
    assert_eq!(host.send(request).status, 502);
    host.wait_for_metric("tidegate_rescued_requests_total", &[("reason", "fetch/tls")], 1.0);
    // A body is not what it was about.
    assert_eq!(host.send(Request::post("/").body(full("body")).unwrap()).status, 502);
}
