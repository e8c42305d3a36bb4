//! Keys whose responses were not for others a moment ago: nobody waits for the next one.
//!
//! Without this, requests for what cannot be cached would go one behind the other's head: each would hope that the one
//! under way is for all (Varnish calls it hit-for-miss). Who is told not to wait may still store what comes.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_cache::Key;
use tidegate_core::Timestamp;

/// How many keys are remembered, about. Others take the place of those that share a slot.
const SLOTS: usize = 4096;
/// For how long one is, in seconds.
const REMEMBERED_FOR_S: u64 = 10;

/// Keys that were not for others. Shared by all cores.
pub struct Unshared {
    hasher: RandomState,
    /// The upper half of a key's hash, and until when, in seconds since the Unix epoch.
    slots: Box<[AtomicU64]>,
}

impl Unshared {
    /// None yet.
    pub fn new() -> Self {
        Self { hasher: RandomState::new(), slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Remembers a key.
    pub fn remember(&self, key: &Key, now: Timestamp) {
        let (slot, mark) = self.place(key);
        let until = (seconds(now) + REMEMBERED_FOR_S) & u64::from(u32::MAX);
        slot.store(mark | until, Ordering::Relaxed);
    }

    /// Forgets a key: its response is for others now.
    pub fn forget(&self, key: &Key) {
        let (slot, mark) = self.place(key);
        if slot.load(Ordering::Relaxed) >> 32 == mark >> 32 {
            slot.store(0, Ordering::Relaxed);
        }
    }

    /// Whether a key is remembered. By chance, one in four thousand millions may seem to be.
    pub fn contains(&self, key: &Key, now: Timestamp) -> bool {
        let (slot, mark) = self.place(key);
        let remembered = slot.load(Ordering::Relaxed);
        let until = remembered & u64::from(u32::MAX);
        remembered != 0
            && remembered >> 32 == mark >> 32
            && (seconds(now)..=seconds(now) + REMEMBERED_FOR_S).contains(&until)
    }

    fn place(&self, key: &Key) -> (&AtomicU64, u64) {
        let hash = self.hasher.hash_one(key);
        (&self.slots[hash as usize % SLOTS], hash & !u64::from(u32::MAX))
    }
}

fn seconds(now: Timestamp) -> u64 {
    now.as_unix_ms() / 1000
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn keys_are_remembered_for_a_moment() {
        let unshared = Unshared::new();
        let (key, other) = (Key::of("http://a/"), Key::of("http://b/"));
        let now = Timestamp::from_unix_ms(1_700_000_000_000);
        let later = |seconds| now + Duration::from_secs(seconds);
        assert!(!unshared.contains(&key, now));
        unshared.remember(&key, now);
        assert!(unshared.contains(&key, later(REMEMBERED_FOR_S)));
        assert!(!unshared.contains(&key, later(REMEMBERED_FOR_S + 1)));
        assert!(!unshared.contains(&key, Timestamp::default()), "the clock was set back");
        assert!(!unshared.contains(&other, now));
        unshared.forget(&key);
        assert!(!unshared.contains(&key, now));
    }
}
