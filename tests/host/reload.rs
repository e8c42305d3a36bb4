//! A new application for the old one, while requests go on: by SIGHUP, or when files change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle};

use harness::manifest::{component_at, guest};
use harness::{Host, Raw, Setup, Trial, manifest, tests};
use rustix::process::Signal;

const RELOADS: &str = "tidegate_reloads_total";

pub fn tests() -> Vec<Trial> {
    tests!(
        "reload",
        needs ["hello", "echo"],
        a_signal_reloads_without_a_failed_request,
        a_signal_may_come_at_once,
        requests_in_flight_end_on_what_they_began_with,
        a_failed_reload_keeps_the_old_version,
        watching_sees_the_manifest_change,
        watching_sees_a_component_change,
        watching_builds_what_changed,
        watching_sees_mounted_files_change,
        a_failed_build_keeps_the_old_version,
    )
}

/// An application whose `/version` says `version`.
fn version(version: &str) -> String {
    let text = format!("[[trigger.http]]\nroute = \"/version\"\nstatic_response = {{ body = \"{version}\" }}\n");
    manifest(&(text + &component_at("/echo/...", "echo", "guest:echo")))
}

fn write(setup: &Setup, text: impl AsRef<str>) {
    // Renamed into place, as editors do, so that nobody reads half of it.
    let draft = setup.folder().join("draft");
    std::fs::write(&draft, text.as_ref()).unwrap();
    std::fs::rename(draft, setup.manifest()).unwrap();
}

fn wait_for_body(host: &Host, path: &str, body: &str) {
    harness::wait_for(&format!("{path} to be {body:?}"), || (host.get(path).text() == body).then_some(()));
}

fn wait_for_reloads(host: &Host, outcome: &str, count: f64) {
    host.wait_for_metric(RELOADS, &[("outcome", outcome)], count);
}

/// Sends requests on one connection until `is_over`; returns how many. A dropped connection or a failure panics.
fn keep_asking<'s>(scope: &'s Scope<'s, '_>, host: &'s Host, is_over: &'s AtomicBool) -> ScopedJoinHandle<'s, usize> {
    scope.spawn(move || {
        let mut raw = Raw::connect(host.address);
        let mut answered = 0;
        while !is_over.load(Ordering::Relaxed) {
            raw.send("POST /echo/copy HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody");
            let answer = raw.answer();
            assert_eq!((answer.status, answer.text().as_str()), (200, "body"));
            answered += 1;
        }
        answered
    })
}

fn a_signal_reloads_without_a_failed_request() {
    let host = Setup::new(version("0")).start();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // However this ends, the askers end.
        let _end = EndOnDrop(&is_over);
        let askers: Vec<_> = (0..3).map(|_| keep_asking(scope, &host, &is_over)).collect();
        for number in 1..=5 {
            write(host.setup(), version(&number.to_string()));
            host.signal(Signal::HUP);
            wait_for_body(&host, "/version", &number.to_string());
            wait_for_reloads(&host, "success", f64::from(number));
        }
        is_over.store(true, Ordering::Relaxed);
        for asker in askers {
            assert!(asker.join().unwrap() > 0);
        }
    });
    assert_eq!(host.metrics().sum("tidegate_component_faults_total", &[]), 0.0);
    assert_eq!(host.stop().code, Some(0));
}

fn a_signal_may_come_at_once() {
    let setup = Setup::new(manifest("[[trigger.http]]\nroute = \"/\"\nstatic_response = { body = \"fine\" }\n"));
    for _ in 0..5 {
        // It says that it serves: from then on it listens to signals, too.
        let host = setup.start();
        host.signal(Signal::HUP);
        wait_for_reloads(&host, "success", 1.0);
        assert_eq!(host.stop().code, Some(0));
        assert_eq!(setup.start().stop().code, Some(0));
    }
}

struct EndOnDrop<'a>(&'a AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn requests_in_flight_end_on_what_they_began_with() {
    let host = Setup::new(version("old")).start();
    let mut held = host.held("/echo/copy");
    // The component is gone from the new version.
    write(host.setup(), manifest("[[trigger.http]]\nroute = \"/version\"\nstatic_response = { body = \"new\" }\n"));
    host.signal(Signal::HUP);
    wait_for_body(&host, "/version", "new");
    assert_eq!(host.get("/echo/copy").status, 404);
    held.send("4\r\nlast\r\n0\r\n\r\n");
    assert_eq!(held.take(14), b"4\r\nlast\r\n0\r\n\r\n");
    // The same connection goes on with the new one.
    held.send("GET /version HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(held.answer().text(), "new");
}

fn a_failed_reload_keeps_the_old_version() {
    let host = Setup::new(version("old")).start();
    let wrong = [
        (version("x") + "sauce = 1\n", "sauce"),
        (version("x").replace("guest_echo.wasm", "guest_nowhere.wasm"), "guest_nowhere.wasm"),
        ("not toml [".to_owned(), "spin.toml:1:"),
    ];
    for (number, (text, reason)) in wrong.iter().enumerate() {
        write(host.setup(), text);
        host.signal(Signal::HUP);
        wait_for_reloads(&host, "failure", number as f64 + 1.0);
        host.wait_for_log_with(&["the old version goes on", reason]);
        host.get("/version").is(200, "old");
        host.post("/echo/copy", "body").is(200, "body");
        assert_eq!(host.admin("/readyz").status, 200);
    }
    write(host.setup(), version("new"));
    host.signal(Signal::HUP);
    wait_for_body(&host, "/version", "new");
    wait_for_reloads(&host, "success", 1.0);
}

fn watching_sees_the_manifest_change() {
    let host = Setup::new(version("old")).arguments(["--watch"]).start();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _end = EndOnDrop(&is_over);
        let asker = keep_asking(scope, &host, &is_over);
        write(host.setup(), version("new"));
        wait_for_body(&host, "/version", "new");
        write(host.setup(), "broken");
        wait_for_reloads(&host, "failure", 1.0);
        host.wait_for_log_with(&["the old version goes on"]);
        host.get("/version").is(200, "new");
        write(host.setup(), version("newer"));
        wait_for_body(&host, "/version", "newer");
        is_over.store(true, Ordering::Relaxed);
        assert!(asker.join().unwrap() > 0);
    });
}

/// One component at `/`, from a file beside the manifest.
fn local(more: &str) -> Setup {
    Setup::new(manifest(&(component_at("/...", "it", "it.wasm") + more + "\n")))
}

fn watching_sees_a_component_change() {
    let setup = local("").file("it.wasm", std::fs::read(guest("hello")).unwrap()).arguments(["--watch"]);
    let host = setup.start();
    host.post("/copy", "body").is(200, "Hello, World!");
    std::fs::copy(guest("echo"), setup.folder().join("it.wasm")).unwrap();
    harness::wait_for("the other component", || (host.post("/copy", "body").text() == "body").then_some(()));
}

fn watching_builds_what_changed() {
    let build = "build = { command = \"cp source it.wasm && echo built >> builds\", watch = [\"source\"] }";
    let setup = local(build).file("source", std::fs::read(guest("hello")).unwrap());
    let host = setup.clone().arguments(["--build", "--watch"]).start();
    host.post("/copy", "body").is(200, "Hello, World!");
    std::fs::copy(guest("echo"), setup.folder().join("source")).unwrap();
    harness::wait_for("the other component", || (host.post("/copy", "body").text() == "body").then_some(()));
    let builds = std::fs::read_to_string(setup.folder().join("builds")).unwrap();
    assert!(builds.lines().count() >= 2, "{builds}");
}

fn watching_sees_mounted_files_change() {
    // Only that there is a reload: what components read is tested elsewhere.
    let setup =
        local("files = [\"*.txt\"]").file("it.wasm", std::fs::read(guest("hello")).unwrap()).file("a.txt", "old");
    let host = setup.clone().arguments(["--watch"]).start();
    let setup = setup.file("a.txt", "new and longer");
    harness::wait_for("a reload", || (host.metrics().sum(RELOADS, &[("outcome", "success")]) >= 1.0).then_some(()));
    drop(setup);
}

fn a_failed_build_keeps_the_old_version() {
    let build = "build = { command = \"test ! -e broken && cp source it.wasm\", watch = [\"source\", \"broken\"] }";
    let setup = local(build).file("source", std::fs::read(guest("hello")).unwrap());
    let host = setup.clone().arguments(["--build", "--watch"]).start();
    let setup = setup.file("broken", "");
    wait_for_reloads(&host, "failure", 1.0);
    host.wait_for_log_with(&["the old version goes on", "component.it.build"]);
    host.get("/").is(200, "Hello, World!");
    std::fs::remove_file(setup.folder().join("broken")).unwrap();
    harness::wait_for("a reload", || (host.metrics().sum(RELOADS, &[("outcome", "success")]) >= 1.0).then_some(()));
    host.get("/").is(200, "Hello, World!");
}
