//! What is stored of responses, for all cores: in memory, and in what is configured below it.
//!
//! ```text
//! lookup   memory (no lock) ── disk ── Redis            what is found below goes up
//! claim    one fetch for a key, all others wait         claims.rs
//! store    the body arrives, many read it meanwhile     fill.rs, arriving.rs
//! purge    a number in a table; entries compare         generations.rs
//! ```

pub mod arriving;
pub mod body;
pub mod claims;
mod counts;
pub mod disk;
pub mod encode;
pub mod entry;
mod fill;
pub mod generations;
pub mod memory;
mod open;
pub mod record;
pub mod redis;
mod unshared;

use std::sync::Arc;
use std::time::Duration;

use tidegate_cache::{Kept, Key, Marker, Purge, What};
use tidegate_core::Timestamp;
use tidegate_driver::{Claimed, Found};
use tidegate_pipeline::Released;

use self::claims::{Claim, Claims, Waiting};
use self::disk::Disk;
use self::entry::{Body, Entry};
use self::generations::{Generations, NotDurable, Standing};
use self::memory::Memory;
use self::record::Record;
use self::redis::Redis;
use self::unshared::Unshared;

/// Fetches that others may wait for, at a time.
const CLAIMS_MAX: usize = 65_536;

/// All that is stored.
pub struct Cache {
    memory: Memory<Key, Entry>,
    claims: Arc<Claims<Arc<Entry>>>,
    unshared: Unshared,
    generations: Generations,
    disk: Option<Disk>,
    redis: Option<Redis>,
}

/// One that waits for what another fetches.
pub struct Wait {
    key: Key,
    waiting: Waiting<Arc<Entry>>,
}

impl Cache {
    /// An empty cache that keeps so many bytes in memory, over what is on disk and in Redis.
    pub fn new(memory_bytes: usize, generations: Generations, disk: Option<Disk>, redis: Option<Redis>) -> Arc<Self> {
        Arc::new(Self {
            memory: Memory::new(memory_bytes),
            claims: Claims::new(CLAIMS_MAX),
            unshared: Unshared::new(),
            generations,
            disk,
            redis,
        })
    }

    /// What is stored under a key.
    pub async fn lookup(&self, key: &Key) -> Option<Found<Arc<Entry>>> {
        if let Some(entry) = self.memory.get(key) {
            if let Some(found) = self.valid(key, &entry) {
                return Some(found);
            }
            self.memory.remove_if(key, &entry);
        }
        if self.disk.is_none() && self.redis.is_none() { None } else { self.lookup_below(key).await }
    }

    /// What is stored under a key below memory. It goes up.
    async fn lookup_below(&self, key: &Key) -> Option<Found<Arc<Entry>>> {
        if let Some(disk) = &self.disk
            && let Some(record) = disk.get(key).await
        {
            match self.raise(key, record) {
                Some(found) => return Some(found),
                None => disk.remove(key),
            }
        }
        let record = self.redis.as_ref()?.get(key).await?;
        self.raise(key, record)
    }

    fn raise(&self, key: &Key, record: Record) -> Option<Found<Arc<Entry>>> {
        let Record { kept, body, sequence } = record;
        let entry = Entry::new(kept, Body::Whole(body), sequence);
        let found = self.valid(key, &entry)?;
        self.put_in_memory(key, &entry);
        Some(found)
    }

    /// An entry, if no purge has hit it.
    fn valid(&self, key: &Key, entry: &Arc<Entry>) -> Option<Found<Arc<Entry>>> {
        let is_purged = match self.generations.standing(&entry.checked, entry.sequence, key, entry.tags()) {
            Standing::Valid => false,
            Standing::Soft => true,
            Standing::Hard => return None,
        };
        Some(Found { looked: entry.looked(is_purged), entry: Arc::clone(entry) })
    }

    /// Claims a key: see [`tidegate_driver::Platform::claim`].
    pub fn claim(&self, key: &Key, seen: Option<Timestamp>, now: Timestamp) -> Claimed<Claim<Arc<Entry>>, Wait> {
        // What is stored was for others, so its refreshes are one fetch, whatever becomes of them.
        let is_unshared = seen.is_none() && self.unshared.contains(key, now);
        let is_outdated = |sequence| is_unshared || self.generations.is_outdated(sequence, key);
        match self.claims.claim(key, self.generations.next(), is_outdated) {
            claims::Claimed::Held(claim) if self.is_as_seen(key, seen) => Claimed::Held(claim),
            claims::Claimed::Held(_) => Claimed::Changed,
            claims::Claimed::Taken(waiting) => Claimed::Taken(Wait { key: key.clone(), waiting }),
            claims::Claimed::Full => Claimed::Full,
        }
    }

    /// Ends a claim without anything to share.
    pub fn release(&self, claim: Claim<Arc<Entry>>, released: Released, now: Timestamp) {
        if released == Released::Unshared {
            self.unshared.remember(claim.key(), now);
        }
        claim.release(released);
    }

    /// Whether what is in memory is what was seen. Where it is not, it was put there since.
    fn is_as_seen(&self, key: &Key, seen: Option<Timestamp>) -> bool {
        match self.memory.peek(key).filter(|entry| self.valid(key, entry).is_some()).map(|entry| entry.kept.clone()) {
            Some(Kept::Stored(stored)) => Some(stored.received_at) == seen,
            Some(Kept::Marker(_)) => seen.is_some(),
            // Evicted, or never worth keeping.
            None => true,
        }
    }

    /// Waits for one who holds a claim.
    pub async fn wait(&self, waiting: Wait, at_most: Duration) -> Result<Found<Arc<Entry>>, Released> {
        let entry = waiting.waiting.wait(at_most).await?;
        // What was purged since it began to be fetched is for those who asked before.
        let found = self.valid(&waiting.key, &entry).filter(|found| !found.looked.is_purged);
        let found = found.ok_or(Released::Unshared)?;
        let entry = entry.joined().ok_or(Released::Unshared)?;
        Ok(Found { entry, ..found })
    }

    /// Puts a whole entry and the markers that lead to it into the store.
    fn keep(&self, key: &Key, entry: &Arc<Entry>, markers: Vec<(Key, Arc<Marker>)>, sequence: u64) {
        // What was purged while it arrived would be found by nobody.
        if self.valid(key, entry).is_none() {
            return;
        }
        for (place, marker) in markers {
            self.put(&place, &Entry::new(Kept::Marker(marker), Body::Whole(bytes::Bytes::new()), sequence));
        }
        self.put(key, entry);
    }

    fn put(&self, key: &Key, entry: &Arc<Entry>) {
        let Body::Whole(body) = &entry.body else { return };
        if !self.put_in_memory(key, entry) || (self.disk.is_none() && self.redis.is_none()) {
            return;
        }
        let record = Record { kept: entry.kept.clone(), body: body.clone(), sequence: entry.sequence };
        if let Some(disk) = &self.disk {
            disk.put(key, &record);
        }
        if let Some(redis) = &self.redis {
            redis.put(key, &record);
        }
    }

    /// Puts an entry into memory, unless there is a newer one: where the key was purged meanwhile, two were fetched at a
    /// time, and what comes up from below may have been replaced. Whether it is the newest.
    fn put_in_memory(&self, key: &Key, entry: &Arc<Entry>) -> bool {
        if self.memory.peek(key).is_some_and(|there| there.sequence > entry.sequence) {
            return false;
        }
        self.memory.insert(key.clone(), Arc::clone(entry), entry.weight(key.as_str().len()));
        true
    }

    /// Forgets what is stored, for good: it is on disk when this returns, if anything is. Blocks for as long.
    ///
    /// # Errors
    /// When it is forgotten, but could not be written.
    pub fn purge(&self, purges: &[Purge]) -> Result<(), NotDurable> {
        let mut outcome = Ok(());
        for purge in purges {
            outcome = outcome.and(self.generations.purge(purge));
            if purge.what == What::Everything && !purge.is_soft {
                self.memory.clear();
            }
        }
        outcome
    }

    /// Forgets what an unsafe request made invalid.
    pub fn invalidate(&self, purges: &[Purge]) {
        for purge in purges {
            self.generations.invalidate(purge);
        }
    }
}
