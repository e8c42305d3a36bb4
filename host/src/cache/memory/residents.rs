//! What is stored, as those see it who write: who has to leave for whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use super::count::Count;

/// Entries that are looked at to find one that may leave. Eight are no better, for what leaves by mistake is soon back:
/// its count is remembered.
const SAMPLE: usize = 4;
/// Entries that leave at a time, at most; a newcomer that needs more of them to leave has to come again.
const LEAVE_MAX: usize = 1024;

/// Something stored.
pub struct Entry<K, V> {
    pub key: K,
    pub hash: u64,
    pub value: Arc<V>,
    pub bytes: usize,
    count: AtomicU32,
    /// Where it is among the residents; of use only to who holds their lock.
    place: AtomicUsize,
}

impl<K, V> Entry<K, V> {
    /// An entry that has not got its place yet.
    pub fn new(key: K, hash: u64, value: Arc<V>, bytes: usize, count: Count) -> Self {
        let count = AtomicU32::new(count.to_bits());
        Self { key, hash, value, bytes, count, place: AtomicUsize::new(usize::MAX) }
    }

    /// How often it was asked for.
    pub fn count(&self) -> Count {
        Count::from_bits(self.count.load(Relaxed))
    }

    /// Counts a request. Of two at the same time one may get lost.
    pub fn ask(&self, period: u16, random: u32) {
        if let Some(count) = self.count().more(period, random) {
            self.count.store(count.to_bits(), Relaxed);
        }
    }

    /// Whether a byte of it is worth less than one of the other.
    fn is_worth_less(&self, other: &Self, period: u16) -> bool {
        // At least 1, so that of two that nobody asks for, the larger leaves.
        let worth = |entry: &Self| u128::from(entry.count().worth(period).max(1));
        worth(self) * (other.bytes as u128) < worth(other) * (self.bytes as u128)
    }
}

/// All that is stored, in no order.
pub struct Residents<K, V> {
    entries: Vec<Arc<Entry<K, V>>>,
    bytes: usize,
}

/// What making room came to.
pub struct Room<K, V> {
    /// Whether there is room.
    pub is_enough: bool,
    /// What left.
    pub left: Vec<Arc<Entry<K, V>>>,
}

impl<K, V> Residents<K, V> {
    /// Nothing.
    pub fn new() -> Self {
        Self { entries: Vec::new(), bytes: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// What they weigh.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds one.
    pub fn add(&mut self, entry: Arc<Entry<K, V>>) {
        entry.place.store(self.entries.len(), Relaxed);
        self.bytes += entry.bytes;
        self.entries.push(entry);
    }

    /// Takes one out that is in it.
    pub fn take(&mut self, entry: &Entry<K, V>) {
        let place = entry.place.load(Relaxed);
        self.swap(place, self.entries.len() - 1);
        self.entries.pop();
        self.bytes -= entry.bytes;
    }

    /// Takes all out.
    pub fn take_all(&mut self) -> Vec<Arc<Entry<K, V>>> {
        self.bytes = 0;
        std::mem::take(&mut self.entries)
    }

    /// Has entries leave until all weigh `bytes_max` at most, if they are worth less, together, than `worth`.
    pub fn make_room(&mut self, bytes_max: usize, worth: u32, period: u16) -> Room<K, V> {
        // Those that are to leave gather at the end of the list.
        let (mut stay, mut bytes, mut loss) = (self.entries.len(), self.bytes, 0);
        while bytes > bytes_max && stay > 0 && self.entries.len() - stay < LEAVE_MAX {
            let least = self.least_of(stay, period);
            loss += self.entries[least].count().worth(period);
            if loss >= worth {
                return Room { is_enough: false, left: Vec::new() };
            }
            stay -= 1;
            bytes -= self.entries[least].bytes;
            self.swap(least, stay);
        }
        self.bytes = bytes;
        Room { is_enough: bytes <= bytes_max, left: self.entries.split_off(stay) }
    }

    /// The place of the entry, among a few of the first `len`, whose bytes are worth least.
    fn least_of(&self, len: usize, period: u16) -> usize {
        let mut least = fastrand::usize(..len);
        for _ in 1..SAMPLE {
            let other = fastrand::usize(..len);
            if self.entries[other].is_worth_less(&self.entries[least], period) {
                least = other;
            }
        }
        least
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.entries.swap(one, other);
        self.entries[one].place.store(one, Relaxed);
        self.entries[other].place.store(other, Relaxed);
    }
}
