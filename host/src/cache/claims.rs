//! Who is fetching what, for all cores: one fetch for a key, however many ask for it.
//!
//! Whoever comes first holds the [`Claim`] and fetches; the others wait for what it offers (an entry that is still
//! arriving) or for the word that there is nothing to share. All that wait are told at once, never one behind the other.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_cache::Key;
use tidegate_pipeline::Released;
use tokio::sync::watch;
use tokio::time::timeout;

const SHARDS: usize = 64;

/// The claims of all cores. `F` is what those who wait get: the entry that arrives.
pub struct Claims<F> {
    shards: Box<[Mutex<Shard<F>>]>,
    hasher: RandomState,
    /// Claims that are held, those that were replaced in the table included.
    held: AtomicUsize,
    held_max: usize,
    /// Those that wait for what others fetch.
    waiting: AtomicUsize,
    last_id: AtomicU64,
}

type Shard<F> = HashMap<Key, Slot<F>>;

/// What the table knows of a claim.
struct Slot<F> {
    id: u64,
    sequence: u64,
    said: watch::Receiver<Said<F>>,
}

/// What the holder of a claim said so far.
enum Said<F> {
    Nothing,
    Offered(F),
    Released(Released),
}

/// What became of a request for a claim.
pub enum Claimed<F> {
    /// The key is the caller's to fetch. Who looked into the store before should look again: the one that held the key
    /// before may just have put it there.
    Held(Claim<F>),
    /// Somebody else fetches it.
    Taken(Waiting<F>),
    /// There are as many claims as there may be: the caller fetches for itself.
    Full,
}

impl<F> Claims<F> {
    /// No claims yet; at most this many are held at a time.
    pub fn new(held_max: usize) -> Arc<Self> {
        Arc::new(Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            held: AtomicUsize::new(0),
            held_max,
            waiting: AtomicUsize::new(0),
            last_id: AtomicU64::new(0),
        })
    }

    /// Claims a key, or joins those that wait for it. `sequence` is the claim's place among purges (see
    /// [`Generations::next`](super::generations::Generations::next)), taken before this call. `is_outdated` says of a
    /// claim's sequence whether its key was purged since: then nobody joins that claim any more. It goes on for those
    /// that have it, and its place in the table goes to the caller. `is_outdated` is called under a lock: it must
    /// neither wait nor claim.
    pub fn claim(self: &Arc<Self>, key: &Key, sequence: u64, is_outdated: impl Fn(u64) -> bool) -> Claimed<F> {
        let mut shard = self.shard(key);
        if let Some(slot) = shard.get(key)
            && !is_outdated(slot.sequence)
        {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            return Claimed::Taken(Waiting { claims: Arc::clone(self), said: slot.said.clone() });
        }
        if self.held.fetch_add(1, Ordering::Relaxed) >= self.held_max {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return Claimed::Full;
        }
        let (says, said) = watch::channel(Said::Nothing);
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        let replaced = shard.insert(key.clone(), Slot { id, sequence, said });
        drop(shard);
        drop(replaced);
        let last = Some(Released::Gone);
        Claimed::Held(Claim { claims: Arc::clone(self), key: key.clone(), id, sequence, says, last })
    }

    /// How many claims are held now.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// How many wait for what others fetch now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard<F>> {
        let shard = self.hasher.hash_one(key) % SHARDS as u64;
        // Nothing under the lock panics halfway through a change.
        self.shards[shard as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a claim out of the table, if it was not replaced there.
    fn remove(&self, key: &Key, id: u64) -> Option<Slot<F>> {
        let mut shard = self.shard(key);
        shard.get(key).is_some_and(|slot| slot.id == id).then(|| shard.remove(key))?
    }
}

/// The right to fetch a key for all. Dropped before it is ended or released, it tells those who wait that it is
/// [`Released::Gone`].
pub struct Claim<F> {
    claims: Arc<Claims<F>>,
    key: Key,
    id: u64,
    sequence: u64,
    says: watch::Sender<Said<F>>,
    /// What is said when it is dropped.
    last: Option<Released>,
}

impl<F> Claim<F> {
    /// What is claimed.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its place among purges: what is fetched under it is of this sequence.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Gives all that wait, and all that come until the claim goes, what they wait for.
    pub fn offer(&self, offered: F) {
        self.says.send_replace(Said::Offered(offered));
    }

    /// There is nothing to share: all that wait are told why, and the key is free.
    pub fn release(mut self, why: Released) {
        self.last = Some(why);
    }

    /// What was offered is in the store now: the key is free. Those who wait get what was offered all the same.
    pub fn end(mut self) {
        self.last = None;
    }
}

impl<F> Drop for Claim<F> {
    fn drop(&mut self) {
        // Out of the table first, so that those who are told find the key free.
        let slot = self.claims.remove(&self.key, self.id);
        self.claims.held.fetch_sub(1, Ordering::Relaxed);
        if let Some(last) = self.last {
            self.says.send_replace(Said::Released(last));
        }
        drop(slot);
    }
}

/// One that waits for what another fetches.
pub struct Waiting<F> {
    claims: Arc<Claims<F>>,
    said: watch::Receiver<Said<F>>,
}

impl<F: Clone> Waiting<F> {
    /// Waits for what the holder offers, at most this long. Resolves at once if it was offered already.
    ///
    /// # Errors
    /// Why there is nothing: what the holder said, [`Released::Gone`] if it went away, or [`Released::TooLong`].
    pub async fn wait(mut self, at_most: Duration) -> Result<F, Released> {
        let said = self.said.wait_for(|said| !matches!(said, Said::Nothing));
        match timeout(at_most, said).await {
            Ok(Ok(said)) => match &*said {
                Said::Offered(offered) => Ok(offered.clone()),
                Said::Released(released) => Err(*released),
                Said::Nothing => Err(Released::Gone),
            },
            // It ended and had offered nothing.
            Ok(Err(_)) => Err(Released::Gone),
            Err(_) => Err(Released::TooLong),
        }
    }
}

impl<F> Drop for Waiting<F> {
    fn drop(&mut self) {
        self.claims.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
