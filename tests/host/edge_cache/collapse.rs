//! Collapsing: however many want the same, one fetch; and what proves to be nobody else's costs nobody else time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use harness::client::{self, empty};
use harness::{Host, Trial, run, tests, wait_for};
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::task::JoinSet;

use super::{CLAIMS, Gate, Origin, RESULTS, WAITING, ask, edge, get, is_hit, response};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_cache",
        needs [],
        a_thousand_misses_are_one_fetch,
        what_is_for_one_alone_releases_all_at_once,
        a_failure_releases_all_at_once,
        what_was_for_one_alone_is_not_waited_for,
        when_the_first_goes_away_another_fetches,
        when_the_first_goes_away_in_mid_body_the_rest_arrives,
        a_slow_first_fetch_holds_nobody_longer_than_said,
        refreshes_are_one_fetch,
        refreshes_that_come_to_nothing_are_one_fetch_too,
        a_refresh_that_breaks_off_changes_nothing,
        what_is_stale_stands_in_for_all_at_once,
        variants_do_not_wait_for_one_another,
        variants_do_not_wait_for_one_that_arrives,
        what_waits_is_not_what_was_purged,
    )
}

const CLIENTS: usize = 1000;

/// So many clients at a time; what each of them got.
fn all_at_once<T: 'static>(
    host: &Host,
    count: usize,
    path: &str,
    read: impl AsyncFn(http::Response<Incoming>) -> T + Clone + 'static,
) -> Vec<T> {
    run(async {
        let (address, tasks) = (host.address, tokio::task::LocalSet::new());
        let mut clients = JoinSet::new();
        for _ in 0..count {
            let (path, read) = (path.to_owned(), read.clone());
            clients.spawn_local_on(
                async move {
                    let mut connection = client::http1(address).await;
                    let request = Request::get(path).header("host", "shop.example").body(empty()).unwrap();
                    let response = connection.send_request(request).await.expect("a response");
                    read(response).await
                },
                &tasks,
            );
        }
        tasks.run_until(clients.join_all()).await
    })
}

fn a_thousand_misses_are_one_fetch() {
    let (first, last) = ("f".repeat(10_000), "l".repeat(10_000));
    let whole = Bytes::from(first.clone() + &last);
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::serving(move |raw, _, _| {
        raw.offer(format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 20000\r\n\r\n{first}"));
        held.pass();
        raw.offer(&last);
        true
    });
    let host = edge(&origin.server, "").start();
    // The origin sends the rest when everybody has had the beginning.
    let begun = Arc::new(AtomicUsize::new(0));
    let bodies = all_at_once(&host, CLIENTS, "/", async move |response| {
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        let first = client::next_data(&mut body).await;
        assert!(!first.is_empty());
        if begun.fetch_add(1, Ordering::SeqCst) + 1 == CLIENTS {
            gate.open();
        }
        let rest = body.collect().await.expect("the rest").to_bytes();
        Bytes::from([first, rest].concat())
    });
    assert!(bodies.iter().all(|body| *body == whole));
    assert_eq!(origin.asked(), 1);
    host.wait_for_metric(RESULTS, &[("result", "miss")], 1.0);
    host.wait_for_metric(RESULTS, &[("result", "collapsed")], (CLIENTS - 1) as f64);
    host.wait_for_metric(CLAIMS, &[], 0.0);
    host.wait_for_metric(WAITING, &[], 0.0);
}

/// Those that are there at the same time, up to all that are expected.
struct Meeting {
    expected: usize,
    count: Mutex<usize>,
    all: Condvar,
}

impl Meeting {
    fn of(expected: usize) -> Self {
        Self { expected, count: Mutex::default(), all: Condvar::new() }
    }

    /// Waits for the others; false when they do not come while this one is there.
    fn attend(&self) -> bool {
        let mut count = self.count.lock().unwrap();
        *count += 1;
        self.all.notify_all();
        let patience = Duration::from_secs(30);
        !self.all.wait_timeout_while(count, patience, |count| *count < self.expected).unwrap().1.timed_out()
    }
}

/// The first answer is nobody else's; the others are there at the origin all at the same time.
fn all_are_released(first: Option<Vec<u8>>) {
    const OTHERS: usize = 100;
    let (gate, meeting) = (Gate::default(), Meeting::of(OTHERS));
    let held = gate.clone();
    let origin = Origin::serving(move |raw, _, number| {
        if number > 1 {
            let text = if meeting.attend() { "together" } else { "alone" };
            raw.offer(response("cache-control: no-store", text));
            return true;
        }
        held.pass();
        let Some(first) = &first else { return false };
        raw.offer(first);
        true
    });
    let host = edge(&origin.server, "wait = \"5m\"").start();
    let mut raw = host.raw();
    raw.send(get("/"));
    origin.wait_until_asked(1);
    std::thread::scope(|scope| {
        let answers = scope.spawn(|| all_at_once(&host, OTHERS, "/", client::read));
        host.wait_for_metric(WAITING, &[], OTHERS as f64);
        gate.open();
        let answers = answers.join().unwrap();
        assert!(answers.iter().all(|answer| (answer.status, &*answer.body) == (200, b"together")), "{answers:?}");
    });
    raw.answer();
    assert_eq!(origin.asked(), OTHERS + 1);
}

fn what_is_for_one_alone_releases_all_at_once() {
    all_are_released(Some(response("cache-control: private", "mine")));
}

fn a_failure_releases_all_at_once() {
    all_are_released(None);
}

fn what_was_for_one_alone_is_not_waited_for() {
    const CLIENTS: usize = 50;
    let meeting = Meeting::of(CLIENTS);
    let origin = Origin::answering(move |_, number| {
        let text = if number == 1 || meeting.attend() { "together" } else { "alone" };
        response("cache-control: no-store", text)
    });
    let host = edge(&origin.server, "wait = \"5m\"").start();
    let mut connections: Vec<_> = (0..CLIENTS).map(|_| host.raw()).collect();
    host.wait_for_metric("tidegate_connections", &[], CLIENTS as f64);
    ask(&host, "/", &[]).is(200, "together");
    // It was no-store a moment ago, so it will be again: all of them are at the origin at the same time.
    for raw in &mut connections {
        raw.send(get("/"));
    }
    connections.iter_mut().for_each(|raw| assert_eq!(raw.answer().text(), "together"));
    assert_eq!(origin.asked(), 1 + CLIENTS);
}

fn when_the_first_goes_away_another_fetches() {
    const OTHERS: usize = 20;
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::answering(move |_, number| {
        held.pass();
        response("cache-control: max-age=60", number.to_string())
    });
    let host = edge(&origin.server, "wait = \"5m\"").start();
    let mut first = host.raw();
    first.send(get("/"));
    origin.wait_until_asked(1);
    std::thread::scope(|scope| {
        let answers = scope.spawn(|| {
            let ask = || ask(&host, "/", &[]);
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..OTHERS).map(|_| scope.spawn(ask)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
            })
        });
        host.wait_for_metric(WAITING, &[], OTHERS as f64);
        drop(first);
        origin.wait_until_asked(2);
        gate.open();
        answers.join().unwrap().iter().for_each(|answer| answer.is(200, "2"));
    });
    assert_eq!(origin.asked(), 2);
}

fn when_the_first_goes_away_in_mid_body_the_rest_arrives() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::serving(move |raw, _, _| {
        raw.offer("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        held.pass();
        raw.offer("4\r\nlast\r\n0\r\n\r\n");
        true
    });
    let host = edge(&origin.server, "").start();
    let mut first = host.raw();
    first.send(get("/"));
    assert_eq!((first.head().status, first.take(10)), (200, b"5\r\nfirst\r\n".to_vec()));
    drop(first);
    host.wait_for_metric("tidegate_connections", &[], 0.0);
    // Who comes later reads what has arrived, and the rest with it.
    let mut second = host.raw();
    second.send(get("/"));
    assert_eq!((second.head().status, second.take(10)), (200, b"5\r\nfirst\r\n".to_vec()));
    drop(second);
    host.wait_for_metric("tidegate_connections", &[], 0.0);
    gate.open();
    // Nobody reads it any more, and it is stored all the same.
    host.wait_for_metric(CLAIMS, &[], 0.0);
    let answer = ask(&host, "/", &[]);
    answer.is(200, "firstlast");
    is_hit(&answer);
    assert_eq!(origin.asked(), 1);
}

fn a_slow_first_fetch_holds_nobody_longer_than_said() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::answering(move |_, number| {
        if number == 1 {
            held.pass();
        }
        response("cache-control: max-age=60", number.to_string())
    });
    let host = edge(&origin.server, "wait = \"100ms\"").start();
    let mut first = host.raw();
    first.send(get("/"));
    origin.wait_until_asked(1);
    for number in 2..=3 {
        ask(&host, "/", &[]).is(200, &number.to_string());
    }
    gate.open();
    assert_eq!(first.answer().text(), "1");
    is_hit(&ask(&host, "/", &[]));
    assert_eq!(origin.asked(), 3);
}

fn refreshes_are_one_fetch() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::answering(move |_, number| {
        if number == 1 {
            return response("cache-control: max-age=0, stale-while-revalidate=600", "old");
        }
        held.pass();
        response("cache-control: max-age=600", "new")
    });
    let host = edge(&origin.server, "").start();
    ask(&host, "/", &[]).is(200, "old");
    // All of them are answered while the refresh is under way, and each asks for one.
    let answers = all_at_once(&host, 300, "/", client::read);
    answers.iter().for_each(|answer| answer.is(200, "old"));
    assert_eq!(origin.asked(), 2);
    gate.open();
    wait_for("the new one", || (ask(&host, "/", &[]).text() == "new").then_some(()));
    assert_eq!(origin.asked(), 2);
}

fn refreshes_that_come_to_nothing_are_one_fetch_too() {
    for nothing in [
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncache-control: private\r\ncontent-length: 0\r\n\r\n",
    ] {
        let gate = Gate::default();
        let held = gate.clone();
        let origin = Origin::answering(move |_, number| {
            if number == 1 {
                return response("cache-control: max-age=0, stale-while-revalidate=600", "old");
            }
            if number > 2 {
                held.pass();
            }
            nothing.as_bytes().to_vec()
        });
        let host = edge(&origin.server, "").start();
        ask(&host, "/", &[]).is(200, "old");
        ask(&host, "/", &[]).is(200, "old");
        origin.wait_until_asked(2);
        host.wait_for_metric(CLAIMS, &[], 0.0);
        // That there was nothing to share a moment ago is no reason for everybody to ask.
        all_at_once(&host, 100, "/", client::read).iter().for_each(|answer| answer.is(200, "old"));
        origin.wait_until_asked(3);
        ask(&host, "/", &[]).is(200, "old");
        assert_eq!(origin.asked(), 3, "{nothing}");
        gate.open();
    }
}

fn a_refresh_that_breaks_off_changes_nothing() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::serving(move |raw, _, number| match number {
        1 => {
            raw.offer(response("cache-control: max-age=0, stale-while-revalidate=600", "old"));
            true
        }
        2 => {
            raw.offer("HTTP/1.1 200 OK\r\ncache-control: max-age=600\r\ncontent-length: 3\r\n\r\nn");
            false
        }
        _ => {
            held.pass();
            raw.offer(response("cache-control: max-age=600", "new"));
            true
        }
    });
    let host = edge(&origin.server, "").start();
    ask(&host, "/", &[]).is(200, "old");
    // Somebody's refresh breaks off, somebody's later one does not.
    wait_for("two refreshes", || {
        ask(&host, "/", &[]).is(200, "old");
        (origin.asked() >= 3).then_some(())
    });
    ask(&host, "/", &[]).is(200, "old");
    gate.open();
    wait_for("the new one", || (ask(&host, "/", &[]).text() == "new").then_some(()));
    assert_eq!(origin.asked(), 3);
}

fn what_is_stale_stands_in_for_all_at_once() {
    const OTHERS: usize = 100;
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::serving(move |raw, _, number| {
        if number > 1 {
            held.pass();
            return false;
        }
        // Nobody comes back on this connection: then a failure would be tried again (RFC 9110 section 9.2.2).
        raw.offer(response("connection: close\ncache-control: max-age=0, stale-if-error=600", "old"));
        false
    });
    let host = edge(&origin.server, "wait = \"5m\"").start();
    ask(&host, "/", &[]).is(200, "old");
    let mut first = host.raw();
    first.send(get("/"));
    origin.wait_until_asked(2);
    std::thread::scope(|scope| {
        let answers = scope.spawn(|| all_at_once(&host, OTHERS, "/", client::read));
        host.wait_for_metric(WAITING, &[], OTHERS as f64);
        gate.open();
        answers.join().unwrap().iter().for_each(|answer| answer.is(200, "old"));
    });
    assert_eq!(first.answer().text(), "old");
    // One has found out for all.
    assert_eq!(origin.asked(), 2);
}

/// Those who want another variant than the first one are not queued behind it, nor behind each other.
fn variants_do_not_wait_for_one_another() {
    const OTHERS: usize = 50;
    let (gate, meeting) = (Gate::default(), Meeting::of(OTHERS));
    let held = gate.clone();
    let origin = Origin::answering(move |request, number| {
        let language = request.header("accept-language").unwrap_or("none").to_owned();
        let is_well = if number == 1 { held.pass() } else { meeting.attend() };
        response("cache-control: max-age=60\nvary: accept-language", if is_well { &language } else { "alone" })
    });
    let host = edge(&origin.server, "wait = \"5m\"").start();
    let mut first = host.raw();
    first.send(get("/"));
    origin.wait_until_asked(1);
    let language = |number: usize| format!("x-{number}");
    std::thread::scope(|scope| {
        for number in 0..OTHERS {
            let host = &host;
            scope.spawn(move || {
                let language = language(number);
                ask(host, "/", &[("accept-language", &language)]).is(200, &language);
            });
        }
        host.wait_for_metric(WAITING, &[], OTHERS as f64);
        gate.open();
    });
    assert_eq!(first.answer().text(), "none");
    assert_eq!(origin.asked(), OTHERS + 1);
    // All of them are stored.
    host.wait_for_metric(CLAIMS, &[], 0.0);
    (0..OTHERS).for_each(|number| is_hit(&ask(&host, "/", &[("accept-language", &language(number))])));
}

/// Of what arrives slowly, other variants are fetched meanwhile: each once, for all.
fn variants_do_not_wait_for_one_that_arrives() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::serving(move |raw, request, number| {
        let fields = "cache-control: max-age=60\nvary: accept-language";
        if number > 1 {
            raw.offer(response(fields, request.header("accept-language").unwrap_or("none")));
            return true;
        }
        let whole = response(fields, "none");
        let (begin, end) = whole.split_at(whole.len() - 2);
        raw.offer(begin);
        held.pass();
        raw.offer(end);
        true
    });
    let host = edge(&origin.server, "").start();
    let mut first = host.raw();
    first.send(get("/"));
    assert_eq!((first.head().status, first.take(2)), (200, b"no".to_vec()));
    for language in ["x-1", "x-2"] {
        let ask = || ask(&host, "/", &[("accept-language", language)]);
        ask().is(200, language);
        // The body is there before it is stored.
        host.wait_for_metric(CLAIMS, &[], 1.0);
        let again = ask();
        again.is(200, language);
        is_hit(&again);
    }
    gate.open();
    assert_eq!(first.take(2), b"ne");
    host.wait_for_metric(CLAIMS, &[], 0.0);
    is_hit(&ask(&host, "/", &[]));
    assert_eq!(origin.asked(), 3);
}

fn what_waits_is_not_what_was_purged() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::answering(move |_, number| {
        if number == 1 {
            held.pass();
        }
        response("cache-control: max-age=60", number.to_string())
    });
    let host = edge(&origin.server, "wait = \"5m\"").start();
    let mut first = host.raw();
    first.send(get("/"));
    origin.wait_until_asked(1);
    super::purge::order(&host, r#"{"everything": true}"#).is(200, "{\"purged\":1}\n");
    // It began before the purge, so nobody joins it.
    ask(&host, "/", &[]).is(200, "2");
    gate.open();
    assert_eq!(first.answer().text(), "1");
    // Nor does it take the place of what came after it.
    host.wait_for_metric(CLAIMS, &[], 0.0);
    let answer = ask(&host, "/", &[]);
    answer.is(200, "2");
    is_hit(&answer);
}
