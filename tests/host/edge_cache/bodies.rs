//! Bodies on their way into the store: too large for it, cut off, slower or faster than those who read them.

use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use harness::{Host, Raw, Trial, tests, wait_for};

use super::{CLAIMS, Gate, Origin, WAITING, ask, edge, get, is_hit, is_no_hit, lines, status};

const MIB: u64 = 1 << 20;
/// What a body may add to the host's peak memory, however large it is.
const MEMORY_MAX: u64 = 32 * MIB;
/// What can be on its way between two who do not read, in the buffers of all sockets in between.
const ON_ITS_WAY_MAX: u64 = 64 * MIB;

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_cache",
        needs [],
        what_just_fits_is_stored,
        what_is_too_large_is_not_stored,
        what_turns_out_too_large_at_once_arrives_all_the_same,
        what_turns_out_too_large_arrives_whoever_reads_it,
        a_large_body_for_several_costs_no_memory,
        a_slow_reader_holds_the_origin_back,
        a_body_that_breaks_off_is_cut_for_all_and_not_stored,
        a_body_that_pauses_too_long_is_cut_and_not_stored,
        an_empty_body_is_stored,
    )
}

/// A piece of the body that all have: no two places in it look the same.
fn pattern() -> Vec<u8> {
    (0..MIB / 8).flat_map(u64::to_be_bytes).collect()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n";

fn what_just_fits_is_stored() {
    let body = "x".repeat(1024);
    let chunked = [CHUNKED.as_bytes(), &chunk(body.as_bytes()), b"0\r\n\r\n"].concat();
    for sent in [super::response("cache-control: max-age=60", &body), chunked] {
        let origin = Origin::answering(move |_, _| sent.clone());
        let host = edge(&origin.server, "max_body = \"1KiB\"").start();
        ask(&host, "/", &[]).is(200, &body);
        // A chunked body is stored when its end has come, which the client may see first.
        host.wait_for_metric(CLAIMS, &[], 0.0);
        let answer = ask(&host, "/", &[]);
        answer.is(200, &body);
        is_hit(&answer);
        assert_eq!(origin.asked(), 1);
    }
}

fn what_is_too_large_is_not_stored() {
    let body = "x".repeat(1025);
    let sent = super::response("cache-control: max-age=60", &body);
    let origin = Origin::answering(move |_, _| sent.clone());
    let host = edge(&origin.server, "max_body = \"1KiB\"\ndebug = true").start();
    for number in 1..=2 {
        let answer = ask(&host, "/", &[]);
        answer.is(200, &body);
        assert!(status(&answer).contains("detail=cache/too-large"), "{answer:?}");
        assert_eq!(origin.asked(), number);
    }
}

/// All of it is there before the first reader is: nothing of it may be lost for that.
fn what_turns_out_too_large_at_once_arrives_all_the_same() {
    let body = pattern();
    let sent = [CHUNKED.as_bytes(), &chunk(&body), b"0\r\n\r\n"].concat();
    let origin = Origin::answering(move |_, _| sent.clone());
    let host = edge(&origin.server, "max_body = \"1KiB\"").start();
    for number in 1..=20 {
        let mut raw = host.raw();
        raw.send(get("/"));
        let answer = raw.answer();
        assert!(answer.status == 200 && answer.body == body, "{number}: {} bytes", answer.body.len());
        assert_eq!(origin.asked(), number);
    }
}

/// Those who wait for a body find that it is too large to be kept, at any time: each of them gets all of it.
fn what_turns_out_too_large_arrives_whoever_reads_it() {
    const READERS: usize = 40;
    let body = pattern();
    let sent = [CHUNKED.as_bytes(), &chunk(&body), b"0\r\n\r\n"].concat();
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::answering(move |_, _| {
        held.pass();
        sent.clone()
    });
    let host = edge(&origin.server, "max_body = \"8KiB\"\nwait = \"5m\"").start();
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                let mut raw = host.raw();
                raw.send(get("/"));
                let answer = raw.answer();
                assert!(answer.status == 200 && answer.body == body, "{} bytes", answer.body.len());
            });
        }
        host.wait_for_metric(WAITING, &[], (READERS - 1) as f64);
        gate.open();
    });
    host.wait_for_metric(CLAIMS, &[], 0.0);
    assert!((1..=READERS).contains(&origin.asked()));
}

/// Writes so many MiB in chunks, and says how far it got and whether it ever could not go on.
#[derive(Default)]
struct Progress {
    written: AtomicU64,
    has_stalled: AtomicBool,
}

impl Progress {
    fn write(&self, stream: &mut TcpStream, mebibytes: u64) {
        let chunk = chunk(&pattern());
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        for _ in 0..mebibytes {
            let mut left = &chunk[..];
            while !left.is_empty() {
                match stream.write(left) {
                    Ok(taken) => {
                        left = &left[taken..];
                        self.written.fetch_add(taken as u64, Ordering::SeqCst);
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        self.has_stalled.store(true, Ordering::SeqCst);
                    }
                    Err(_) => return,
                }
            }
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    }
}

/// Reads a chunked body to its end without keeping it; compares each byte. Its length.
fn drain(raw: &mut Raw) -> u64 {
    let ahead = Cursor::new(raw.read_ahead());
    let mut incoming = BufReader::with_capacity(1 << 18, ahead.chain(raw.socket()));
    let (pattern, mut length) = (pattern(), 0);
    loop {
        let mut left = chunk_size(&mut incoming);
        if left == 0 {
            return length;
        }
        while left > 0 {
            let bytes = incoming.fill_buf().expect("more of the body");
            assert!(!bytes.is_empty(), "closed after {length} bytes");
            let taken = bytes.len().min(left);
            compare(&pattern, &mut length, &bytes[..taken]);
            incoming.consume(taken);
            left -= taken;
        }
        incoming.read_exact(&mut [0; 2]).expect("the end of a chunk");
    }
}

fn compare(pattern: &[u8], length: &mut u64, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let at = (*length % MIB) as usize;
        let same = bytes.len().min(pattern.len() - at);
        assert!(bytes[..same] == pattern[at..at + same], "other bytes behind {length}");
        *length += same as u64;
        bytes = &bytes[same..];
    }
}

fn chunk_size(incoming: &mut impl BufRead) -> usize {
    let mut line = String::new();
    incoming.read_line(&mut line).expect("a chunk's size");
    usize::from_str_radix(line.trim_end(), 16).expect("a chunk's size")
}

/// An origin whose heads come at once, and the rest when the gate is open; all of the first one.
fn large(mebibytes: u64, gate: Gate, progress: Arc<Progress>) -> Origin {
    Origin::serving(move |raw, _, number| {
        raw.offer(CHUNKED);
        if number > 1 {
            gate.pass();
        }
        progress.has_stalled.store(false, Ordering::SeqCst);
        progress.written.store(0, Ordering::SeqCst);
        progress.write(raw.socket(), mebibytes);
        true
    })
}

fn begun(host: &Host) -> Raw {
    let mut raw = host.raw();
    raw.send(get("/"));
    assert_eq!(raw.head().status, 200);
    raw
}

/// Has it send one body, so that everything is there that is ever needed.
fn warm(host: &Host, size: u64) -> u64 {
    assert_eq!(drain(&mut begun(host)), size * MIB);
    // It is not stored, and nobody waits for it.
    host.wait_for_metric(CLAIMS, &[], 0.0);
    host.memory().1
}

fn a_large_body_for_several_costs_no_memory() {
    const SIZE: u64 = 100;
    let gate = Gate::default();
    let origin = large(SIZE, gate.clone(), Arc::default());
    let host = edge(&origin.server, "max_body = \"1MiB\"").start();
    let before = warm(&host, SIZE);
    let readers: Vec<_> = (0..3).map(|_| begun(&host)).collect();
    std::thread::scope(|scope| {
        for mut raw in readers {
            scope.spawn(move || assert_eq!(drain(&mut raw), SIZE * MIB));
        }
        gate.open();
    });
    let grown = host.memory().1 - before;
    eprintln!("edge_cache: {SIZE} MiB for three at a time: {} KiB of memory", grown / 1024);
    assert!(grown < MEMORY_MAX, "{grown} bytes");
    assert_eq!(origin.asked(), 2);
    host.wait_for_metric(CLAIMS, &[], 0.0);
    assert_eq!(drain(&mut begun(&host)), SIZE * MIB);
    assert_eq!(origin.asked(), 3);
}

fn a_slow_reader_holds_the_origin_back() {
    const SIZE: u64 = 192;
    let (gate, progress) = (Gate::default(), Arc::new(Progress::default()));
    let origin = large(SIZE, gate.clone(), Arc::clone(&progress));
    let host = edge(&origin.server, "max_body = \"1MiB\"").start();
    let before = warm(&host, SIZE);
    let (mut slow, mut quick) = (begun(&host), begun(&host));
    assert_eq!(origin.asked(), 2);
    std::thread::scope(|scope| {
        let quick = scope.spawn(move || drain(&mut quick));
        gate.open();
        wait_for("the origin to be held back", || {
            let has_begun = progress.written.load(Ordering::SeqCst) < SIZE * MIB;
            (has_begun && progress.has_stalled.load(Ordering::SeqCst)).then_some(())
        });
        let written = progress.written.load(Ordering::SeqCst);
        assert!(written < ON_ITS_WAY_MAX, "{written} bytes were written, and one does not read");
        assert!(host.memory().1 - before < MEMORY_MAX);
        // Another client is not held back by it: what is not kept is not waited for.
        assert_eq!(drain(&mut begun(&host)), SIZE * MIB);
        // When it goes away, the other one gets the rest.
        assert!(!quick.is_finished());
        slow.socket().shutdown(std::net::Shutdown::Both).unwrap();
        assert_eq!(quick.join().unwrap(), SIZE * MIB);
    });
}

/// Two clients read the same body, which breaks off behind its first five bytes.
fn breaks_off(framing: &'static str, first: &'static str, ends: impl Fn(&mut Raw)) {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::serving(move |raw, _, number| {
        let fields = lines(framing);
        raw.offer(format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n{fields}\r\n{first}"));
        if number == 1 {
            held.pass();
            return false;
        }
        raw.offer(if framing.contains("chunked") { "4\r\nlast\r\n0\r\n\r\n" } else { "last" });
        true
    });
    let host = edge(&origin.server, "stale_if_error = \"1h\"").start();
    let mut readers = [begun(&host), begun(&host)];
    for raw in &mut readers {
        assert_eq!(raw.take(first.len()), first.as_bytes());
    }
    gate.open();
    readers.iter_mut().for_each(ends);
    assert_eq!(origin.asked(), 1);
    let answer = ask(&host, "/", &[]);
    answer.is(200, "firstlast");
    is_no_hit(&answer);
    wait_for("the store", || status(&ask(&host, "/", &[])).starts_with("hit").then_some(()));
    assert_eq!(origin.asked(), 2);
}

fn a_body_that_breaks_off_is_cut_for_all_and_not_stored() {
    // Neither the last chunk nor the missing bytes come.
    breaks_off("content-length: 9", "first", Raw::is_closed);
    breaks_off("transfer-encoding: chunked", "5\r\nfirst\r\n", Raw::is_closed);
}

fn a_body_that_pauses_too_long_is_cut_and_not_stored() {
    let origin = Origin::serving(move |raw, _, number| {
        raw.offer("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 9\r\n\r\nfirst");
        if number == 1 {
            // It never goes on. The edge hangs up.
            raw.is_over();
            return false;
        }
        raw.offer("last");
        true
    });
    let setup = edge(&origin.server, "");
    let text = std::fs::read_to_string(setup.folder().join("edge.toml")).unwrap();
    let host = setup.file("edge.toml", text.replace("idle_timeout = \"5m\"", "idle_timeout = \"200ms\"")).start();
    let mut raw = begun(&host);
    assert_eq!(raw.take(5), b"first");
    raw.is_closed();
    ask(&host, "/", &[]).is(200, "firstlast");
    assert_eq!(origin.asked(), 2);
}

fn an_empty_body_is_stored() {
    for sent in [
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 0\r\n\r\n".to_owned(),
        CHUNKED.to_owned() + "0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\ncache-control: max-age=60\r\n\r\n".to_owned(),
    ] {
        let status = sent[9..12].parse().unwrap();
        let origin = Origin::answering(move |_, _| sent.clone().into_bytes());
        let host = edge(&origin.server, "").start();
        ask(&host, "/", &[]).is(status, "");
        let answer = ask(&host, "/", &[]);
        answer.is(status, "");
        is_hit(&answer);
        assert_eq!(origin.asked(), 1);
    }
}
