//! States in a map: for one thread.

use std::time::Duration;

use crate::count::{Charge, Count, Counted};
use crate::moment::Moment;

/// States of limits and keys, at most so many: for simulations, and for places that have one thread for a key.
#[derive(Debug)]
pub struct Memory {
    keys_max: usize,
}

impl Memory {
    /// Nothing was taken yet. Of more than `keys_max` keys, those are forgotten first that expire first.
    pub fn new(keys_max: usize) -> Self {
        Self { keys_max }
    }

    /// Takes all, or nothing if that is refused.
    pub fn take(&mut self, count: &Count, now: Moment) -> Counted {
        let _ = (count, now, self.keys_max, Duration::ZERO);
        todo!()
    }

    /// Takes more, or gives some back.
    pub fn charge(&mut self, charge: &Charge, now: Moment) {
        let _ = (charge, now);
        todo!()
    }

    /// What was in flight is not any more: the takes of a count that were taken, of concurrency limits.
    pub fn land(&mut self, count: &Count, counted: &Counted, now: Moment) {
        let _ = (count, counted, now);
        todo!()
    }

    /// What is there for each take, of which nothing is taken.
    pub fn peek(&self, count: &Count, now: Moment) -> Counted {
        let _ = (count, now);
        todo!()
    }
}
