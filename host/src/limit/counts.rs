//! What one core has decided by its limits: only that core writes, so its lock is never waited for but by a reader.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_limit::{Heavy, TopKeys};
use tidegate_pipeline::{LimitResult, Limited};

/// Keys of a limit of which each core knows how often they were refused.
const REFUSED_MAX: usize = 64;
/// Limits that are counted: more than a configuration may have, for there may be several in a host's life.
const LIMITS_MAX: usize = 4096;

/// What limits have decided, by their names.
#[derive(Debug, Default)]
pub struct LimitCounts {
    by_name: Mutex<BTreeMap<Arc<str>, Decided>>,
}

/// What one limit has decided.
#[derive(Clone, Debug)]
pub struct Decided {
    /// By the place of the result in [`LimitResult::ALL`].
    pub results: [u64; LimitResult::ALL.len()],
    /// Who was refused most.
    refused: TopKeys,
}

impl Default for Decided {
    fn default() -> Self {
        Self { results: Default::default(), refused: TopKeys::new(REFUSED_MAX) }
    }
}

impl LimitCounts {
    /// Counts what a limit did with a request.
    pub fn count(&self, limited: &Limited<'_>) {
        let mut by_name = self.lock();
        let name = &limited.limit.name;
        if !by_name.contains_key(name) {
            if by_name.len() >= LIMITS_MAX {
                return;
            }
            by_name.insert(Arc::clone(name), Decided::default());
        }
        let Some(decided) = by_name.get_mut(name) else { return };
        decided.results[limited.result as usize] += 1;
        if let (LimitResult::Refuse | LimitResult::Shadow, Some(key)) = (limited.result, limited.key) {
            decided.refused.add(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Decided>> {
        // Nothing under the lock panics halfway through a change.
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What all cores together have decided.
pub fn total<'c>(cores: impl IntoIterator<Item = &'c LimitCounts>, name: &str) -> Totals {
    let all: Vec<_> = cores.into_iter().filter_map(|core| core.lock().get(name).cloned()).collect();
    let mut results = [0; LimitResult::ALL.len()];
    for decided in &all {
        results.iter_mut().zip(decided.results).for_each(|(total, more)| *total += more);
    }
    Totals { results, refused: TopKeys::merged(all.iter().map(|decided| &decided.refused), REFUSED_MAX) }
}

/// What a limit has decided.
#[derive(Clone, Debug)]
pub struct Totals {
    /// By the place of the result in [`LimitResult::ALL`].
    pub results: [u64; LimitResult::ALL.len()],
    /// Who was refused most, the most frequent first.
    pub refused: Vec<Heavy>,
}
