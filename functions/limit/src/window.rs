//! The sliding-window counter.

use crate::moment::Moment;

/// What was taken in two windows, which begin at whole multiples of the period on the clock, in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// When the current one began.
    pub start: Moment,
    /// What was taken in the one before.
    pub previous: u32,
    /// What was taken in it.
    pub current: u32,
}
