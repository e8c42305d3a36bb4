//! The words that all policies share.
//!
//! A policy is a pure function: (config, request, state, now) -> decision. What it is given and what it says is made of
//! the types here: a [`RequestView`] and its [`Client`], a [`Timestamp`], and a [`Reason`] with the [`Source`] in the
//! configuration that it follows from. No IO, no clock, no randomness.

#![forbid(unsafe_code)]

mod client;
mod list;
mod percent;
mod reason;
mod request;
mod source;
mod structured;
mod time;
mod trace;

pub use client::{Client, Country};
pub use list::members;
pub use percent::{decode_query, next_decoded};
pub use reason::Reason;
pub use request::RequestView;
pub use source::Source;
pub use structured::{write_name, write_string};
pub use time::Timestamp;
pub use trace::{Step, Trace};
