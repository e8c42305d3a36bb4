//! Which route a request takes, and what that makes of it.
//!
//! There are two kinds of routes. Those of `spin.toml`, its HTTP triggers, belong to functions: [`trigger`]. Those of
//! the edge choose among upstreams, functions, redirects and fixed answers: a [`Table`] finds the most specific one
//! whose [`Matches`] fit a request, a [`Split`] divides its requests among several [`Destination`]s, and a [`Rewrite`]
//! says what is changed on the way.
//!
//! Pure: no IO, no clock, no randomness of its own, and [`Table::find`] does not allocate.

#![forbid(unsafe_code)]

mod braces;
mod conditions;
mod destination;
mod dots;
mod hash;
mod host;
mod miss;
mod path;
mod percent;
mod redirect;
mod rewrite;
#[cfg(test)]
mod sample;
mod split;
mod table;
mod template;
pub mod trigger;
mod value;

pub use conditions::Conditions;
pub use destination::{Destination, Fixed, Function, UpstreamId};
pub use dots::has_dot_segment;
pub use host::{HostPattern, HostPatternError};
pub use miss::Miss;
pub use path::{Captured, PATH_PATTERN_LEN_MAX, PathPattern, PathPatternError, SEGMENTS_MAX};
pub use redirect::Redirect;
pub use rewrite::{HeaderRewrite, HostRewrite, QueryRewrite, Rewrite, TargetError};
pub use split::{Arm, Choice, Split, Sticky};
pub use table::{Found, Matches, Table};
pub use template::{TEMPLATE_LEN_MAX, TEMPLATE_NAMES_MAX, Template, TemplateError};
pub use trigger::{Captures, Conflict, Match, PATTERN_LEN_MAX, Pattern, PatternError, Router, spin};
pub use value::{ValuePattern, ValuePatternError};
