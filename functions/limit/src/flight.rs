//! What is in flight.

use std::time::Duration;

use crate::quota::Quota;
use crate::verdict::Decision;

/// Nobody knows when one of those in flight ends.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How much is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// So much.
    pub count: u32,
}

impl Flight {
    pub(crate) const fn decide(&self, quota: &Quota, cost: u32) -> Decision {
        if cost <= self.remaining(quota) { Decision::Taken } else { Decision::Refused(RETRY_AFTER) }
    }

    pub(crate) const fn add(&mut self, cost: u32) {
        self.count = self.count.saturating_add(cost);
    }

    pub(crate) const fn give_back(&mut self, cost: u32) {
        self.count = self.count.saturating_sub(cost);
    }

    pub(crate) const fn remaining(&self, quota: &Quota) -> u32 {
        quota.count().saturating_sub(self.count)
    }
}

#[cfg(test)]
mod tests;
