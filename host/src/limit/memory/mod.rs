//! What was taken of a limit, in the memory of this process: bounded, for all cores.
//!
//! The arithmetic is [`State`]'s; here is where states are kept. Those that fit into a word are in a [`Table`] without a
//! lock for the keys that are known; logs are in [`Logs`], which have some.
//!
//! Where there are more keys than fit, newcomers get the places of those that have expired, then of those of which the
//! least is lost. A key has one of 8 slots, so a table in which all keys are live is full, for some of them, before it
//! holds as many as it has slots: at half as many one key in 120 has to leave early, at as many one in seven.

mod logs;
mod table;
#[cfg(test)]
mod tests;
mod together;
mod word;

use std::time::Duration;

use tidegate_limit::{Algorithm, Decision, Flight, Key, Moment, Quota, State, Verdict};

use logs::Logs;
use table::Table;
pub use together::take_all;
use word::Layout;

/// No delay is longer.
const ANY_DELAY: Duration = Quota::PERIOD_MAX;
/// How late a thread comes at most that was interrupted when it had read the clock.
const LATE_MAX: Duration = Duration::from_secs(10);

/// What was taken by all keys of one limit.
pub struct Memory {
    states: States,
}

enum States {
    Table(Table),
    Logs(Logs),
}

/// How a memory is filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys with something that still counts.
    pub keys: u64,
    /// How many there can be.
    pub capacity: u64,
    /// How many had to leave early, since the beginning.
    pub evicted: u64,
    /// How many takes were not counted, since the beginning, for there was no place.
    pub overflowed: u64,
}

impl Memory {
    /// An empty one for the keys of a limit. `longest_period`: of its quotas.
    pub fn new(algorithm: Algorithm, max_keys: u32, longest_period: Duration) -> Self {
        let states = match Layout::of(algorithm) {
            Some(layout) => States::Table(Table::new(layout, max_keys, longest_period)),
            None => States::Logs(Logs::new(max_keys)),
        };
        Self { states }
    }

    /// From now on its quotas have another longest period.
    pub fn set_longest_period(&self, longest_period: Duration) {
        if let States::Table(table) = &self.states {
            table.set_longest_period(longest_period);
        }
    }

    /// Takes, or changes nothing. [Down](Decision::Down): nothing can be remembered of this key, for its place is full of
    /// others that have something in flight.
    pub fn take(&self, key: &Key, quota: &Quota, now: Moment, cost: u32, max_delay: Duration) -> Verdict {
        self.change(key, quota, now, |state| {
            in_order(state, quota, now, max_delay, |state, now| state.take(quota, now, cost, max_delay))
        })
    }

    /// What is there for a key if a take would not be refused; else how it is refused. Nothing is taken.
    pub fn ask(&self, key: &Key, quota: &Quota, now: Moment, cost: u32, max_delay: Duration) -> Verdict {
        self.look(key, quota, |mut state| {
            in_order(&mut state, quota, now, max_delay, |state, now| {
                let there = state.peek(quota, now);
                let verdict = state.take(quota, now, cost, max_delay);
                if verdict.is_taken() { there } else { verdict }
            })
        })
    }

    /// What is there for a key.
    pub fn peek(&self, key: &Key, quota: &Quota, now: Moment) -> Verdict {
        self.look(key, quota, |mut state| {
            in_order(&mut state, quota, now, ANY_DELAY, |state, now| state.peek(quota, now))
        })
    }

    /// Undoes a take that was taken at `taken_at`, if it is remembered.
    pub fn give_back(&self, key: &Key, quota: &Quota, taken_at: Moment, now: Moment, cost: u32) {
        let give_back = |state: &mut State| {
            in_order(state, quota, now, ANY_DELAY, |state, now| {
                state.give_back(quota, taken_at, now, cost);
                state.peek(quota, now)
            })
        };
        match &self.states {
            States::Table(table) => _ = table.change(table.place(key), give_back),
            States::Logs(logs) => logs.change_known(key, quota, now, give_back),
        }
    }

    /// What was in flight is not any more. Of other algorithms nothing ever is.
    pub fn land(&self, key: &Key, cost: u32) {
        let land = |state: &mut State| {
            if let State::Flight(Flight { count }) = state {
                *count = count.saturating_sub(cost);
            }
        };
        if let States::Table(table) = &self.states {
            table.change(table.place(key), land);
        }
    }

    /// Takes more, even what is not there, or gives some back.
    pub fn charge(&self, key: &Key, quota: &Quota, now: Moment, cost: i64) {
        self.change(key, quota, now, |state| {
            in_order(state, quota, now, ANY_DELAY, |state, now| {
                state.charge(quota, now, cost);
                state.peek(quota, now)
            })
        });
    }

    /// Forgets what was taken, by a key or by all; not what is in flight, which lands by itself.
    pub fn reset(&self, key: Option<&Key>) {
        match &self.states {
            States::Table(table) => table.reset(key.map(|key| table.place(key))),
            States::Logs(logs) => logs.reset(key),
        }
    }

    /// How it is filled. Looks at every slot.
    pub fn counts(&self, now: Moment) -> Counts {
        match &self.states {
            States::Table(table) => table.counts(now),
            States::Logs(logs) => logs.counts(now),
        }
    }

    fn change(&self, key: &Key, quota: &Quota, now: Moment, change: impl FnMut(&mut State) -> Verdict) -> Verdict {
        match &self.states {
            States::Table(table) => {
                let verdict = table.change_or_insert(table.place(key), now, || State::new(quota), change);
                verdict.unwrap_or(Verdict::DOWN)
            }
            States::Logs(logs) => logs.change(key, quota, now, change),
        }
    }

    fn look(&self, key: &Key, quota: &Quota, look: impl FnOnce(State) -> Verdict) -> Verdict {
        match &self.states {
            States::Table(table) => look(table.get(table.place(key)).unwrap_or_else(|| State::new(quota))),
            States::Logs(logs) => look(logs.get(key)),
        }
    }
}

/// Changes a state at a moment, or at the latest one that the state shows there was, and says the verdict from `now` on.
///
/// Threads read the clock in one order and come here in another; one that is interrupted in between comes late by as much.
/// To a state that clock seems to have jumped back, which it survives by forgetting something. But the clock of a process
/// never does, and nothing may be forgotten: what has begun for one thread has begun for all. What seems later than any
/// thread is late was taken of another quota, before a reload: that is corrected, or the key would be locked out.
fn in_order(
    state: &mut State,
    quota: &Quota,
    now: Moment,
    max_delay: Duration,
    change: impl FnOnce(&mut State, Moment) -> Verdict,
) -> Verdict {
    let latest = match state {
        State::Gcra(gcra) if gcra.tat.since(now) <= quota.tolerance() => now,
        State::Gcra(gcra) => {
            // As far ahead of the clock as charges come, or takes with this delay.
            let ahead_max = quota.tolerance() + quota.period().max(max_delay.min(ANY_DELAY));
            Moment::default() + gcra.tat.since(Moment::default() + ahead_max)
        }
        State::Window(window) => window.start,
        State::Log(log) => log.taken.back().map_or(now, |(moment, _)| *moment),
        State::Flight(_) => now,
    };
    let late = latest.since(now);
    if late.is_zero() || late > LATE_MAX {
        return change(state, now);
    }
    let mut verdict = change(state, latest);
    verdict.reset += late;
    if let Decision::Refused(retry_after) = &mut verdict.decision {
        *retry_after += late;
    }
    verdict
}
