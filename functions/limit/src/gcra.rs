//! The generic cell rate algorithm.

use crate::moment::Moment;

/// A bucket that leaks: its theoretical arrival time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gcra {
    /// When all that was taken has leaked away.
    pub tat: Moment,
}
