//! What was purged, in memory.
//!
//! For hard and soft purges each there are 65,536 slots with the sequence number of the last purge that wrote them. The
//! four quarters of a name's hash are the numbers of its slots: a purge of it writes all four, and it was purged when the
//! lowest of the four says. So another name purges it only by sharing all four, perhaps with several (a Bloom filter
//! with times in the place of bits).
//!
//! Prefixes are a list. When it is full, the oldest becomes a purge of its host; one that is not even a whole host, of
//! everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tidegate_cache::{Key, Purge};

use super::Standing;
use super::record::{Kind, Name, Record, names, whole_host};

/// How many prefixes are remembered as such.
pub const PREFIXES_MAX: usize = 1024;

const SLOTS: usize = 1 << 16;

/// What was purged.
pub struct Tables {
    /// Of the hashes.
    pub seed: u64,
    hard: Times,
    soft: Times,
    /// By sequence, the oldest first. Written by one at a time.
    prefixes: ArcSwap<Vec<Prefix>>,
    prefixes_max: usize,
}

/// When what was purged last.
struct Times {
    slots: Box<[AtomicU64]>,
    everything: AtomicU64,
}

#[derive(Clone)]
struct Prefix {
    text: Arc<str>,
    sequence: u64,
    is_soft: bool,
}

impl Tables {
    /// Nothing was purged.
    pub fn new(seed: u64, prefixes_max: usize) -> Self {
        Self { seed, hard: Times::new(), soft: Times::new(), prefixes: ArcSwap::default(), prefixes_max }
    }

    /// What is written down for a purge.
    pub fn records(&self, purge: &Purge, sequence: u64) -> Vec<Record> {
        let kinds = Kind::of(&purge.what, self.seed);
        kinds.into_iter().map(|kind| Record { sequence, is_soft: purge.is_soft, kind }).collect()
    }

    /// Takes a purge in. One at a time; in any order, for each comes with its time.
    pub fn apply(&self, record: &Record) {
        match &record.kind {
            Kind::Name(hash) => self.times(record.is_soft).purge(*hash, record.sequence),
            Kind::Slot(slot) => raise(&self.times(record.is_soft).slots[usize::from(*slot)], record.sequence),
            Kind::Everything => {
                raise(&self.times(record.is_soft).everything, record.sequence);
                self.prefixes.store(Arc::new(self.prefixes_beside("", record)));
            }
            Kind::Prefix(text) => self.add_prefix(text, record),
            Kind::Reserved | Kind::Seed(_) => {}
        }
    }

    /// How an entry stands.
    pub fn standing(&self, sequence: u64, key: &Key, tags: &[Arc<str>]) -> Standing {
        // The list is read before the slots. What left it was written into a slot before, or stands under a prefix that
        // was added with the same change; so it is found in one or the other.
        let mut standing = self.by_prefix(sequence, key.url());
        let (mut hard, mut soft) = (self.hard.everything(), self.soft.everything());
        for name in names(key, tags) {
            let hash = name.hash(self.seed);
            hard = hard.max(self.hard.of(hash));
            soft = soft.max(self.soft.of(hash));
        }
        if soft >= sequence {
            standing = standing.max(Standing::Soft);
        }
        if hard >= sequence {
            standing = Standing::Hard;
        }
        standing
    }

    fn by_prefix(&self, sequence: u64, url: &str) -> Standing {
        let prefixes = self.prefixes.load();
        let since = prefixes.iter().rev().take_while(|prefix| prefix.sequence >= sequence);
        let fits = since.filter(|prefix| url.starts_with(&*prefix.text));
        fits.map(|prefix| if prefix.is_soft { Standing::Soft } else { Standing::Hard }).max().unwrap_or(Standing::Valid)
    }

    fn add_prefix(&self, text: &Arc<str>, record: &Record) {
        let mut prefixes = self.prefixes_beside(text, record);
        let place = prefixes.partition_point(|prefix| prefix.sequence <= record.sequence);
        prefixes.insert(place, Prefix { text: text.clone(), sequence: record.sequence, is_soft: record.is_soft });
        while prefixes.len() > self.prefixes_max {
            let oldest = prefixes.remove(0);
            let times = self.times(oldest.is_soft);
            match whole_host(&oldest.text) {
                Some(host) => times.purge(Name::Host(host).hash(self.seed), oldest.sequence),
                None => raise(&times.everything, oldest.sequence),
            }
        }
        self.prefixes.store(Arc::new(prefixes));
    }

    /// The list without what a purge of all that begins with `text` makes superfluous.
    fn prefixes_beside(&self, text: &str, record: &Record) -> Vec<Prefix> {
        let is_superfluous = |prefix: &Prefix| {
            let is_older = prefix.sequence <= record.sequence;
            is_older && (prefix.is_soft || !record.is_soft) && prefix.text.starts_with(text)
        };
        self.prefixes.load().iter().filter(|prefix| !is_superfluous(prefix)).cloned().collect()
    }

    /// All of it, as records. Purges that begin meanwhile may be in it or not.
    pub fn dump(&self) -> Vec<Record> {
        // The list first: see `standing`.
        let prefixes = self.prefixes.load();
        let prefixes = prefixes.iter().map(|prefix| {
            let kind = Kind::Prefix(Arc::clone(&prefix.text));
            Record { sequence: prefix.sequence, is_soft: prefix.is_soft, kind }
        });
        let mut records: Vec<_> = prefixes.collect();
        for is_soft in [false, true] {
            let times = self.times(is_soft).dump();
            records.extend(times.map(|(sequence, kind)| Record { sequence, is_soft, kind }));
        }
        records
    }

    fn times(&self, is_soft: bool) -> &Times {
        if is_soft { &self.soft } else { &self.hard }
    }
}

// All Relaxed: purges are told to others by the epoch, which is stored behind them.
impl Times {
    fn new() -> Self {
        let slots = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { slots, everything: AtomicU64::new(0) }
    }

    fn purge(&self, hash: u64, sequence: u64) {
        slots(hash).for_each(|slot| raise(&self.slots[slot], sequence));
    }

    /// When a name was purged last, or later.
    fn of(&self, hash: u64) -> u64 {
        slots(hash).map(|slot| self.slots[slot].load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    fn everything(&self) -> u64 {
        self.everything.load(Ordering::Relaxed)
    }

    fn dump(&self) -> impl Iterator<Item = (u64, Kind)> {
        let everything = (self.everything(), Kind::Everything);
        let slots = (0..=u16::MAX).zip(&self.slots);
        let slots = slots.map(|(number, slot)| (slot.load(Ordering::Relaxed), Kind::Slot(number)));
        slots.chain([everything]).filter(|(sequence, _)| *sequence > 0)
    }
}

/// The slots of a name: the quarters of its hash.
fn slots(hash: u64) -> impl Iterator<Item = usize> {
    (0..4).map(move |quarter| (hash >> (16 * quarter)) as usize % SLOTS)
}

fn raise(time: &AtomicU64, sequence: u64) {
    time.fetch_max(sequence, Ordering::Relaxed);
}
