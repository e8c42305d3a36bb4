//! What occurs most, in bounded memory.

/// The keys that occur most, by Space-Saving (A. Metwally, D. Agrawal, A. El Abbadi, "Efficient Computation of Frequent
/// and Top-k Elements in Data Streams", ICDT 2005).
#[derive(Clone, Debug)]
pub struct TopKeys {
    capacity: usize,
}

/// One that occurs often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heavy {
    /// The key.
    pub key: crate::Key,
    /// How often at most.
    pub count: u64,
    /// By how much that may be too many.
    pub error: u64,
}

impl TopKeys {
    /// Counts so many keys.
    pub fn new(capacity: usize) -> Self {
        Self { capacity }
    }

    /// One occurred.
    pub fn add(&mut self, key: &crate::Key) {
        let _ = (key, self.capacity);
        todo!()
    }

    /// Those of several together, most frequent first; at most `len`.
    pub fn merged<'a>(all: impl IntoIterator<Item = &'a TopKeys>, len: usize) -> Vec<Heavy> {
        let _ = (all.into_iter().count(), len);
        todo!()
    }
}
