//! What was purged, and when: constant time for a purge, whatever the stores hold.
//!
//! Everything that is stored has the [sequence](Generations::next) number that its fetch was given when it began. A purge
//! takes a number too and writes it down; what is stored under a lower one is affected. Nothing is looked for: each
//! entry is [checked](Generations::standing) when it is found, once after each purge, so that a hit costs one load of
//! the epoch and a compare.
//!
//! A purge never misses anything. It may hit too much: names share slots by their hashes ([`tables`]). Of `n` different
//! names purged since an entry was stored, the chance that an entry with `k` names (its URL, its host, its tags) goes
//! with them is about `k * (1 - exp(-4n / 65536))^4`: for 5 names 6e-5 after a thousand, 22 % after ten thousand.
//!
//! With a file, purges survive restarts ([`log`]).

mod file;
mod log;
mod record;
mod tables;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tidegate_cache::{Key, Purge};

use self::log::Log;
pub use self::log::{NotDurable, OpenError};
use self::record::Record;
use self::tables::Tables;

/// Sequence numbers in a millisecond.
const PER_MS: u64 = 1 << 16;
/// No clock makes higher ones, however wrong it is: that of the year 3084.
const SEQUENCE_MAX: u64 = 1 << 61;

/// What was purged. Shared by all cores.
pub struct Generations {
    epoch: Apart,
    last: AtomicU64,
    /// Purges happen one after the other, so that the epoch only grows.
    order: Mutex<()>,
    tables: Arc<Tables>,
    log: Option<Log>,
    clock: Clock,
}

/// Milliseconds since the Unix epoch.
type Clock = fn() -> u64;

/// The epoch has a cache line of its own: every hit reads it, and it changes with purges alone.
#[repr(align(128))]
struct Apart(AtomicU64);

/// Kept with each entry: how it stood at the epoch when it was last looked at. New ones were never looked at.
#[derive(Debug, Default)]
pub struct Checked(AtomicU64);

/// How an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It was not purged.
    Valid,
    /// It was purged softly: it counts as stale.
    Soft,
    /// It was purged: it is not there.
    Hard,
}

impl Generations {
    /// What was purged, as the file says, which is made if it is not there. Without a file: nothing. Blocks.
    ///
    /// A new file begins with a purge of everything, for a store that is older than it may hold what was purged; so does
    /// one that takes the place of a damaged one, which is kept aside, as `NAME.damaged`, and reported.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn open(file: Option<&Path>) -> Result<Self, OpenError> {
        Self::open_with(file, unix_ms, tables::PREFIXES_MAX)
    }

    fn open_with(file: Option<&Path>, clock: Clock, prefixes_max: usize) -> Result<Self, OpenError> {
        let Some(path) = file else {
            return Ok(Self::of(Tables::new(record::new_seed(), prefixes_max), 0, 0, clock));
        };
        let replayed = file::replay(path, prefixes_max)?;
        let mut generations = Self::of(replayed.tables, replayed.epoch, replayed.last, clock);
        if replayed.is_new {
            let everything = Record::everything(false, generations.next());
            generations.tables.apply(&everything);
            generations.epoch = Apart(AtomicU64::new(everything.sequence));
        }
        let log = Log::open(path, Arc::clone(&generations.tables), generations.next())?;
        generations.log = Some(log);
        Ok(generations)
    }

    fn of(tables: Tables, epoch: u64, last: u64, clock: Clock) -> Self {
        let (epoch, last) = (Apart(AtomicU64::new(epoch)), AtomicU64::new(last));
        Self { epoch, last, order: Mutex::default(), tables: Arc::new(tables), log: None, clock }
    }

    /// The next sequence number: higher than all before, those before a restart included, even if the clock was set back
    /// meanwhile. It is about the time, in 1/65,536 of a millisecond.
    pub fn next(&self) -> u64 {
        let now = (self.clock)().saturating_mul(PER_MS).min(SEQUENCE_MAX);
        let next = |last: u64| now.max(last.saturating_add(1));
        // Relaxed will do: changes of one atomic have one order, and whoever knows that a purge returned comes after it
        // in that order.
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let sequence = next(last.unwrap_or_else(|last| last));
        if let Some(log) = &self.log {
            log.reserve(sequence);
        }
        sequence
    }

    /// Changes with each purge, and only grows: the sequence number of the last one.
    pub fn epoch(&self) -> u64 {
        self.epoch.0.load(Ordering::Acquire)
    }

    /// Purges all that was stored, or began to be fetched, before. When this returns, it is in effect on all cores and,
    /// with a file, on disk. Blocks.
    ///
    /// # Errors
    /// When it could not be written: it is in effect all the same, but a restart may forget it.
    pub fn purge(&self, purge: &Purge) -> Result<(), NotDurable> {
        let records = self.apply(purge);
        self.log.as_ref().map_or(Ok(()), |log| log.write(records))
    }

    /// As [`Generations::purge`], for what requests invalidate (RFC 9111 section 4.4): it is written too, but that is not
    /// waited for. Does not block. After `kill -9` the last instant's may be forgotten, after a power cut the last
    /// seconds'.
    pub fn invalidate(&self, purge: &Purge) {
        let records = self.apply(purge);
        if let Some(log) = &self.log {
            log.write_later(records);
        }
    }

    fn apply(&self, purge: &Purge) -> Vec<Record> {
        let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = self.next();
        let records = self.tables.records(purge, sequence);
        records.iter().for_each(|record| self.tables.apply(record));
        // Release: whoever sees this epoch sees what was written into the tables for it.
        self.epoch.0.store(sequence, Ordering::Release);
        records
    }

    /// How an entry stands: of this sequence, under this key, with these tags. What is told once for an epoch is kept in
    /// `checked`, which belongs to these three and no others: an entry that is replaced or freshened takes a new
    /// sequence number, from before it was asked for, and a new [`Checked`].
    pub fn standing(&self, checked: &Checked, sequence: u64, key: &Key, tags: &[Arc<str>]) -> Standing {
        // A purge that has returned is seen: it stored its epoch before it returned, so whoever comes after it loads that
        // epoch or a later one. Then either `checked` was written at that epoch, by somebody who had seen it, or the
        // tables are read, behind this Acquire, with all that was written into them before that epoch was stored. If
        // they are read while another purge is under way, some of it may be seen already, and it is not missed either:
        // the answer is kept for the epoch that was loaded first.
        let epoch = self.epoch();
        if let Some(standing) = checked.at(epoch) {
            return standing;
        }
        let standing = match sequence > epoch {
            true => Standing::Valid, // It is younger than the last purge.
            false => self.tables.standing(sequence, key, tags),
        };
        checked.keep(epoch, standing);
        standing
    }

    /// Whether what began to be fetched under this number was purged since, as far as its key can tell: for
    /// [`super::claims::Claims::claim`].
    pub fn is_outdated(&self, sequence: u64, key: &Key) -> bool {
        self.standing(&Checked::default(), sequence, key, &[]) != Standing::Valid
    }
}

impl Checked {
    // The epoch and how the entry stood are one number, so that they always belong together, in whatever order cores
    // write it; no other memory hangs on it. Epochs are below 2^62.
    fn at(&self, epoch: u64) -> Option<Standing> {
        let checked = self.0.load(Ordering::Relaxed);
        match checked ^ (epoch << 2) {
            1 => Some(Standing::Valid),
            2 => Some(Standing::Soft),
            3 => Some(Standing::Hard),
            _ => None,
        }
    }

    fn keep(&self, epoch: u64, standing: Standing) {
        self.0.store(epoch << 2 | (standing as u64 + 1), Ordering::Relaxed);
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
