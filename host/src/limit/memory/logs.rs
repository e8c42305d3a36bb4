//! Logs by key, for all cores. A log is as large as its quota, so it has no place in a word: the keys are divided among
//! maps, each behind a lock. Whoever wants no lock takes a sliding window.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tidegate_limit::{Key, Log, Moment, Quota, State, Verdict};

use super::Counts;

const SHARDS_MAX: usize = 64;
/// Below so many keys for each shard, fewer shards: they do not fill evenly.
const SHARD_KEYS_MIN: usize = 16;
/// How many each newcomer looks at: in turn, to forget what has expired; at random, to forget the least harmful.
const LOOKED_AT: usize = 8;
/// Moments that a log may have room for beyond twice what it holds.
const SPARE_MOMENTS: usize = 16;

/// Logs by key, at most so many keys. As in the table, a key is known by its hash, which is keyed and has 64 bits.
pub struct Logs {
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    shard_keys: usize,
    evicted: AtomicU64,
}

#[derive(Default)]
struct Shard {
    /// Where the log of a key is, by its hash.
    places: HashMap<u64, usize, BuildHasherDefault<AsIs>>,
    entries: Vec<Entry>,
    /// The next to be looked at, in turn.
    hand: usize,
}

struct Entry {
    hash: u64,
    state: State,
    /// How much was taken, as of the last change.
    used: u32,
    /// When nothing of it counts any more.
    expires: Moment,
}

/// What is a hash already.
#[derive(Default)]
struct AsIs(u64);

impl Logs {
    /// None yet.
    pub fn new(keys_max: u32) -> Self {
        let keys_max = (keys_max as usize).max(1);
        let shards = (keys_max / SHARD_KEYS_MIN).clamp(1, SHARDS_MAX);
        Self {
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            shard_keys: keys_max.div_ceil(shards),
            evicted: AtomicU64::new(0),
        }
    }

    /// What is known of a key; of one that is not known, a new one.
    pub fn get(&self, key: &Key) -> State {
        let hash = self.hasher.hash_one(key);
        let shard = self.shard(hash);
        let place = shard.places.get(&hash);
        place.map_or_else(|| State::Log(Log::default()), |place| shard.entries[*place].state.clone())
    }

    /// Changes what is known of a key, or begins with a new one and forgets another if there are too many. Returns what
    /// `change` does, whose verdict tells how much is used.
    pub fn change(&self, key: &Key, quota: &Quota, now: Moment, change: impl FnOnce(&mut State) -> Verdict) -> Verdict {
        let hash = self.hasher.hash_one(key);
        let mut guard = self.shard(hash);
        let shard = &mut *guard;
        if let Some(place) = shard.places.get(&hash) {
            return shard.entries[*place].change(quota, now, change);
        }
        let mut entry = Entry { hash, state: State::Log(Log::default()), used: 0, expires: now };
        let verdict = entry.change(quota, now, change);
        if !entry.is_expired(now) {
            self.evicted.fetch_add(shard.insert(entry, self.shard_keys, now), Relaxed);
        }
        verdict
    }

    /// Changes what is known of a key, if anything is.
    pub fn change_known(&self, key: &Key, quota: &Quota, now: Moment, change: impl FnOnce(&mut State) -> Verdict) {
        let hash = self.hasher.hash_one(key);
        let mut guard = self.shard(hash);
        let shard = &mut *guard;
        if let Some(place) = shard.places.get(&hash) {
            shard.entries[*place].change(quota, now, change);
        }
    }

    /// Forgets a key, or all.
    pub fn reset(&self, key: Option<&Key>) {
        let Some(key) = key else {
            for shard in &self.shards {
                *lock(shard) = Shard::default();
            }
            return;
        };
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        if let Some(place) = shard.places.get(&hash).copied() {
            shard.remove(place);
        }
    }

    /// How they are filled. Looks at every key.
    pub fn counts(&self, now: Moment) -> Counts {
        let live = |shard| lock(shard).entries.iter().filter(|entry| !entry.is_expired(now)).count() as u64;
        Counts {
            keys: self.shards.iter().map(live).sum(),
            capacity: (self.shards.len() * self.shard_keys) as u64,
            evicted: self.evicted.load(Relaxed),
            overflowed: 0,
        }
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // By bits that the maps do not begin with.
        lock(&self.shards[(hash >> 32) as usize % self.shards.len()])
    }
}

impl Shard {
    /// How many were forgotten that had not expired.
    fn insert(&mut self, entry: Entry, keys_max: usize, now: Moment) -> u64 {
        self.forget_expired(now);
        let mut evicted = 0;
        if self.entries.len() >= keys_max {
            // The least harm is done where least is used. Those that expire soonest may have taken most.
            let harm = |place: &usize| (self.entries[*place].used, self.entries[*place].expires);
            let (len, start) = (self.entries.len(), fastrand::usize(..self.entries.len()));
            let some = (0..LOOKED_AT.min(len)).map(|step| (start + step * (len / LOOKED_AT).max(1)) % len);
            if let Some(least) = some.min_by_key(harm) {
                self.remove(least);
                evicted = 1;
            }
        }
        self.places.insert(entry.hash, self.entries.len());
        self.entries.push(entry);
        evicted
    }

    /// Forgets those of the next few that have expired.
    fn forget_expired(&mut self, now: Moment) {
        for _ in 0..LOOKED_AT.min(self.entries.len()) {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            match self.entries.get(self.hand) {
                Some(entry) if entry.is_expired(now) => self.remove(self.hand),
                _ => self.hand += 1,
            }
        }
    }

    fn remove(&mut self, place: usize) {
        let removed = self.entries.swap_remove(place);
        self.places.remove(&removed.hash);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.hash, place);
        }
    }
}

impl Entry {
    fn change(&mut self, quota: &Quota, now: Moment, change: impl FnOnce(&mut State) -> Verdict) -> Verdict {
        let verdict = change(&mut self.state);
        self.used = quota.count().saturating_sub(verdict.remaining);
        self.expires = now + verdict.reset;
        if let State::Log(log) = &mut self.state
            && log.taken.capacity() > 4 * log.taken.len() + SPARE_MOMENTS
        {
            log.taken.shrink_to(2 * log.taken.len());
        }
        verdict
    }

    fn is_expired(&self, now: Moment) -> bool {
        self.expires <= now
    }
}

impl Hasher for AsIs {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Nothing under the lock panics halfway through a change.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
