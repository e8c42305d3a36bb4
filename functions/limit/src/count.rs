//! What a request takes, of all its quotas.

use std::time::Duration;

use crate::key::Key;
use crate::limit::LimitId;
use crate::moment::Moment;
use crate::quota::Quota;
use crate::state::State;
use crate::verdict::Verdict;

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
    let _ = (count, states, now);
    todo!()
}

impl Counted {
    /// Whether the request is let through, by those that are not in shadow. One that is [down](crate::Decision::Down)
    /// counts as `is_open` says of its place.
    pub fn passes(&self, count: &Count, is_open: impl Fn(usize) -> bool) -> bool {
        let _ = (count, is_open);
        todo!()
    }

    /// How long the request has to wait before it goes on, if it passes.
    pub fn delay(&self) -> Duration {
        todo!()
    }
}
