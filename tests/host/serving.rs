//! One request after the other over HTTP/1.1: answers, connections, what HTTP asks of a server.

use harness::client::{empty, full};
use harness::{Host, Setup, Trial, served, tests};
use http::Request;

pub fn tests() -> Vec<Trial> {
    tests!(
        "serving",
        on setup,
        needs ["hello", "hello-p2", "echo", "echo-p2"],
        a_wasi_0_3_component_answers,
        a_wasi_0_2_component_answers,
        static_responses,
        head_has_the_fields_of_get_and_no_body,
        responses_without_content,
        connections_are_kept_open,
        connection_close_is_obeyed,
        http_1_0_is_answered,
        pipelined_requests_are_answered_in_order,
        pipelined_bodies_are_kept_apart,
        a_body_that_nobody_reads_does_not_end_the_connection,
        continue_is_sent_when_the_body_is_wanted,
        continue_is_not_sent_when_the_body_is_not_wanted,
        trailers_of_requests_reach_components,
        trailers_of_responses_reach_clients_that_take_them,
        fields_that_come_several_times_stay_several,
        connection_fields_of_components_stay_inside,
        absolute_targets_are_understood,
        work_goes_on_after_the_response,
        output_becomes_log_lines,
        instances_are_reused_within_bounds,
    )
}

fn setup() -> Setup {
    Setup::new(served(
        &[("/hello", "hello"), ("/hello-p2", "hello-p2"), ("/echo/...", "echo"), ("/echo-p2/...", "echo-p2")],
        r#"
        [[trigger.http]]
        route = "/few/..."
        component = "few"
        [component.few]
        source = "guest:echo"
        [component.few.tool.tidegate]
        max_requests_per_instance = 3

        [[trigger.http]]
        route = "/robots.txt"
        static_response = { headers = { content-type = "text/plain", x-mark = "m" }, body = "User-agent: *" }
        [[trigger.http]]
        route = "/gone"
        static_response = { status_code = 410 }
        "#,
    ))
    // One core, so that it is known which instance the next request meets.
    .arguments(["--cores", "1"])
}

fn a_wasi_0_3_component_answers(host: &Host) {
    let answer = host.get("/hello");
    answer.is(200, "Hello, World!");
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    // RFC 9110 section 6.6.1: a server with a clock sends the date.
    assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")), "{answer:?}");
}

fn a_wasi_0_2_component_answers(host: &Host) {
    let answer = host.get("/hello-p2");
    answer.is(200, "Hello, World!");
    assert_eq!(answer.header("content-type"), Some("text/plain"));
}

fn static_responses(host: &Host) {
    let answer = host.get("/robots.txt");
    answer.is(200, "User-agent: *");
    assert_eq!((answer.header("content-type"), answer.header("x-mark")), (Some("text/plain"), Some("m")));
    host.get("/gone").is(410, "");
    host.post("/robots.txt", "a body that nobody wants").is(200, "User-agent: *");
}

fn head_has_the_fields_of_get_and_no_body(host: &Host) {
    let mut raw = host.raw();
    for path in ["/hello", "/hello-p2", "/robots.txt", "/echo/stream?bytes=300000"] {
        raw.send(format!("HEAD {path} HTTP/1.1\r\nhost: a\r\n\r\nGET /gone HTTP/1.1\r\nhost: a\r\n\r\n"));
        let head = raw.head();
        assert_eq!(head.status, 200, "{path}");
        // Had a body followed, the next head would not be one.
        assert_eq!(raw.answer().status, 410, "{path}");
        if path == "/robots.txt" {
            assert_eq!(head.header("content-length"), Some("13"));
            assert_eq!(head.header("content-type"), Some("text/plain"));
        }
    }
}

fn responses_without_content(host: &Host) {
    let mut raw = host.raw();
    for status in [204, 304] {
        raw.send(format!("GET /echo/status?code={status} HTTP/1.1\r\nhost: a\r\n\r\n"));
        let head = raw.head();
        assert_eq!(head.status, status);
        // RFC 9112 section 6.1: a 204 has no Transfer-Encoding; a body would be taken for the next response.
        assert_eq!(head.header("transfer-encoding"), None, "{head:?}");
        if status == 204 {
            assert_eq!(head.header("content-length"), None, "{head:?}");
        }
    }
    raw.send("GET /gone HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(raw.answer().status, 410);
}

fn connections_are_kept_open(host: &Host) {
    let mut raw = host.raw();
    for path in ["/hello", "/hello-p2", "/robots.txt", "/nowhere", "/hello"] {
        raw.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
        let answer = raw.answer();
        assert_eq!(answer.status, if path == "/nowhere" { 404 } else { 200 }, "{path}");
        assert_eq!(answer.header("connection"), None, "{path}");
    }
}

fn connection_close_is_obeyed(host: &Host) {
    let mut raw = host.raw();
    raw.send("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: foo, Close\r\n\r\n");
    let answer = raw.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    raw.is_closed();
}

fn http_1_0_is_answered(host: &Host) {
    let mut raw = host.raw();
    raw.send("GET /hello HTTP/1.0\r\n\r\n");
    assert_eq!(raw.answer().text(), "Hello, World!");
    raw.is_closed();

    // A body of unknown length cannot be chunked for HTTP/1.0: it ends with the connection.
    let mut raw = host.raw();
    raw.send("GET /echo/stream?bytes=300000 HTTP/1.0\r\n\r\n");
    let answer = raw.answer();
    assert_eq!((answer.header("transfer-encoding"), answer.body.len()), (None, 300_000));
    raw.is_closed();

    let mut raw = host.raw();
    raw.send("GET /hello HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    let answer = raw.answer();
    assert_eq!(answer.text(), "Hello, World!");
    if answer.header("connection") == Some("keep-alive") {
        raw.send("GET /gone HTTP/1.0\r\n\r\n");
        assert_eq!(raw.answer().status, 410);
    }
}

fn pipelined_requests_are_answered_in_order(host: &Host) {
    let paths =
        ["/hello", "/echo/status?code=201", "/gone", "/echo-p2/x", "/nowhere", "/echo/status?code=202", "/robots.txt"];
    let requests: String = paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
    let mut raw = host.raw();
    raw.send(requests);
    assert_eq!(paths.map(|_| raw.answer().status), [200, 201, 410, 200, 404, 202, 200]);
}

fn pipelined_bodies_are_kept_apart(host: &Host) {
    let mut raw = host.raw();
    for _ in 0..3 {
        raw.send(
            "POST /echo/copy HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nfirst\
             POST /echo/back HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nsec\r\n3;x=y\r\nond\r\n0\r\n\r\n\
             POST /echo-p2/ HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nthird\
             GET /hello HTTP/1.1\r\nhost: a\r\n\r\n",
        );
    }
    for _ in 0..3 {
        let bodies = [(); 4].map(|()| raw.answer().text());
        assert_eq!(bodies, ["first", "second", "third", "Hello, World!"]);
    }
}

fn a_body_that_nobody_reads_does_not_end_the_connection(host: &Host) {
    let mut raw = host.raw();
    for path in ["/echo/ignore", "/gone"] {
        raw.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 20000\r\n\r\n"));
        raw.send(vec![b'x'; 20_000]);
        raw.answer();
    }
    raw.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(raw.answer().text(), "Hello, World!");
}

fn continue_is_sent_when_the_body_is_wanted(host: &Host) {
    let mut raw = host.raw();
    for _ in 0..2 {
        raw.send("POST /echo/count HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
        assert_eq!(raw.head().status, 100);
        raw.send("body");
        assert_eq!(raw.answer().text(), "{\"bytes\":4,\"trailers\":[]}");
    }
}

fn continue_is_not_sent_when_the_body_is_not_wanted(host: &Host) {
    for (path, status) in [("/echo/ignore", 200), ("/gone", 410), ("/nowhere", 404)] {
        let mut raw = host.raw();
        raw.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"));
        assert_eq!(raw.answer().status, status, "{path}");
    }
}

fn trailers_of_requests_reach_components(host: &Host) {
    let mut raw = host.raw();
    raw.send(
        "POST /echo/count HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
         4\r\nbody\r\n0\r\nx-sum: 42\r\nhost: smuggled\r\ncontent-length: 7\r\n\r\n",
    );
    let answer = raw.answer();
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    // RFC 9110 section 6.5.1: fields that frame or route a message mean nothing behind it.
    assert_eq!(answer, serde_json::json!({ "bytes": 4, "trailers": [["x-sum", "42"]] }));
}

fn trailers_of_responses_reach_clients_that_take_them(host: &Host) {
    let mut raw = host.raw();
    raw.send("GET /echo/trailers HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n");
    let answer = raw.answer();
    assert_eq!((answer.text().as_str(), answer.trailers), ("the body", vec![("x-checksum".into(), "42".into())]));

    // Through WASI 0.2, and from end to end.
    for path in ["/echo-p2/", "/echo/copy", "/echo/back"] {
        raw.send(format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n\
             4\r\nbody\r\n0\r\nx-sum: 42\r\n\r\n",
        ));
        let answer = raw.answer();
        assert_eq!((answer.text().as_str(), answer.trailers), ("body", vec![("x-sum".into(), "42".into())]), "{path}");
    }

    raw.send("GET /echo/trailers HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(raw.answer().text(), "the body");
}

fn fields_that_come_several_times_stay_several(host: &Host) {
    let request = Request::get("/echo/headers").header("x-many", "one").header("x-many", "two").header("cookie", "a=b");
    let answer = host.send(request.body(empty()).unwrap()).json();
    let values: Vec<_> = answer["headers"].as_array().unwrap().iter().filter(|pair| pair[0] == "x-many").collect();
    assert_eq!(serde_json::json!(values), serde_json::json!([["x-many", "one"], ["x-many", "two"]]));
}

fn connection_fields_of_components_stay_inside(host: &Host) {
    // What belongs to the client's connection is not the component's (RFC 9110 section 7.6.1).
    let request = Request::get("/echo/headers")
        .header("connection", "x-secret-hop")
        .header("x-secret-hop", "1")
        .header("keep-alive", "timeout=5")
        .header("proxy-connection", "keep-alive");
    let answer = host.send(request.body(empty()).unwrap()).json();
    let names: Vec<_> = answer["headers"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap()).collect();
    for hop_by_hop in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
        assert!(!names.contains(&hop_by_hop), "{hop_by_hop} in {names:?}");
    }
}

fn absolute_targets_are_understood(host: &Host) {
    let mut raw = host.raw();
    // RFC 9112 section 3.2.2: the target's authority counts, not Host's.
    raw.send("GET http://shop.example/echo/headers?a=b HTTP/1.1\r\nhost: other.example\r\n\r\n");
    let answer: serde_json::Value = serde_json::from_slice(&raw.answer().body).unwrap();
    assert_eq!(answer["target"], "/echo/headers?a=b");
    assert_eq!(answer["authority"], "shop.example");
}

fn work_goes_on_after_the_response(host: &Host) {
    host.get("/echo/later?token=after-the-response&ms=50").is(200, "answered");
    let line = host.wait_for_log_with(&["done later: after-the-response"]);
    assert_eq!(line["component"], "echo");
}

fn output_becomes_log_lines(host: &Host) {
    host.get("/echo/print?stdout=to-the-one&stderr=to-the-other").is(200, "printed");
    for text in ["to-the-one", "to-the-other"] {
        let line = host.wait_for_log(text, |line| line["message"] == text);
        assert_eq!(line["component"], "echo", "{line}");
    }
    host.get("/echo-p2/print").is(200, "printed");
    let line = host.wait_for_log_with(&["printed by a WASI 0.2 component"]);
    assert_eq!(line["component"], "echo-p2");
}

fn instances_are_reused_within_bounds(host: &Host) {
    let seen: Vec<_> = (0..7).map(|_| host.get("/few/instance").json()["requests"].as_u64().unwrap()).collect();
    assert_eq!(seen, [1, 2, 3, 1, 2, 3, 1]);
    let made = host.metrics().sum("tidegate_component_instances_total", &[("component", "few")]);
    assert!(made >= 3.0, "{made}");
    // A WASI 0.2 instance is its request's alone; both answer many in a row.
    for _ in 0..20 {
        host.send(Request::post("/echo-p2/").body(full("again")).unwrap()).is(200, "again");
    }
}
