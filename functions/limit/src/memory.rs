//! States in a map: for one thread.

use std::collections::{BTreeMap, BTreeSet};

use crate::count::{self, Charge, Count, Counted, Take};
use crate::key::Key;
use crate::limit::LimitId;
use crate::moment::Moment;
use crate::quota::{Algorithm, Quota};
use crate::state::State;

/// States of limits and keys, at most so many: for simulations, and for places that have one thread for a key.
#[derive(Debug)]
pub struct Memory {
    keys_max: usize,
    states: BTreeMap<Whose, Kept>,
    /// The same in the order in which they expire; those that do not by themselves are the last.
    expiring: BTreeSet<(Moment, Whose)>,
}

type Whose = (LimitId, Key);

#[derive(Debug)]
struct Kept {
    state: State,
    expires: Moment,
}

impl Memory {
    /// Nothing was taken yet. Of more than `keys_max` keys, those are forgotten first that expire first.
    pub fn new(keys_max: usize) -> Self {
        Self { keys_max, states: BTreeMap::new(), expiring: BTreeSet::new() }
    }

    /// Takes all, or nothing if that is refused.
    pub fn take(&mut self, count: &Count, now: Moment) -> Counted {
        let mut states: Vec<_> = count.takes.iter().map(|take| self.remove(&whose(take), &take.quota)).collect();
        let counted = count::count(count, &mut states, now);
        // Before those of this count are there again: none of them is forgotten for another.
        self.make_room(count.takes.len(), now);
        for (take, state) in count.takes.iter().zip(states) {
            self.insert(whose(take), state, &take.quota, now);
        }
        self.make_room(0, now);
        counted
    }

    /// Takes more, or gives some back.
    pub fn charge(&mut self, charge: &Charge, now: Moment) {
        let whose = (charge.limit, charge.key.clone());
        let mut state = self.remove(&whose, &charge.quota);
        state.charge(&charge.quota, now, charge.cost);
        self.make_room(1, now);
        self.insert(whose, state, &charge.quota, now);
    }

    /// What was in flight is not any more: the takes of a count that were taken, of concurrency limits.
    pub fn land(&mut self, count: &Count, counted: &Counted, now: Moment) {
        let taken = count.takes.iter().zip(&counted.verdicts).filter(|(_, verdict)| verdict.is_taken());
        for (take, _) in taken.filter(|(take, _)| take.quota.algorithm() == Algorithm::Concurrency) {
            let mut state = self.remove(&whose(take), &take.quota);
            state.give_back(&take.quota, now, now, take.cost);
            self.insert(whose(take), state, &take.quota, now);
        }
    }

    /// What is there for each take, of which nothing is taken.
    pub fn peek(&self, count: &Count, now: Moment) -> Counted {
        let peek = |take: &Take| match self.states.get(&whose(take)) {
            Some(kept) => kept.state.peek(&take.quota, now),
            None => State::new(&take.quota).peek(&take.quota, now),
        };
        Counted { verdicts: count.takes.iter().map(peek).collect() }
    }

    /// What is kept, taken out; a new one if nothing is.
    fn remove(&mut self, whose: &Whose, quota: &Quota) -> State {
        let Some((whose, kept)) = self.states.remove_entry(whose) else { return State::new(quota) };
        self.expiring.remove(&(kept.expires, whose));
        kept.state
    }

    /// Keeps a state, unless it says nothing.
    fn insert(&mut self, whose: Whose, state: State, quota: &Quota, now: Moment) {
        let expires = match state.expires_in(quota, now) {
            Some(expires_in) if expires_in.is_zero() => return,
            Some(expires_in) => now + expires_in,
            None => Moment::from_nanos(u64::MAX),
        };
        self.expiring.insert((expires, whose.clone()));
        self.states.insert(whose, Kept { state, expires });
    }

    /// Forgets what has expired, and more if that leaves no room for so many.
    fn make_room(&mut self, len: usize, now: Moment) {
        while let Some((expires, whose)) = self.expiring.first()
            && (*expires <= now || self.states.len() + len > self.keys_max)
        {
            self.states.remove(whose);
            self.expiring.pop_first();
        }
    }
}

fn whose(take: &Take) -> Whose {
    (take.limit, take.key.clone())
}

#[cfg(test)]
mod tests;
