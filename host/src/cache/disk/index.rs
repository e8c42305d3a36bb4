//! Where responses are, by the hash of their keys.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 64;

/// Where a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of its segment.
    pub segment: u32,
    /// Where in the segment it begins.
    pub offset: u32,
    /// How long it is, header included.
    pub length: u32,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    /// It is here.
    At(Place),
    /// What is here is no longer it; the job of this number says what is.
    Pending(u64),
    /// While the index is being recovered: there is nothing, whatever older segments say.
    Removed,
}

/// Where responses are.
pub struct Index {
    shards: [Mutex<HashMap<u64, Slot>>; SHARDS],
    jobs: AtomicU64,
}

impl Default for Index {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), jobs: AtomicU64::new(0) }
    }
}

impl Index {
    /// Where the response is that was stored last.
    pub fn find(&self, hash: u64) -> Option<Place> {
        match self.shard(hash).get(&hash) {
            Some(Slot::At(place)) => Some(*place),
            _ => None,
        }
    }

    /// Says that a new response is on its way, and that the old one is not to be found any more. The number of the job.
    pub fn claim(&self, hash: u64) -> u64 {
        let mut shard = self.shard(hash);
        let job = self.jobs.fetch_add(1, Ordering::Relaxed);
        shard.insert(hash, Slot::Pending(job));
        job
    }

    /// The same, for a removal. None: there is nothing.
    pub fn claim_present(&self, hash: u64) -> Option<u64> {
        let mut shard = self.shard(hash);
        let slot = shard.get_mut(&hash)?;
        let job = self.jobs.fetch_add(1, Ordering::Relaxed);
        *slot = Slot::Pending(job);
        Some(job)
    }

    /// Whether this job is the last one for its hash.
    pub fn is_last(&self, hash: u64, job: u64) -> bool {
        matches!(self.shard(hash).get(&hash), Some(Slot::Pending(last)) if *last == job)
    }

    /// The outcome of a job: where its response is, or that there is none. Nothing, if it was not the last one.
    pub fn settle(&self, hash: u64, job: u64, place: Option<Place>) {
        let mut shard = self.shard(hash);
        if matches!(shard.get(&hash), Some(Slot::Pending(last)) if *last == job) {
            match place {
                Some(place) => drop(shard.insert(hash, Slot::At(place))),
                None => drop(shard.remove(&hash)),
            }
        }
    }

    /// Forgets what is at this place: it is damaged, or deleted.
    pub fn forget(&self, hash: u64, place: Place) {
        self.forget_if(hash, |at| at == place);
    }

    /// Forgets the response of this hash if it is in this segment.
    pub fn forget_in(&self, hash: u64, segment: u32) {
        self.forget_if(hash, |at| at.segment == segment);
    }

    fn forget_if(&self, hash: u64, is_gone: impl Fn(Place) -> bool) {
        if let Entry::Occupied(entry) = self.shard(hash).entry(hash)
            && matches!(entry.get(), Slot::At(place) if is_gone(*place))
        {
            entry.remove();
        }
    }

    /// Forgets what is in this segment, all of it: looks at everything.
    pub fn forget_segment(&self, segment: u32) {
        self.each_shard(|shard| shard.retain(|_, slot| !matches!(slot, Slot::At(place) if place.segment == segment)));
    }

    /// Forgets everything, jobs too: they come to nothing.
    pub fn clear(&self) {
        self.each_shard(HashMap::clear);
    }

    /// Forgets everything that was written, but not what is on its way.
    pub fn forget_written(&self) {
        self.each_shard(|shard| shard.retain(|_, slot| matches!(slot, Slot::Pending(_))));
    }

    /// What a segment says of a hash, the newest first: only the first counts.
    pub fn recover(&self, hash: u64, place: Option<Place>) {
        self.shard(hash).entry(hash).or_insert(place.map_or(Slot::Removed, Slot::At));
    }

    /// Ends recovery.
    pub fn recovered(&self) {
        self.each_shard(|shard| shard.retain(|_, slot| !matches!(slot, Slot::Removed)));
    }

    fn each_shard(&self, mut change: impl FnMut(&mut HashMap<u64, Slot>)) {
        self.shards.iter().for_each(|shard| change(&mut shard.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, HashMap<u64, Slot>> {
        // The map goes by other bits.
        self.shards[(hash >> 32) as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
