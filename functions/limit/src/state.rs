//! What was taken of a quota, whatever counts it.

use std::time::Duration;

use crate::flight::Flight;
use crate::gcra::Gcra;
use crate::log::Log;
use crate::moment::Moment;
use crate::quota::{Algorithm, Quota};
use crate::verdict::Verdict;
use crate::window::Window;

/// What was taken of a quota by one key. One of another algorithm than the quota's counts as new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Of [`Algorithm::Gcra`].
    Gcra(Gcra),
    /// Of [`Algorithm::SlidingWindow`].
    Window(Window),
    /// Of [`Algorithm::SlidingLog`].
    Log(Log),
    /// Of [`Algorithm::Concurrency`].
    Flight(Flight),
}

impl State {
    /// Nothing was taken.
    pub fn new(quota: &Quota) -> Self {
        match quota.algorithm() {
            Algorithm::Gcra => Self::Gcra(Gcra::default()),
            Algorithm::SlidingWindow => Self::Window(Window::default()),
            Algorithm::SlidingLog => Self::Log(Log::default()),
            Algorithm::Concurrency => Self::Flight(Flight::default()),
        }
    }

    /// Takes, or changes nothing. Of GCRA, what will be there within `max_delay` can be taken already; of the others not.
    pub fn take(&mut self, quota: &Quota, now: Moment, cost: u32, max_delay: Duration) -> Verdict {
        let _ = (quota, now, cost, max_delay);
        todo!()
    }

    /// What is there: a verdict that is [spared](crate::Decision::Spared).
    pub fn peek(&self, quota: &Quota, now: Moment) -> Verdict {
        let _ = (quota, now);
        todo!()
    }

    /// Undoes a take, as if it had not been: for one that was taken at `taken_at`.
    pub fn give_back(&mut self, quota: &Quota, taken_at: Moment, now: Moment, cost: u32) {
        let _ = (quota, taken_at, now, cost);
        todo!()
    }

    /// Takes more, even what is not there, or gives some back. What is owed is at most one more period's worth.
    pub fn charge(&mut self, quota: &Quota, now: Moment, cost: i64) {
        let _ = (quota, now, cost);
        todo!()
    }

    /// How long until it says no more than a new one; none: not by itself.
    pub fn expires_in(&self, quota: &Quota, now: Moment) -> Option<Duration> {
        let _ = (quota, now);
        todo!()
    }
}
