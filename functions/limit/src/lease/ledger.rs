//! The store's side of leases: what it keeps for a key.

use crate::moment::Moment;
use crate::quota::Quota;

/// A bucket of GCRA from which slices are taken and to which they are given back: the reference for stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// When all that was taken has leaked away.
    pub tat: Moment,
    /// What was given back, in nanoseconds.
    pub lowered: u64,
    /// Since when it was never empty.
    pub since: Moment,
}

/// What a node asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// At least so much.
    pub cost: u32,
    /// At most so much.
    pub want: u32,
    /// What it gives back first, whatever becomes of the rest.
    pub unused: Option<Unused>,
}

/// What a node gives back of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unused {
    /// So much.
    pub count: u32,
    /// [`Grant::position`].
    pub position: Moment,
    /// [`Grant::since`].
    pub since: Moment,
}

/// What the store answers. Its moments are of the store's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// How much was taken: nothing, or from the cost up to what was wanted.
    pub count: u32,
    /// How far the bucket is filled now, in nanoseconds.
    pub level: u64,
    /// Where the slice ends: when it will have leaked away, plus what had been given back till then.
    pub position: Moment,
    /// Since when the bucket was never empty.
    pub since: Moment,
}

impl Ledger {
    /// Grants as much as there is, between what is needed and what is wanted.
    pub fn ask(&mut self, quota: &Quota, now: Moment, ask: &Ask) -> Grant {
        self.correct(quota, now);
        if let Some(unused) = &ask.unused {
            self.give_back(quota, now, unused);
        }
        let there = quota.tolerance_ns().saturating_sub(self.level(now)) / quota.interval_ns();
        let there = u32::try_from(there).unwrap_or(u32::MAX);
        let count = if ask.cost <= there { ask.want.min(there) } else { 0 };
        self.tat = self.tat.max(now) + quota.interval() * count;
        let position = Moment::from_nanos(self.tat.as_nanos().saturating_add(self.lowered));
        Grant { count, level: self.level(now), position, since: self.since }
    }

    /// Takes back what has certainly not leaked away yet.
    pub fn give_back(&mut self, quota: &Quota, now: Moment, unused: &Unused) {
        self.correct(quota, now);
        if unused.since == self.since {
            let worth = quota.interval_ns().saturating_mul(u64::from(unused.count));
            let end = unused.position.as_nanos().saturating_sub(self.lowered);
            self.lower(now, worth.min(end.saturating_sub(now.as_nanos())));
        }
    }

    /// Begins anew if it is empty, and survives a clock that has jumped back: it is never further ahead than it can be.
    fn correct(&mut self, quota: &Quota, now: Moment) {
        if self.tat <= now {
            *self = Self { tat: now, lowered: 0, since: now };
        }
        let level_max = quota.tolerance_ns() + quota.period_ns();
        self.lower(now, self.level(now).saturating_sub(level_max));
    }

    fn lower(&mut self, now: Moment, by: u64) {
        let by = by.min(self.level(now));
        self.tat = Moment::from_nanos(self.tat.as_nanos() - by);
        self.lowered = self.lowered.saturating_add(by);
    }

    /// How far ahead of now it is, in nanoseconds.
    const fn level(&self, now: Moment) -> u64 {
        self.tat.as_nanos().saturating_sub(now.as_nanos())
    }
}
