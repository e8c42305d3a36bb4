//! A Redis that is away, silent or strange costs nothing but its hits. With a real one, which is started for each test:
//! `cargo test -p tidegate-host --lib cache::redis -- --include-ignored`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use tidegate_cache::Marker;

use super::*;
use crate::cache::record::tests::{record, seen};
use crate::redis::tests::{Server, serve_with, stall};

const TIMEOUT: Duration = Duration::from_millis(20);

fn key(n: u64) -> Key {
    Key::of(&format!("https://shop.example/p/{n}"))
}

fn options(port: u16, timeout: Duration) -> Options {
    Options { url: format!("redis://127.0.0.1:{port}"), timeout, prefix: "tidegate:".to_owned(), max_body: 1 << 20 }
}

/// A tier on a listener that does this with each connection.
fn on(timeout: Duration, serve: impl Fn(TcpStream) + Send + Clone + 'static) -> Redis {
    Redis::open(options(serve_with(serve), timeout)).unwrap()
}

#[test]
fn a_url_of_something_else_is_an_error_that_does_not_tell_it() {
    for url in ["", "http://secret@example/", "redis://", "redis://secret@host:port"] {
        let options = Options { url: url.to_owned(), ..options(1, TIMEOUT) };
        let Err(error) = Redis::open(options) else { panic!("{url}") };
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_silent_server_is_asked_five_times_and_then_not() {
    let redis = on(TIMEOUT, stall);
    for n in 0..105 {
        assert!(redis.get(&key(n)).await.is_none());
    }
    let counts = Counts { misses: 105, skipped: 100, errors: 5, opened: 1, ..Counts::default() };
    assert_eq!(redis.counts(), counts);
}

#[tokio::test]
async fn who_goes_away_while_asking_leaves_the_question_to_the_next() {
    let limit = Duration::from_millis(200);
    let redis = on(limit, stall);
    for n in 0..5 {
        redis.get(&key(n)).await;
    }
    let give_up = async || tokio::time::timeout(limit / 100, redis.get(&key(1))).await;
    // Until the breaker lets one try, a question is answered at once.
    while give_up().await.is_ok() {
        tokio::task::yield_now().await;
    }
    for _ in 0..5 {
        assert!(give_up().await.is_err(), "the next one tries");
    }
    assert!(redis.get(&key(1)).await.is_none());
    assert_eq!(redis.counts().errors, 6);
}

#[tokio::test]
async fn where_nobody_listens_five_are_refused_and_the_others_do_not_ask() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // If it waited for the limit, this would take minutes.
    let redis = Redis::open(options(port, Duration::from_secs(60))).unwrap();
    for n in 0..10 {
        assert!(redis.get(&key(n)).await.is_none());
    }
    assert_eq!((redis.counts().errors, redis.counts().skipped), (5, 5));
}

#[tokio::test]
async fn strange_answers_are_misses() {
    type Serve = fn(TcpStream);
    let hang_up: Serve = drop;
    let refuse: Serve = |stream| reply_to_all(stream, b"-ERR go away\r\n");
    let babble: Serve = |stream| reply_to_all(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let other: Serve = |stream| reply_to_all(stream, b":7\r\n");
    let short: Serve = |stream| reply_to_all(stream, b"$5\r\nshort\r\n");
    for (case, serve) in
        [("hang up", hang_up), ("refuse", refuse), ("babble", babble), ("other", other), ("short", short)]
    {
        let redis = on(Duration::from_secs(60), serve);
        for n in 0..20 {
            assert!(redis.get(&key(n)).await.is_none(), "{case}");
        }
        assert!(redis.counts().errors >= 5, "{case}: {:?}", redis.counts());
    }
}

fn reply_to_all(mut stream: TcpStream, answer: &[u8]) {
    let mut bytes = [0; 4096];
    while let Ok(1..) = stream.read(&mut bytes) {
        let commands = bytes.iter().filter(|byte| **byte == b'*').count();
        if (0..commands.max(1)).any(|_| stream.write_all(answer).is_err()) {
            return;
        }
        bytes = [0; 4096];
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_dropped_and_counted_and_never_found() {
    let redis = on(TIMEOUT, stall);
    redis.put(&key(1), &record("", &vec![0; (1 << 20) + 1], 1));
    assert_eq!(redis.counts().dropped, 1, "too large");
    for n in 0..100 {
        redis.put(&key(n), &record("", &[0; 1 << 20], n));
    }
    let dropped = redis.counts().dropped;
    assert!((35..=45).contains(&dropped), "beyond 64 MiB: {dropped}");
    for n in 0..100 {
        assert!(redis.get(&key(n)).await.is_none());
    }
    let counts = redis.counts();
    assert_eq!((counts.misses, counts.errors, counts.skipped), (100, 0, 0), "what is on its way is not asked for");
    for n in 0..100_000 {
        redis.remove(&key(n));
    }
    assert!(redis.shared.changes().len() <= NAMES_MAX);
    assert!(redis.counts().dropped > 30_000);
}

#[test]
fn it_is_kept_while_it_may_be_used() {
    const DAY: u64 = 24 * 3600;
    for (fresh, while_revalidate, if_error, expected) in [
        (60, 0, 0, 60),
        (60, 10, 30, 90),
        (60, 30, 10, 90),
        (0, 0, 0, 1),
        (31 * DAY, 0, 0, 30 * DAY),
        (u64::MAX, u64::MAX, 1, 30 * DAY),
    ] {
        let Kept::Stored(mut stored) = record("", b"", 0).kept else { panic!() };
        let changed = Arc::make_mut(&mut stored);
        changed.fresh_for = Duration::from_secs(fresh);
        changed.stale_while_revalidate = Duration::from_secs(while_revalidate);
        changed.stale_if_error = Duration::from_secs(if_error);
        assert_eq!(expires_in(&Kept::Stored(stored)), Duration::from_secs(expected), "{fresh}");
    }
    assert_eq!(expires_in(&Kept::Marker(Arc::new(Marker::default()))), EXPIRES_IN[1]);
}

fn open(server: &Server) -> Redis {
    Redis::open(options(server.port, Duration::from_secs(10))).unwrap()
}

impl Redis {
    /// Waits until all changes are made.
    async fn settled(&self) {
        self.until(|redis| redis.shared.changes().len() == 0).await;
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
    }
}

fn full_name(n: u64) -> String {
    format!("tidegate:{:032x}", name(&key(n)))
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_stored_is_found_by_all_edges_until_it_is_removed() {
    let server = Server::start();
    let (here, there) = (open(&server), open(&server));
    let other = Redis::open(Options { prefix: "other:".to_owned(), ..options(server.port, TIMEOUT) }).unwrap();
    assert!(here.get(&key(1)).await.is_none());
    let body = vec![7; 1 << 20];
    here.put(&key(1), &record("one", &body, 5));
    here.put(&key(2), &record("two", b"", 6));
    here.settled().await;
    assert_eq!(there.get(&key(1)).await.as_ref().map(seen), Some(("one".to_owned(), body.into(), 5)));
    assert_eq!(here.get(&key(2)).await.as_ref().map(seen), Some(("two".to_owned(), Bytes::new(), 6)));
    assert!(other.get(&key(1)).await.is_none());
    let left: i64 = server.ask("PTTL", &full_name(1), &[]);
    assert!((30_000..=60_000).contains(&left), "{left} ms");
    there.put(&key(1), &record("one", b"newer", 7));
    there.remove(&key(2));
    there.settled().await;
    assert_eq!(here.get(&key(1)).await.as_ref().map(seen), Some(("one".to_owned(), Bytes::from_static(b"newer"), 7)));
    assert!(here.get(&key(2)).await.is_none());
    let counts = here.counts();
    assert_eq!((counts.hits, counts.misses, counts.writes, counts.errors), (2, 2, 2, 0));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_damaged_or_of_another_key_is_a_miss() {
    let server = Server::start();
    let redis = open(&server);
    redis.put(&key(1), &record("", b"one", 1));
    redis.settled().await;
    let bytes: Vec<u8> = server.ask("GET", &full_name(1), &[]);
    // As if key 2 had the same hash.
    let _: () = server.ask("SET", &full_name(2), &[&bytes]);
    assert!(redis.get(&key(2)).await.is_none());
    assert_eq!(redis.counts().errors, 0);
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let _: () = server.ask("SET", &full_name(1), &[&damaged]);
        assert!(redis.get(&key(1)).await.is_none(), "bit {bit}");
    }
    assert_eq!((redis.counts().errors, redis.counts().opened), (bytes.len() as u64 * 8, 0));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_that_is_killed_and_comes_back_is_used_again_and_what_was_removed_is_not_there() {
    let server = Server::start();
    let port = server.port;
    let redis = open(&server);
    for n in 0..4 {
        redis.put(&key(n), &record("", b"old", n));
    }
    redis.settled().await;
    let old: Vec<u8> = server.ask("GET", &full_name(1), &[]);
    let older: Vec<u8> = server.ask("GET", &full_name(2), &[]);
    drop(server);
    for _ in 0..6 {
        assert!(redis.get(&key(0)).await.is_none());
    }
    let away = redis.counts();
    assert_eq!((away.opened, away.skipped, away.errors), (1, 1, 5));
    redis.remove(&key(1));
    redis.put(&key(2), &record("", b"new", 9));
    assert_eq!(redis.counts().dropped, 1);
    // As if it had been away, but not lost its memory.
    let server = Server::start_on(port);
    let _: () = server.ask("SET", &full_name(1), &[&old]);
    let _: () = server.ask("SET", &full_name(2), &[&older]);
    let asking = async {
        while !redis.shared.gate.is_closed() {
            assert!(redis.get(&key(0)).await.is_none());
            assert!(redis.get(&key(1)).await.is_none());
            assert!(redis.get(&key(2)).await.is_none());
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap();
    redis.settled().await;
    for n in [1, 2] {
        let left: Option<Vec<u8>> = server.ask("GET", &full_name(n), &[]);
        assert!(left.is_none() && redis.get(&key(n)).await.is_none(), "{n}");
    }
    redis.put(&key(3), &record("", b"new", 10));
    redis.settled().await;
    assert_eq!(redis.get(&key(3)).await.as_ref().map(seen), Some((String::new(), Bytes::from_static(b"new"), 10)));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_that_is_stopped_and_goes_on_is_used_again_over_a_new_connection() {
    let server = Server::start();
    let redis = Redis::open(options(server.port, Duration::from_millis(200))).unwrap();
    redis.put(&key(1), &record("", b"there", 1));
    redis.settled().await;
    let connections = || -> u64 {
        let info: String = server.ask("INFO", "stats", &[]);
        let line = info.lines().find_map(|line| line.strip_prefix("total_connections_received:")).unwrap();
        line.trim().parse().unwrap()
    };
    let before = connections();
    server.signal("-STOP");
    for _ in 0..6 {
        assert!(redis.get(&key(1)).await.is_none());
    }
    assert_eq!((redis.counts().opened, redis.counts().skipped), (1, 1));
    server.signal("-CONT");
    let asking = async {
        while redis.get(&key(1)).await.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap();
    assert!(connections() >= before + 2, "one of the test, one of the tier");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_without_memory_refuses_and_what_was_there_is_removed() {
    let server = Server::start();
    let redis = open(&server);
    redis.put(&key(1), &record("", b"old", 1));
    redis.settled().await;
    let _: () = server.ask("CONFIG", "SET", &[b"maxmemory", b"1"]);
    redis.put(&key(1), &record("", b"new", 2));
    redis.settled().await;
    assert!(redis.get(&key(1)).await.is_none());
    let counts = redis.counts();
    assert_eq!((counts.dropped, counts.errors, counts.opened), (1, 1, 0));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn many_threads_share_one_connection() {
    let server = Server::start();
    let redis = Arc::new(open(&server));
    let threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            let redis = redis.clone();
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    for n in 0..200 {
                        let mine = key(1000 * thread + n);
                        redis.put(&mine, &record("", &[thread as u8; 3000], n));
                        redis.until(|redis| !redis.shared.changes().concerns(name(&mine))).await;
                        assert_eq!(redis.get(&mine).await.unwrap().body, vec![thread as u8; 3000]);
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((redis.counts().hits, redis.counts().errors), (800, 0));
    let clients: String = server.ask("CLIENT", "LIST", &[]);
    assert_eq!(clients.lines().count(), 2, "{clients}");
}
