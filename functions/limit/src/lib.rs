//! Rate limits: how much of what is allowed to whom, and what is left of it.
//!
//! A [`Limit`] is [asked](Limit::judge) about a request: it names who is counted (a [`Key`]) and what is taken of which
//! [`Quota`]: a [`Take`]. What was taken before is a [`State`], which a platform keeps by limit and key;
//! `(quota, state, now, cost) -> (verdict, state)` is [`State::take`], and [`count`] does that for all that a request
//! takes. Time is a [`Moment`] of the clock of whoever keeps the states.

#![forbid(unsafe_code)]

mod claim;
mod count;
mod fields;
mod flight;
mod gcra;
mod key;
mod lease;
mod limit;
mod log;
mod memory;
mod moment;
mod quota;
mod state;
mod top;
mod verdict;
mod window;

pub use claim::{REGISTERED_CLAIMS, claim};
pub use count::{Charge, Count, Counted, Need, Take, count};
pub use fields::{fields, policy_item, state_item};
pub use flight::Flight;
pub use gcra::Gcra;
pub use key::{Key, Part, Recipe};
pub use lease::{Ask, Grant, Lease, LeaseTerms, Leased, Ledger, Unused};
pub use limit::{Entry, EntryError, Judged, Limit, LimitId, List, Missing, StoreKind, Tier, WhenDown};
pub use log::Log;
pub use memory::Memory;
pub use moment::Moment;
pub use quota::{Algorithm, Quota, QuotaError};
pub use state::State;
pub use top::{Heavy, TopKeys};
pub use verdict::{Decision, Verdict};
pub use window::Window;
