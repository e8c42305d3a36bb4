//! Commits the fault that the path's last segment names. `/ok` and `/hold` commit none, so that a test can see the
//! others go on.
//!
//! What a panic says here ends in SECRET, so that a test can see that no client ever reads it.

mod body;

use std::hint::black_box;
use std::time::Duration;

use spin_sdk::http::{IntoResponse, Request, Response, StatusCode, box_body};
use spin_sdk::http_service;
use spin_sdk::wasip3::clocks::monotonic_clock;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields};

type Answer = Result<Response<spin_sdk::http::BoxBody>, ErrorCode>;

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let query = request.uri().query().unwrap_or_default();
    match request.uri().path().rsplit('/').next().unwrap_or_default() {
        "ok" => text("ok"),
        // Held up for as long as its body is.
        "hold" => Ok(Response::new(box_body(request.into_body()))),
        "panic" => panic!("a panic of SECRET"),
        "trap" => trap(),
        "exit" => std::process::exit(3),
        "recurse" => text(black_box(recurse(1)).to_string()),
        "loop" => spin(),
        "loop-later" => {
            spawn_later(|| spin());
            text("looping from now on")
        }
        "allocate" => allocate(),
        "hoard" => hoard(),
        "never" => {
            sleep(Duration::from_secs(24 * 3600)).await;
            text("too late")
        }
        // Unlike "never", the host can know that nothing will ever wake this one.
        "pending" => std::future::pending().await,
        "sleep" => {
            sleep(Duration::from_millis(query.strip_prefix("ms=").unwrap_or("50").parse().unwrap())).await;
            text("slept")
        }
        "error" => Err(ErrorCode::InternalError(Some("an error code of SECRET".into()))),
        "panic-later" => {
            spawn_later(|| panic!("a late panic of SECRET"));
            text("panicking from now on")
        }
        name => match body::named(name) {
            Some(body) => Ok(Response::new(body)),
            None => Ok(Response::builder().status(StatusCode::NOT_FOUND).body(box_body(String::new())).unwrap()),
        },
    }
}

fn text(text: impl Into<String>) -> Answer {
    Ok(Response::new(box_body(text.into())))
}

/// Does it once the response is on its way.
fn spawn_later(fault: impl FnOnce() + 'static) {
    spin_sdk::wasip3::spawn(async {
        sleep(Duration::from_millis(50)).await;
        fault();
    });
}

async fn sleep(duration: Duration) {
    monotonic_clock::wait_for(u64::try_from(duration.as_nanos()).unwrap()).await;
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

/// Fills its stack.
#[expect(unconditional_recursion, reason = "this is the fault")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + black_box(frame)[1]
}

/// Takes memory, and touches it, until it gets no more.
fn allocate() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1u8; 1 << 20]));
    }
}

/// Takes handles from the host until it gets no more: they are the host's memory, not the component's.
fn hoard() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(Fields::new()));
    }
}
