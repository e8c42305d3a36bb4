//! Bodies through the edge, to upstreams and from them: as large as they like, in memory that does not grow, at the pace
//! of whoever is slower.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use harness::{Host, PATIENCE, Raw, Server, Setup, Trial, tests, wait_for};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// What a body may add to the host's peak memory, however large it is.
const MEMORY_MAX: u64 = 32 * MIB;
/// What can be on its way between two who do not read, in the buffers of all sockets in between.
const ON_ITS_WAY_MAX: u64 = 64 * MIB;
/// Written and read at once.
const PIECE: usize = 256 * 1024;

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_bodies",
        needs [],
        a_gigabyte_comes_down_in_constant_memory,
        a_gigabyte_in_chunks_comes_down_in_constant_memory,
        a_gigabyte_goes_up_in_constant_memory,
        a_gigabyte_in_chunks_goes_up_in_constant_memory,
        a_slow_reader_holds_the_upstream_back,
        a_slow_upstream_holds_the_client_back,
        an_answer_waits_for_no_body,
    )
}

/// Bytes of a body: those at `offset` are found at the same place in every body, and pieces of it differ.
fn piece(offset: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(offset / 16).to_be_bytes());
    bytes
}

/// The body of so many bytes, made as it is written: the pattern repeats after a piece.
struct Body {
    pattern: Vec<u8>,
    at: u64,
}

impl Body {
    fn new() -> Self {
        let pattern: Vec<u8> =
            (0..PIECE as u64 * 2).step_by(16).flat_map(|offset| piece(offset % PIECE as u64)).collect();
        Self { pattern, at: 0 }
    }

    /// The next `length` bytes, or fewer.
    fn next(&mut self, length: u64) -> &[u8] {
        let start = (self.at % PIECE as u64) as usize;
        let length = length.min(PIECE as u64) as usize;
        self.at += length as u64;
        &self.pattern[start..start + length]
    }
}

/// Writes so many bytes of the body, in chunks or plainly; counts them.
fn write_body(stream: &mut TcpStream, length: u64, is_chunked: bool, written: &AtomicU64) -> std::io::Result<()> {
    let mut body = Body::new();
    while body.at < length {
        let piece = body.next(length - body.at);
        if is_chunked {
            write!(stream, "{:x}\r\n", piece.len())?;
        }
        stream.write_all(piece)?;
        if is_chunked {
            stream.write_all(b"\r\n")?;
        }
        written.store(body.at, Ordering::SeqCst);
    }
    if is_chunked { stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
}

/// Bytes from a connection, those first that it had read ahead.
struct Incoming<'r> {
    ahead: Vec<u8>,
    stream: &'r mut TcpStream,
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.ahead.is_empty() {
            return self.stream.read(buffer);
        }
        let length = self.ahead.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.ahead[..length]);
        self.ahead.drain(..length);
        Ok(length)
    }
}

/// Reads so many bytes of a body and compares each with what was sent.
fn read_body(raw: &mut Raw, length: u64, is_chunked: bool) {
    let (mut body, mut buffer) = (Body::new(), vec![0; PIECE]);
    let mut incoming = Incoming { ahead: raw.read_ahead(), stream: raw.socket() };
    while body.at < length {
        let mut left = if is_chunked { read_chunk_size(&mut incoming) } else { length };
        assert!(left > 0, "the body ends after {} bytes", body.at);
        while left > 0 {
            let asked = left.min(PIECE as u64) as usize;
            let read = incoming.read(&mut buffer[..asked]).expect("more of the body");
            assert!(read > 0, "closed after {} bytes", body.at);
            assert!(&buffer[..read] == body.next(read as u64), "other bytes before {}", body.at);
            left -= read as u64;
        }
        if is_chunked {
            incoming.read_exact(&mut buffer[..2]).unwrap();
        }
    }
    if is_chunked {
        assert_eq!(read_chunk_size(&mut incoming), 0);
        incoming.read_exact(&mut buffer[..2]).unwrap();
    }
    assert_eq!(body.at, length);
}

fn read_chunk_size(incoming: &mut Incoming<'_>) -> u64 {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        incoming.read_exact(&mut byte).expect("a chunk's size");
        line.push(byte[0]);
    }
    u64::from_str_radix(std::str::from_utf8(&line).unwrap().trim_end(), 16).expect("a chunk's size")
}

/// An upstream that sends `/LENGTH` or `/LENGTH/chunked` bytes, and takes as many as a request has.
fn upstream() -> Server {
    Server::start(|mut raw| {
        while let Some(request) = raw.request() {
            let is_chunked = request.header("transfer-encoding") == Some("chunked");
            let (length, how) = request.target[1..].split_once('/').unwrap();
            let length: u64 = length.parse().unwrap();
            if request.method == "POST" {
                assert_eq!(is_chunked, how == "chunked", "{request:?}");
                read_body(&mut raw, length, is_chunked);
                raw.offer(harness::server::ok("taken"));
            } else {
                let framing = framing(length, how == "chunked");
                raw.offer(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
                // A host that ends early is the client's to complain about.
                let _ = write_body(raw.socket(), length, how == "chunked", &AtomicU64::new(0));
            }
        }
    })
}

fn framing(length: u64, is_chunked: bool) -> String {
    if is_chunked { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {length}") }
}

fn edge(server: &Server) -> Host {
    Setup::edge(format!(
        "[[upstream]]\nname = \"api\"\nurl = \"{}\"\nidle_timeout = \"10m\"\nfirst_byte_timeout = \"10m\"\n\
         [[route]]\nname = \"all\"\nupstream = \"api\"\n",
        server.url("")
    ))
    .start()
}

fn download(host: &Host, length: u64, how: &str) {
    let mut raw = host.raw();
    raw.send(format!("GET /{length}/{how} HTTP/1.1\r\nhost: a\r\n\r\n"));
    let head = raw.head();
    assert_eq!(head.status, 200, "{head:?}");
    read_body(&mut raw, length, head.header("transfer-encoding") == Some("chunked"));
}

fn upload(host: &Host, length: u64, how: &str) {
    let mut raw = host.raw();
    let framing = framing(length, how == "chunked");
    raw.send(format!("POST /{length}/{how} HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n"));
    write_body(raw.socket(), length, how == "chunked", &AtomicU64::new(0)).expect("the host takes all of it");
    let answer = raw.answer();
    assert_eq!((answer.status, answer.text().as_str()), (200, "taken"));
}

/// Moves 10 MiB so that everything is there that is ever needed, then a gigabyte.
fn moves_in_constant_memory(what: &str, transfer: impl Fn(&Host, u64)) {
    let server = upstream();
    let host = edge(&server);
    transfer(&host, 10 * MIB);
    let (_, before) = host.memory();
    transfer(&host, GIB);
    let (_, after) = host.memory();
    let grown = after - before;
    eprintln!("edge_bodies: 1 GiB {what}: peak memory {} KiB, {} KiB more than before", after / 1024, grown / 1024);
    assert!(grown < MEMORY_MAX, "{what}: {before} bytes of memory became {after}");
}

fn a_gigabyte_comes_down_in_constant_memory() {
    moves_in_constant_memory("down", |host, length| download(host, length, "length"));
}

fn a_gigabyte_in_chunks_comes_down_in_constant_memory() {
    moves_in_constant_memory("down in chunks", |host, length| download(host, length, "chunked"));
}

fn a_gigabyte_goes_up_in_constant_memory() {
    moves_in_constant_memory("up", |host, length| upload(host, length, "length"));
}

fn a_gigabyte_in_chunks_goes_up_in_constant_memory() {
    moves_in_constant_memory("up in chunks", |host, length| upload(host, length, "chunked"));
}

/// How far somebody got with writing, and whether it ever could not go on.
#[derive(Default)]
struct Progress {
    written: AtomicU64,
    has_stalled: AtomicBool,
}

impl Progress {
    /// Writes a body until all of it is written, however long that takes.
    fn write(&self, stream: &mut TcpStream, length: u64) {
        let mut body = Body::new();
        stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        while body.at < length {
            let mut piece = body.next(length - body.at);
            while !piece.is_empty() {
                match stream.write(piece) {
                    Ok(taken) => {
                        piece = &piece[taken..];
                        self.written.fetch_add(taken as u64, Ordering::SeqCst);
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        self.has_stalled.store(true, Ordering::SeqCst);
                    }
                    Err(_) => return,
                }
            }
        }
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
    }

    /// Waits until the writer cannot go on; that was soon enough, and the host keeps nothing of it.
    fn stalls(&self, host: &Host, before: u64) {
        wait_for("the writer to be held back", || self.has_stalled.load(Ordering::SeqCst).then_some(()));
        let written = self.written.load(Ordering::SeqCst);
        assert!(written < ON_ITS_WAY_MAX, "{written} bytes were written, and nobody reads");
        let grown = host.memory().1 - before;
        eprintln!("edge_bodies: held back after {} KiB, {} KiB of memory", written / 1024, grown / 1024);
        assert!(grown < MEMORY_MAX, "{grown} bytes of memory");
    }
}

const HELD_BACK: u64 = 256 * MIB;

fn a_slow_reader_holds_the_upstream_back() {
    let progress = Arc::new(Progress::default());
    let writing = Arc::clone(&progress);
    let server = Server::start(move |mut raw| {
        while let Some(request) = raw.request() {
            let length = request.target[1..].parse().unwrap();
            raw.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"));
            writing.write(raw.socket(), length);
        }
    });
    let host = edge(&server);
    let warm = host.get(&format!("/{}", 10 * MIB));
    assert_eq!(warm.body.len() as u64, 10 * MIB);
    progress.written.store(0, Ordering::SeqCst);
    progress.has_stalled.store(false, Ordering::SeqCst);
    let (_, before) = host.memory();
    let mut raw = host.raw();
    raw.send(format!("GET /{HELD_BACK} HTTP/1.1\r\nhost: a\r\n\r\n"));
    assert_eq!(raw.head().status, 200);
    progress.stalls(&host, before);
    // Others are not held back by it, and nothing is lost.
    assert_eq!(host.get("/16").body.len(), 16);
    read_body(&mut raw, HELD_BACK, false);
    assert!(host.memory().1 - before < MEMORY_MAX);
}

fn a_slow_upstream_holds_the_client_back() {
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    let may_go = std::sync::Mutex::new(may_go);
    let server = Server::start(move |mut raw| {
        while let Some(request) = raw.request() {
            let length: u64 = request.header("content-length").unwrap().parse().unwrap();
            let _ = may_go.lock().unwrap().recv();
            read_body(&mut raw, length, false);
            raw.send(harness::server::ok("taken"));
        }
    });
    let host = edge(&server);
    go.send(()).unwrap();
    upload(&host, 10 * MIB, "length");
    let (_, before) = host.memory();
    let progress = Progress::default();
    let mut raw = host.raw();
    raw.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {HELD_BACK}\r\n\r\n"));
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            progress.write(raw.socket(), HELD_BACK);
            raw.answer()
        });
        progress.stalls(&host, before);
        go.send(()).unwrap();
        assert_eq!(writing.join().unwrap().text(), "taken");
    });
    assert!(host.memory().1 - before < MEMORY_MAX);
}

/// The client may have its answer in its hands before it sends the rest, and decide not to (RFC 9112 section 9.3).
fn an_answer_waits_for_no_body() {
    let server = Server::answering(|_| harness::server::ok("early").into_bytes());
    let host = edge(&server);
    for (method, path, status) in [("POST", "/a/../b", 400), ("TRACE", "/", 405), ("POST", "/", 200)] {
        let mut raw = host.raw();
        // Less than what the host waits for a body.
        raw.socket().set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        raw.send(format!("{method} {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf"));
        assert_eq!(raw.answer().status, status, "{method} {path}");
    }
}
