mod concurrency;
mod flood;
mod model;
mod operations;
mod together;
mod words;

use std::time::Duration;

use tidegate_limit::{Algorithm, Decision, Key, Moment, Quota, Verdict};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// So many milliseconds after the clock's beginning.
fn ms(milliseconds: u64) -> Moment {
    Moment::from_nanos(milliseconds * 1_000_000)
}

fn key(number: u64) -> Key {
    Key::from_text(&format!("client=2001:db8:{:x}:{:x}::/64|route=api", number >> 16, number & 0xffff))
}

/// So many a second, and as many at once.
fn quota(algorithm: Algorithm, count: u32) -> Quota {
    let quota = match algorithm {
        Algorithm::Gcra => Quota::gcra(count, SECOND, count - 1),
        Algorithm::SlidingWindow => Quota::sliding_window(count, SECOND),
        Algorithm::SlidingLog => Quota::sliding_log(count, SECOND),
        Algorithm::Concurrency => Quota::concurrency(count, SECOND),
    };
    quota.expect("a good quota")
}

fn memory(algorithm: Algorithm, max_keys: u32) -> Memory {
    Memory::new(algorithm, max_keys, SECOND)
}

fn take(memory: &Memory, key: &Key, quota: &Quota, now: Moment) -> Verdict {
    memory.take(key, quota, now, 1, Duration::ZERO)
}

/// How many can be taken of a key at one moment.
fn drain(memory: &Memory, key: &Key, quota: &Quota, now: Moment) -> u32 {
    (0..).take_while(|_| take(memory, key, quota, now).is_taken()).count() as u32
}
