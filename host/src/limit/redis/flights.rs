//! What this node has in flight: the numbers by which Redis knows it.
//!
//! Those of a node are interchangeable. When one ends, the number that Redis would forget first is given back, so a request
//! that takes longer than Redis remembers keeps a place as long as the node has younger ones.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers of what is in flight, by the names of keys in Redis: as many as there are requests.
#[derive(Debug)]
pub struct Flights {
    /// This node.
    node: u64,
    next: AtomicU64,
    by_name: Mutex<HashMap<String, VecDeque<(u64, u32)>>>,
}

impl Flights {
    /// Nothing is in flight. The script's numbers have 53 bits.
    pub fn new() -> Self {
        Self { node: fastrand::u64(..1 << 53), next: AtomicU64::new(0), by_name: Mutex::default() }
    }

    /// A place that nobody has.
    pub fn place(&self) -> (u64, u64) {
        (self.node, self.next.fetch_add(1, Relaxed))
    }

    /// It is taken.
    pub fn take(&self, name: &str, place: (u64, u64), cost: u32) {
        let mut by_name = self.lock();
        match by_name.get_mut(name) {
            Some(flying) => flying.push_back((place.1, cost)),
            None => drop(by_name.insert(name.to_owned(), VecDeque::from([(place.1, cost)]))),
        }
    }

    /// One of this cost has ended: its place is to be given back.
    pub fn land(&self, name: &str, cost: u32) -> Option<(u64, u64)> {
        let mut by_name = self.lock();
        let flying = by_name.get_mut(name)?;
        let first = flying.iter().position(|(_, its)| *its == cost)?;
        let (number, _) = flying.remove(first)?;
        if flying.is_empty() {
            by_name.remove(name);
        }
        Some((self.node, number))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VecDeque<(u64, u32)>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
