//! Counted places: what is full is refused at once, never queued.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of places, shared by all cores.
#[derive(Clone, Debug)]
pub struct Places(Arc<Counter>);

#[derive(Debug)]
struct Counter {
    taken: AtomicUsize,
    total: usize,
}

/// One place taken; dropping it gives it back.
#[derive(Debug)]
pub struct Permit(Arc<Counter>);

impl Places {
    /// `total` free places.
    pub fn new(total: usize) -> Self {
        Self(Arc::new(Counter { taken: AtomicUsize::new(0), total }))
    }

    /// Takes a place, or `None` when all are taken.
    pub fn try_take(&self) -> Option<Permit> {
        // Add first and take back on overflow: one instruction on the way that matters.
        if self.0.taken.fetch_add(1, Ordering::Relaxed) < self.0.total {
            return Some(Permit(Arc::clone(&self.0)));
        }
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// How many are taken now.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed).min(self.0.total)
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.0.total
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_is_an_answer_and_places_come_back() {
        let places = Places::new(2);
        let (first, second) = (places.try_take(), places.try_take());
        assert!(first.is_some() && second.is_some() && places.try_take().is_none());
        assert_eq!(places.taken(), 2);
        drop(first);
        assert!(places.try_take().is_some());
        drop(second);
        assert_eq!(places.taken(), 0);
    }
}
