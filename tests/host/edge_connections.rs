//! Connections to upstreams: kept, used again, replaced when they are gone, and never more of them than allowed.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use harness::server::ok;
use harness::{Host, Server, Setup, Trial, tests, wait_for};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_connections",
        needs [],
        an_edge_without_functions_serves_upstreams,
        a_bad_edge_does_not_start,
        connections_are_kept_and_used_again,
        connections_closed_between_requests_are_replaced,
        a_body_finds_no_connection_that_is_closed,
        connections_that_are_used_up_mean_503_at_once,
        a_client_that_goes_away_frees_its_connection,
        idle_connections_end_after_their_time,
    )
}

const REQUESTS: &str = "tidegate_upstream_requests_total";
const CONNECTIONS: &str = "tidegate_upstream_connections_total";
const OPEN: &str = "tidegate_upstream_connections";
const FAILURES: &str = "tidegate_upstream_failures_total";

/// An edge before `server`, its upstream with `limits`.
fn edge(server: &Server, limits: &str) -> Setup {
    Setup::edge(format!(
        "[[upstream]]\nname = \"api\"\nurl = \"{}\"\n{limits}\n[[route]]\nname = \"all\"\nupstream = \"api\"\n",
        server.url("")
    ))
}

fn metric(host: &Host, name: &str) -> f64 {
    host.metrics().sum(name, &[("upstream", "api")])
}

fn an_edge_without_functions_serves_upstreams() {
    let server = Server::answering(|request| ok(&request.target).into_bytes());
    let setup = edge(&server, "");
    assert!(!setup.manifest().exists());
    let host = setup.start();
    host.get("/a?b=c").is(200, "/a?b=c");
    assert_eq!(host.stop().code, Some(0));
}

fn a_bad_edge_does_not_start() {
    let ended = Setup::edge("rout = 1").fail();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("edge.toml:1:1: rout: unknown key. Did you mean \"route\"?"), "{}", ended.stderr);
}

fn connections_are_kept_and_used_again() {
    let server = Server::saying("fine");
    let host = edge(&server, "").start();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut raw = host.raw();
                for _ in 0..250 {
                    raw.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
                    assert_eq!(raw.answer().text(), "fine");
                }
            });
        }
    });
    let (requests, connections) = (metric(&host, REQUESTS), metric(&host, CONNECTIONS));
    let reuse = 1.0 - connections / requests;
    eprintln!("edge_connections: {requests} requests, {connections} connections, {:.2} % reuse", reuse * 100.0);
    assert_eq!(requests, 2_000.0);
    assert!(reuse >= 0.99, "{connections} connections for {requests} requests");
    assert_eq!(connections, server.connections() as f64);
    assert_eq!(metric(&host, FAILURES), 0.0);
}

fn connections_closed_between_requests_are_replaced() {
    // Three answers on each connection, and no word that the third is the last.
    let server = Server::start(|mut raw| {
        for _ in 0..3 {
            if raw.request().is_some() {
                raw.offer(ok("fine"));
            }
        }
    });
    let host = edge(&server, "").start();
    let mut raw = host.raw();
    for _ in 0..300 {
        raw.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        let answer = raw.answer();
        assert_eq!((answer.status, answer.text().as_str()), (200, "fine"));
    }
    assert_eq!(metric(&host, FAILURES), 0.0);
    assert!(server.connections() >= 100, "{}", server.connections());
}

fn a_body_finds_no_connection_that_is_closed() {
    // What cannot be sent twice must not meet a connection that is known to be closed.
    let server = Server::start(|mut raw| {
        if let Some(request) = raw.request() {
            raw.take(request.header("content-length").unwrap().parse().unwrap());
            raw.offer(ok("fine"));
        }
    });
    let host = edge(&server, "").start();
    for number in 1..=50 {
        host.post("/", "body").is(200, "fine");
        wait_for("the connection's end", || (server.closed() == number).then_some(()));
    }
    assert_eq!((metric(&host, REQUESTS), metric(&host, FAILURES)), (50.0, 0.0));
}

fn connections_that_are_used_up_mean_503_at_once() {
    let ((arrived, has_arrived), (go, may_go)) = (channel(), channel());
    let may_go = Mutex::new(may_go);
    let server = Server::start(move |mut raw| {
        while raw.request().is_some() {
            arrived.send(()).unwrap();
            let _ = may_go.lock().unwrap().recv();
            raw.offer(ok("held"));
        }
    });
    let host = edge(&server, "max_connections = 1").start();
    let mut held = host.raw();
    held.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    has_arrived.recv_timeout(harness::PATIENCE).unwrap();
    for _ in 0..3 {
        let started = Instant::now();
        let answer = host.get("/");
        answer.is_problem(503);
        assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()), "{answer:?}");
        // Far less than any timeout of the upstream.
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
    let limit = [("upstream", "api"), ("reason", "fetch/connection-limit")];
    host.wait_for_metric(FAILURES, &limit, 3.0);
    host.wait_for_metric("tidegate_rescued_requests_total", &[("reason", "fetch/connection-limit")], 3.0);
    go.send(()).unwrap();
    assert_eq!(held.answer().text(), "held");
    // The place is free for whoever comes next, on the connection that is kept.
    go.send(()).unwrap();
    held.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(held.answer().text(), "held");
    assert_eq!(server.connections(), 1);
}

fn a_client_that_goes_away_frees_its_connection() {
    let (arrived, has_arrived) = channel();
    let server = Server::start(move |mut raw| {
        while raw.request().is_some() {
            // It never answers. The edge closes when nobody wants an answer any more.
            arrived.send(()).unwrap();
        }
    });
    let host = edge(&server, "max_connections = 1").start();
    for _ in 0..3 {
        let mut raw = host.raw();
        raw.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        has_arrived.recv_timeout(harness::PATIENCE).unwrap();
        host.wait_for_metric(OPEN, &[("upstream", "api")], 1.0);
        drop(raw);
        host.wait_for_metric(OPEN, &[("upstream", "api")], 0.0);
    }
}

fn idle_connections_end_after_their_time() {
    let server = Server::saying("fine");
    let host = edge(&server, "keepalive_timeout = \"100ms\"").start();
    host.get("/").is(200, "fine");
    wait_for("the connection's end", || (server.closed() == 1).then_some(()));
    host.wait_for_metric(OPEN, &[("upstream", "api")], 0.0);
    host.get("/").is(200, "fine");
    assert_eq!(server.connections(), 2);
    assert_eq!(metric(&host, FAILURES), 0.0);
}
