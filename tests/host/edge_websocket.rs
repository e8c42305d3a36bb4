//! WebSocket (RFC 6455) through the edge: frames pass untouched in both directions, and either side may end it.

use std::net::Shutdown;
use std::sync::mpsc::channel;

use harness::{Host, Raw, Server, Setup, Trial, tests, wait_for};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_websocket",
        needs [],
        frames_pass_in_both_directions,
        what_comes_early_is_kept,
        the_client_may_close,
        the_server_may_close,
        an_end_of_one_side_leaves_the_other,
        a_server_that_breaks_off_ends_it,
        a_refused_upgrade_is_an_answer,
        an_upgrade_that_nobody_asked_for_is_no_answer,
        the_handshake_says_what_it_should,
    )
}

/// The handshake of RFC 6455 section 1.3, key and answer.
const ASK: &str = "GET /chat HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

fn switching() -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {ACCEPT}\r\n\r\n"
    )
}

/// A final frame; what clients send is masked (RFC 6455 section 5.2).
fn frame(opcode: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let mask = if is_masked { 0x80 } else { 0 };
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(mask | length as u8),
        length @ 126..=0xffff => {
            frame.push(mask | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(mask | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    if is_masked {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        frame.extend(key);
        frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    } else {
        frame.extend(payload);
    }
    frame
}

/// Reads one frame: opcode, payload, whether it was masked.
fn read_frame(raw: &mut Raw) -> (u8, Vec<u8>, bool) {
    let head = raw.take(2);
    assert_eq!(head[0] & 0xf0, 0x80, "a final frame: {head:?}");
    let is_masked = head[1] & 0x80 != 0;
    let length = match head[1] & 0x7f {
        126 => raw.take(2).iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        127 => raw.take(8).iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        short => usize::from(short),
    };
    let key = if is_masked { raw.take(4) } else { vec![0; 4] };
    let payload = raw.take(length).iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    (head[0] & 0xf, payload, is_masked)
}

/// A server that gives text and binary frames back, unmasked, and answers pings and the closing handshake.
fn echo() -> Server {
    Server::start(|mut raw| {
        let Some(request) = raw.request() else { return };
        assert_eq!(request.target, "/chat");
        raw.send(switching());
        while !raw.is_over() {
            let (opcode, payload, is_masked) = read_frame(&mut raw);
            assert!(is_masked, "clients mask");
            let opcode = if opcode == PING { PONG } else { opcode };
            raw.send(frame(opcode, &payload, false));
            if opcode == CLOSE {
                return;
            }
        }
    })
}

fn edge(server: &Server) -> Host {
    Setup::edge(format!(
        "[[upstream]]\nname = \"chat\"\nurl = \"{}\"\n[[route]]\nname = \"all\"\nupstream = \"chat\"\n",
        server.url("")
    ))
    .start()
}

/// A connection through `host` after the handshake.
fn connect(host: &Host) -> Raw {
    let mut raw = host.raw();
    raw.send(ASK);
    let answer = raw.head();
    assert_eq!((answer.status, answer.header("sec-websocket-accept")), (101, Some(ACCEPT)), "{answer:?}");
    assert_eq!(answer.header("upgrade").map(str::to_ascii_lowercase).as_deref(), Some("websocket"));
    assert_eq!(answer.header("connection").map(str::to_ascii_lowercase).as_deref(), Some("upgrade"));
    raw
}

/// Nothing is left of the tunnel.
fn has_ended(host: &Host, server: &Server) {
    wait_for("the server to see the end", || (server.closed() == server.connections()).then_some(()));
    host.wait_for_metric("tidegate_upstream_connections", &[("upstream", "chat")], 0.0);
    host.wait_for_metric("tidegate_connections", &[], 0.0);
}

fn frames_pass_in_both_directions() {
    let server = echo();
    let host = edge(&server);
    let mut raw = connect(&host);
    let large: Vec<u8> = (0..200_000u32).map(|number| number as u8).collect();
    for (opcode, payload) in [(TEXT, &b"hello"[..]), (BINARY, &large[..300]), (BINARY, &large), (TEXT, b"")] {
        raw.send(frame(opcode, payload, true));
        assert_eq!(read_frame(&mut raw), (opcode, payload.to_vec(), false));
    }
    // Several at once, and one in pieces.
    let pings = [frame(PING, b"1", true), frame(PING, b"2", true)].concat();
    raw.send(pings);
    assert_eq!(read_frame(&mut raw), (PONG, b"1".to_vec(), false));
    assert_eq!(read_frame(&mut raw), (PONG, b"2".to_vec(), false));
    for byte in frame(TEXT, b"slowly", true) {
        raw.send([byte]);
    }
    assert_eq!(read_frame(&mut raw), (TEXT, b"slowly".to_vec(), false));
}

fn what_comes_early_is_kept() {
    // The server's first frame comes along with its 101, the client's with its request.
    let server = Server::start(|mut raw| {
        raw.request();
        raw.send([switching().into_bytes(), frame(TEXT, b"welcome", false)].concat());
        let (opcode, payload, _) = read_frame(&mut raw);
        raw.send(frame(opcode, &payload, false));
    });
    let host = edge(&server);
    let mut raw = host.raw();
    raw.send([ASK.as_bytes(), &frame(TEXT, b"early", true)].concat());
    assert_eq!(raw.head().status, 101);
    assert_eq!(read_frame(&mut raw), (TEXT, b"welcome".to_vec(), false));
    assert_eq!(read_frame(&mut raw), (TEXT, b"early".to_vec(), false));
    raw.is_closed();
}

fn the_client_may_close() {
    let server = echo();
    let host = edge(&server);
    let mut raw = connect(&host);
    raw.send(frame(CLOSE, &1000u16.to_be_bytes(), true));
    assert_eq!(read_frame(&mut raw), (CLOSE, 1000u16.to_be_bytes().to_vec(), false));
    // The server closes first (RFC 6455 section 7.1.1).
    raw.is_closed();
    drop(raw);
    has_ended(&host, &server);
}

fn the_server_may_close() {
    let server = Server::start(|mut raw| {
        raw.request();
        raw.send(switching()).send(frame(CLOSE, &1001u16.to_be_bytes(), false));
        assert_eq!(read_frame(&mut raw).0, CLOSE, "the closing handshake");
    });
    let host = edge(&server);
    let mut raw = connect(&host);
    assert_eq!(read_frame(&mut raw), (CLOSE, 1001u16.to_be_bytes().to_vec(), false));
    raw.send(frame(CLOSE, &1001u16.to_be_bytes(), true));
    raw.is_closed();
    drop(raw);
    has_ended(&host, &server);
}

fn an_end_of_one_side_leaves_the_other() {
    // The client ends its side; the server sees that, and still has something to say.
    let server = Server::start(|mut raw| {
        raw.request();
        raw.send(switching());
        let all = raw.rest();
        raw.send(frame(BINARY, &all, false));
    });
    let host = edge(&server);
    let mut raw = connect(&host);
    let sent = frame(TEXT, b"the last word", true);
    raw.send(&sent).end();
    assert_eq!(read_frame(&mut raw), (BINARY, sent, false));
    raw.is_closed();
    drop(raw);
    has_ended(&host, &server);
}

fn a_server_that_breaks_off_ends_it() {
    let (go, may_go) = channel::<()>();
    let may_go = std::sync::Mutex::new(may_go);
    let server = Server::start(move |mut raw| {
        raw.request();
        raw.send(switching());
        let _ = may_go.lock().unwrap().recv();
        raw.socket().shutdown(Shutdown::Both).unwrap();
    });
    let host = edge(&server);
    let mut raw = connect(&host);
    go.send(()).unwrap();
    raw.is_closed();
    drop(raw);
    has_ended(&host, &server);
    // And a client that breaks off ends it for the server.
    let server = echo();
    let host = edge(&server);
    drop(connect(&host));
    host.wait_for_metric("tidegate_upstream_connections", &[("upstream", "chat")], 0.0);
}

fn a_refused_upgrade_is_an_answer() {
    let server = Server::answering(|_| b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno".to_vec());
    let host = edge(&server);
    let mut raw = host.raw();
    for _ in 0..2 {
        raw.send(ASK);
        let answer = raw.answer();
        assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
    }
    // Both the client's connection and the upstream's are good for more.
    assert_eq!(server.connections(), 1);
}

fn an_upgrade_that_nobody_asked_for_is_no_answer() {
    let server = Server::answering(|_| switching().into_bytes());
    let host = edge(&server);
    host.get("/chat").is_problem(502);
}

fn the_handshake_says_what_it_should() {
    let (seen, was_seen) = channel();
    let server = Server::start(move |mut raw| {
        seen.send(raw.request().unwrap()).unwrap();
        raw.send(switching());
        raw.rest();
    });
    let host = edge(&server);
    let raw = connect(&host);
    let request = was_seen.recv_timeout(harness::PATIENCE).unwrap();
    for (name, value) in [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("host", "a"),
        ("x-forwarded-for", "127.0.0.1"),
    ] {
        assert_eq!(request.header(name), Some(value), "{request:?}");
    }
    drop(raw);
    has_ended(&host, &server);
}
