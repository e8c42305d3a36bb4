//! The Exchange over configurations as operators write them, without IO.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

mod answers;
mod cached;
mod explained;
mod forwarding;
mod limited;
mod properties;
mod support;
