//! Commits the fault that the path's last segment names. `/ok` and `/hold` commit none, so that a test can see the
//! others go on.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::OutputStream;

wasip2::http::proxy::export!(Faults);

struct Faults;

impl Guest for Faults {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path.rsplit('/').next().unwrap_or_default() {
            "ok" => respond(out, 200, b"ok"),
            // Held up for as long as its body is.
            "hold" => hold(request, out),
            "panic" => panic!("a panic of SECRET"),
            "trap" => trap(),
            "exit" => std::process::exit(3),
            "loop" => spin(),
            "allocate" => allocate(),
            "never" => std::thread::sleep(Duration::from_secs(24 * 3600)),
            "sleep" => {
                let milliseconds = query.strip_prefix("ms=").unwrap_or("50").parse().unwrap();
                std::thread::sleep(Duration::from_millis(milliseconds));
                respond(out, 200, b"slept");
            }
            // The outparam is dropped unset.
            "no-response" => {}
            "error" => {
                ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some("an error code of SECRET".into()))))
            }
            "body-endless" => endless(out),
            "body-traps" => {
                let body = start(out, 200);
                write(&body, &[b'x'; 1024]);
                trap();
            }
            // Dropped without `finish`: the body is incomplete.
            "body-unfinished" => {
                let body = start(out, 200);
                write(&body, &[b'x'; 1024]);
            }
            _ => respond(out, 404, b""),
        }
    }
}

fn start(out: ResponseOutparam, status: u16) -> OutgoingBody {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body
}

fn write(body: &OutgoingBody, bytes: &[u8]) {
    write_to(&mut body.write().unwrap(), bytes);
}

fn write_to(stream: &mut OutputStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
    stream.flush().unwrap();
}

fn respond(out: ResponseOutparam, status: u16, bytes: &[u8]) {
    let body = start(out, status);
    write(&body, bytes);
    OutgoingBody::finish(body, None).unwrap();
}

fn hold(request: IncomingRequest, out: ResponseOutparam) {
    let from = request.consume().unwrap();
    let input = from.stream().unwrap();
    let to = start(out, 200);
    let mut output = to.write().unwrap();
    while let Ok(bytes) = input.blocking_read(1024) {
        write_to(&mut output, &bytes);
    }
    drop(output);
    OutgoingBody::finish(to, None).unwrap();
}

fn endless(out: ResponseOutparam) {
    let body = start(out, 200);
    let mut stream = body.write().unwrap();
    // Ends only when the reader is gone.
    while stream.write_all(&[b'x'; 1024]).is_ok() {}
}

#[cfg(target_arch = "wasm32")]
fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() -> ! {
    std::process::abort()
}

/// Computes for ever, without a call that the host could stop at.
fn spin() -> ! {
    let mut count = 0u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

/// Takes memory, and touches it, until it gets no more.
fn allocate() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1u8; 1 << 20]));
    }
}
