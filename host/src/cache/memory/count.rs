//! How often something was asked for of late, in one word, and the clock that it ages by.
//!
//! Time is counted in periods. When one ends, every count is worth half; nobody goes through them: a count says of which
//! period it is, and whoever reads it halves it as often as periods have passed since.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// What one request adds. Not 1, so that what was asked for once is still worth something after being halved four times.
const ONE: u32 = 16;
/// From so many requests on, not every one is written down: see [`Count::more`].
const EXACT_MAX: u32 = 64;
/// Requests in a period, for each entry stored. Longer is more exact, and follows a change of taste more slowly: after
/// 64, hits are about 0.35 of 100 requests fewer than with perfect knowledge; after 32 it is 0.65, after 128 0.2.
const PERIOD_PER_ENTRY: u64 = 64;
/// Entries that a period is counted for at least.
const ENTRIES_MIN: u64 = 128;
/// One request in so many moves the clock, by so many.
const STRIDE: u64 = 64;

/// A number of requests, and the period it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count(u32);

impl Count {
    /// One request, in this period.
    pub fn once(period: u16) -> Self {
        Self::new(ONE, period)
    }

    fn new(worth: u32, period: u16) -> Self {
        Self(u32::from(period) << 16 | worth.min(0xffff))
    }

    /// The word of it.
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// The count of a word.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// What it is worth in this period, in sixteenths of a request; at most 65,535.
    pub fn worth(self, period: u16) -> u32 {
        // Another thread may have written in a period that has begun since: an age below zero is none.
        let age = period.wrapping_sub((self.0 >> 16) as u16).cast_signed().max(0);
        (self.0 & 0xffff) >> age.min(16)
    }

    /// The count with one request more; none: it stays as it is.
    ///
    /// Above [`EXACT_MAX`], steps of two and more are made, as rarely as they are large (R. Morris, "Counting large
    /// numbers of events in small registers", CACM 21, 1978): what everybody asks for is seldom written to, and never
    /// once it is full, so that cores do not wait for each other's copy of it.
    pub fn more(self, period: u16, random: u32) -> Option<Self> {
        let worth = self.worth(period);
        let step = (worth / ONE / EXACT_MAX + 1).next_power_of_two();
        if worth + ONE > 0xffff || random & (step - 1) != 0 {
            return None;
        }
        Some(Self::new(worth + step * ONE, period))
    }
}

/// Counts periods by requests. What is written lies apart from what is read.
#[derive(Default)]
pub struct Clock {
    period: Apart<AtomicU32>,
    requests: Apart<AtomicU64>,
}

/// Alone on its cache lines; two, because they are fetched in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl Clock {
    /// The period.
    pub fn period(&self) -> u16 {
        self.period.0.load(Relaxed) as u16
    }

    /// There was a request, while so many entries were stored. Mostly does nothing.
    pub fn tick(&self, random: u32, entries: impl Fn() -> usize) {
        if !u64::from(random >> 16).is_multiple_of(STRIDE) {
            return;
        }
        let length = PERIOD_PER_ENTRY * (entries() as u64).max(ENTRIES_MIN);
        let requests = self.requests.0.fetch_add(STRIDE, Relaxed) + STRIDE;
        // Of those that see the end of a period, one begins the next.
        if requests >= length && self.requests.0.compare_exchange(requests, 0, Relaxed, Relaxed).is_ok() {
            self.period.0.fetch_add(1, Relaxed);
        }
    }
}
