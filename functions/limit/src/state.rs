//! What was taken of a quota, whatever counts it.

use std::time::Duration;

use crate::flight::Flight;
use crate::gcra::Gcra;
use crate::log::Log;
use crate::moment::Moment;
use crate::quota::{Algorithm, Quota};
use crate::verdict::{Decision, Verdict};
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
    ///
    /// What a state says of the future is never more than it can be, for clocks may jump back. Where it was more, it is
    /// corrected, even if nothing is taken: otherwise it would stay so until the clock is there again.
    pub fn take(&mut self, quota: &Quota, now: Moment, cost: u32, max_delay: Duration) -> Verdict {
        let decision = self.decide(quota, now, cost, max_delay);
        if matches!(decision, Decision::Taken | Decision::Delayed(_)) {
            self.add(quota, now, cost);
        }
        Verdict { decision, ..self.peek(quota, now) }
    }

    /// What is there: a verdict that is [spared](crate::Decision::Spared).
    pub fn peek(&self, quota: &Quota, now: Moment) -> Verdict {
        let (remaining, reset) = match (self, quota.algorithm()) {
            (Self::Gcra(gcra), Algorithm::Gcra) => (gcra.remaining(quota, now), gcra.reset(now)),
            (Self::Window(window), Algorithm::SlidingWindow) => {
                (window.remaining(quota, now), window.reset(quota, now))
            }
            (Self::Log(log), Algorithm::SlidingLog) => (log.remaining(quota, now), log.reset(quota, now)),
            // Nobody knows when those in flight end.
            (Self::Flight(flight), Algorithm::Concurrency) => (flight.remaining(quota), Duration::ZERO),
            _ => (quota.at_once(), Duration::ZERO),
        };
        Verdict { decision: Decision::Spared, remaining, reset }
    }

    /// Undoes a take, as if it had not been: for one that was taken at `taken_at`. Where the state does not tell how much
    /// of it is there still, it is less that is given back, never more.
    pub fn give_back(&mut self, quota: &Quota, taken_at: Moment, now: Moment, cost: u32) {
        match (self, quota.algorithm()) {
            (Self::Gcra(gcra), Algorithm::Gcra) => gcra.give_back(quota, taken_at, now, cost),
            (Self::Window(window), Algorithm::SlidingWindow) => window.give_back(quota, taken_at, now, cost),
            (Self::Log(log), Algorithm::SlidingLog) => log.give_back(taken_at, cost),
            (Self::Flight(flight), Algorithm::Concurrency) => flight.give_back(cost),
            _ => {}
        }
    }

    /// Takes more, even what is not there, or gives some back. What is owed is at most one more period's worth. What is
    /// given back can be taken at once, however long ago it was taken. Of what is in flight nothing is ever owed.
    pub fn charge(&mut self, quota: &Quota, now: Moment, cost: i64) {
        if cost > 0 {
            self.begin(quota);
        }
        match (self, quota.algorithm()) {
            (Self::Gcra(gcra), Algorithm::Gcra) => gcra.charge(quota, now, cost),
            (Self::Window(window), Algorithm::SlidingWindow) => window.charge(quota, now, cost),
            (Self::Log(log), Algorithm::SlidingLog) => log.charge(quota, now, cost),
            _ => {}
        }
    }

    /// How long until it says no more than a new one; none: not by itself.
    pub fn expires_in(&self, quota: &Quota, now: Moment) -> Option<Duration> {
        match self {
            Self::Flight(flight) if quota.algorithm() == Algorithm::Concurrency && flight.count > 0 => None,
            _ => Some(self.peek(quota, now).reset),
        }
    }

    /// What a take comes to; nothing is taken, but what says more of the future than it can is corrected.
    pub(crate) fn decide(&mut self, quota: &Quota, now: Moment, cost: u32, max_delay: Duration) -> Decision {
        match (self, quota.algorithm()) {
            (Self::Gcra(gcra), Algorithm::Gcra) => {
                gcra.correct(quota, now, max_delay);
                gcra.decide(quota, now, cost, max_delay)
            }
            (Self::Window(window), Algorithm::SlidingWindow) => {
                window.correct(quota, now);
                window.decide(quota, now, cost)
            }
            (Self::Log(log), Algorithm::SlidingLog) => {
                log.correct(now);
                log.decide(quota, now, cost)
            }
            (Self::Flight(flight), Algorithm::Concurrency) => flight.decide(quota, cost),
            _ => Self::new(quota).decide(quota, now, cost, max_delay),
        }
    }

    /// Takes, whatever is there.
    pub(crate) fn add(&mut self, quota: &Quota, now: Moment, cost: u32) {
        self.begin(quota);
        match self {
            Self::Gcra(gcra) => gcra.add(quota, now, cost),
            Self::Window(window) => window.add(quota, now, cost),
            Self::Log(log) => log.add(quota, now, cost),
            Self::Flight(flight) => flight.add(cost),
        }
    }

    /// Makes it one of the quota's algorithm.
    fn begin(&mut self, quota: &Quota) {
        let is_of_quota = match self {
            Self::Gcra(_) => quota.algorithm() == Algorithm::Gcra,
            Self::Window(_) => quota.algorithm() == Algorithm::SlidingWindow,
            Self::Log(_) => quota.algorithm() == Algorithm::SlidingLog,
            Self::Flight(_) => quota.algorithm() == Algorithm::Concurrency,
        };
        if !is_of_quota {
            *self = Self::new(quota);
        }
    }
}

#[cfg(test)]
mod tests;
