//! The sliding-window log.

use std::collections::VecDeque;

use crate::moment::Moment;

/// When how much was taken, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Moments and costs.
    pub taken: VecDeque<(Moment, u32)>,
}
