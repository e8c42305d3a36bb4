//! The leases of this node, by limit and key: [`tidegate_limit::Lease`] with a clock, for all cores.
//!
//! The keys are divided among maps, each behind a lock that is held for one decision. There are at most [`KEYS_MAX`];
//! further keys have no lease, and Redis is asked each time.

use std::cmp::Reverse;
use std::collections::hash_map::Entry as Place;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tidegate_limit::{Ask, Grant, Key, Lease, LeaseTerms, Leased, Moment, Quota, Unused, Verdict};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

const SHARDS: usize = 64;
/// Keys with leases.
const KEYS_MAX: usize = 1 << 16;

/// Leases by limit and key. A key is found by its hash, which is keyed.
pub struct Leases {
    /// The beginning of the clock.
    began: Instant,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    /// There is one again.
    filled: Notify,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<u64, Entry>,
    /// When to look at which.
    due: BinaryHeap<Reverse<(Moment, u64)>>,
    counts: LeaseCounts,
}

struct Entry {
    limit: Box<str>,
    key: Key,
    /// Of which it is a lease.
    quota: Quota,
    terms: LeaseTerms,
    lease: Lease,
    answered: Arc<Notify>,
}

/// What leases were good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseCounts {
    pub hits: u64,
    pub refusals: u64,
    pub refills: u64,
    pub keys: u64,
}

/// What becomes of a take.
pub enum Local {
    /// It is decided, at this moment.
    Decided(Verdict, Moment),
    /// Redis is to be asked for a slice. The answer goes to [`Leases::answer`], or that there is none to
    /// [`Leases::give_up`].
    Ask(Ticket),
    /// It is being asked. To be tried again then.
    Wait(OwnedNotified),
    /// There is no lease: Redis is to be asked for this take alone.
    Each,
}

/// A question that this node asks for all that want the same.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    hash: u64,
    pub terms: LeaseTerms,
    pub ask: Ask,
    asked_at: Moment,
}

/// What is to be given back.
#[derive(Clone, Debug)]
pub struct Returned {
    pub limit: Box<str>,
    pub key: Key,
    pub quota: Quota,
    pub unused: Unused,
}

impl Leases {
    /// None yet.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            filled: Notify::new(),
        }
    }

    /// Takes from the slice of a key, or says what is to be done.
    pub fn take(&self, limit: &str, key: &Key, quota: &Quota, cost: u32) -> Local {
        let hash = self.hasher.hash_one((limit, key));
        let mut guard = self.shard(hash);
        let now = self.now();
        let shard = &mut *guard;
        if !shard.entries.get(&hash).is_some_and(|entry| entry.is_of(limit, key, quota)) {
            let Some(terms) = LeaseTerms::of(quota) else { return Local::Each };
            if !shard.insert(hash, limit, key, quota, terms, now) {
                return Local::Each;
            }
            self.filled.notify_one();
        }
        let Some(entry) = shard.entries.get_mut(&hash) else { return Local::Each };
        match entry.lease.take(&entry.terms, now, cost) {
            Leased::Decided(verdict) => {
                *(if verdict.is_taken() { &mut shard.counts.hits } else { &mut shard.counts.refusals }) += 1;
                Local::Decided(verdict, now)
            }
            Leased::Ask(ask) => {
                shard.counts.refills += 1;
                Local::Ask(Ticket { hash, terms: entry.terms, ask, asked_at: now })
            }
            Leased::Wait => Local::Wait(entry.answered.clone().notified_owned()),
        }
    }

    /// What Redis has granted, of which so much is taken at once. Returns what is to be given back.
    pub fn answer(&self, ticket: &Ticket, grant: &Grant, taken: u32) -> Option<Returned> {
        let mut guard = self.shard(ticket.hash);
        let now = self.now();
        // Not one that began anew meanwhile.
        let entry = guard.entries.get_mut(&ticket.hash).filter(|entry| entry.terms == ticket.terms)?;
        let older = entry.lease.answer(&ticket.terms, ticket.asked_at, now, grant, taken);
        entry.answered.notify_waiters();
        Some(entry.returned(older?))
    }

    /// Redis did not answer, or was not asked after all.
    pub fn give_up(&self, ticket: &Ticket, is_sent: bool) {
        if let Some(entry) = self.shard(ticket.hash).entries.get_mut(&ticket.hash) {
            entry.lease.give_up(ticket.ask.unused.filter(|_| !is_sent));
            entry.answered.notify_waiters();
        }
    }

    /// What is known of a key whose question was answered: refused for how long, or just what is there.
    pub fn verdict(&self, ticket: &Ticket, refused: Option<u32>) -> Verdict {
        let shard = self.shard(ticket.hash);
        let now = self.now();
        let lease = shard.entries.get(&ticket.hash).map(|entry| &entry.lease);
        let fresh = Lease::default();
        let lease = lease.unwrap_or(&fresh);
        match refused {
            Some(cost) => lease.refuse(&ticket.terms, now, cost),
            None => lease.peek(&ticket.terms, now),
        }
    }

    /// Gives back what was taken at a moment. False: there is no lease.
    pub fn give_back(&self, limit: &str, key: &Key, taken_at: Moment, cost: u32) -> bool {
        let hash = self.hasher.hash_one((limit, key));
        let mut shard = self.shard(hash);
        let entry = shard.entries.get_mut(&hash).filter(|entry| entry.is_named(limit, key));
        entry.map(|entry| entry.lease.give_back(taken_at, cost)).is_some()
    }

    /// Forgets the leases of a limit: of one key or of all.
    pub fn reset(&self, limit: &str, key: Option<&Key>) {
        for shard in &self.shards {
            let is_meant = |entry: &Entry| &*entry.limit == limit && key.is_none_or(|key| entry.key == *key);
            let mut shard = lock(shard);
            let Shard { entries, due, .. } = &mut *shard;
            entries.retain(|_, entry| {
                let is_meant = is_meant(entry);
                if is_meant {
                    entry.answered.notify_waiters();
                }
                !is_meant
            });
            due.retain(|Reverse((_, hash))| entries.contains_key(hash));
        }
    }

    /// Forgets what is over, and gives what is unused to `give_back`.
    pub fn sweep(&self, mut give_back: impl FnMut(Returned)) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let now = self.now();
            while let Some(returned) = shard.sweep_one(now) {
                returned.into_iter().for_each(&mut give_back);
            }
        }
    }

    /// Waits until there are any.
    pub async fn filled(&self) {
        while self.shards.iter().all(|shard| lock(shard).entries.is_empty()) {
            self.filled.notified().await;
        }
    }

    /// What they were good for.
    pub fn counts(&self) -> LeaseCounts {
        self.shards.iter().fold(LeaseCounts::default(), |sum, shard| {
            let shard = lock(shard);
            LeaseCounts {
                hits: sum.hits + shard.counts.hits,
                refusals: sum.refusals + shard.counts.refusals,
                refills: sum.refills + shard.counts.refills,
                keys: sum.keys + shard.entries.len() as u64,
            }
        })
    }

    /// The node's clock.
    pub fn now(&self) -> Moment {
        Moment::from_nanos(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        // By bits that the maps do not begin with.
        lock(&self.shards[(hash >> 32) as usize % SHARDS])
    }
}

impl Shard {
    /// Begins a lease, in place of one with another quota. False: there are too many.
    fn insert(&mut self, hash: u64, limit: &str, key: &Key, quota: &Quota, terms: LeaseTerms, now: Moment) -> bool {
        let is_full = self.entries.len() >= KEYS_MAX / SHARDS;
        let entry = || Entry {
            limit: limit.into(),
            key: key.clone(),
            quota: *quota,
            terms,
            lease: Lease::default(),
            answered: Arc::default(),
        };
        match self.entries.entry(hash) {
            Place::Occupied(mut place) if place.get().is_named(limit, key) => {
                place.insert(entry()).answered.notify_waiters();
                true
            }
            Place::Vacant(place) if !is_full => {
                let entry = place.insert(entry());
                self.due.push(Reverse((entry.lease.due(&entry.terms, now), hash)));
                true
            }
            Place::Occupied(_) | Place::Vacant(_) => false,
        }
    }

    /// Looks at the next that is due. None: none is.
    fn sweep_one(&mut self, now: Moment) -> Option<Option<Returned>> {
        let Reverse((_, hash)) = self.due.peek().filter(|Reverse((at, _))| *at <= now).copied()?;
        self.due.pop();
        let Some(entry) = self.entries.get_mut(&hash) else { return Some(None) };
        let at = entry.lease.due(&entry.terms, now);
        let unused = if at <= now { entry.lease.unused(now) } else { None };
        let returned = unused.map(|unused| entry.returned(unused));
        if entry.lease.is_over(&entry.terms, now) {
            self.entries.remove(&hash);
        } else {
            let at = entry.lease.due(&entry.terms, now).max(now + entry.terms.lifetime() / 8);
            self.due.push(Reverse((at, hash)));
        }
        Some(returned)
    }
}

impl Entry {
    fn is_named(&self, limit: &str, key: &Key) -> bool {
        self.key == *key && *self.limit == *limit
    }

    fn is_of(&self, limit: &str, key: &Key, quota: &Quota) -> bool {
        self.is_named(limit, key) && self.quota == *quota
    }

    fn returned(&self, unused: Unused) -> Returned {
        Returned { limit: self.limit.clone(), key: self.key.clone(), quota: *self.terms.quota(), unused }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Nothing under the lock panics halfway through a change.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
