//! HTTP/2 by prior knowledge (h2c): the same components, many requests on one connection.

use bytes::Bytes;
use harness::client::{self, channel, empty, full, next_data, one_value, read};
use harness::{Host, Setup, Trial, run, served, tests};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt;
use hyper::client::conn::http2::SendRequest;

use crate::streaming::pieces_come_back;

pub fn tests() -> Vec<Trial> {
    tests!(
        "http2",
        on setup,
        needs ["hello", "hello-p2", "echo", "echo-p2", "faults"],
        components_answer,
        many_requests_share_a_connection,
        bodies_stream_in_both_directions,
        trailers_pass_in_both_directions,
        heads_reach_components_as_over_http_1,
        head_and_empty_responses,
        a_fault_ends_its_stream_alone,
        a_body_that_traps_resets_its_stream,
        large_bodies_pass,
        a_large_head_is_refused,
    )
}

fn setup() -> Setup {
    Setup::new(served(
        &[
            ("/hello", "hello"),
            ("/hello-p2", "hello-p2"),
            ("/echo/...", "echo"),
            ("/echo-p2/...", "echo-p2"),
            ("/:fault", "faults"),
        ],
        r#"
        [[trigger.http]]
        route = "/fixed"
        static_response = { headers = { x-mark = "m" }, body = "fixed" }
        "#,
    ))
}

fn request(method: &str, path: &str, body: client::Body) -> Request<client::Body> {
    Request::builder().method(method).uri(format!("http://shop.example{path}")).body(body).unwrap()
}

async fn get(connection: &mut SendRequest<client::Body>, path: &str) -> client::Answer {
    read(connection.send_request(request("GET", path, empty())).await.unwrap()).await
}

fn components_answer(host: &Host) {
    run(async {
        let mut connection = client::http2(host.address).await;
        for path in ["/hello", "/hello-p2"] {
            let answer = get(&mut connection, path).await;
            answer.is(200, "Hello, World!");
            assert_eq!(answer.header("content-type"), Some("text/plain"));
        }
        get(&mut connection, "/fixed").await.is(200, "fixed");
        get(&mut connection, "/echo").await.is(200, "");
        get(&mut connection, "/no/where").await.is_problem(404);
    });
}

fn many_requests_share_a_connection(host: &Host) {
    run(async {
        let connection = client::http2(host.address).await;
        let mut requests = tokio::task::JoinSet::new();
        for number in 0..50 {
            let mut connection = connection.clone();
            requests.spawn(async move {
                let path = if number % 2 == 0 { "/echo/copy" } else { "/echo-p2/" };
                let sent = request("POST", path, full(format!("request {number}")));
                let answer = read(connection.send_request(sent).await.unwrap()).await;
                answer.is(200, &format!("request {number}"));
            });
        }
        while let Some(done) = requests.join_next().await {
            done.unwrap();
        }
    });
}

fn bodies_stream_in_both_directions(host: &Host) {
    for path in ["/echo/back", "/echo/copy", "/echo-p2/"] {
        run(async {
            let mut connection = client::http2(host.address).await;
            pieces_come_back(path, 5, |body| connection.send_request(request("POST", path, body))).await;
        });
    }
}

fn trailers_pass_in_both_directions(host: &Host) {
    for path in ["/echo/back", "/echo/copy", "/echo-p2/"] {
        run(async {
            let mut connection = client::http2(host.address).await;
            let (mut sender, body) = channel();
            let send = async {
                sender.send_data(Bytes::from_static(b"body")).await.unwrap();
                let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), HeaderValue::from(42))]);
                sender.send_trailers(trailers).await.unwrap();
                drop(sender);
            };
            let receive = async { read(connection.send_request(request("POST", path, body)).await.unwrap()).await };
            let answer = tokio::join!(send, receive).1;
            answer.is(200, "body");
            assert_eq!(one_value(&answer.trailers, "x-sum"), Some("42"), "{path}");
        });
    }
    run(async {
        let mut connection = client::http2(host.address).await;
        let answer = get(&mut connection, "/echo/trailers").await;
        answer.is(200, "the body");
        assert_eq!(one_value(&answer.trailers, "x-checksum"), Some("42"));
    });
}

fn heads_reach_components_as_over_http_1(host: &Host) {
    run(async {
        let mut connection = client::http2(host.address).await;
        let mut sent = request("PATCH", "/echo/headers?a=b", empty());
        sent.headers_mut().insert("spin-client-addr", HeaderValue::from_static("192.0.2.1:80"));
        sent.headers_mut().insert("x-kept", HeaderValue::from_static("yes"));
        let head = read(connection.send_request(sent).await.unwrap()).await.json();
        assert_eq!(head["method"], "PATCH");
        assert_eq!(head["target"], "/echo/headers?a=b");
        assert_eq!(head["authority"], "shop.example");
        let text = head.to_string();
        assert!(text.contains(r#"["x-kept","yes"]"#), "{text}");
        assert!(text.contains(r#"["spin-full-url","http://shop.example/echo/headers?a=b"]"#), "{text}");
        assert!(!text.contains("192.0.2.1"), "{text}");
    });
}

fn head_and_empty_responses(host: &Host) {
    run(async {
        let mut connection = client::http2(host.address).await;
        for path in ["/hello", "/hello-p2", "/fixed", "/echo/stream?bytes=100000"] {
            let response = connection.send_request(request("HEAD", path, empty())).await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            let body = response.into_body().collect().await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
            assert!(body.to_bytes().is_empty(), "{path}");
        }
        assert_eq!(get(&mut connection, "/echo/status?code=204").await.status, 204);
        get(&mut connection, "/fixed").await.is(200, "fixed");
    });
}

fn a_fault_ends_its_stream_alone(host: &Host) {
    run(async {
        let mut connection = client::http2(host.address).await;
        // Held open for as long as its body is.
        let (mut sender, body) = channel();
        sender.send_data(Bytes::from_static(b"before")).await.unwrap();
        let mut other = connection.send_request(request("POST", "/echo/copy", body)).await.unwrap().into_body();
        assert_eq!(next_data(&mut other).await, "before");
        for path in ["/panic", "/trap", "/recurse"] {
            get(&mut connection, path).await.is_problem(500);
        }
        sender.send_data(Bytes::from_static(b"after")).await.unwrap();
        assert_eq!(next_data(&mut other).await, "after");
        get(&mut connection, "/ok").await.is(200, "ok");
    });
}

fn a_body_that_traps_resets_its_stream(host: &Host) {
    run(async {
        let mut connection = client::http2(host.address).await;
        // Its head may have left, or not.
        match connection.send_request(request("GET", "/body-traps", empty())).await {
            Ok(response) if response.status() == 500 => read(response).await.is_problem(500),
            Ok(response) => assert!(response.into_body().collect().await.is_err(), "a body that broke off looks whole"),
            Err(error) => assert!(error.to_string().contains("http2"), "{error}"),
        }
        get(&mut connection, "/ok").await.is(200, "ok");
    });
}

fn large_bodies_pass(host: &Host) {
    run(async {
        let mut connection = client::http2(host.address).await;
        let answer = get(&mut connection, "/echo/stream?bytes=20000000").await;
        assert_eq!((answer.status, answer.body.len()), (200, 20_000_000));
        let body = Bytes::from(vec![b'x'; 8_000_000]);
        for path in ["/echo/back", "/echo/copy", "/echo-p2/"] {
            let sent = request("POST", path, full(body.clone()));
            let answer = read(connection.send_request(sent).await.unwrap()).await;
            assert!(answer.status == 200 && answer.body == body, "{path}: {} bytes", answer.body.len());
        }
    });
}

fn a_large_head_is_refused(host: &Host) {
    run(async {
        let mut connection = client::http2(host.address).await;
        let mut large = request("GET", "/echo/headers", empty());
        large.headers_mut().insert("x-large", HeaderValue::from_str(&"y".repeat(200_000)).unwrap());
        // HTTP/2 leaves the server the choice between an answer and an error of the stream.
        match connection.send_request(large).await {
            Ok(response) => assert_eq!(response.status(), 431),
            Err(error) => assert!(error.to_string().contains("http2"), "{error}"),
        }
        let mut connection = client::http2(host.address).await;
        get(&mut connection, "/hello").await.is(200, "Hello, World!");
    });
}
