//! A new configuration of the edge for the old one: by SIGHUP, when a file changes, by POST to the admin side.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use harness::client::{self, empty, full};
use harness::{Answer, Host, Raw, Server, Setup, Trial, tests, wait_for};
use http::Request;
use rustix::process::Signal;

const RELOADS: &str = "tidegate_reloads_total";

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_reload",
        needs [],
        a_signal_reloads,
        a_post_reloads,
        watching_sees_the_file_change,
        watching_sees_an_included_file_change,
        a_request_in_flight_ends_on_what_it_began_with,
        a_body_in_flight_ends_on_what_it_began_with,
        a_bad_file_changes_nothing,
        a_bad_file_is_seen_by_whoever_watches,
        pages_of_other_sites_cannot_reload,
        only_post_reloads,
        a_hundred_reloads_fail_no_request,
    )
}

/// A configuration whose `/version` says `version`, with `more` behind it.
fn version(version: &str, more: &str) -> String {
    format!("[[route]]\nname = \"version\"\npath = \"/version\"\nrespond = {{ body = \"{version}\" }}\n{more}")
}

/// A route for all that has no other, to `server`.
fn to(server: &Server) -> String {
    format!(
        "[[upstream]]\nname = \"api\"\nurl = \"{}\"\n[[route]]\nname = \"api\"\nupstream = \"api\"\n",
        server.url("")
    )
}

fn write(setup: &Setup, name: &str, text: &str) {
    // Renamed into place, as editors do, so that nobody reads half of it.
    let draft = setup.folder().join("draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, setup.folder().join(name)).unwrap();
}

fn reload(host: &Host) -> Answer {
    send_admin(host, Request::post("/reload"))
}

fn send_admin(host: &Host, request: http::request::Builder) -> Answer {
    client::run(client::exchange(host.admin, request.body(empty()).unwrap()))
}

fn wait_for_version(host: &Host, version: &str) {
    wait_for(&format!("version {version}"), || (host.get("/version").text() == version).then_some(()));
}

fn a_signal_reloads() {
    let host = Setup::edge(version("old", "")).start();
    host.get("/version").is(200, "old");
    write(host.setup(), "edge.toml", &version("new", ""));
    host.signal(Signal::HUP);
    host.wait_for_metric(RELOADS, &[("outcome", "success")], 1.0);
    host.get("/version").is(200, "new");
}

fn a_post_reloads() {
    let host = Setup::edge(version("old", "")).start();
    write(host.setup(), "edge.toml", &version("new", "[[route]]\nname = \"a\"\npath = \"/a\"\nrespond = {}\n"));
    assert_eq!(host.get("/a").status, 404);
    reload(&host).is(200, "reloaded\n");
    // Whoever is told of it sees it.
    host.get("/version").is(200, "new");
    assert_eq!(host.get("/a").status, 200);
    assert_eq!(host.metrics().sum(RELOADS, &[("outcome", "success")]), 1.0);
}

fn watching_sees_the_file_change() {
    let host = Setup::edge(version("old", "")).arguments(["--watch"]).start();
    write(host.setup(), "edge.toml", &version("newer", ""));
    wait_for_version(&host, "newer");
}

fn watching_sees_an_included_file_change() {
    let setup = Setup::edge("include = [\"more/routes.toml\"]").file("more/routes.toml", version("old", ""));
    let host = setup.arguments(["--watch"]).start();
    host.get("/version").is(200, "old");
    write(host.setup(), "more/routes.toml", &version("newer", ""));
    wait_for_version(&host, "newer");
    // One that is included from then on is watched as well.
    write(host.setup(), "more/third.toml", "[[route]]\nname = \"a\"\npath = \"/a\"\nrespond = { body = \"1\" }\n");
    write(host.setup(), "edge.toml", "include = [\"more/routes.toml\", \"more/third.toml\"]");
    wait_for("the third file", || (host.get("/a").text() == "1").then_some(()));
    write(host.setup(), "more/third.toml", "[[route]]\nname = \"a\"\npath = \"/a\"\nrespond = { body = \"22\" }\n");
    wait_for("its change", || (host.get("/a").text() == "22").then_some(()));
}

/// A server that says when a request has come, and answers when it is told to.
fn holding() -> (Server, Receiver<()>, Sender<()>) {
    let ((arrived, has_arrived), (go, may_go)) = (channel(), channel());
    let may_go = Mutex::new(may_go);
    let server = Server::start(move |mut raw| {
        while raw.request().is_some() {
            arrived.send(()).unwrap();
            let _ = may_go.lock().unwrap().recv();
            raw.offer(harness::server::ok("from before"));
        }
    });
    (server, has_arrived, go)
}

fn a_request_in_flight_ends_on_what_it_began_with() {
    let (server, has_arrived, go) = holding();
    let host = Setup::edge(version("old", &to(&server))).start();
    let mut raw = host.raw();
    raw.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n");
    has_arrived.recv_timeout(harness::PATIENCE).unwrap();
    // The upstream is gone from the new version.
    write(host.setup(), "edge.toml", &version("new", ""));
    reload(&host).is(200, "reloaded\n");
    host.get("/version").is(200, "new");
    assert_eq!(host.get("/held").status, 404);
    go.send(()).unwrap();
    assert_eq!(raw.answer().text(), "from before");
    // The same connection goes on with the new one.
    raw.send("GET /version HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(raw.answer().text(), "new");
    raw.send("GET /held HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(raw.answer().status, 404);
    // Nothing of the old one is kept: its connections are closed.
    wait_for("the old connections to end", || (server.closed() == server.connections()).then_some(()));
}

fn a_body_in_flight_ends_on_what_it_began_with() {
    let server = Server::start(|mut raw| {
        while let Some(request) = raw.request() {
            let length = request.header("content-length").unwrap().parse().unwrap();
            let body = raw.take(length);
            raw.offer(harness::server::ok(&String::from_utf8(body).unwrap()));
        }
    });
    let host = Setup::edge(version("old", &to(&server))).start();
    let mut raw = host.raw();
    raw.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nfirst");
    wait_for("the request", || (server.connections() == 1).then_some(()));
    write(host.setup(), "edge.toml", &version("new", ""));
    reload(&host).is(200, "reloaded\n");
    raw.send(" last");
    assert_eq!(raw.answer().text(), "first last");
}

/// Bad in two files, in three ways.
const BAD: &str = "include = [\"more.toml\"]\n[[route]]\nnme = \"a\"\nupstream = \"apo\"\n";
const BAD_MORE: &str = "[[upstream]]\nname = \"api\"\nurl = \"nowhere\"\n";

fn a_bad_file_changes_nothing() {
    let server = Server::saying("from the upstream");
    let setup = Setup::edge(version("old", &to(&server)));
    let host = setup.start();
    setup.clone().file("more.toml", BAD_MORE);
    write(&setup, "edge.toml", BAD);
    let answer = reload(&host);
    assert_eq!(answer.status, 422, "{answer:?}");

    // The same messages as those of `tidegate check`, but for its last line, which counts them.
    let edge = setup.folder().join("edge.toml").display().to_string();
    let checked = setup.run(["check", "--edge", &edge]);
    let (messages, count) = checked.stderr.trim_end().rsplit_once('\n').unwrap();
    assert!(count.ends_with(" errors"), "{count}");
    assert_eq!(answer.text(), format!("{messages}\n"));
    assert!(messages.lines().count() >= 3, "{messages}");

    for line in messages.lines() {
        host.wait_for_log_with(&[&format!("not reloaded, the old version goes on: {line}")]);
    }
    let metrics = host.metrics();
    assert_eq!(metrics.sum(RELOADS, &[("outcome", "failure")]), 1.0);
    assert_eq!(metrics.sum(RELOADS, &[("outcome", "success")]), 0.0);
    host.get("/version").is(200, "old");
    host.get("/other").is(200, "from the upstream");
    assert_eq!(host.admin("/readyz").status, 200);

    write(&setup, "edge.toml", &version("new", ""));
    reload(&host).is(200, "reloaded\n");
    host.get("/version").is(200, "new");
}

fn a_bad_file_is_seen_by_whoever_watches() {
    let host = Setup::edge(version("old", "")).arguments(["--watch"]).start();
    write(host.setup(), "edge.toml", "rout = 1");
    host.wait_for_log_with(&["not reloaded, the old version goes on: ", "edge.toml:1:1: rout: unknown key"]);
    host.get("/version").is(200, "old");
    host.wait_for_metric(RELOADS, &[("outcome", "failure")], 1.0);
    write(host.setup(), "edge.toml", &version("newer", ""));
    wait_for_version(&host, "newer");
}

fn pages_of_other_sites_cannot_reload() {
    let host = Setup::edge(version("old", "")).start();
    write(host.setup(), "edge.toml", &version("new", ""));
    for origin in ["https://evil.example", "null", "http://127.0.0.1"] {
        send_admin(&host, Request::post("/reload").header("origin", origin)).is_problem(403);
    }
    host.get("/version").is(200, "old");
    assert_eq!(host.metrics().sum(RELOADS, &[]), 0.0);
}

fn only_post_reloads() {
    let host = Setup::edge(version("old", "")).start();
    write(host.setup(), "edge.toml", &version("new", ""));
    let answer = host.admin("/reload");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(send_admin(&host, Request::put("/reload")).status, 405);
    assert_eq!(send_admin(&host, Request::post("/metrics")).status, 405);
    host.get("/version").is(200, "old");
    // Nor is it for the public.
    assert_eq!(host.post("/reload", "").status, 404);
    assert_eq!(host.metrics().sum(RELOADS, &[]), 0.0);
}

fn a_hundred_reloads_fail_no_request() {
    let server = Server::start(|mut raw| {
        while let Some(request) = raw.request() {
            let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
            let body = raw.take(length);
            raw.offer(harness::server::ok(&String::from_utf8(body).unwrap()));
        }
    });
    let host = Setup::edge(version("0", &to(&server))).start();
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        // However this ends, the askers end.
        let _end = EndOnDrop(&is_over);
        for _ in 0..3 {
            scope.spawn(|| ask_on_one_connection(&host, &is_over, &answered));
        }
        scope.spawn(|| ask_on_many_connections(&host, &is_over, &answered));
        for number in 1..=100 {
            write(host.setup(), "edge.toml", &version(&number.to_string(), &to(&server)));
            let before = answered.load(Ordering::Relaxed);
            reload(&host).is(200, "reloaded\n");
            host.get("/version").is(200, &number.to_string());
            // Requests came between this reload and the next one.
            wait_for("requests", || (answered.load(Ordering::Relaxed) > before).then_some(()));
        }
    });
    let metrics = host.metrics();
    assert_eq!(metrics.sum(RELOADS, &[("outcome", "success")]), 100.0);
    assert_eq!(metrics.sum("tidegate_rescued_requests_total", &[]), 0.0);
    let most = 4.0 * 2.0 * f64::from(u32::try_from(answered.load(Ordering::Relaxed)).unwrap());
    assert!(metrics.sum("http_server_request_duration_seconds_count", &[]) <= most);
    // Old versions keep nothing: what is open belongs to the last one.
    let open = || server.connections() - server.closed();
    wait_for("the old connections to end", || (open() <= 16).then_some(()));
}

fn ask_on_one_connection(host: &Host, is_over: &AtomicBool, answered: &AtomicUsize) {
    let mut raw = Raw::connect(host.address);
    while !is_over.load(Ordering::Relaxed) {
        raw.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody");
        let answer = raw.answer();
        assert_eq!((answer.status, answer.text().as_str()), (200, "body"));
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

fn ask_on_many_connections(host: &Host, is_over: &AtomicBool, answered: &AtomicUsize) {
    while !is_over.load(Ordering::Relaxed) {
        let request = Request::post("/echo").body(full("body")).unwrap();
        host.send(request).is(200, "body");
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
