//! Bodies on their way through: in both directions at once, as they come, and never more of them than fits.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use harness::client::{self, channel, empty, next_data, with_host};
use harness::{Host, Raw, Setup, Trial, run, served, tests};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

const MIB: u64 = 1 << 20;
/// What a large transfer may add to the host's memory: what an instance, the sockets and the allocator keep.
const MEMORY_MAX: u64 = 64 * MIB;

pub fn tests() -> Vec<Trial> {
    let mut all = tests!(
        "streaming",
        on setup,
        needs ["echo", "echo-p2"],
        pieces_come_back_while_the_request_goes_on,
        pieces_come_back_chunk_by_chunk,
        responses_stream_as_they_are_made,
        a_client_that_goes_away_ends_the_work,
        a_body_cut_short_never_looks_whole_to_a_component,
        whoever_does_not_read_is_not_read_from,
    );
    all.extend(tests!(
        "streaming",
        needs ["echo", "echo-p2"],
        large_bodies_pass_in_bounded_memory,
        large_responses_are_made_in_bounded_memory,
        a_slow_component_slows_its_client,
    ));
    all
}

fn setup() -> Setup {
    Setup::new(served(
        &[("/echo/...", "echo"), ("/echo-p2/...", "echo-p2")],
        r#"
        # Far more time than anything here needs, on any machine.
        [component.echo.tool.tidegate]
        timeout = "10m"
        [component.echo-p2.tool.tidegate]
        timeout = "10m"
        "#,
    ))
}

/// The components that give a body back: untouched, copied in the guest, copied by WASI 0.2.
const ECHOES: [&str; 3] = ["/echo/back", "/echo/copy", "/echo-p2/"];

fn pieces_come_back_while_the_request_goes_on(host: &Host) {
    for path in ECHOES {
        run(async {
            let mut connection = client::http1(host.address).await;
            let request = |body| with_host(Request::post(path).body(body).unwrap(), host.address);
            pieces_come_back(path, 5, |body| connection.send_request(request(body))).await;
        });
    }
}

/// Sends a body of so many pieces, by either protocol: each piece is back before the next one is sent.
pub async fn pieces_come_back<R>(path: &str, count: usize, send: impl FnOnce(client::Body) -> R)
where
    R: Future<Output = hyper::Result<Response<Incoming>>>,
{
    let (mut sender, body) = channel();
    // The first piece goes along with the head.
    sender.send_data(Bytes::from_static(b"piece 0")).await.unwrap();
    let mut response = send(body).await.unwrap().into_body();
    assert_eq!(next_data(&mut response).await, "piece 0", "{path}");
    for number in 1..count {
        let piece = format!("piece {number}");
        sender.send_data(Bytes::from(piece.clone())).await.unwrap();
        assert_eq!(next_data(&mut response).await, piece, "{path}");
    }
    drop(sender);
    assert!(response.collect().await.unwrap().to_bytes().is_empty(), "{path}");
}

fn pieces_come_back_chunk_by_chunk(host: &Host) {
    for path in ECHOES {
        let mut raw = host.raw();
        raw.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n"));
        let head = raw.head();
        assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")), "{path}");
        assert_eq!(raw.take(10), b"5\r\nfirst\r\n", "{path}");
        raw.send("6\r\nsecond\r\n");
        assert_eq!(raw.take(11), b"6\r\nsecond\r\n", "{path}");
        raw.send("0\r\n\r\n");
        assert_eq!(raw.take(5), b"0\r\n\r\n", "{path}");
    }
}

fn responses_stream_as_they_are_made(host: &Host) {
    // Longer than any buffer on the way, and each byte tells where it belongs.
    let answer = host.get("/echo/stream?bytes=20000000");
    assert_eq!((answer.status, answer.body.len()), (200, 20_000_000));
    assert!(
        answer.body.chunks(64 * 1024).enumerate().all(|(number, chunk)| chunk.iter().all(|byte| *byte == number as u8))
    );
}

fn a_client_that_goes_away_ends_the_work(host: &Host) {
    for component in ["echo", "echo-p2"] {
        let mut raw = host.raw();
        raw.send(format!("POST /{component}/x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n"));
        assert_eq!(raw.head().status, 200);
        drop(raw);
    }
    // They would wait ten minutes for the rest of the body. Others share this host, so only these may end it.
    for component in ["echo", "echo-p2"] {
        host.wait_for_metric("tidegate_component_requests_in_flight", &[("component", component)], 0.0);
    }
}

fn a_body_cut_short_never_looks_whole_to_a_component(host: &Host) {
    for framing in ["content-length: 100\r\n\r\n", "transfer-encoding: chunked\r\n\r\n64\r\n"] {
        let mut raw = host.raw();
        raw.send(format!("POST /echo/count HTTP/1.1\r\nhost: a\r\n{framing}only a part of it"));
        raw.end();
        let rest = String::from_utf8_lossy(&raw.rest()).into_owned();
        assert!(!rest.contains("200 OK") && !rest.contains("\"bytes\""), "{framing:?}: {rest}");
    }
}

fn whoever_does_not_read_is_not_read_from(host: &Host) {
    for path in ECHOES {
        let sent = send_until_stuck(host, path);
        // What the sockets on the way hold, and a buffer or two. Without backpressure it would be everything.
        assert!(sent < 64 * MIB, "{path} took {sent} bytes from a client that reads nothing");
    }
}

/// Sends a body without reading what comes back; returns how much of it was taken.
fn send_until_stuck(host: &Host, path: &str) -> u64 {
    const LENGTH: u64 = 256 * MIB;
    let mut raw = Raw::connect(host.address);
    raw.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {LENGTH}\r\n\r\n"));
    // Far longer than a byte takes on loopback: no progress for so long means that nobody reads.
    raw.socket().set_write_timeout(Some(Duration::from_secs(3))).unwrap();
    let chunk = vec![b'x'; 64 * 1024];
    let mut sent = 0;
    while sent < LENGTH {
        match raw.socket().write(&chunk) {
            Ok(length) => sent += length as u64,
            Err(_) => break,
        }
    }
    sent
}

fn large_bodies_pass_in_bounded_memory() {
    const LENGTH: u64 = 256 * MIB;
    let host = setup().arguments(["--cores", "1"]).start();
    for path in ECHOES {
        host.post(path, "warm").is(200, "warm");
    }
    let (before, _) = host.memory();
    for path in ECHOES {
        let received = run(round_trip(&host, path, LENGTH));
        assert_eq!(received, LENGTH, "{path}");
    }
    let (_, most) = host.memory();
    assert!(most < before + MEMORY_MAX, "{LENGTH} bytes took memory from {before} to {most}");
}

/// Sends so many bytes and counts what comes back meanwhile.
async fn round_trip(host: &Host, path: &str, length: u64) -> u64 {
    let (mut sender, body) = channel();
    let mut connection = client::http1(host.address).await;
    let request = with_host(Request::post(path).body(body).unwrap(), host.address);
    let send = async move {
        let chunk = Bytes::from(vec![b'x'; 256 * 1024]);
        for _ in 0..length / chunk.len() as u64 {
            sender.send_data(chunk.clone()).await.unwrap();
        }
    };
    let receive = async {
        let mut response = connection.send_request(request).await.unwrap().into_body();
        let mut received = 0;
        while let Some(frame) = response.frame().await {
            received += frame.unwrap().into_data().map_or(0, |data| data.len() as u64);
        }
        received
    };
    tokio::join!(send, receive).1
}

fn large_responses_are_made_in_bounded_memory() {
    let host = setup().arguments(["--cores", "1"]).start();
    host.get("/echo/stream?bytes=1").is(200, "\0");
    let (before, _) = host.memory();
    // A client that takes the head and then nothing for a while must not make the component run ahead.
    run(async {
        let mut connection = client::http1(host.address).await;
        let request = Request::get(format!("/echo/stream?bytes={}", 256 * MIB)).body(empty()).unwrap();
        let response = connection.send_request(with_host(request, host.address)).await.unwrap();
        host_is_idle(&host);
        let mut body = response.into_body();
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            received += frame.unwrap().into_data().unwrap().len() as u64;
        }
        assert_eq!(received, 256 * MIB);
    });
    let (_, most) = host.memory();
    assert!(most < before + MEMORY_MAX, "memory went from {before} to {most}");
}

/// Waits until the host uses no processor time: whatever it could do ahead, it has done.
fn host_is_idle(host: &Host) {
    let used = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", host.pid())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().map(str::to_owned).collect();
        // utime and stime, in ticks of 10 ms.
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let mut last = used();
    harness::wait_for("the host to pause", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = used();
        let is_idle = now <= last + 3;
        last = now;
        is_idle.then_some(())
    });
}

fn a_slow_component_slows_its_client() {
    let host = setup().arguments(["--cores", "1"]).start();
    host.post("/echo/count", "warm").is(200, "{\"bytes\":4,\"trailers\":[]}");
    let (before, _) = host.memory();
    // A minute's pause after the first piece: the component will not read the second while this test lasts.
    let sent = send_until_stuck(&host, "/echo/count?pause_ms=60000");
    assert!(sent < 64 * MIB, "{sent} bytes were taken for a component that does not read them");
    let (_, most) = host.memory();
    assert!(most < before + MEMORY_MAX, "memory went from {before} to {most}");
}
