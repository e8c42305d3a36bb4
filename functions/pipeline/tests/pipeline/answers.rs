//! What clients get: responses, the edge's own answers, problems.

use std::sync::Arc;

use http::{StatusCode, Version};
use tidegate_pipeline::{Exchange, Failure, Input, Refusal, ReplyBody};

use crate::support::{EDGE, Fields, NOW, answered, exchanged, head, lines, names, pipeline, start, with_version};

#[test]
fn responses_lose_what_belonged_to_the_connection() {
    let came = head(
        200,
        &[
            ("connection", "close, x-hop"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "Basic"),
            ("upgrade", "h2c"),
            ("x-hop", "1"),
            ("content-type", "text/plain"),
            ("content-length", "5"),
            ("trailer", "x-sum"),
            ("via", "1.1 origin"),
        ],
    );
    let (exchange, reply) = exchanged(&pipeline(EDGE), start("GET", "/", &[]), Input::Fetched(came));
    assert_eq!(names(&reply.head.headers), ["content-length", "content-type", "trailer", "via"]);
    assert_eq!(lines(&reply.head.headers, "via"), "1.1 origin | 1.1 tidegate");
    assert_eq!((reply.body, exchange.reason(), exchange.has_later()), (ReplyBody::Fetched, None, false));
}

#[test]
fn a_tunnel_is_answered_only_to_who_asked_for_one() {
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
    let table: &[(Fields, u16, Fields, u16)] = &[
        (&upgrade, 101, &upgrade, 101),
        (&upgrade, 101, &[], 502),
        (&upgrade, 400, &[], 400),
        (&[], 101, &upgrade, 502),
        (&[], 103, &[], 502),
    ];
    for (asked, answer, said, expected) in table {
        let input = Input::Fetched(head(*answer, said));
        let (_, reply) = exchanged(&pipeline(EDGE), start("GET", "/", asked), input);
        assert_eq!(reply.head.status, *expected, "{asked:?} {answer} {said:?}");
        let is_tunnel = *expected == 101;
        assert_eq!(lines(&reply.head.headers, "connection"), if is_tunnel { "upgrade" } else { "" });
        assert_eq!(lines(&reply.head.headers, "upgrade"), if is_tunnel { "websocket" } else { "" });
    }
}

#[test]
fn interim_responses_are_cleaned() {
    let pipeline = pipeline(EDGE);
    let (exchange, _) = exchanged(&pipeline, start("GET", "/", &[]), Input::Fetched(head(200, &[])));
    let hints = head(103, &[("link", "</a>"), ("connection", "x-a"), ("x-a", "1")]);
    let passed = exchange.informational(hints).unwrap();
    assert_eq!(names(&passed.headers), ["link", "via"]);
    for status in [100, 101, 200] {
        assert!(exchange.informational(head(status, &[])).is_none(), "{status}");
    }
    let old = with_version(start("GET", "/", &[]), Version::HTTP_10);
    let (exchange, _) = exchanged(&pipeline, old, Input::Fetched(head(200, &[])));
    assert!(exchange.informational(head(103, &[])).is_none());
}

#[test]
fn responses_are_rewritten_and_say_where_the_time_went() {
    let edge = format!(
        "{EDGE}\nresponse = {{ set = {{ x-edge = \"yes\" }}, remove = [\"server\"] }}\n\
         [proxy]\nname = \"edge-1\"\nserver_timing = true\nproxy_status = true"
    );
    let came = head(404, &[("server", "x"), ("server-timing", "db;dur=5"), ("proxy-status", "inner")]);
    let (_, reply) = exchanged(&pipeline(&edge), start("GET", "/", &[]), Input::Fetched(came));
    for (name, value) in [
        ("x-edge", "yes"),
        ("server", ""),
        ("via", "1.1 edge-1"),
        ("server-timing", "db;dur=5 | edge;dur=0, upstream;dur=30"),
        ("proxy-status", "inner | edge-1; received-status=404"),
    ] {
        assert_eq!(lines(&reply.head.headers, name), value, "{name}");
    }
}

#[test]
fn failures_become_problems() {
    let edge = format!("{EDGE}\n[proxy]\nproxy_status = true");
    for failure in Failure::ALL {
        let (exchange, reply) = exchanged(&pipeline(&edge), start("GET", "/", &[]), Input::Failed(failure));
        let headers = &reply.head.headers;
        assert_eq!((reply.head.status, exchange.reason()), (failure.status(), Some(failure.reason())));
        assert_eq!(lines(headers, "content-type"), "application/problem+json");
        let status = format!("tidegate; error={}; details=\"{}\"", failure.proxy_error(), failure.reason());
        assert_eq!(lines(headers, "proxy-status"), status);
        let is_busy = failure.status() == StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(lines(headers, "retry-after"), if is_busy { "1" } else { "" });
        let ReplyBody::Whole(body) = reply.body else { panic!("{failure:?}") };
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&problem["status"], &problem["detail"]),
            (&failure.status().as_u16().into(), &failure.detail().into())
        );
    }
}

#[test]
fn refusals_become_problems() {
    let edge = EDGE.replace("name = \"all\"", "name = \"all\"\nhost = \"shop.example\"\nmax_request_body = \"5B\"");
    let pipeline = pipeline(&edge);
    let table: &[(&str, &str, Fields, u16, &str)] = &[
        ("TRACE", "/", &[], 405, "checks/method"),
        ("GET", "*", &[], 400, "checks/target"),
        ("GET", "/", &[("host", "a b")], 400, "checks/host"),
        ("GET", "/%2e%2E/", &[], 400, "checks/dot-segment"),
        ("GET", "/", &[("host", "other.example")], 404, "route/no-match"),
        ("POST", "/", &[("content-length", "x")], 400, "checks/content-length"),
        ("POST", "/", &[("content-length", "6")], 413, "fetch/request-body-too-large"),
        ("POST", "/", &[("expect", "x")], 417, "checks/expectation"),
    ];
    for (method, target, said, status, reason) in table {
        let (exchange, reply) = answered(&pipeline, start(method, target, said));
        let found = (reply.head.status.as_u16(), exchange.reason().unwrap().as_str());
        assert_eq!(found, (*status, *reason), "{method} {target} {said:?}");
        let allow = if *status == 405 { "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" } else { "" };
        assert_eq!(lines(&reply.head.headers, "allow"), allow);
    }
    assert_eq!(answered(&pipeline, start("TRACE", "/", &[])).0.reason(), Some(Refusal::Method.reason()));
}

#[test]
fn options_for_the_edge_itself() {
    let pipeline = pipeline(EDGE);
    for (target, said) in [("*", vec![]), ("/", vec![("max-forwards", "0")])] {
        let (exchange, reply) = answered(&pipeline, start("OPTIONS", target, &said));
        assert_eq!((reply.head.status, exchange.reason()), (StatusCode::NO_CONTENT, None));
        assert_eq!(lines(&reply.head.headers, "allow"), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
}

#[test]
fn the_edge_answers_by_itself() {
    let edge = r#"
        [[route]]
        name = "old"
        path = "/old/{*rest}"
        redirect = "https://new.example/{rest}"
        response = { set = { x-edge = "yes" } }

        [[route]]
        name = "down"
        path = "/down"
        respond = { status = 503, headers = { x-why = "cleaning" }, body = "later\n" }
    "#;
    let pipeline = pipeline(edge);
    let (exchange, reply) = answered(&pipeline, start("GET", "/old/a?b=c", &[]));
    assert_eq!(lines(&reply.head.headers, "location"), "https://new.example/a?b=c");
    assert_eq!(lines(&reply.head.headers, "x-edge"), "yes");
    assert!(reply.head.status.is_redirection());
    assert_eq!(exchange.route().map(|route| &*route.name), Some("old"));

    let (_, reply) = answered(&pipeline, start("GET", "/down", &[]));
    assert_eq!((reply.head.status.as_u16(), reply.body), (503, ReplyBody::Whole("later\n".into())));
    assert_eq!(lines(&reply.head.headers, "x-why"), "cleaning");
}

#[test]
fn the_client_is_who_the_trusted_proxy_says() {
    let mut start = start("GET", "/", &[("x-forwarded-for", "1.2.3.4, 203.0.113.9"), ("x-forwarded-proto", "https")]);
    start.peer = [10, 0, 0, 1].into();
    let (exchange, _) = exchanged(&pipeline(EDGE), start, Input::Fetched(head(200, &[])));
    assert_eq!((exchange.client().address.to_string(), exchange.is_https()), ("203.0.113.9".to_owned(), true));
}

#[test]
fn what_a_route_makes_of_a_request_may_lead_nowhere() {
    let edge = format!(
        "{EDGE}path = \"/to/{{*rest}}\"\nrewrite = {{ path = \"/x/.{{rest}}\" }}\n\
         [[route]]\nname = \"out\"\npath = \"/out/{{name}}\"\nredirect = \"https://{{name}}.shop.example\""
    );
    let pipeline = pipeline(&edge);
    // A dot too many, a host too many.
    for (target, route) in [("/to/.a", None), ("/to//b", Some("all")), ("/out/evil.example@", Some("out"))] {
        let (exchange, action) = Exchange::start(Arc::clone(&pipeline), start("GET", target, &[]), NOW);
        assert_eq!(exchange.reason(), route.map(|_| Refusal::Rewrite.reason()), "{target} {action:?}");
        // Metrics are by route all the same.
        assert_eq!(exchange.route().map(|found| &*found.name), route.or(Some("all")), "{target}");
    }
}
