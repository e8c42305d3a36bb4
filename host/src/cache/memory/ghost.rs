//! How often what is not stored was asked for: what admission is decided by.
//!
//! A table of fingerprints and counts, eight to a cache line. A key has its line and may lie anywhere in it; the newcomer
//! takes the place of what was asked for least. So a scan of keys that are asked for once fights for one place in a
//! line, and the others keep what they know. Threads write without waiting for each other; what is lost between them is
//! a request not counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::count::Count;

/// Bytes of cache for a place in the table, which takes 8: the table is 1/64 of the cache.
const BYTES_PER_PLACE: usize = 512;
/// Places at least: 256 KiB.
const PLACES_MIN: usize = 1 << 15;
/// Places at most: 512 MiB.
const PLACES_MAX: usize = 1 << 26;
const LINE: usize = 8;

/// Counts of keys that are not stored, by their hashes.
pub struct Ghost {
    lines: Box<[Line]>,
}

/// A fingerprint in the upper half of each word, a [`Count`] in the lower.
#[derive(Default)]
#[repr(align(64))]
struct Line([AtomicU64; LINE]);

impl Ghost {
    /// For a cache of so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let places = (bytes_max / BYTES_PER_PLACE).clamp(PLACES_MIN, PLACES_MAX).next_power_of_two();
        Self { lines: (0..places / LINE).map(|_| Line::default()).collect() }
    }

    /// Counts a request.
    pub fn ask(&self, hash: u64, period: u16, random: u32) {
        match self.find(hash) {
            Some((place, count)) => {
                if let Some(count) = count.more(period, random) {
                    place.store(word(hash, count), Relaxed);
                }
            }
            None => self.least(hash, period).store(word(hash, Count::once(period)), Relaxed),
        }
    }

    /// What is known of a key: nothing counts as one request.
    pub fn count(&self, hash: u64, period: u16) -> Count {
        self.find(hash).map_or(Count::once(period), |(_, count)| count)
    }

    /// Takes over what is known of a key that is stored no longer.
    pub fn remember(&self, hash: u64, count: Count, period: u16) {
        let place = self.find(hash).map_or_else(|| self.least(hash, period), |(place, _)| place);
        place.store(word(hash, count), Relaxed);
    }

    fn find(&self, hash: u64) -> Option<(&AtomicU64, Count)> {
        self.line(hash).iter().find_map(|place| {
            let word = place.load(Relaxed);
            (word >> 32 == hash >> 32).then(|| (place, count_in(word)))
        })
    }

    fn least(&self, hash: u64, period: u16) -> &AtomicU64 {
        let line = self.line(hash);
        line.iter().min_by_key(|place| count_in(place.load(Relaxed)).worth(period)).unwrap_or(&line[0])
    }

    fn line(&self, hash: u64) -> &[AtomicU64; LINE] {
        // The number of lines is a power of two.
        &self.lines[hash as usize & (self.lines.len() - 1)].0
    }
}

fn word(hash: u64, count: Count) -> u64 {
    hash >> 32 << 32 | u64::from(count.to_bits())
}

fn count_in(word: u64) -> Count {
    Count::from_bits(word as u32)
}
