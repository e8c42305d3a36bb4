//! States by key, for all cores: a table of fixed size in which each slot is one atomic word.
//!
//! A word holds the mark of a key together with its state, so a single compare-and-swap finds that a slot still is the
//! key's and changes its state: what is taken is never taken of another key that has got the slot meanwhile. A key has its
//! place in one set of 8 slots, two cache lines; to find it there takes no lock and writes nothing. What is refused
//! changes nothing, so clients that are refused over and over write to no memory that cores share.
//!
//! The words are `portable_atomic`'s, which asks the processor once whether it can change 16 bytes at a time (all x86-64
//! ones of the last 15 years can, and all of ARM's 64-bit ones) and takes locks of its own if it cannot.
//!
//! **A key has one slot.** Only newcomers get slots, and those of one set one after the other, by a lock; whoever has it
//! looks once more whether the key is there. Every insertion before happened before by that lock, so it is seen. Those
//! that find their key do not ask for the lock, and whoever holds it can be in nobody's way but other newcomers'. (Two
//! newcomers without a lock could both find the key missing and choose different slots; a key counted twice would get its
//! quota twice.)
//!
//! **Orderings are all relaxed.** A word says all there is to know, so nothing has to be visible before or after it, and
//! the changes of one word have one order on which all cores agree: a compare-and-swap that succeeds had the latest value.
//! A load that is late makes it fail, or makes a known key look new, for which the newcomer looks again under the lock.
//! What is in flight never leaves its slot, and landing happens after taking; so it is found without a lock.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portable_atomic::AtomicU128;
use tidegate_limit::{Key, Moment, State};

use super::Counts;
use super::word::{Layout, Mark};

const WAYS: usize = 8;
/// What the processor moves at a time.
const CACHE_LINE: usize = 64;
const SLOTS_IN_LINE: usize = CACHE_LINE / size_of::<AtomicU128>();
/// How many locks there are for newcomers.
const GATES: usize = 256;

/// States by key. Clients choose their keys, so they are hashed by SipHash with a secret: nobody can make two keys one,
/// or send all newcomers into one set.
pub struct Table {
    layout: Layout,
    /// The longest of its quotas.
    period_ms: AtomicU64,
    hasher: RandomState,
    slots: Box<[AtomicU128]>,
    /// The first slot that begins a cache line, and with it the first set.
    first: usize,
    sets: usize,
    gates: Box<[Gate]>,
    evicted: AtomicU64,
    overflowed: AtomicU64,
}

/// The lock for the newcomers of some sets, in a cache line of its own.
#[derive(Default)]
#[repr(align(64))]
struct Gate(Mutex<()>);

/// Where a key is looked for.
#[derive(Clone, Copy)]
pub struct Place {
    mark: Mark,
    set: usize,
    /// The slot that is looked at first.
    way: usize,
}

impl Table {
    /// An empty one for so many keys, rounded up to whole sets. Its memory is the system's until it is used.
    pub fn new(layout: Layout, keys_max: u32, longest_period: Duration) -> Self {
        let sets = (keys_max as usize).div_ceil(WAYS).max(1);
        let slots = zeroed(sets * WAYS + SLOTS_IN_LINE - 1);
        // At most SLOTS_IN_LINE - 1: a slot has the alignment of its size.
        let first = slots.as_ptr().align_offset(CACHE_LINE).min(SLOTS_IN_LINE - 1);
        Self {
            layout,
            period_ms: AtomicU64::new(whole_ms(longest_period)),
            hasher: RandomState::new(),
            slots,
            first,
            sets,
            gates: (0..GATES.min(sets)).map(|_| Gate::default()).collect(),
            evicted: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
        }
    }

    /// From now on its quotas have another longest period.
    pub fn set_longest_period(&self, longest_period: Duration) {
        self.period_ms.store(whole_ms(longest_period), Relaxed);
    }

    /// Where a key is looked for.
    pub fn place(&self, key: &Key) -> Place {
        let hash = self.hasher.hash_one(key);
        // The set by the upper bits, the mark and the way by the lower ones.
        let set = (u128::from(hash) * self.sets as u128) >> 64;
        Place { mark: self.layout.mark(hash), set: set as usize, way: hash as usize % WAYS }
    }

    /// What is known of a key.
    pub fn get(&self, place: Place) -> Option<State> {
        self.find(place).map(|(_, word)| self.layout.state(word))
    }

    /// Changes what is known of a key. `change` is called again if somebody else was faster; its last outcome counts.
    /// None: nothing is known, and nothing changes.
    pub fn change<T>(&self, place: Place, mut change: impl FnMut(&mut State) -> T) -> Option<T> {
        let (slot, mut word) = self.find(place)?;
        while self.layout.is_of(word, place.mark) {
            let mut state = self.layout.state(word);
            let outcome = change(&mut state);
            let changed = self.layout.word(place.mark, &state);
            if changed == word {
                return Some(outcome);
            }
            match slot.compare_exchange(word, changed, Relaxed, Relaxed) {
                Ok(_) => return Some(outcome),
                Err(other) => word = other,
            }
        }
        None
    }

    /// The same, but a key of which nothing is known begins with the state `new`, and takes the slot of what is the least
    /// harm to forget. None: there is no such slot, for all are of keys with something in flight; nothing changes.
    pub fn change_or_insert<T>(
        &self,
        place: Place,
        now: Moment,
        new: impl Fn() -> State,
        mut change: impl FnMut(&mut State) -> T,
    ) -> Option<T> {
        self.change(place, &mut change).or_else(|| self.insert(place, now, new, change))
    }

    #[cold]
    fn insert<T>(
        &self,
        place: Place,
        now: Moment,
        new: impl Fn() -> State,
        mut change: impl FnMut(&mut State) -> T,
    ) -> Option<T> {
        let _gate = self.gate(place);
        loop {
            if let Some(outcome) = self.change(place, &mut change) {
                return Some(outcome);
            }
            let mut state = new();
            let outcome = change(&mut state);
            let inserted = self.layout.word(place.mark, &state);
            if self.is_expired(inserted, now) {
                return Some(outcome);
            }
            let Some((harm, slot, word)) = self.least_harmful(place, now) else {
                self.overflowed.fetch_add(1, Relaxed);
                return None;
            };
            // Otherwise somebody has taken of the key that was to be forgotten, which may not be the least harmful now.
            if slot.compare_exchange(word, inserted, Relaxed, Relaxed).is_ok() {
                self.evicted.fetch_add(u64::from(harm > 0), Relaxed);
                return Some(outcome);
            }
        }
    }

    /// Forgets a key, or all. What is in flight is not forgotten: it would land where nothing is, or as another.
    pub fn reset(&self, place: Option<Place>) {
        match place {
            _ if self.layout == Layout::Flight => {}
            Some(place) => _ = self.change(place, |state| *state = self.layout.state(0)),
            None => self.all().for_each(|slot| slot.store(0, Relaxed)),
        }
    }

    /// How it is filled. Looks at every slot.
    pub fn counts(&self, now: Moment) -> Counts {
        let live = self.all().filter(|slot| !self.is_expired(slot.load(Relaxed), now)).count();
        Counts {
            keys: live as u64,
            capacity: (self.sets * WAYS) as u64,
            evicted: self.evicted.load(Relaxed),
            overflowed: self.overflowed.load(Relaxed),
        }
    }

    fn find(&self, place: Place) -> Option<(&AtomicU128, u128)> {
        let mut words = self.ways(place).map(|slot| (slot, slot.load(Relaxed)));
        words.find(|(_, word)| self.layout.is_of(*word, place.mark))
    }

    fn least_harmful(&self, place: Place, now: Moment) -> Option<(u64, &AtomicU128, u128)> {
        let words = self.ways(place).map(|slot| (slot, slot.load(Relaxed)));
        let harm = |word| self.layout.harm(word, self.period_ms.load(Relaxed), now);
        let harms = words.filter_map(|(slot, word)| Some((harm(word)?, slot, word)));
        harms.min_by_key(|(harm, ..)| *harm)
    }

    fn is_expired(&self, word: u128, now: Moment) -> bool {
        self.layout.harm(word, self.period_ms.load(Relaxed), now) == Some(0)
    }

    /// The slots of a key's set. Each key begins with another, so in a set that is not full it is found at once.
    fn ways(&self, place: Place) -> impl Iterator<Item = &AtomicU128> {
        let (sets, _) = self.slots[self.first..].as_chunks::<WAYS>();
        let set = &sets[place.set];
        (place.way..place.way + WAYS).map(move |way| &set[way % WAYS])
    }

    fn all(&self) -> impl Iterator<Item = &AtomicU128> {
        self.slots[self.first..].iter().take(self.sets * WAYS)
    }

    fn gate(&self, place: Place) -> MutexGuard<'_, ()> {
        // It guards no data that could be left half changed.
        self.gates[place.set % self.gates.len()].0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole_ms(period: Duration) -> u64 {
    u64::try_from(period.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 36)
}

/// Slots that are all empty, in memory that nothing has been written to.
fn zeroed(len: usize) -> Box<[AtomicU128]> {
    let slots = Box::new_zeroed_slice(len);
    // SAFETY: an AtomicU128 has the size and the bit validity of a u128, for which zeros are a value.
    unsafe { slots.assume_init() }
}

#[cfg(test)]
impl Table {
    /// How many keys have more than one slot. No newcomer moves anything while a set is looked at.
    pub fn duplicates(&self) -> usize {
        let in_set = |set| {
            let place = Place { mark: self.layout.mark(0), set, way: 0 };
            let _gate = self.gate(place);
            let marks = self.ways(place).map(|slot| self.layout.mark_in(slot.load(Relaxed)));
            let mut marks: Vec<u128> = marks.filter(|mark| *mark != 0).collect();
            let slots = marks.len();
            marks.sort_unstable();
            marks.dedup();
            slots - marks.len()
        };
        (0..self.sets).map(in_set).sum()
    }
}
