//! For how long, and how much at a time.

use std::time::Duration;

use crate::quota::{Algorithm, Quota};

/// Longest lifetime.
const LIFETIME_MAX_NS: u64 = 1_000_000_000;
/// Shortest one: below it, answers would come too late.
const LIFETIME_MIN_NS: u64 = 20_000_000;
/// The reserve is at most this part of what is let through within a period, and of the burst.
const RESERVE_PART: [u64; 2] = [24, 4];
/// A slice is at most this part of the burst: several nodes have their shares of the last one.
const SLICE_PART: u32 = 8;
/// Below this, slices are not worth it.
const SLICE_MIN: u32 = 2;
/// Clocks of nodes run slower than the store's by at most this part.
const DRIFT_PART: u64 = 64;

/// How a quota is leased: the same for all nodes, for it follows from the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTerms {
    quota: Quota,
    lifetime_ns: u64,
    slice_max: u32,
}

impl LeaseTerms {
    /// None: there is too little for slices, or too little time. Then the store is asked each time, for all of the
    /// quota.
    pub fn of(quota: &Quota) -> Option<Self> {
        if quota.algorithm() != Algorithm::Gcra {
            return None;
        }
        let (count, burst, interval) = (u64::from(quota.count()), u64::from(quota.burst()), quota.interval_ns());
        let reserve_max = ((count + burst) / RESERVE_PART[0]).min(burst / RESERVE_PART[1]);
        // A quota makes up for its burst in a year at most, so this is less than 2^55.
        let lifetime_ns = (reserve_max * interval).min(LIFETIME_MAX_NS);
        let reserve = u32::try_from(lifetime_ns.div_ceil(interval)).ok()?;
        let burst = quota.burst().checked_sub(reserve)?;
        let slice_max = burst.saturating_add(1) / SLICE_PART;
        if lifetime_ns < LIFETIME_MIN_NS || slice_max < SLICE_MIN {
            return None;
        }
        let quota = Quota::gcra(quota.count(), quota.period(), burst).ok()?;
        Some(Self { quota, lifetime_ns, slice_max })
    }

    /// What the store counts with: the burst is smaller by the reserve.
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }

    /// How long a slice may be used since it was asked for.
    pub const fn lifetime(&self) -> Duration {
        Duration::from_nanos(self.lifetime_ns)
    }

    /// How large a slice may be, if no single request costs more.
    pub const fn slice_max(&self) -> u32 {
        self.slice_max
    }

    /// For how long a node uses a slice, by its own clock.
    pub(super) const fn used_for(&self) -> Duration {
        Duration::from_nanos(self.lifetime_ns - self.lifetime_ns / DRIFT_PART)
    }

    /// How long it takes until it is worth it to ask again: until there is something, and half of a lifetime's worth.
    pub(super) const fn worthwhile_ns(&self) -> u64 {
        let half = self.lifetime_ns / 2;
        let interval = self.quota.interval_ns();
        if half < interval { interval } else { half - half % interval }
    }

    pub(super) const fn interval_ns(&self) -> u64 {
        self.quota.interval_ns()
    }

    pub(super) const fn tolerance_ns(&self) -> u64 {
        self.quota.tolerance_ns()
    }
}
