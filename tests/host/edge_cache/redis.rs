//! Redis: what one edge fetched, others find; and when it is slow or gone, that costs its hits alone.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Host, Setup, Trial, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::purge::order;
use super::{Origin, ask, edge, is_hit, is_no_hit, response};

pub fn tests() -> Vec<Trial> {
    let tests: [(&str, fn()); 5] = [
        ("several_edges_share_a_redis", several_edges_share_a_redis),
        ("a_redis_that_is_gone_costs_its_hits_alone", a_redis_that_is_gone_costs_its_hits_alone),
        ("a_redis_that_does_not_answer_costs_little", a_redis_that_does_not_answer_costs_little),
        ("what_is_purged_is_not_found_in_redis", what_is_purged_is_not_found_in_redis),
        ("what_somebody_else_wrote_is_a_miss", what_somebody_else_wrote_is_a_miss),
    ];
    let trial = |(name, run): (&str, fn())| {
        let name = format!("edge_cache::{name}");
        harness::trial::test_with(&name, [server_binary()].into_iter(), run)
    };
    tests.into_iter().map(trial).collect()
}

/// redis-server, wherever it is on the path; if it is not there, a file that does not exist.
fn server_binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("redis-server"));
    found.find(|file| file.is_file()).unwrap_or_else(|| "redis-server".into())
}

/// A Redis that nobody else uses. It is killed when this is dropped.
struct Redis {
    address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Redis {
    fn start() -> Self {
        // Between this and its start somebody else may take the port: then it ends, and another one is taken.
        wait_for("a Redis", || {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let child = Self::spawn(address, &folder);
            let mut redis = Self { address, folder, child };
            redis.answers().then_some(redis)
        })
    }

    fn spawn(address: SocketAddr, folder: &TempDir) -> Child {
        let mut command = Command::new(server_binary());
        command.args([
            "--port",
            &address.port().to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Waits until it takes connections; false: it has ended.
    fn answers(&mut self) -> bool {
        wait_for("Redis to answer", || {
            if self.child.try_wait().unwrap().is_some() {
                return Some(false);
            }
            TcpStream::connect(self.address).is_ok().then_some(true)
        })
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = Self::spawn(self.address, &self.folder);
        assert!(self.answers());
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), signal).unwrap();
    }

    /// An edge that uses it. Keys are at `redis` for more.
    fn edge(&self, origin: &Origin, more: &str) -> Setup {
        let url = format!("redis://{}", self.address);
        edge(&origin.server, &format!("[cache_store]\nredis = {{ url = \"{url}\"{more} }}"))
    }

    /// Says something to it by hand, and reads what comes at once.
    fn command(&self, words: &[&[u8]]) -> String {
        use std::io::{Read, Write};
        let mut stream = TcpStream::connect(self.address).unwrap();
        let mut sent = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            sent.extend(format!("${}\r\n", word.len()).bytes());
            sent.extend(*word);
            sent.extend(b"\r\n");
        }
        stream.write_all(&sent).unwrap();
        let mut answer = vec![0; 64 * 1024];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn metric(host: &Host, name: &str) -> f64 {
    host.metrics().sum(&format!("tidegate_cache_redis_{name}_total"), &[])
}

fn numbered() -> Origin {
    Origin::answering(|request, _| {
        response("cache-control: max-age=3600\ncache-tag: t\nvary: x-kind", format!("body of {}", request.target))
    })
}

fn get(host: &Host, path: &str) -> harness::Answer {
    let answer = ask(host, path, &[("x-kind", "k")]);
    answer.is(200, &format!("body of {path}"));
    answer
}

/// An edge with a generous limit of time: the machine may be busy.
const PATIENT: &str = ", timeout = \"1s\"";

fn several_edges_share_a_redis() {
    let (redis, origin) = (Redis::start(), numbered());
    let (one, other) = (redis.edge(&origin, PATIENT).start(), redis.edge(&origin, PATIENT).start());
    for number in 0..20 {
        is_no_hit(&get(&one, &format!("/{number}")));
    }
    // A response and a marker each.
    one.wait_for_metric("tidegate_cache_redis_writes_total", &[], 40.0);
    for number in 0..20 {
        is_hit(&get(&other, &format!("/{number}")));
    }
    assert_eq!(origin.asked(), 20);
    assert_eq!(metric(&other, "hits"), 40.0);
    // From then on they are in its memory.
    is_hit(&get(&other, "/0"));
    assert_eq!(metric(&other, "hits"), 40.0);
    // Others with another prefix have nothing of it.
    let stranger = redis.edge(&origin, ", prefix = \"other:\", timeout = \"1s\"").start();
    is_no_hit(&get(&stranger, "/0"));
}

fn a_redis_that_is_gone_costs_its_hits_alone() {
    let (mut redis, origin) = (Redis::start(), numbered());
    let host = redis.edge(&origin, PATIENT).start();
    get(&host, "/kept");
    host.wait_for_metric("tidegate_cache_redis_writes_total", &[], 2.0);
    redis.kill();
    for number in 0..50 {
        is_no_hit(&get(&host, &format!("/away/{number}")));
        is_hit(&get(&host, "/kept"));
        is_hit(&get(&host, &format!("/away/{number}")));
    }
    assert_eq!(origin.asked(), 51);
    assert!(metric(&host, "errors") > 0.0);
    assert!(metric(&host, "skipped") > 0.0);
    redis.start_again();
    let before = metric(&host, "writes");
    let mut number = 0;
    wait_for("Redis to be used again", || {
        number += 1;
        get(&host, &format!("/back/{number}"));
        (metric(&host, "writes") > before).then_some(())
    });
    // Another edge finds what was written then.
    let path = format!("/back/{}", number + 1);
    get(&host, &path);
    wait_for("its write", || (metric(&host, "writes") >= before + 2.0).then_some(()));
    let other = redis.edge(&origin, PATIENT).start();
    wait_for("it in another edge", || {
        let asked = origin.asked();
        let path = format!("/shared/{asked}");
        get(&host, &path);
        get(&other, &path);
        (metric(&other, "hits") > 0.0).then_some(())
    });
}

fn a_redis_that_does_not_answer_costs_little() {
    const TIMEOUT: Duration = Duration::from_millis(500);
    const REQUESTS: u32 = 100;
    let (redis, origin) = (Redis::start(), numbered());
    let host = redis.edge(&origin, ", timeout = \"500ms\"").start();
    get(&host, "/kept");
    host.wait_for_metric("tidegate_cache_redis_writes_total", &[], 2.0);
    redis.signal(Signal::STOP);
    let started = Instant::now();
    for number in 0..REQUESTS {
        is_no_hit(&get(&host, &format!("/{number}")));
        is_hit(&get(&host, "/kept"));
    }
    let took = started.elapsed();
    eprintln!("edge_cache: {REQUESTS} misses and hits beside a Redis that does not answer: {took:?}");
    // Without the breaker each miss would take as long.
    assert!(took < TIMEOUT * REQUESTS / 3, "{took:?}");
    assert!(metric(&host, "skipped") > f64::from(REQUESTS) / 2.0);
    assert_eq!(origin.asked(), 1 + REQUESTS as usize);
    // Nor is it in the way of an orderly end, or of a start.
    assert_eq!(host.stop().code, Some(0));
    is_no_hit(&get(&redis.edge(&origin, "").start(), "/kept"));
    redis.signal(Signal::CONT);
}

fn what_is_purged_is_not_found_in_redis() {
    let (redis, origin) = (Redis::start(), numbered());
    let setup = redis.edge(&origin, PATIENT);
    let host = setup.start();
    for (number, text) in [r#"{"everything": true}"#, r#"{"tags": ["t"]}"#, r#"{"urls": ["http://shop.example/"]}"#]
        .into_iter()
        .enumerate()
    {
        is_no_hit(&get(&host, "/"));
        host.wait_for_metric("tidegate_cache_redis_writes_total", &[], 2.0 * (number + 1) as f64);
        order(&host, text).is(200, "{\"purged\":1}\n");
    }
    is_no_hit(&get(&host, "/"));
    assert_eq!(origin.asked(), 4);
}

fn what_somebody_else_wrote_is_a_miss() {
    let (redis, origin) = (Redis::start(), numbered());
    let one = redis.edge(&origin, PATIENT).start();
    get(&one, "/");
    get(&one, "/other");
    one.wait_for_metric("tidegate_cache_redis_writes_total", &[], 4.0);
    let names = redis.command(&[b"KEYS", b"*"]);
    let names: Vec<_> = names.lines().filter(|line| line.starts_with("tidegate:")).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let asks_again = |asked: usize| {
        let other = redis.edge(&origin, PATIENT).start();
        ["/", "/other"].into_iter().for_each(|path| is_no_hit(&get(&other, path)));
        assert_eq!(origin.asked(), asked);
        other.wait_for_metric("tidegate_cache_redis_writes_total", &[], 4.0);
        metric(&other, "errors")
    };
    // Each has another one's content.
    for index in 0..names.len() {
        let (from, to) = (names[index].as_bytes(), names[(index + 1) % names.len()].as_bytes());
        redis.command(&[b"COPY", from, to, b"REPLACE"]);
    }
    asks_again(4);
    for name in &names {
        redis.command(&[b"SET", name.as_bytes(), b"rubbish"]);
    }
    assert!(asks_again(6) > 0.0);
}
