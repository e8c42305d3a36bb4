//! What tests of the host are written with: the real binary on free ports, with real components.
//!
//! Tests run in parallel, in any order, on a loaded machine. They wait for events (a log line, a metric, a byte),
//! never for time to pass; [`PATIENCE`] only bounds how long an event that never comes holds up the others.

pub mod client;
pub mod host;
pub mod manifest;
pub mod metrics;
pub mod origin;
pub mod raw;
pub mod redis;
pub mod server;
pub mod setup;
pub mod trial;

use std::time::{Duration, Instant};

pub use client::{Answer, run};
pub use host::{Ended, Host};
pub use libtest_mimic::Trial;
pub use manifest::{manifest, served};
pub use raw::Raw;
pub use redis::Redis;
pub use server::Server;
pub use setup::Setup;

/// How long something that must happen may take. Far more than it needs: the machine may be busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none in time.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
