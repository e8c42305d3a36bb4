//! Which route a request takes.
//!
//! [`trigger`] has the routes of `spin.toml`, its HTTP triggers.
//!
//! Pure: no IO, no clock, no randomness, and [`Router::find`] does not allocate.

#![forbid(unsafe_code)]

pub mod trigger;

pub use trigger::{Captures, Conflict, Match, PATTERN_LEN_MAX, Pattern, PatternError, Router, spin};
