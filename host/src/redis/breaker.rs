//! When not to ask: a server that does not answer is left alone for a while.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 5;
/// For how long it is open at first, and at most.
const OPEN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// A breaker: a function of what happened and when.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    opened: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// All may ask. So many in a row have failed.
    Closed { failures: u32 },
    /// Nobody may before `until`; then one may.
    Open { until: Instant, wait: Duration },
    /// That one has not heard yet.
    Probing { wait: Duration },
}

/// The permission to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// As everybody.
    Usual,
    /// As the only one, to see whether it answers again.
    Probe,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { failures: 0 }, opened: 0 }
    }
}

impl Breaker {
    /// Whether to ask.
    pub fn admit(&mut self, now: Instant) -> Option<Permit> {
        match self.state {
            State::Closed { .. } => Some(Permit::Usual),
            State::Open { until, wait } if now >= until => {
                self.state = State::Probing { wait };
                Some(Permit::Probe)
            }
            State::Open { .. } | State::Probing { .. } => None,
        }
    }

    /// Whether all may ask.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// How often it has opened.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// It answered.
    pub fn succeed(&mut self, permit: Permit) {
        // An answer to a question from before it opened says nothing about now.
        if permit == Permit::Probe || self.is_closed() {
            self.state = State::Closed { failures: 0 };
        }
    }

    /// It did not.
    pub fn fail(&mut self, permit: Permit, now: Instant) {
        match (self.state, permit) {
            (State::Closed { failures }, _) if failures + 1 < FAILURES_MAX => {
                self.state = State::Closed { failures: failures + 1 };
            }
            (State::Closed { .. }, _) => self.open(now, OPEN[0]),
            (State::Probing { wait }, Permit::Probe) => self.open(now, (wait * 2).min(OPEN[1])),
            (State::Open { .. } | State::Probing { .. }, _) => {}
        }
    }

    /// Whoever asked did not wait for the answer. The next one may ask instead.
    pub fn abandon(&mut self, permit: Permit, now: Instant) {
        if let (State::Probing { wait }, Permit::Probe) = (self.state, permit) {
            self.state = State::Open { until: now, wait };
        }
    }

    fn open(&mut self, now: Instant, wait: Duration) {
        self.opened += 1;
        self.state = State::Open { until: now + wait, wait };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        (0..FAILURES_MAX).for_each(|_| breaker.fail(Permit::Usual, now));
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            (0..4).for_each(|_| breaker.fail(Permit::Usual, now));
            assert_eq!(breaker.admit(now), Some(Permit::Usual));
            breaker.succeed(Permit::Usual);
        }
        (0..5).for_each(|_| breaker.fail(Permit::Usual, now));
        assert_eq!((breaker.admit(now), breaker.opened()), (None, 1));
    }

    #[test]
    fn one_probe_decides_and_the_wait_doubles_up_to_thirty_seconds() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let mut at = 0;
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(breaker.admit(after(start, at + wait * 1000 - 1)), None, "{wait}");
            at += wait * 1000;
            assert_eq!(breaker.admit(after(start, at)), Some(Permit::Probe), "{wait}");
            assert_eq!(breaker.admit(after(start, at + 99_999)), None, "one at a time");
            breaker.fail(Permit::Probe, after(start, at));
        }
        assert_eq!(breaker.admit(after(start, at + 30_000)), Some(Permit::Probe));
        breaker.succeed(Permit::Probe);
        assert_eq!(breaker.admit(after(start, at + 30_000)), Some(Permit::Usual));
        // And begins anew.
        breaker = opened(start);
        assert_eq!(breaker.admit(after(start, 1000)), Some(Permit::Probe));
    }

    #[test]
    fn who_asked_before_it_opened_changes_nothing() {
        let start = Instant::now();
        let mut breaker = opened(start);
        breaker.succeed(Permit::Usual);
        breaker.fail(Permit::Usual, after(start, 900));
        assert_eq!(breaker.admit(after(start, 999)), None);
        assert_eq!(breaker.admit(after(start, 1000)), Some(Permit::Probe));
        breaker.succeed(Permit::Usual);
        breaker.fail(Permit::Usual, after(start, 1001));
        assert_eq!(breaker.admit(after(start, 5000)), None, "the probe is still out");
    }

    #[test]
    fn a_probe_that_was_given_up_is_another_ones() {
        let start = Instant::now();
        let mut breaker = opened(start);
        assert_eq!(breaker.admit(after(start, 1000)), Some(Permit::Probe));
        breaker.abandon(Permit::Usual, after(start, 1000));
        assert_eq!(breaker.admit(after(start, 1000)), None);
        breaker.abandon(Permit::Probe, after(start, 1000));
        assert_eq!(breaker.admit(after(start, 1000)), Some(Permit::Probe));
    }

    proptest! {
        /// Of a server that never answers, in a minute: five questions, then one after 1, 2, 4, 8, 16 and 30 seconds.
        #[test]
        fn a_dead_server_is_hardly_asked(gaps in proptest::collection::vec(1..50_u64, 1300..1400)) {
            let start = Instant::now();
            let (mut breaker, mut at, mut asked) = (Breaker::default(), 0, 0);
            for gap in gaps {
                at += gap;
                if at > 60_000 {
                    break;
                }
                if let Some(permit) = breaker.admit(after(start, at)) {
                    asked += 1;
                    breaker.fail(permit, after(start, at));
                }
            }
            prop_assert!(asked <= 5 + 5, "{asked}");
        }
    }
}
