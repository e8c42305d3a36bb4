//! What occurs most, in bounded memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::key::Key;

/// The keys that occur most, by Space-Saving (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent
/// and Top-k Elements in Data Streams", ICDT 2005).
///
/// Of `n` occurrences, each key that has more than `n / capacity` of them is there. A key that occurs is looked for among
/// all, which for some dozens of them is one pass over a few cache lines.
#[derive(Clone, Debug)]
pub struct TopKeys {
    capacity: usize,
    /// Of the keys: keys are compared where these are the same.
    hashes: Vec<u64>,
    counts: Vec<u64>,
    others: Vec<Other>,
}

/// What is not looked at in passing.
#[derive(Clone, Debug)]
struct Other {
    key: Key,
    error: u64,
}

/// One that occurs often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heavy {
    /// The key.
    pub key: Key,
    /// How often at most.
    pub count: u64,
    /// By how much that may be too many.
    pub error: u64,
}

impl TopKeys {
    /// Counts so many keys, one at least.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), hashes: Vec::new(), counts: Vec::new(), others: Vec::new() }
    }

    /// One occurred.
    pub fn add(&mut self, key: &Key) {
        let hash = hash(key);
        if let Some(place) = self.find(hash, key) {
            self.counts[place] = self.counts[place].saturating_add(1);
        } else if self.others.len() < self.capacity {
            self.hashes.push(hash);
            self.counts.push(1);
            self.others.push(Other { key: key.clone(), error: 0 });
        } else if let Some(place) = self.rarest() {
            // It may have occurred as often as the one whose place it takes, before that came.
            let error = self.counts[place];
            self.hashes[place] = hash;
            self.counts[place] = error.saturating_add(1);
            self.others[place] = Other { key: key.clone(), error };
        }
    }

    /// Those of several together, most frequent first; at most `len`. Memory is bounded by what they count
    /// (P. Agarwal et al., "Mergeable Summaries", PODS 2012): a key that one of them does not count may have occurred there
    /// as often as the rarest that it does.
    pub fn merged<'a>(all: impl IntoIterator<Item = &'a TopKeys>, len: usize) -> Vec<Heavy> {
        let all: Vec<_> = all.into_iter().map(|one| (one, one.unseen())).collect();
        let unseen_in_all: u64 = all.iter().map(|(_, unseen)| unseen).sum();
        let mut sums = BTreeMap::new();
        for (one, unseen) in all {
            for (other, count) in one.others.iter().zip(&one.counts) {
                let (sum, error) = sums.entry(&other.key).or_insert((unseen_in_all, unseen_in_all));
                *sum = *sum - unseen + count;
                *error = *error - unseen + other.error;
            }
        }
        let mut heavy: Vec<_> =
            sums.into_iter().map(|(key, (count, error))| Heavy { key: key.clone(), count, error }).collect();
        heavy.sort_by_key(|heavy| (Reverse(heavy.count), heavy.error));
        heavy.truncate(len);
        heavy
    }

    fn find(&self, hash: u64, key: &Key) -> Option<usize> {
        let mut same = self.hashes.iter().enumerate().filter(|(_, other)| **other == hash);
        same.find(|(place, _)| self.others[*place].key == *key).map(|(place, _)| place)
    }

    fn rarest(&self) -> Option<usize> {
        self.counts.iter().enumerate().min_by_key(|(_, count)| **count).map(|(place, _)| place)
    }

    /// How often a key that is not there may have occurred.
    fn unseen(&self) -> u64 {
        let is_full = self.others.len() == self.capacity;
        self.counts.iter().copied().min().filter(|_| is_full).unwrap_or_default()
    }
}

/// The same everywhere: nobody gains by keys that collide, for they cost a comparison.
fn hash(key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
