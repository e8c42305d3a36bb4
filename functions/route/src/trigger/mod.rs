//! Path patterns of Spin's HTTP trigger, and which of them a path belongs to.
//!
//! One `spin.toml` routes alike under `spin up` and here:
//!
//! | pattern | matches |
//! |---|---|
//! | `/a/b` | `/a/b`, also written `/a/b/` |
//! | `/a/...` | `/a`, `/a/` and everything below |
//! | `/users/:id` | `/users/` and one segment, whose text is captured as `id` |
//! | `/users/:id/...` | both together |
//!
//! The most specific pattern wins, segment by segment: a literal before a name before the wildcard.
//! The order in which patterns were inserted never matters.
//!
//! Paths are compared byte by byte as they came in the URL: nothing is percent-decoded, and case
//! counts. Slashes at either end of a path are not significant for matching; a double slash inside
//! it is an empty segment, which only `:name` and the wildcard match.
//!
//! [`Router::find`] does not allocate.

mod pattern;
mod router;
pub mod spin;

pub use pattern::{PATTERN_LEN_MAX, Pattern, PatternError};
pub use router::{Captures, Conflict, Match, Router};
