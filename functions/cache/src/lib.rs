//! Which responses are kept, and for how long they may be used.
//!
//! So far this is a cautious minimum: what an operator plans, and a few rules that err on the side of asking again.
//! RFC 9111 in full (freshness said by the origin, `Vary`, validation, ranges) comes here.

#![forbid(unsafe_code)]

mod key;
mod plan;
mod store;

pub use key::Key;
pub use plan::{Judgement, Plan, judge};
pub use store::{generalize, may_look, may_store};
