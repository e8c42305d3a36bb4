//! The memory tier: a map from keys to shared values, bounded in bytes, for all cores.
//!
//! Whoever finds something takes no lock: the map is read without one (papaya), and how often an entry is asked for is a
//! word of its own that is written to more rarely the hotter it is. Whoever stores or removes something takes the lock of
//! the [`Residents`], which no reader needs.
//!
//! What is stored is decided by frequency: TinyLFU's question (G. Einziger, R. Friedman, B. Manes, "TinyLFU: A Highly
//! Efficient Cache Admission Policy", ACM ToS 13, 2017) asked of all bytes that would have to leave: a newcomer is let in
//! if it is asked for more often than they are, together. Those are the least of a few at random. So a scan changes
//! nothing, small things are preferred to large ones that are as popular, and what was popular is forgotten by halves.

mod count;
mod ghost;
mod residents;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use papaya::{Guard, HashMap, ResizeMode};

use count::Clock;
use ghost::Ghost;
use residents::{Entry, Residents};

/// What an entry takes in memory, about, beside its key and its value. Nothing counts as less.
pub const ENTRY_OVERHEAD: usize = 192;
/// An entry may weigh one part of so many of the tier.
const ENTRY_SHARE: usize = 8;
/// Entries moved by each writer while the map grows. What is removed meanwhile is freed when it has grown, so not few.
const RESIZE_STEP: usize = 256;
/// Bytes that a thread may have removed before it has them freed, which interrupts all cores for a moment (membarrier).
const WAITING_MAX: usize = 64 << 10;

thread_local! {
    /// Bytes that this thread has removed and that still wait to be freed.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// Values by key, bounded in bytes. The table of what is not stored takes 1/64 more.
///
/// Keys come from clients, so they are hashed by SipHash, which they cannot make collide.
pub struct Memory<K, V> {
    bytes_max: usize,
    hasher: RandomState,
    map: HashMap<K, Arc<Entry<K, V>>, RandomState>,
    ghost: Ghost,
    clock: Clock,
    residents: Mutex<Residents<K, V>>,
    /// As of the last change of the residents, for those without the lock.
    bytes: AtomicUsize,
    len: AtomicUsize,
    evicted: AtomicU64,
}

/// What became of an insertion.
#[derive(Debug)]
pub struct Inserted<K, V> {
    /// Whether it is stored. If not, nothing is stored under its key: it is too large, or not worth what would have had
    /// to leave.
    pub is_kept: bool,
    /// What left for it; or, where very many have to leave, for it to come again.
    pub evicted: Vec<(K, Arc<V>)>,
}

impl<K: Hash + Eq + Clone + Send + Sync, V: Send + Sync> Memory<K, V> {
    /// An empty one that grows to so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let hasher = RandomState::new();
        let resize_mode = ResizeMode::Incremental(RESIZE_STEP);
        Self {
            bytes_max,
            map: HashMap::builder().hasher(hasher.clone()).resize_mode(resize_mode).build(),
            hasher,
            ghost: Ghost::new(bytes_max),
            clock: Clock::default(),
            residents: Mutex::new(Residents::new()),
            bytes: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    /// What is stored under a key. A request counts whether or not there is anything, for that decides what is stored.
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let (period, random) = (self.clock.period(), fastrand::u32(..));
        self.clock.tick(random, || self.len());
        let guard = self.map.guard();
        let Some(entry) = self.map.get(key, &guard) else {
            self.ghost.ask(self.hasher.hash_one(key), period, random);
            return None;
        };
        entry.ask(period, random);
        Some(Arc::clone(&entry.value))
    }

    /// What is stored under a key, looked at for other reasons than a request: it does not count.
    pub fn peek(&self, key: &K) -> Option<Arc<V>> {
        self.map.get(key, &self.map.guard()).map(|entry| Arc::clone(&entry.value))
    }

    /// Stores a value in the place of what was there, if it is worth it. `bytes`: what it weighs, with its key and
    /// [`ENTRY_OVERHEAD`].
    pub fn insert(&self, key: K, value: Arc<V>, bytes: usize) -> Inserted<K, V> {
        let (bytes, hash, period) = (bytes.max(ENTRY_OVERHEAD), self.hasher.hash_one(&key), self.clock.period());
        let guard = self.map.guard();
        let mut residents = self.lock();

        let old = self.map.get(&key, &guard);
        if let Some(old) = old {
            residents.take(old);
        }
        let count = old.map_or_else(|| self.ghost.count(hash, period), |old| old.count());
        let room = (bytes <= self.bytes_max / ENTRY_SHARE)
            .then(|| residents.make_room(self.bytes_max - bytes, count.worth(period), period));
        let is_kept = room.as_ref().is_some_and(|room| room.is_enough);
        let left = room.map_or_else(Vec::new, |room| room.left);
        for entry in &left {
            self.ghost.remember(entry.hash, entry.count(), period);
            self.map.remove(&entry.key, &guard);
        }
        if is_kept {
            let entry = Arc::new(Entry::new(key.clone(), hash, value, bytes, count));
            residents.add(Arc::clone(&entry));
            self.map.insert(key, entry, &guard);
        } else if old.is_some() {
            self.ghost.remember(hash, count, period);
            self.map.remove(&key, &guard);
        }

        self.evicted.fetch_add(left.len() as u64, Relaxed);
        self.publish(residents);
        free(&guard, left.iter().map(|entry| &**entry).chain(old.map(|old| &**old)).map(|entry| entry.bytes).sum());
        Inserted { is_kept, evicted: left.iter().map(|entry| (entry.key.clone(), Arc::clone(&entry.value))).collect() }
    }

    /// Removes what is stored under a key, whatever it is.
    pub fn remove(&self, key: &K) -> Option<Arc<V>> {
        self.take(key, |_| true)
    }

    /// Removes what is stored under a key if it is still this value. Whether it was.
    pub fn remove_if(&self, key: &K, value: &Arc<V>) -> bool {
        self.take(key, |stored| Arc::ptr_eq(stored, value)).is_some()
    }

    fn take(&self, key: &K, condition: impl Fn(&Arc<V>) -> bool) -> Option<Arc<V>> {
        let guard = self.map.guard();
        let mut residents = self.lock();
        let entry = self.map.get(key, &guard).filter(|entry| condition(&entry.value))?;
        residents.take(entry);
        self.ghost.remember(entry.hash, entry.count(), self.clock.period());
        self.map.remove(key, &guard);
        let value = Arc::clone(&entry.value);
        self.publish(residents);
        free(&guard, entry.bytes);
        Some(value)
    }

    /// Removes all. How often what was asked for stays known, but of what was stored.
    pub fn clear(&self) {
        let guard = self.map.guard();
        let mut residents = self.lock();
        let removed = residents.take_all();
        self.map.clear(&guard);
        self.publish(residents);
        drop(removed);
        free(&guard, WAITING_MAX);
    }

    /// What all entries weigh; at most what [`Memory::new`] was given.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries had to leave for others, ever.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Residents<K, V>> {
        // Nothing in here panics half-way but a key's own comparison.
        self.residents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the totals to those without the lock, and gives it back.
    fn publish(&self, residents: MutexGuard<'_, Residents<K, V>>) {
        self.bytes.store(residents.bytes(), Relaxed);
        self.len.store(residents.len(), Relaxed);
    }
}

/// Has what was removed freed, if there is enough of it: as soon as those are gone who read it just now. Without this, a
/// thread would keep up to 32 entries until it removes more.
fn free(guard: &impl Guard, bytes: usize) {
    let waiting = WAITING.get().saturating_add(bytes);
    if waiting < WAITING_MAX {
        WAITING.set(waiting);
        return;
    }
    guard.flush();
    WAITING.set(0);
}
