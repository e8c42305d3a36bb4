//! A flood of clients that nobody has seen before: it costs bounded memory, and helps nobody who is refused.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use harness::{Host, PATIENCE, Trial, tests};

use super::{ask, edge, fixed, limit};

pub fn tests() -> Vec<Trial> {
    tests!(
        "limit",
        needs [],
        a_flood_of_keys_costs_bounded_memory,
        a_flood_of_long_keys_costs_bounded_memory,
    )
}

/// Clients. A build that is not optimised takes too long for all of them.
const CLIENTS: u32 = if cfg!(debug_assertions) { 90_000 } else { 1_000_000 };
/// Keys that are kept, for each limit.
const KEYS: u32 = 5_000;
/// Those who have used all they have. A flood that could push them out would be a way around every limit.
const REFUSED: u32 = 100;
const BATCH: u32 = 250;
const CONNECTIONS: u32 = 4;
const MARK: &str = "the end of these";

fn text() -> String {
    let limits = [
        limit("gcra", &format!("rate = \"5/h\"\nmax_keys = {KEYS}")),
        limit("window", &format!("algorithm = \"sliding-window\"\nrate = \"5/d\"\nmax_keys = {KEYS}")),
        limit("log", &format!("algorithm = \"sliding-log\"\nrate = \"5/h\"\nmax_keys = {KEYS}")),
    ];
    "[client]\ntrusted_proxies = [\"127.0.0.0/8\"]\n".to_owned()
        + &limits.concat()
        + &["gcra", "window", "log"].map(|name| fixed(name, &format!("\"{name}\""))).concat()
        + &format!("[[route]]\nname = \"mark\"\npath = \"/mark\"\nrespond = {{ body = \"{MARK}\" }}\n")
}

/// A client's address: all are different, and those who are refused lie in a network of their own.
fn client(number: u32) -> String {
    format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255)
}

fn refused(number: u32) -> String {
    format!("192.0.2.{number}")
}

/// A proxy that sends its clients' requests one behind the other.
struct Proxy {
    stream: TcpStream,
    sent: String,
    received: Vec<u8>,
}

impl Proxy {
    fn connect(host: &Host) -> Self {
        let stream = TcpStream::connect(host.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, sent: String::new(), received: Vec::new() }
    }

    fn get(&mut self, path: &str, fields: &str) {
        self.sent += &format!("GET {path} HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n");
    }

    /// Sends what there is, and reads all of the answers: the last one is known by its body.
    fn finish(&mut self) {
        self.get("/mark", "x-last: 1");
        self.stream.write_all(self.sent.as_bytes()).unwrap();
        self.sent.clear();
        self.received.clear();
        let mut bytes = [0; 64 * 1024];
        while !self.received.ends_with(MARK.as_bytes()) {
            let length = self.stream.read(&mut bytes).unwrap();
            assert!(length > 0, "closed after {:?}", String::from_utf8_lossy(&self.received));
            self.received.extend_from_slice(&bytes[..length]);
        }
    }
}

/// Asks as each of so many clients, over several connections. What is written before each batch is `fields`.
fn flood(host: &Host, clients: u32, path: &str, fields: impl Fn(u32) -> String + Sync) {
    std::thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let fields = &fields;
            scope.spawn(move || {
                let mut proxy = Proxy::connect(host);
                for first in (connection * BATCH..clients).step_by((CONNECTIONS * BATCH) as usize) {
                    (first..clients.min(first + BATCH)).for_each(|number| proxy.get(path, &fields(number)));
                    proxy.finish();
                }
            });
        }
    });
}

#[track_caller]
fn all_are_refused(host: &Host, path: &str) {
    for number in 0..REFUSED {
        let client = refused(number);
        assert_eq!(ask(host, path, &[("x-forwarded-for", &client)]).status, 429, "{client} at {path}");
    }
}

/// Memory of its own, in bytes. Whether its code is in memory is the system's affair.
fn memory(host: &Host) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// Kept keys and forgotten ones.
fn keys(host: &Host, limit: &str) -> (f64, f64) {
    let metrics = host.metrics();
    let sum = |name: &str| metrics.sum(&format!("tidegate_limit_{name}"), &[("limit", limit)]);
    (sum("keys"), sum("evicted_total"))
}

fn a_flood_of_keys_costs_bounded_memory() {
    // Of each key there are some words in a table, and of a log a few more. The rest is what connections need. Were all
    // keys kept, it would be several times as much.
    const KEY_BYTES: u64 = 400;
    const SLACK: u64 = 2 << 20;
    let host = edge(text()).start();
    for path in ["/gcra", "/window", "/log"] {
        for number in 0..REFUSED {
            let client = refused(number);
            for _ in 0..5 {
                assert_eq!(ask(&host, path, &[("x-forwarded-for", &client)]).status, 200);
            }
        }
        // Once through all that a batch needs.
        flood(&host, CONNECTIONS * BATCH, path, |number| format!("x-forwarded-for: {}", client(number)));
        let before = memory(&host);
        let started = Instant::now();
        flood(&host, CLIENTS / 3, path, |number| format!("x-forwarded-for: {}", client(number)));
        let took = started.elapsed();
        let after = memory(&host);
        all_are_refused(&host, path);
        let grown = after.saturating_sub(before);
        let (kept, forgotten) = keys(&host, &path[1..]);
        eprintln!(
            "limit: {} keys at {path} in {took:?}: {} KiB more, {kept} kept, {forgotten} forgotten",
            CLIENTS / 3,
            grown >> 10
        );
        assert!(grown < u64::from(KEYS) * KEY_BYTES + SLACK, "{grown} bytes more");
        // Each of the parts of a table may have one more.
        assert!(kept <= f64::from(KEYS + 64) && kept >= f64::from(KEYS) / 2.0, "{kept}");
        assert!(kept + forgotten >= f64::from(CLIENTS / 3), "{kept} and {forgotten}");
    }
    // They are still told apart from those who came before.
    assert_eq!(ask(&host, "/gcra", &[("x-forwarded-for", "198.51.100.1")]).status, 200);
}

/// What clients choose themselves may be long: that does not count, nor does it cost more.
fn a_flood_of_long_keys_costs_bounded_memory() {
    const LENGTH: usize = 4000;
    const SLACK: u64 = 24 << 20;
    let clients = CLIENTS / 15;
    let text = format!(
        "{}{}[[route]]\nname = \"mark\"\npath = \"/mark\"\nrespond = {{ body = \"{MARK}\" }}\n",
        limit("few", "rate = \"1/h\"\nkey = [\"header:x-user\", \"query:user\"]"),
        fixed("few", "\"few\"")
    );
    let host = edge(text).start();
    let fields = |number: u32| format!("x-user: {number}{}", "k".repeat(LENGTH));
    flood(&host, CONNECTIONS * BATCH, "/few", fields);
    let before = memory(&host);
    flood(&host, clients, "/few", fields);
    let after = memory(&host);
    let (kept, _) = keys(&host, "few");
    let grown = after.saturating_sub(before);
    eprintln!("limit: {clients} keys of {LENGTH} bytes: {} KiB more, {kept} kept", grown >> 10);
    assert!(grown < SLACK, "{grown} bytes more");
    assert_eq!(kept, f64::from(clients));
    // However long, they are different, and each is known again.
    let again = format!("7{}", "k".repeat(LENGTH));
    let status = |user: &str| ask(&host, "/few", &[("x-user", user)]).status;
    assert_eq!((status(&again), status(&format!("{again}x"))), (429, 200));
}
