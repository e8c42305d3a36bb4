//! Requests that are held back instead of being refused.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::client::{self, empty};
use harness::{Host, Server, Trial, run, tests, wait_for};
use http::Request;

use super::load::{Outcome, passes};
use super::{DECISIONS, ask, edge, fixed, left, limit, limited};

pub fn tests() -> Vec<Trial> {
    tests!(
        "limit",
        needs [],
        requests_are_paced,
        nobody_is_held_back_longer_than_the_bound,
        requests_over_http_2_are_paced_and_hold_up_nobody,
        a_client_that_leaves_while_it_waits_costs_nothing,
        whoever_waits_holds_up_no_other,
        a_host_that_ends_answers_who_waits,
    )
}

/// One request by each of so many clients at the same time.
fn at_once(host: &Host, path: &str, clients: usize) -> Vec<Outcome> {
    let mut raws: Vec<_> = (0..clients).map(|_| host.raw()).collect();
    let began = Instant::now();
    let request = format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\n\r\n");
    let mut outcomes: Vec<_> = std::thread::scope(|scope| {
        let ask = |raw: &mut harness::Raw| {
            let sent = began.elapsed();
            let status = raw.send(&request).answer().status;
            Outcome { sent, received: began.elapsed(), status }
        };
        let threads: Vec<_> = raws.iter_mut().map(|raw| scope.spawn(move || ask(raw))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    outcomes.sort_by_key(|outcome| outcome.received);
    outcomes
}

fn requests_are_paced() {
    const INTERVAL: Duration = Duration::from_millis(50);
    const CLIENTS: usize = 24;
    let arrivals = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&arrivals);
    let server = Server::answering(move |_| {
        noted.lock().unwrap().push(Instant::now());
        harness::server::ok("").into_bytes()
    });
    let text = limit("paced", "rate = \"20/s\"\nburst = 3\ndelay = \"60s\"")
        + &format!(
            "[[upstream]]\nname = \"origin\"\nurl = \"{}\"\n[[route]]\nname = \"all\"\nupstream = \"origin\"\nlimit = \"paced\"\n",
            server.url("")
        );
    let host = edge(text).start();
    let began = Instant::now();
    let outcomes = at_once(&host, "/", CLIENTS);
    assert_eq!(passes(&outcomes), CLIENTS);
    // Four at once, then one in each interval: none of them before its time, at the client and at the origin.
    let due = |number: usize| INTERVAL * u32::try_from(number.saturating_sub(3)).unwrap();
    let first = outcomes.iter().map(|outcome| outcome.sent).min().unwrap();
    for (number, outcome) in outcomes.iter().enumerate() {
        assert!(outcome.received - first >= due(number), "{number}: {:?}", outcome.received - first);
    }
    let arrivals = arrivals.lock().unwrap();
    for (number, arrival) in arrivals.iter().enumerate() {
        assert!(*arrival - began >= due(number), "{number}: {:?}", *arrival - began);
    }
    let took = outcomes.last().unwrap().received - first;
    eprintln!("limit: {CLIENTS} requests at 20/s and 3: {took:?}, and {:?} would be due", due(CLIENTS - 1));
    let delayed = host.metrics().sum(DECISIONS, &[("limit", "paced"), ("decision", "delay")]);
    // On a machine that is busy some come when it is their time.
    assert!((1.0..=20.0).contains(&delayed), "{delayed}");
    assert_eq!(host.metrics().sum(DECISIONS, &[("limit", "paced")]), CLIENTS as f64);
}

fn nobody_is_held_back_longer_than_the_bound() {
    const CLIENTS: usize = 40;
    const BOUND: Duration = Duration::from_millis(500);
    let host = edge(limited("paced", "rate = \"10/s\"\nburst = 0\ndelay = \"500ms\"")).start();
    let outcomes = at_once(&host, "/paced", CLIENTS);
    let first = outcomes.iter().map(|outcome| outcome.sent).min().unwrap();
    let refused: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_pass()).collect();
    assert!(refused.iter().all(|outcome| outcome.status == 429));
    // One at once and five within the bound; more only while others were still arriving.
    let last = outcomes.iter().map(|outcome| outcome.received).max().unwrap();
    let passed = passes(&outcomes);
    let most = 1 + usize::try_from((last - first).as_millis() / 100).unwrap();
    assert!((6..=most.max(6)).contains(&passed), "{passed} of at most {most}");
    // Nobody is refused only after having waited.
    let slowest = refused.iter().map(|outcome| outcome.received - outcome.sent).max().unwrap();
    eprintln!("limit: {passed} of {CLIENTS} were held back for at most {BOUND:?}; refusals took at most {slowest:?}");
    let answer = ask(&host, "/paced", &[]);
    // What is there within the bound is not yet there.
    assert!(left(&answer, "paced").is_some_and(|left| left == 0), "{answer:?}");
}

fn requests_over_http_2_are_paced_and_hold_up_nobody() {
    const INTERVAL: Duration = Duration::from_millis(50);
    let text = limited("paced", "rate = \"20/s\"\nburst = 0\ndelay = \"60s\"") + &fixed("free", "false");
    let host = edge(text).start();
    run(async {
        let connection = client::http2(host.address).await;
        let get = |path: &'static str| {
            let mut connection = connection.clone();
            async move {
                let request = Request::get(format!("http://shop.example{path}")).body(empty()).unwrap();
                let answer = client::read(connection.send_request(request).await.unwrap()).await;
                (answer.status, Instant::now())
            }
        };
        let began = Instant::now();
        let mut paced = tokio::task::JoinSet::new();
        (0..12).for_each(|_| drop(paced.spawn(get("/paced"))));
        // Another stream of the connection does not wait for them.
        assert_eq!(get("/free").await.0, 200);
        let mut times = Vec::new();
        while let Some(done) = paced.join_next().await {
            let (status, time) = done.unwrap();
            assert_eq!(status, 200);
            times.push(time - began);
        }
        times.sort();
        for (number, time) in times.iter().enumerate() {
            assert!(*time >= INTERVAL * u32::try_from(number).unwrap(), "{number}: {time:?}");
        }
    });
}

fn a_client_that_leaves_while_it_waits_costs_nothing() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = Server::answering(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        harness::server::ok("").into_bytes()
    });
    let text = limit("paced", MINUTE)
        + GAUGE
        + &format!(
            "[[upstream]]\nname = \"origin\"\nurl = \"{}\"\n[[route]]\nname = \"all\"\nupstream = \"origin\"\nlimit = [\"paced\", \"gauge\"]\n",
            server.url("")
        );
    let host = edge(text).start();
    // Over both protocols.
    let raws: Vec<_> = (0..5).map(|user| waiting(&host, "/", user)).collect();
    (5..10).for_each(|user| assert_eq!(ask(&host, "/", &[("x-user", &user.to_string())]).status, 200));
    std::thread::scope(|scope| {
        let (leave, has_to_leave) = tokio::sync::oneshot::channel();
        scope.spawn(|| run(wait_over_http_2(&host, has_to_leave)));
        wait_until_waiting(&host, 10);
        leave.send(()).unwrap();
    });
    drop(raws);
    // They gave back the places that they had taken, and the origin never heard of them.
    wait_until_waiting(&host, 0);
    assert_eq!(asked.load(Ordering::SeqCst), 10);
    assert_eq!(ask(&host, "/", &[("x-user", "other")]).status, 200);
    assert_eq!(host.stop().code, Some(0));
}

/// Each user may ask once a minute, and who asks twice waits for a minute.
const MINUTE: &str = "rate = \"1/m\"\nburst = 0\ndelay = \"60s\"\nkey = \"header:x-user\"";

/// A limit that tells how many requests there are, and a route to ask it.
const GAUGE: &str = "[[limit]]\nname = \"gauge\"\nalgorithm = \"concurrency\"\nin_flight = 1000\nkey = []\n\
                     [[route]]\nname = \"gauge\"\npath = \"/gauge\"\nlimit = \"gauge\"\nrespond = {}\n";

/// Waits until so many requests are there, beside the one that asks.
fn wait_until_waiting(host: &Host, requests: u32) {
    let is_it = || left(&ask(host, "/gauge", &[]), "gauge") == Some(1000 - 1 - requests);
    wait_for(&format!("{requests} that wait"), || is_it().then_some(()));
}

/// A user that asks twice: a connection on which nothing comes for a minute.
fn waiting(host: &Host, path: &str, user: usize) -> harness::Raw {
    let mut raw = host.raw();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nx-user: {user}\r\n\r\n");
    assert_eq!(raw.send(&request).answer().status, 200);
    raw.send(&request);
    raw
}

/// Five users that ask again on one connection, until they have to leave.
async fn wait_over_http_2(host: &Host, has_to_leave: tokio::sync::oneshot::Receiver<()>) {
    let connection = client::http2(host.address).await;
    let mut waiting = tokio::task::JoinSet::new();
    for user in 5..10 {
        let mut connection = connection.clone();
        let request = Request::get("http://a/").header("x-user", user.to_string()).body(empty()).unwrap();
        waiting.spawn(async move { connection.send_request(request).await.map(drop) });
    }
    tokio::select! {
        _ = has_to_leave => {}
        answered = waiting.join_next() => panic!("nobody should be answered: {answered:?}"),
    }
}

fn whoever_waits_holds_up_no_other() {
    // One core, which is everybody's.
    let text = limit("paced", MINUTE) + GAUGE + &fixed("paced", "[\"paced\", \"gauge\"]");
    let host = harness::Setup::edge(text).arguments(["--cores", "1"]).start();
    let raws: Vec<_> = (0..100).map(|user| waiting(&host, "/paced", user)).collect();
    wait_until_waiting(&host, 100);
    for user in 0..20 {
        assert_eq!(ask(&host, "/paced", &[("x-user", &format!("other {user}"))]).status, 200);
    }
    drop(raws);
}

fn a_host_that_ends_answers_who_waits() {
    let text = limit("paced", "rate = \"12/m\"\nburst = 0\ndelay = \"60s\"")
        + GAUGE
        + &fixed("paced", "[\"paced\", \"gauge\"]");
    let host = edge(text).start();
    assert_eq!(ask(&host, "/paced", &[]).status, 200);
    let mut raw = host.raw();
    raw.send("GET /paced HTTP/1.1\r\nhost: a\r\n\r\n");
    wait_until_waiting(&host, 1);
    host.signal(rustix::process::Signal::TERM);
    assert_eq!(raw.answer().status, 200);
    assert_eq!(host.wait().code, Some(0));
}
