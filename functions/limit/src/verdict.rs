//! What becomes of a take.

use std::time::Duration;

/// What becomes of one take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it was taken.
    pub decision: Decision,
    /// How many more of cost 1 could be taken now.
    pub remaining: u32,
    /// How long until all of the quota is there again, if nothing more is taken.
    pub reset: Duration,
}

/// Whether something was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was.
    Taken,
    /// It was, from what will be there then: the request has to wait for so long.
    Delayed(Duration),
    /// It was not, and will not be before so much time has passed. At that moment it would be, one nanosecond earlier it
    /// would not, if nothing else happens.
    Refused(Duration),
    /// It was not, for something else was refused or is enough.
    Spared,
    /// Nobody knows: the store does not answer.
    Down,
}

impl Verdict {
    /// Of a store that does not answer.
    pub const DOWN: Self = Self { decision: Decision::Down, remaining: 0, reset: Duration::ZERO };

    /// Of what was not even looked at.
    pub const SPARED: Self = Self { decision: Decision::Spared, remaining: 0, reset: Duration::ZERO };

    /// Whether the quota allows it.
    pub const fn is_taken(&self) -> bool {
        matches!(self.decision, Decision::Taken | Decision::Delayed(_))
    }
}
