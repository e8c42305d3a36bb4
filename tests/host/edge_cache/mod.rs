//! The cache, with the real host: many clients on several cores, origins that are slow, wrong or gone, disks and other
//! stores that fail. What it decides about a single request is in the tables of `functions/` and in `conformance`.

mod bodies;
mod collapse;
mod compress;
mod disk;
mod kill;
mod operators;
mod purge;
mod purge_race;
mod ranges;
mod redis;
mod users;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use harness::client::empty;
use harness::raw::RawRequest;
use harness::{Answer, Host, PATIENCE, Server, Setup, Trial};
use http::Request;

pub fn tests() -> Vec<Trial> {
    [
        users::tests(),
        purge_race::tests(),
        collapse::tests(),
        bodies::tests(),
        disk::tests(),
        kill::tests(),
        redis::tests(),
        purge::tests(),
        ranges::tests(),
        compress::tests(),
        operators::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const RESULTS: &str = "tidegate_cache_requests_total";
const WAITING: &str = "tidegate_cache_waiting";
const CLAIMS: &str = "tidegate_cache_claims";

/// An edge before `server`, on two cores. `cache` is what is in `[cache]`; other tables may follow it.
fn edge(server: &Server, cache: &str) -> Setup {
    Setup::edge(text(server, cache)).arguments(["--cores", "2"])
}

fn text(server: &Server, cache: &str) -> String {
    format!(
        "[cache]\n{cache}\n[[upstream]]\nname = \"origin\"\nurl = \"{}\"\nmax_connections = 4096\n\
         idle_timeout = \"5m\"\nfirst_byte_timeout = \"5m\"\n[[route]]\nname = \"all\"\nupstream = \"origin\"\n",
        server.url("")
    )
}

/// An origin that knows how often it was asked.
struct Origin {
    server: Server,
    asked: Arc<AtomicUsize>,
}

impl Origin {
    /// One that answers with what `answer` makes of a request and its number, from 1.
    fn answering(answer: impl Fn(&RawRequest, usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::serving(move |raw, request, number| {
            raw.offer(answer(request, number));
            true
        })
    }

    /// One that does what it likes with a connection, a request and its number, from 1. By false it hangs up.
    fn serving(serve: impl Fn(&mut harness::Raw, &RawRequest, usize) -> bool + Send + Sync + 'static) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let server = Server::start(move |mut raw| {
            while let Some(request) = raw.request() {
                raw.take(request.header("content-length").map_or(0, |length| length.parse().unwrap()));
                if !serve(&mut raw, &request, counted.fetch_add(1, Ordering::SeqCst) + 1) {
                    return;
                }
            }
        });
        Self { server, asked }
    }

    /// How often it was asked so far.
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn wait_until_asked(&self, times: usize) {
        harness::wait_for("the origin to be asked", || (self.asked() >= times).then_some(()));
    }
}

/// A response with these fields (a line each) and this body.
fn response(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\n{}content-length: {}\r\n\r\n", lines(fields), body.len());
    [head.as_bytes(), body].concat()
}

/// Fields as they are on the wire.
fn lines(fields: &str) -> String {
    fields.lines().map(|line| format!("{}\r\n", line.trim())).collect()
}

/// A request of an HTTP/1.1 client that writes by hand.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\n\r\n")
}

/// The answer to a request with these fields.
fn ask(host: &Host, path: &str, fields: &[(&str, &str)]) -> Answer {
    let request = Request::get(path).header("host", "shop.example");
    let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    host.send(request.body(empty()).unwrap())
}

/// What Cache-Status says that the cache did, less its name.
fn status(answer: &Answer) -> String {
    let value = answer.header("cache-status").unwrap_or_else(|| panic!("no Cache-Status: {answer:?}"));
    value.split_once("; ").map_or(value, |(_, rest)| rest).to_owned()
}

#[track_caller]
fn is_hit(answer: &Answer) {
    assert!(status(answer).starts_with("hit"), "{answer:?}");
}

#[track_caller]
fn is_no_hit(answer: &Answer) {
    assert!(status(answer).starts_with("fwd="), "{answer:?}");
}

/// Holds threads until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits; false when nobody opened it in time.
    fn pass(&self) -> bool {
        let is_open = self.0.0.lock().unwrap();
        *self.0.1.wait_timeout_while(is_open, PATIENCE, |is_open| !*is_open).unwrap().0
    }
}
