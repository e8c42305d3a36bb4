//! What a request takes, of all its quotas.

use std::time::Duration;

use crate::key::Key;
use crate::limit::LimitId;
use crate::moment::Moment;
use crate::quota::Quota;
use crate::state::State;
use crate::verdict::{Decision, Verdict};

/// All that a request takes. A refusal takes nothing, of none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// What it takes, in the order of the configuration.
    pub takes: Vec<Take>,
    /// How many are needed.
    pub need: Need,
}

/// How many quotas have to let a request through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Need {
    /// All. If one refuses, those that would not have are [spared](crate::Decision::Spared).
    #[default]
    All,
    /// One: the first that does. Those behind it are spared.
    Any,
}

/// What is taken of one quota. Those in shadow neither refuse others nor are enough: they are taken, if they can be, when
/// the request is let through by the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// Whose.
    pub limit: LimitId,
    /// Who is counted.
    pub key: Key,
    /// What is allowed.
    pub quota: Quota,
    /// How much is taken: at most [`Quota::at_once`], which whoever makes this sees to.
    pub cost: u32,
    /// How long the request may be held back instead.
    pub max_delay: Duration,
    /// Whether it refuses nothing.
    pub is_shadow: bool,
}

/// What is taken, or given back, when it is known what a request has cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Whose.
    pub limit: LimitId,
    /// Who is counted.
    pub key: Key,
    /// What is allowed.
    pub quota: Quota,
    /// How much more than was taken before; less, if negative.
    pub cost: i64,
}

/// What became of all takes, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// One for each take.
    pub verdicts: Vec<Verdict>,
}

/// Takes all, or nothing if that is refused: the reference for every store. `states` are in the order of the takes, each
/// the state of its limit and key; where nothing is kept, [`State::new`] of its quota. Two takes of one limit and key in
/// one count do not occur.
pub fn count(count: &Count, states: &mut [State], now: Moment) -> Counted {
    if let ([take], [state]) = (&*count.takes, &mut *states) {
        return Counted { verdicts: vec![state.take(&take.quota, now, take.cost, take.max_delay)] };
    }
    let taking = count.takes.iter().zip(states.iter_mut()).map(|(take, state)| {
        let decision = state.decide(&take.quota, now, take.cost, take.max_delay);
        Verdict { decision, ..state.peek(&take.quota, now) }
    });
    let mut counted = Counted { verdicts: taking.collect() };
    let passes = counted.passes(count, |_| false);
    let mut is_enough = false;
    for ((take, state), verdict) in count.takes.iter().zip(states).zip(&mut counted.verdicts) {
        if is_enough && !take.is_shadow {
            verdict.decision = Decision::Spared;
        } else if verdict.is_taken() && passes {
            state.add(&take.quota, now, take.cost);
            *verdict = Verdict { decision: verdict.decision, ..state.peek(&take.quota, now) };
            is_enough |= count.need == Need::Any && !take.is_shadow;
        } else if verdict.is_taken() {
            verdict.decision = Decision::Spared;
        }
    }
    counted
}

impl Counted {
    /// Whether the request is let through, by those that are not in shadow. One that is [down](crate::Decision::Down)
    /// counts as `is_open` says of its place.
    pub fn passes(&self, count: &Count, is_open: impl Fn(usize) -> bool) -> bool {
        let enforced = self.verdicts.iter().zip(&count.takes).enumerate().filter(|(_, (_, take))| !take.is_shadow);
        let mut let_through = enforced.map(|(place, (verdict, _))| match verdict.decision {
            Decision::Down => is_open(place),
            _ => verdict.is_taken(),
        });
        match count.need {
            Need::All => let_through.all(|is_let| is_let),
            Need::Any => {
                let first = let_through.next();
                first.is_none_or(|is_let| is_let || let_through.any(|is_let| is_let))
            }
        }
    }

    /// How long the request has to wait before it goes on, if it passes: the longest delay of those that are not in
    /// shadow.
    pub fn delay(&self, count: &Count) -> Duration {
        let enforced = self.verdicts.iter().zip(&count.takes).filter(|(_, take)| !take.is_shadow);
        let delays = enforced.map(|(verdict, _)| match verdict.decision {
            Decision::Delayed(delay) => delay,
            _ => Duration::ZERO,
        });
        delays.max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
