//! What this node has in flight: the numbers by which Redis knows it.
//!
//! Redis forgets a place whose node says nothing of it for a period, for that is gone. So those that are still in flight
//! are renewed, three times in a period. Those of a node and a cost are interchangeable: when one ends, the oldest number
//! is given back.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tidegate_limit::Quota;
use tokio::time::Instant;

/// Numbers of what is in flight, by the names of keys in Redis: as many as there are requests.
#[derive(Debug)]
pub struct Flights {
    /// This node.
    node: u64,
    next: AtomicU64,
    by_name: Mutex<HashMap<String, Flying>>,
}

/// What is in flight of one key.
#[derive(Debug)]
struct Flying {
    quota: Quota,
    renewed_at: Instant,
    /// Numbers and costs, the oldest first.
    places: VecDeque<(u64, u32)>,
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
    pub fn take(&self, name: &str, quota: &Quota, place: (u64, u64), cost: u32) {
        let mut by_name = self.lock();
        match by_name.get_mut(name) {
            Some(flying) => flying.places.push_back((place.1, cost)),
            None => {
                let places = VecDeque::from([(place.1, cost)]);
                by_name.insert(name.to_owned(), Flying { quota: *quota, renewed_at: Instant::now(), places });
            }
        }
    }

    /// One of this cost has ended: its place is to be given back.
    pub fn land(&self, name: &str, cost: u32) -> Option<(u64, u64)> {
        let mut by_name = self.lock();
        let flying = by_name.get_mut(name)?;
        let first = flying.places.iter().position(|(_, its)| *its == cost)?;
        let (number, _) = flying.places.remove(first)?;
        if flying.places.is_empty() {
            by_name.remove(name);
        }
        Some((self.node, number))
    }

    /// Has renewed what is to be renewed by now. `renew` is called under a lock, so that what has landed is never renewed
    /// behind that: it must not wait.
    pub fn renew(&self, now: Instant, mut renew: impl FnMut(&str, &Quota, u32, (u64, u64))) {
        for (name, flying) in self.lock().iter_mut() {
            if now.duration_since(flying.renewed_at) < flying.quota.period() / 3 {
                continue;
            }
            flying.renewed_at = now;
            for (number, cost) in &flying.places {
                renew(name, &flying.quota, *cost, (self.node, *number));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flying>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
