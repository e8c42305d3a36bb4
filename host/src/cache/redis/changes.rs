//! What is to be changed in Redis: for each name the last thing only, in the order in which they came.
//!
//! A response that could not be stored becomes the removal of the one before it, and a removal waits until Redis is
//! back: what this edge has replaced or removed it never gets back from there.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

/// What responses cost beside their bodies, in bytes.
const CHANGE_BYTES: usize = 1 << 10;

/// What is to be done with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// These bytes, head and body, are to be there, for so long.
    Set {
        /// All that comes before the body.
        head: Bytes,
        /// The body.
        body: Bytes,
        /// For how long.
        expires_in: Duration,
    },
    /// Nothing is to be there.
    Remove,
}

impl Change {
    fn weight(&self) -> usize {
        match self {
            Self::Set { head, body, .. } => head.len() + body.len() + CHANGE_BYTES,
            Self::Remove => 0,
        }
    }
}

/// What is to be changed. Bounded.
#[derive(Debug)]
pub struct Changes {
    waiting: HashMap<u128, (u64, Change)>,
    /// In order. A name that was changed again since stands here twice, the first time in vain.
    order: VecDeque<(u128, u64)>,
    next: u64,
    bytes: usize,
    bytes_max: usize,
    names_max: usize,
}

impl Changes {
    /// At most so many names, and so many bytes of responses.
    pub fn new(names_max: usize, bytes_max: usize) -> Self {
        Self { waiting: HashMap::new(), order: VecDeque::new(), next: 0, bytes: 0, bytes_max, names_max }
    }

    /// Whether something is on its way for this name: what is in Redis is not it.
    pub fn concerns(&self, name: u128) -> bool {
        self.waiting.contains_key(&name)
    }

    /// How many names.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds one. False: there is no room for it. For a response there will be its removal, then; for a removal nothing.
    pub fn add(&mut self, name: u128, change: Change) -> bool {
        if !self.waiting.contains_key(&name) && self.waiting.len() >= self.names_max {
            return false;
        }
        let fits = self.bytes - self.weight(name) + change.weight() <= self.bytes_max;
        self.replace(name, if fits { change } else { Change::Remove });
        fits
    }

    /// The next one. It [concerns](Self::concerns) its name until it is [done](Self::done).
    pub fn next(&mut self) -> Option<(u128, u64, Change)> {
        while let Some((name, number)) = self.order.pop_front() {
            if let Some((last, change)) = self.waiting.get(&name)
                && *last == number
            {
                return Some((name, number, change.clone()));
            }
        }
        None
    }

    /// It is done, unless another one has come for its name since.
    pub fn done(&mut self, name: u128, number: u64) {
        if self.waiting.get(&name).is_some_and(|(last, _)| *last == number) {
            self.bytes -= self.weight(name);
            self.waiting.remove(&name);
        }
    }

    /// It is not done, and nobody knows what is there now: to be removed, unless another one has come since.
    pub fn failed(&mut self, name: u128, number: u64) {
        if self.waiting.get(&name).is_some_and(|(last, _)| *last == number) {
            self.replace(name, Change::Remove);
        }
    }

    fn replace(&mut self, name: u128, change: Change) {
        self.bytes = self.bytes - self.weight(name) + change.weight();
        let number = self.next;
        self.next += 1;
        self.waiting.insert(name, (number, change));
        self.order.push_back((name, number));
        if self.order.len() > 2 * self.waiting.len() + 64 {
            self.order.retain(|(name, number)| self.waiting.get(name).is_some_and(|(last, _)| last == number));
        }
    }

    fn weight(&self, name: u128) -> usize {
        self.waiting.get(&name).map_or(0, |(_, change)| change.weight())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(length: usize) -> Change {
        Change::Set { head: Bytes::new(), body: vec![7; length].into(), expires_in: Duration::from_secs(1) }
    }

    #[test]
    fn the_last_change_of_a_name_is_made_once() {
        let mut changes = Changes::new(10, 100_000);
        assert!(changes.add(1, set(1)) && changes.add(2, set(2)) && changes.add(1, Change::Remove));
        let (name, number, change) = changes.next().unwrap();
        assert_eq!((name, change), (2, set(2)));
        assert!(changes.concerns(2), "it is on its way");
        changes.done(name, number);
        assert!(!changes.concerns(2));
        let (name, number, change) = changes.next().unwrap();
        assert_eq!((name, change), (1, Change::Remove));
        changes.done(name, number);
        assert!(changes.next().is_none() && changes.len() == 0 && changes.bytes == 0);
    }

    #[test]
    fn what_came_meanwhile_is_not_done_yet() {
        let mut changes = Changes::new(10, 100_000);
        changes.add(1, set(1));
        let (name, first, _) = changes.next().unwrap();
        changes.add(1, set(2));
        changes.done(name, first);
        changes.failed(name, first);
        assert_eq!(changes.next().unwrap().2, set(2));
    }

    #[test]
    fn what_failed_is_removed() {
        let mut changes = Changes::new(10, 100_000);
        changes.add(1, set(1));
        let (name, number, _) = changes.next().unwrap();
        changes.failed(name, number);
        assert_eq!((changes.next().unwrap().2, changes.bytes), (Change::Remove, 0));
    }

    #[test]
    fn what_there_is_no_room_for_is_removed() {
        let mut changes = Changes::new(3, 10_000);
        assert!(changes.add(1, set(8000)));
        assert!(!changes.add(2, set(2000)));
        assert!(changes.concerns(2));
        assert!(changes.add(3, Change::Remove));
        assert!(!changes.add(4, Change::Remove), "no room for a name");
        assert!(changes.add(1, set(8500)), "in place of the first");
        let made: Vec<_> = std::iter::from_fn(|| changes.next()).map(|(name, _, change)| (name, change)).collect();
        assert_eq!(made, [(2, Change::Remove), (3, Change::Remove), (1, set(8500))]);
    }

    proptest! {
        #[test]
        fn it_is_bounded_and_ends_with_the_last_of_each(
            steps in proptest::collection::vec((0..8_u128, 0..5_u8, 0..4000_usize), 0..300),
        ) {
            let mut changes = Changes::new(6, 12_000);
            let mut expected = HashMap::new();
            for (name, what, length) in steps {
                match what {
                    0..3 => {
                        let is_new = !changes.concerns(name) && changes.len() >= 6;
                        let fits = changes.add(name, set(length));
                        match (fits, is_new) {
                            (true, _) => drop(expected.insert(name, set(length))),
                            (false, true) => {}
                            (false, false) => drop(expected.insert(name, Change::Remove)),
                        }
                    }
                    3 => {
                        if changes.add(name, Change::Remove) {
                            expected.insert(name, Change::Remove);
                        }
                    }
                    _ => {
                        if let Some((name, number, change)) = changes.next() {
                            prop_assert_eq!(expected.remove(&name), Some(change));
                            changes.done(name, number);
                        }
                    }
                }
                prop_assert!(changes.bytes <= 12_000 && changes.len() <= 6);
                prop_assert!(changes.order.len() <= 2 * changes.len() + 65);
            }
            while let Some((name, number, change)) = changes.next() {
                prop_assert_eq!(expected.remove(&name), Some(change));
                changes.done(name, number);
            }
            prop_assert!(expected.is_empty());
            prop_assert_eq!(changes.bytes, 0);
        }
    }
}
