//! A host that runs: its addresses, its log, its metrics, its end.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::Child;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use http::Request;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::{self, Answer, Body};
use crate::metrics::Metrics;
use crate::{PATIENCE, Raw, Setup, wait_for};

/// A host that serves. It is killed when this is dropped.
pub struct Host {
    /// Where it takes requests.
    pub address: SocketAddr,
    /// Where its admin side is.
    pub admin: SocketAddr,
    child: Child,
    logs: Arc<Logs>,
    setup: Setup,
}

/// What is left of a host that ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed for programs.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

impl Host {
    pub(crate) fn start(setup: &Setup) -> Self {
        let mut child = setup.spawn();
        let logs = Arc::new(Logs::default());
        logs.follow(child.stderr.take().expect("its errors are piped"));
        let line = first_line(child.stdout.take().expect("its output is piped"));
        let Some((address, admin)) = line.as_deref().and_then(addresses) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("no host: it said {line:?} and logged\n{}", logs.tail());
        };
        Self { address, admin, child, logs, setup: setup.clone() }
    }

    /// What it was started with.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The answer to a GET of `path`.
    pub fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(client::empty()).expect("a request"))
    }

    /// The answer to a POST of `body` to `path`.
    pub fn post(&self, path: &str, body: impl Into<bytes::Bytes>) -> Answer {
        self.send(Request::post(path).body(client::full(body)).expect("a request"))
    }

    /// The answer to `request`, sent over an HTTP/1.1 connection of its own.
    pub fn send(&self, request: Request<Body>) -> Answer {
        client::run(client::exchange(self.address, request))
    }

    /// A connection for what no client library would send.
    pub fn raw(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// A request whose body goes on until the test ends it, to a component that sends each piece of it back.
    ///
    /// # Panics
    /// When the first piece does not come back.
    pub fn held(&self, path: &str) -> Raw {
        let mut raw = self.raw();
        raw.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n"));
        assert_eq!(raw.head().status, 200);
        assert_eq!(raw.take(10), b"5\r\nfirst\r\n");
        raw
    }

    /// The answer of the admin side to a GET of `path`.
    pub fn admin(&self, path: &str) -> Answer {
        let request = Request::get(path).body(client::empty()).expect("a request");
        client::run(client::exchange(self.admin, request))
    }

    /// Its metrics as they are now.
    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&self.admin("/metrics").text())
    }

    /// Waits until the sum of the samples with this name and these labels is `value`: what happens at the end of a
    /// request is counted a moment after its last byte was read here.
    ///
    /// # Panics
    /// When it never is.
    pub fn wait_for_metric(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.metrics().sum(name, labels);
            if found == value {
                return;
            }
            assert!(Instant::now() < deadline, "{name}{labels:?} is {found}, not {value}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Waits for a log line that `is_it` knows, of those written so far or later.
    ///
    /// # Panics
    /// When none comes.
    pub fn wait_for_log(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        self.logs.wait_for(what, is_it)
    }

    /// Waits for a log line that contains all of `texts`.
    pub fn wait_for_log_with(&self, texts: &[&str]) -> Value {
        self.wait_for_log(&format!("{texts:?}"), |line| {
            let line = line.to_string();
            texts.iter().all(|text| line.contains(&text.replace('"', "\\\"")))
        })
    }

    /// The log lines so far.
    pub fn log(&self) -> Vec<Value> {
        self.logs.lines.lock().expect("no test panics while it reads a log").clone()
    }

    /// Resident memory in bytes: now, and at most so far.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a process that lives");
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).expect("a field of every process");
            let kilobytes = line.split_whitespace().nth(1).expect("a number");
            kilobytes.parse::<u64>().expect("a number") * 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("a process that lives");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it goes on.
    pub fn wait(mut self) -> Ended {
        let status = wait_for("the host's end", || self.child.try_wait().expect("its own child"));
        Ended { code: status.code(), stdout: String::new(), stderr: self.logs.tail() }
    }

    /// Ends it in order, by SIGTERM.
    pub fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Ends it at once, by SIGKILL: as a power cut does.
    pub fn kill(self) -> Ended {
        self.signal(Signal::KILL);
        self.wait()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the host's last log lines\n{}", self.logs.tail());
        }
    }
}

/// The one line on stdout, or `None` when the host ends without it.
fn first_line(stdout: impl Read + Send + 'static) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines();
        let _ = sender.send(lines.next().and_then(Result::ok));
        // The pipe stays open for as long as the host lives.
        for _ in lines {}
    });
    receiver.recv_timeout(PATIENCE).ok().flatten()
}

/// `NAME is served on http://ADDRESS (admin: http://ADDRESS)`
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (_, rest) = line.split_once(" is served on http://")?;
    let (address, rest) = rest.split_once(" (admin: http://")?;
    Some((address.parse().ok()?, rest.strip_suffix(')')?.parse().ok()?))
}

/// Log lines as they come. A line that is no JSON is kept as a string.
#[derive(Default)]
struct Logs {
    lines: Mutex<Vec<Value>>,
    grown: Condvar,
}

impl Logs {
    fn follow(self: &Arc<Self>, stderr: impl Read + Send + 'static) {
        let logs = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                logs.lines.lock().expect("no test panics while it reads a log").push(line);
                logs.grown.notify_all();
            }
        });
    }

    fn wait_for(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.lines.lock().expect("no test panics while it reads a log");
        let mut seen = 0;
        loop {
            if let Some(found) = lines[seen..].iter().find(|line| is_it(line)) {
                return found.clone();
            }
            seen = lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Unlocked first: a test that fails must not fail the others that share the host.
                drop(lines);
                panic!("no log line came with {what}; the last are\n{}", self.tail());
            }
            lines = self.grown.wait_timeout(lines, left).expect("no test panics while it reads a log").0;
        }
    }

    fn tail(&self) -> String {
        let lines = self.lines.lock().expect("no test panics while it reads a log");
        let text = |line: &Value| line.as_str().map_or_else(|| line.to_string(), str::to_owned);
        lines[lines.len().saturating_sub(30)..].iter().map(text).collect::<Vec<_>>().join("\n")
    }
}
