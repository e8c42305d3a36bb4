//! What is in flight.

/// How much is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// So much.
    pub count: u32,
}
