//! Many clients that ask as fast as they get answers, and what can be said of it from outside.
//!
//! The host decides about a request between the moment at which the client sends it and the one at which it has the
//! answer. All clients here have one clock, so that is said of each request: an interval that contains the decision.
//! Whoever says that too many were let through in some time takes only those whose whole interval is in it; whoever says
//! that nothing was lost takes only what the intervals prove.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use harness::PATIENCE;

/// What became of a request, in time since all clients began.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub sent: Duration,
    pub received: Duration,
    pub status: u16,
}

impl Outcome {
    pub fn is_pass(&self) -> bool {
        self.status == 200
    }
}

/// Asks for `path` for so long, by so many connections to each host, and says what became of all requests, by the moment
/// at which they were sent.
pub fn hammer(hosts: &[(SocketAddr, usize)], path: &str, duration: Duration) -> Vec<Outcome> {
    hammer_since(Instant::now(), hosts, path, duration)
}

/// The same by a clock that began then.
pub fn hammer_since(began: Instant, hosts: &[(SocketAddr, usize)], path: &str, duration: Duration) -> Vec<Outcome> {
    let connections: Vec<_> =
        hosts.iter().flat_map(|(address, count)| std::iter::repeat_n(*address, *count)).map(Client::connect).collect();
    let barrier = Barrier::new(connections.len() + 1);
    let request = format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\n\r\n");
    let (request, barrier) = (request.as_bytes(), &barrier);
    let mut outcomes = std::thread::scope(|scope| {
        let ask = move |mut client: Client| {
            barrier.wait();
            let stop = began.elapsed() + duration;
            let mut outcomes = Vec::new();
            while began.elapsed() < stop {
                let sent = began.elapsed();
                let status = client.ask(request);
                outcomes.push(Outcome { sent, received: began.elapsed(), status });
            }
            outcomes
        };
        let threads: Vec<_> = connections.into_iter().map(|client| scope.spawn(move || ask(client))).collect();
        barrier.wait();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    outcomes.sort_by_key(|outcome| outcome.sent);
    outcomes
}

/// A connection that reads short answers fast.
struct Client {
    stream: TcpStream,
    buffer: [u8; 4096],
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, buffer: [0; 4096] }
    }

    fn ask(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).unwrap();
        let mut length = 0;
        loop {
            let more = self.stream.read(&mut self.buffer[length..]).unwrap();
            assert!(more > 0, "closed after {:?}", String::from_utf8_lossy(&self.buffer[..length]));
            length += more;
            if let Some(status) = whole(&self.buffer[..length]) {
                return status;
            }
        }
    }
}

/// The status, if the answer is there to its end.
fn whole(bytes: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (_, length) = head.split_once("content-length: ").unwrap_or_else(|| panic!("no length: {head}"));
    let length: usize = length.split("\r\n").next()?.parse().unwrap();
    (body.len() == length).then(|| head[9..12].parse().unwrap())
}

/// The most that were surely let through in some time of this length: those that were sent and answered within it.
pub fn most_within(outcomes: &[Outcome], length: Duration) -> usize {
    let passed: Vec<_> = outcomes.iter().filter(|outcome| outcome.is_pass()).collect();
    let slowest = passed.iter().map(|outcome| outcome.received - outcome.sent).max().unwrap_or_default();
    // The time that counts most begins when some request is sent.
    let within = |first: usize| {
        let end = passed[first].sent + length;
        let sent = first + passed[first..].partition_point(|outcome| outcome.sent < end);
        let late = passed[first..sent].iter().rev().take_while(|outcome| outcome.sent + slowest > end);
        sent - first - late.filter(|outcome| outcome.received > end).count()
    };
    (0..passed.len()).map(within).max().unwrap_or(0)
}

/// How many were let through.
pub fn passes(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_pass()).count()
}
