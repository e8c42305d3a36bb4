//! The sliding-window log: exact, and as large as its quota.
//!
//! A window is open at its beginning and closed at its end, (now - period, now]: what was taken at a moment counts until a
//! period has passed since.

use std::collections::VecDeque;
use std::time::Duration;

use crate::moment::Moment;
use crate::quota::Quota;
use crate::verdict::Decision;

/// When how much was taken, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Moments and costs: at most one for each unit of the quota and of what is owed, for those of a moment are one.
    pub taken: VecDeque<(Moment, u32)>,
    /// All of these costs. At most twice [`Quota::LOG_MAX`].
    total: u32,
}

impl Log {
    /// Survives a clock that has jumped back: what was taken in the future was taken now.
    pub(crate) fn correct(&mut self, now: Moment) {
        let mut from_future = 0;
        while let Some((moment, cost)) = self.taken.back()
            && *moment > now
        {
            from_future += cost;
            self.taken.pop_back();
        }
        self.total -= from_future;
        self.push(now, from_future);
    }

    pub(crate) fn decide(&self, quota: &Quota, now: Moment, cost: u32) -> Decision {
        let used = u64::from(self.used(quota, now)) + u64::from(cost);
        let Some(excess) = used.checked_sub(u64::from(quota.count())).filter(|excess| *excess > 0) else {
            return Decision::Taken;
        };
        Decision::Refused(self.freed_in(quota, now, excess))
    }

    pub(crate) fn add(&mut self, quota: &Quota, now: Moment, cost: u32) {
        self.forget(quota, now);
        self.push(now, cost);
    }

    /// Takes it off what was taken at that moment.
    pub(crate) fn give_back(&mut self, taken_at: Moment, cost: u32) {
        let Ok(place) = self.taken.binary_search_by_key(&taken_at, |(moment, _)| *moment) else { return };
        let Some((_, there)) = self.taken.get_mut(place) else { return };
        let given = cost.min(*there);
        *there -= given;
        let is_empty = *there == 0;
        self.total -= given;
        if is_empty {
            self.taken.remove(place);
        }
    }

    /// What is given back is taken off the oldest: so it is no more than was taken for it, as long as that counts.
    pub(crate) fn charge(&mut self, quota: &Quota, now: Moment, cost: i64) {
        self.correct(now);
        self.forget(quota, now);
        let cost_abs = u32::try_from(cost.unsigned_abs()).unwrap_or(u32::MAX);
        if cost < 0 {
            self.forget_oldest(cost_abs);
        } else {
            // A quota and one more.
            self.push(now, cost_abs.min((2 * quota.count()).saturating_sub(self.total)));
        }
    }

    pub(crate) fn remaining(&self, quota: &Quota, now: Moment) -> u32 {
        quota.count().saturating_sub(self.used(quota, now))
    }

    pub(crate) fn reset(&self, quota: &Quota, now: Moment) -> Duration {
        Duration::from_nanos(self.taken.back().map_or(0, |(moment, _)| counts_for(*moment, quota, now)))
    }

    /// What counts now.
    fn used(&self, quota: &Quota, now: Moment) -> u32 {
        let expired = self.taken.iter().take_while(|(moment, _)| counts_for(*moment, quota, now) == 0);
        self.total - expired.map(|(_, cost)| cost).sum::<u32>()
    }

    /// How long until so much of what counts now does not count any more; or nothing does, if that is too much.
    fn freed_in(&self, quota: &Quota, now: Moment, cost: u64) -> Duration {
        let mut freed = 0;
        let mut wait = 0;
        for (moment, taken) in &self.taken {
            let counts_for = counts_for(*moment, quota, now);
            if freed >= cost {
                break;
            }
            if counts_for > 0 {
                freed += u64::from(*taken);
                wait = counts_for;
            }
        }
        Duration::from_nanos(wait)
    }

    /// Forgets what counts no more.
    fn forget(&mut self, quota: &Quota, now: Moment) {
        while let Some((moment, cost)) = self.taken.front()
            && counts_for(*moment, quota, now) == 0
        {
            self.total -= cost;
            self.taken.pop_front();
        }
    }

    fn forget_oldest(&mut self, mut cost: u32) {
        while cost > 0
            && let Some((_, oldest)) = self.taken.front_mut()
        {
            let given = cost.min(*oldest);
            *oldest -= given;
            if *oldest == 0 {
                self.taken.pop_front();
            }
            self.total -= given;
            cost -= given;
        }
    }

    /// At a moment that is none before the last.
    fn push(&mut self, now: Moment, cost: u32) {
        if cost == 0 {
            return;
        }
        self.total += cost;
        match self.taken.back_mut() {
            Some((moment, there)) if *moment == now => *there += cost,
            _ => self.taken.push_back((now, cost)),
        }
    }
}

/// For how many nanoseconds what was taken at a moment counts still; in the future, as if it were taken now.
const fn counts_for(moment: Moment, quota: &Quota, now: Moment) -> u64 {
    quota.period_ns().saturating_sub(now.as_nanos().saturating_sub(moment.as_nanos()))
}

#[cfg(test)]
mod tests;
