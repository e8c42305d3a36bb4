//! A Redis that is gone, that stalls, or that forgets.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use harness::{Host, Redis, Trial, wait_for};

use super::in_flight::Slow;
use super::{DECISIONS, ask, edge, has_left, left, limited, redis_tests, statuses, store};

pub fn tests() -> Vec<Trial> {
    redis_tests([
        ("a_redis_that_is_killed_and_comes_back", a_redis_that_is_killed_and_comes_back),
        ("a_redis_that_stalls_costs_little", a_redis_that_stalls_costs_little),
        ("a_redis_that_was_never_there", a_redis_that_was_never_there),
        ("a_redis_that_forgets_its_scripts_or_its_keys", a_redis_that_forgets_its_scripts_or_its_keys),
        ("places_are_given_back_to_where_they_were_taken", places_are_given_back_to_where_they_were_taken),
        ("leases_are_taken_again_from_a_redis_that_comes_back", leases_are_taken_again_from_a_redis_that_comes_back),
    ])
}

/// Two hosts that have nothing in common but the configuration.
fn two(text: &str) -> (Host, Host) {
    (edge(text).start(), edge(text).start())
}

/// Three limits of 10 an hour, each with another answer to a store that is down. Two hosts share it.
fn text(url: &str, timeout: &str, lease: bool) -> String {
    let one = |when_down: &str| {
        let keys = format!("rate = \"10/h\"\nstore = \"redis\"\nlease = {lease}\nwhen_down = \"{when_down}\"");
        limited(when_down, &keys)
    };
    let all: String = ["open", "closed", "local"].into_iter().map(one).collect();
    all + &store(url, &format!("timeout = \"{timeout}\"\nnodes = 2"))
}

#[track_caller]
fn is_closed(host: &Host) {
    let answer = ask(host, "/closed", &[]);
    answer.is_problem(503);
    assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
    let kind = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";
    assert_eq!(answer.json()["type"], kind, "{answer:?}");
    assert_eq!(answer.header("ratelimit"), None, "{answer:?}");
}

/// What a store that is down means to each of them; the local one has as much left as it says.
#[track_caller]
fn is_down(host: &Host, local: usize) {
    assert_eq!(statuses(host, "/open", 20), vec![200; 20]);
    (0..20).for_each(|_| is_closed(host));
    has_left(host, "/local", local);
}

/// Waits until this limit is counted in Redis, and says what is left of it.
fn wait_until_counted(host: &Host, limit: &str) -> u32 {
    wait_for("Redis to count again", || left(&ask(host, &format!("/{limit}"), &[]), limit))
}

fn a_redis_that_is_killed_and_comes_back() {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let mut redis = Redis::start();
    let (one, other) = two(&text(&redis.url(), "1s", false));
    for path in ["/open", "/closed", "/local"] {
        assert_eq!(left(&ask(&one, path, &[]), &path[1..]), Some(9), "{path}");
        assert_eq!(left(&ask(&other, path, &[]), &path[1..]), Some(8), "{path}");
    }
    redis.kill();
    // Half of the quota for each of two hosts.
    let started = Instant::now();
    is_down(&one, 5);
    is_down(&other, 5);
    let took = started.elapsed();
    eprintln!("limit: 94 requests beside a Redis that is gone: {took:?}");
    assert!(took < TIMEOUT * 94 / 3, "{took:?}");
    assert_eq!(one.metrics().sum(DECISIONS, &[("limit", "closed"), ("decision", "down")]), 20.0);
    assert_eq!(one.metrics().sum(DECISIONS, &[("limit", "open"), ("decision", "down")]), 20.0);

    redis.start_again();
    // It knows nothing from before; from now on the hosts count together.
    let first = wait_until_counted(&one, "closed");
    assert_eq!(first, 9);
    assert_eq!(wait_until_counted(&other, "closed"), 8);
    assert_eq!(left(&ask(&one, "/closed", &[]), "closed"), Some(7));
    has_left(&other, "/closed", 7);
    has_left(&one, "/closed", 0);
    has_left(&one, "/open", 10);
    has_left(&other, "/open", 0);
}

fn a_redis_that_was_never_there() {
    // Nobody listens at this port for long.
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for lease in [true, false] {
        let host = edge(text(&format!("redis://{nowhere}"), "1s", lease)).start();
        is_down(&host, 5);
        assert_eq!(host.admin("/readyz").status, 200);
        assert_eq!(host.stop().code, Some(0));
    }
}

/// Whether bytes flow, for all connections of a proxy.
type Flow = Arc<(Mutex<bool>, Condvar)>;

/// Forwards connections to Redis, until it is told to stall: then it takes connections and bytes, and forwards none.
struct Proxy {
    address: SocketAddr,
    flow: Flow,
}

impl Proxy {
    fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let flow = Flow::new((Mutex::new(true), Condvar::new()));
        let flows = Arc::clone(&flow);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Redis may be gone already: then this test is over.
                let Ok(server) = TcpStream::connect(to) else { return };
                for stream in [&client, &server] {
                    stream.set_nodelay(true).unwrap();
                }
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to, flow) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&flows));
                    std::thread::spawn(move || forward(from, to, &flow));
                }
            }
        });
        Self { address, flow }
    }

    fn set_flows(&self, flows: bool) {
        *self.flow.0.lock().unwrap() = flows;
        self.flow.1.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set_flows(true);
    }
}

/// Forwards what comes, when that is allowed, until one side closes.
fn forward(mut from: TcpStream, mut to: TcpStream, flow: &Flow) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        drop(flow.1.wait_while(flow.0.lock().unwrap(), |flows| !*flows).unwrap());
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn a_redis_that_stalls_costs_little() {
    const TIMEOUT: Duration = Duration::from_millis(500);
    // The machine may be busy.
    const SLACK: Duration = Duration::from_millis(1500);
    const REQUESTS: u32 = 60;
    let redis = Redis::start();
    let proxy = Proxy::start(redis.address);
    let host = edge(text(&format!("redis://{}", proxy.address), "500ms", false).replace("10/h", "100/h")).start();
    for path in ["/open", "/closed"] {
        assert_eq!(left(&ask(&host, path, &[]), &path[1..]), Some(99), "{path}");
    }
    proxy.set_flows(false);
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    for _ in 0..REQUESTS / 2 {
        let asked = Instant::now();
        assert_eq!(ask(&host, "/open", &[]).status, 200);
        slowest = slowest.max(asked.elapsed());
        let asked = Instant::now();
        is_closed(&host);
        slowest = slowest.max(asked.elapsed());
    }
    let took = started.elapsed();
    eprintln!("limit: {REQUESTS} requests beside a Redis that stalls: {took:?}, the slowest {slowest:?}");
    assert!(slowest < TIMEOUT + SLACK, "{slowest:?}");
    // Without a breaker each of them would take as long as the timeout.
    assert!(took < TIMEOUT * REQUESTS / 3, "{took:?}");
    // Many at once are no slower: those that wait do not wait for each other.
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| assert_eq!(ask(&host, "/open", &[]).status, 200));
        }
    });
    let took = started.elapsed();
    assert!(took < TIMEOUT + 2 * SLACK, "{took:?}");

    // Nor is it in the way of an orderly end, or of a start.
    let other = edge(text(&format!("redis://{}", proxy.address), "500ms", true)).start();
    assert_eq!(ask(&other, "/open", &[]).status, 200);
    assert_eq!(other.stop().code, Some(0));

    proxy.set_flows(true);
    // What was sent and not answered may have been counted. From then on nothing is lost, and no answer is another's.
    let first = wait_until_counted(&host, "closed");
    assert!((90..99).contains(&first), "{first}");
    for expected in (first - 20..first).rev() {
        assert_eq!(left(&ask(&host, "/closed", &[]), "closed"), Some(expected));
    }
    assert!(left(&ask(&host, "/open", &[]), "open").is_some_and(|left| left < 99));
}

fn a_redis_that_forgets_its_scripts_or_its_keys() {
    let redis = Redis::start();
    let host = edge(text(&redis.url(), "1s", false)).start();
    for expected in (6..10).rev() {
        let answer = ask(&host, "/closed", &[]);
        assert_eq!((answer.status, left(&answer, "closed")), (200, Some(expected)));
        // Each time it has to be told the script anew.
        assert!(redis.command(&[b"SCRIPT", b"FLUSH"]).starts_with("+OK"));
    }
    assert!(redis.command(&[b"FLUSHALL"]).starts_with("+OK"));
    has_left(&host, "/closed", 10);
    // What somebody else wrote is no state.
    let names = redis.command(&[b"KEYS", b"*"]);
    let names: Vec<_> = names.lines().filter(|line| line.starts_with("tidegate:")).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    redis.command(&[b"SET", names[0].as_bytes(), b"rubbish"]);
    let status = ask(&host, "/closed", &[]).status;
    assert!([200, 503].contains(&status), "{status}");
    redis.command(&[b"FLUSHALL"]);
    wait_until_counted(&host, "closed");
    assert_eq!(host.metrics().sum("tidegate_rescued_requests_total", &[("reason", "host")]), 0.0);
}

fn places_are_given_back_to_where_they_were_taken() {
    let (mut redis, slow) = (Redis::start(), Slow::start());
    let limit = "algorithm = \"concurrency\"\nin_flight = 3\nstore = \"redis\"\nwhen_down = \"local\"";
    let host = edge(slow.edge(limit) + &store(&redis.url(), "timeout = \"1s\"")).start();
    let free = || left(&ask(&host, "/free", &[]), "slow");
    let in_redis = ["/a", "/b"].map(|path| slow.download(&host, path));
    assert_eq!(free(), Some(0));
    redis.kill();
    // Here there are as many again, for nobody knows of the others.
    wait_for("places in memory", || (free() == Some(2)).then_some(()));
    let in_memory = ["/c", "/d", "/e"].map(|path| slow.download(&host, path));
    assert_eq!(ask(&host, "/free", &[]).status, 429);
    redis.start_again();
    wait_for("places in Redis", || (free() == Some(2)).then_some(()));
    let again = ["/f", "/g"].map(|path| slow.download(&host, path));
    drop(in_redis);
    // What Redis has forgotten cannot be given back to it.
    wait_for("the ends", || (slow.server.closed() >= 2).then_some(()));
    (0..20).for_each(|_| assert!(free().is_some_and(|left| left == 0)));
    drop(again);
    wait_for("all places", || (free() == Some(2)).then_some(()));
    // Those in memory are still held; then they are not.
    redis.kill();
    wait_for("places in memory", || (ask(&host, "/free", &[]).status == 429).then_some(()));
    drop(in_memory);
    wait_for("all places", || (free() == Some(2)).then_some(()));
}

fn leases_are_taken_again_from_a_redis_that_comes_back() {
    let mut redis = Redis::start();
    let host = edge(text(&redis.url(), "1s", true).replace("10/h", "100/h")).start();
    assert_eq!(statuses(&host, "/open", 5), [200; 5]);
    assert_eq!(statuses(&host, "/closed", 5), [200; 5]);
    redis.kill();
    // What is left of a slice may be used; then it is open or closed.
    assert_eq!(statuses(&host, "/open", 120), vec![200; 120]);
    wait_for("a limit that is closed", || (ask(&host, "/closed", &[]).status == 503).then_some(()));
    redis.start_again();
    wait_for("a limit that counts", || (ask(&host, "/closed", &[]).status == 200).then_some(()));
    wait_for("an end of the quota", || (ask(&host, "/closed", &[]).status == 429).then_some(()));
}
