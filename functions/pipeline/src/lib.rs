//! A request's way through all policies, as a state machine: the [`Exchange`].
//!
//! It takes an [`Input`] and answers with an [`Action`]: look up, fetch, respond, store. It never waits and never reads
//! a clock; a driver performs the actions over a platform. Stages are in a fixed order, a file each:
//!
//! ```text
//! checks    what no upstream should see is refused                 checks/
//! client    who is behind the proxies that are trusted             client/
//! route     who answers: the most specific route, its split        decide.rs
//! limit     whether its limits let it through                      exchange/limited.rs
//! cache     a stored answer, a shared fetch, or one of its own     exchange/cached.rs, keep.rs, said.rs
//! fetch     what is sent: RFC 9110 section 7.6                     forward.rs, hop.rs
//! respond   the response policies, in this order                   respond.rs
//! rescue    the one place where a fault becomes a response         rescue.rs
//! ```
//!
//! Bodies are not in here: they are the driver's, by the names [`ReplyBody::Fetched`] and [`ReplyBody::Stored`].

#![forbid(unsafe_code)]

mod action;
mod checks;
mod client;
mod decide;
mod exchange;
pub mod expect;
pub mod explain;
mod failure;
mod forward;
mod hop;
mod limits;
mod pipeline;
pub mod problem;
mod refusal;
mod rescue;
mod respond;

pub use action::{Action, Claim, Fetch, Input, Looked, Released, Reply, ReplyBody, Store, StoreBody, Target};
pub use exchange::{CacheResult, Exchange, Start};
pub use failure::Failure;
pub use limits::{LimitResult, Limited, limited};
pub use pipeline::Pipeline;
pub use refusal::Refusal;
pub use rescue::reasons;
