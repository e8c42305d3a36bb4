//! The sliding-window counter (Cloudflare, "How we built rate limiting capable of scaling to millions of domains", 2017).
//!
//! What was taken in the window before counts by the part of it that a window which ends now still covers, as if it had
//! been taken evenly: `previous * (1 - elapsed / period) + current + cost <= count`. Exact in integers: both sides times
//! the period, in 128 bits (32 bits of a counter times 55 of a period).

use std::time::Duration;

use crate::moment::Moment;
use crate::quota::Quota;
use crate::verdict::Decision;

/// What was taken in two windows, which begin at whole multiples of the period on the clock, in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// When the current one began.
    pub start: Moment,
    /// What was taken in the one before.
    pub previous: u32,
    /// What was taken in it.
    pub current: u32,
}

impl Window {
    /// Survives a clock that has jumped back: a window that begins in the future is the one of now.
    pub(crate) fn correct(&mut self, quota: &Quota, now: Moment) {
        if self.start > now {
            self.start = start_of(now, quota.period_ns());
        }
    }

    pub(crate) fn decide(&self, quota: &Quota, now: Moment, cost: u32) -> Decision {
        let window = self.at(quota, now);
        let elapsed = window.elapsed(now);
        if window.used(quota, elapsed) + u64::from(cost) <= u64::from(quota.count()) {
            Decision::Taken
        } else {
            Decision::Refused(Duration::from_nanos(window.refused_until(quota, cost) - elapsed))
        }
    }

    pub(crate) fn add(&mut self, quota: &Quota, now: Moment, cost: u32) {
        *self = self.at(quota, now);
        self.current = self.current.saturating_add(cost);
    }

    /// Takes it off the window in which it was taken, if that still counts.
    pub(crate) fn give_back(&mut self, quota: &Quota, taken_at: Moment, now: Moment, cost: u32) {
        *self = self.at(quota, now);
        if taken_at >= self.start {
            self.current = self.current.saturating_sub(cost);
        } else if self.start.as_nanos() - taken_at.as_nanos() <= quota.period_ns() {
            self.previous = self.previous.saturating_sub(cost);
        }
    }

    /// What is given back is taken off the current window first: requests are over soon after they were counted.
    pub(crate) fn charge(&mut self, quota: &Quota, now: Moment, cost: i64) {
        *self = self.at(quota, now);
        let cost_abs = u32::try_from(cost.unsigned_abs()).unwrap_or(u32::MAX);
        if cost < 0 {
            let rest = cost_abs.saturating_sub(self.current);
            self.current = self.current.saturating_sub(cost_abs);
            self.previous = self.previous.saturating_sub(rest);
        } else {
            // A quota and one more, as far as a counter goes.
            let owed_max = quota.count().saturating_mul(2).min(Quota::WINDOW_MAX);
            self.current = self.current.saturating_add(cost_abs).min(owed_max).max(self.current);
        }
    }

    pub(crate) fn remaining(&self, quota: &Quota, now: Moment) -> u32 {
        let window = self.at(quota, now);
        let used = window.used(quota, window.elapsed(now));
        u32::try_from(u64::from(quota.count()).saturating_sub(used)).unwrap_or(u32::MAX)
    }

    /// Until neither window says anything: the current one only when it is the one before the last.
    pub(crate) fn reset(&self, quota: &Quota, now: Moment) -> Duration {
        let window = self.at(quota, now);
        let windows = match (window.previous, window.current) {
            (0, 0) => return Duration::ZERO,
            (_, 0) => 1,
            _ => 2,
        };
        Duration::from_nanos(windows * quota.period_ns() - window.elapsed(now))
    }

    /// The same at another moment: the windows have moved on.
    fn at(&self, quota: &Quota, now: Moment) -> Self {
        let period = quota.period_ns();
        if self.start > now {
            return Self { start: start_of(now, period), ..*self };
        }
        let elapsed = self.elapsed(now);
        if elapsed < period {
            *self
        } else if elapsed - period < period {
            let start = Moment::from_nanos(self.start.as_nanos() + period);
            Self { start, previous: self.current, current: 0 }
        } else {
            Self { start: start_of(now, period), previous: 0, current: 0 }
        }
    }

    const fn elapsed(&self, now: Moment) -> u64 {
        now.as_nanos().saturating_sub(self.start.as_nanos())
    }

    /// What counts now, `elapsed` nanoseconds into the current window. Rounded up, which changes no decision, for costs
    /// are whole.
    fn used(&self, quota: &Quota, elapsed: u64) -> u64 {
        let period = u128::from(quota.period_ns());
        let covered = u128::from(self.previous) * (period - u128::from(elapsed));
        // At most `previous`, for no more than the period is covered.
        covered.div_ceil(period) as u64 + u64::from(self.current)
    }

    /// The first nanosecond since the start of the current window at which a cost that is refused now is not.
    ///
    /// What counts falls from now on, until nothing does: by `previous` within this window, by `current` within the next.
    fn refused_until(&self, quota: &Quota, cost: u32) -> u64 {
        let period = quota.period_ns();
        // How much may count beside the cost. Without any, it is refused until nothing counts (and more than the quota
        // is refused then, too, but nobody asks for that).
        let Some(room) = quota.count().checked_sub(cost) else { return 2 * period };
        if let Some(room) = room.checked_sub(self.current) {
            return fits_at(self.previous, room, period);
        }
        period + fits_at(self.current, room, period)
    }
}

/// The first nanosecond of a window at which what was taken in the one before counts for no more than there is room for.
fn fits_at(taken: u32, room: u32, period: u64) -> u64 {
    if taken <= room {
        return 0;
    }
    // taken * (period - at) <= room * period; less than the period, for `taken` is more than `room`.
    let covered = u128::from(room) * u128::from(period) / u128::from(taken);
    period - covered as u64
}

const fn start_of(now: Moment, period: u64) -> Moment {
    Moment::from_nanos(now.as_nanos() - now.as_nanos() % period)
}

#[cfg(test)]
mod tests;
