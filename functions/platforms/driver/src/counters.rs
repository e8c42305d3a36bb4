//! What a place counts with.

use std::future::Future;
use std::sync::Arc;

use tidegate_limit::{Charge, Count, Counted};

/// Counts what limits allow: the part of a platform that keeps the states of limits and keys.
///
/// Every place keeps the same promise, that of [`tidegate_limit::count`]: all that a request takes is taken, or nothing.
/// Where the states are, and so how exactly it is kept among several nodes, is the place's: one map in a process, one
/// Redis, one actor for a key. A limit whose store does not answer in time has the verdict
/// [`Down`](tidegate_limit::Decision::Down).
pub trait Counters {
    /// What is in flight by a count. Dropping it gives the places back.
    type Permit;

    /// Takes what a request costs, or nothing.
    fn take(&self, count: &Arc<Count>) -> impl Future<Output = (Counted, Option<Self::Permit>)>;

    /// Takes more, or gives some back, now that it is known what a request has cost. Nobody waits for it.
    fn charge(&self, charges: Vec<Charge>);
}
