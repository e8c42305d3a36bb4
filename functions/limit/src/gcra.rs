//! The generic cell rate algorithm (ITU-T I.371 annex A, "virtual scheduling"; redis-cell, governor).
//!
//! What was taken stands on a line of time, one emission interval T for each unit, and the state is where that line ends:
//! the theoretical arrival time. It may end at most the tolerance tau ahead of now; how far ahead it is, is the *level*.
//!
//! **No sum overflows.** A quota's T, tau and period are at most a year of nanoseconds, 2^55, and so is what is made of
//! `max_delay` here; sums of three of them are below 2^57. Costs are multiplied and added to levels saturating: what would
//! overflow is refused, for it is more than any of those.

use std::time::Duration;

use crate::moment::Moment;
use crate::quota::Quota;
use crate::verdict::Decision;

/// A bucket that leaks: its theoretical arrival time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gcra {
    /// When all that was taken has leaked away.
    pub tat: Moment,
}

impl Gcra {
    /// Survives a clock that has jumped back: it is never further ahead than it can be.
    pub(crate) fn correct(&mut self, quota: &Quota, now: Moment, max_delay: Duration) {
        // As far as takes may go, or charges.
        let level_max = quota.tolerance_ns() + quota.period_ns().max(bounded(max_delay));
        if self.level(now) > level_max {
            self.tat = ahead(now, level_max);
        }
    }

    pub(crate) fn decide(&self, quota: &Quota, now: Moment, cost: u32, max_delay: Duration) -> Decision {
        let (tau, max_delay) = (quota.tolerance_ns(), bounded(max_delay));
        let level = self.level(now).saturating_add(worth(quota, u64::from(cost)));
        if level <= tau {
            Decision::Taken
        } else if level <= tau + max_delay {
            Decision::Delayed(Duration::from_nanos(level - tau))
        } else {
            Decision::Refused(Duration::from_nanos(level - (tau + max_delay)))
        }
    }

    pub(crate) fn add(&mut self, quota: &Quota, now: Moment, cost: u32) {
        self.tat = ahead(now, self.level(now).saturating_add(worth(quota, u64::from(cost))));
    }

    /// Gives back what of a take is surely there still, so that what has been and will be let through is no more than if
    /// the take had not been.
    ///
    /// The take began to leak at `taken_at` or later, behind what was there before. So at least the rest of it, less the
    /// time since, would be missing from the level if it had not been taken, whatever was taken later.
    ///
    /// While somebody may be waiting (the level is above the tolerance), nothing is given back: those who wait go on when
    /// they were told to, and others would go on beside them in what is given back. But an undo at the moment of the take
    /// is taken for one of the last take, and leaves what was there before.
    pub(crate) fn give_back(&mut self, quota: &Quota, taken_at: Moment, now: Moment, cost: u32) {
        let level = self.level(now);
        if level > quota.tolerance_ns() && taken_at < now {
            return;
        }
        let leaked = now.as_nanos().saturating_sub(taken_at.as_nanos());
        let left = worth(quota, u64::from(cost)).saturating_sub(leaked);
        self.tat = Moment::from_nanos(self.tat.as_nanos() - left.min(level));
    }

    pub(crate) fn charge(&mut self, quota: &Quota, now: Moment, cost: i64) {
        let (level, worth) = (self.level(now), worth(quota, cost.unsigned_abs()));
        let charged = if cost < 0 {
            level.saturating_sub(worth)
        } else {
            let owed_max = quota.tolerance_ns() + quota.period_ns();
            level.saturating_add(worth).min(owed_max).max(level)
        };
        self.tat = ahead(now, charged);
    }

    pub(crate) fn remaining(&self, quota: &Quota, now: Moment) -> u32 {
        let left = quota.tolerance_ns().saturating_sub(self.level(now));
        u32::try_from(left / quota.interval_ns()).unwrap_or(u32::MAX)
    }

    pub(crate) fn reset(&self, now: Moment) -> Duration {
        Duration::from_nanos(self.level(now))
    }

    /// How far ahead of now it is, in nanoseconds.
    const fn level(&self, now: Moment) -> u64 {
        self.tat.as_nanos().saturating_sub(now.as_nanos())
    }
}

/// The time that makes up for a cost, in nanoseconds.
const fn worth(quota: &Quota, cost: u64) -> u64 {
    quota.interval_ns().saturating_mul(cost)
}

/// A moment so many nanoseconds later. Clocks end after 584 years.
const fn ahead(now: Moment, nanoseconds: u64) -> Moment {
    Moment::from_nanos(now.as_nanos().saturating_add(nanoseconds))
}

/// A delay in nanoseconds; of more than the longest period, that.
fn bounded(max_delay: Duration) -> u64 {
    max_delay.min(Quota::PERIOD_MAX).as_nanos() as u64
}

#[cfg(test)]
mod tests;
