//! What was done so far.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// One number of the metrics.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// The metric's name.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Its value.
    pub value: u64,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests for which Redis was asked.
    pub asked: u64,
    /// Of those, for how many it did not answer in time, or with an error.
    pub failed: u64,
    /// Requests for which it was not even asked: the breaker was open, or too many waited.
    pub skipped: u64,
    /// Times the script was run, for whatever reason.
    pub round_trips: u64,
    /// Charges, and places of what is not in flight any more, of which Redis was not told.
    pub dropped: u64,
    /// How often the breaker opened.
    pub opened: u64,
    /// Takes from a slice that was at hand.
    pub lease_hits: u64,
    /// Takes that were refused without asking.
    pub lease_refusals: u64,
    /// Takes for which a slice was asked for.
    pub lease_refills: u64,
    /// Keys of which there are leases now.
    pub leases: u64,
}

impl Counts {
    /// All of it, by name.
    pub fn named(self) -> impl Iterator<Item = Count> {
        let counter = |name, help, value| Count { name, kind: "counter", help, value };
        let gauge = |name, help, value| Count { name, kind: "gauge", help, value };
        [
            counter("tidegate_limit_redis_asked_total", "Requests for which Redis was asked.", self.asked),
            counter("tidegate_limit_redis_failed_total", "Questions that Redis did not answer in time.", self.failed),
            counter("tidegate_limit_redis_skipped_total", "Requests for which Redis was left alone.", self.skipped),
            counter("tidegate_limit_redis_round_trips_total", "Times that the script was run.", self.round_trips),
            counter("tidegate_limit_redis_dropped_total", "Charges and ends that Redis was not told.", self.dropped),
            counter("tidegate_limit_redis_opened_total", "How often the breaker opened.", self.opened),
            counter("tidegate_limit_redis_lease_hits_total", "Takes from a slice at hand.", self.lease_hits),
            counter("tidegate_limit_redis_lease_refusals_total", "Refusals without asking.", self.lease_refusals),
            counter("tidegate_limit_redis_lease_refills_total", "Slices that were asked for.", self.lease_refills),
            gauge("tidegate_limit_redis_leases", "Keys with leases.", self.leases),
        ]
        .into_iter()
    }
}

/// The same while it is counted.
#[derive(Debug, Default)]
pub struct Counters {
    pub asked: AtomicU64,
    pub failed: AtomicU64,
    pub skipped: AtomicU64,
    pub round_trips: AtomicU64,
    pub dropped: AtomicU64,
}

impl Counters {
    /// All but what leases and the breaker count themselves.
    pub fn counts(&self) -> Counts {
        Counts {
            asked: self.asked.load(Relaxed),
            failed: self.failed.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            round_trips: self.round_trips.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            ..Counts::default()
        }
    }
}

/// Counts one.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
