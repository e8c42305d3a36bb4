//! HTTP caching for a shared cache: RFC 9111, and what CDNs add to it. Semantics alone: stores are the platforms'.
//!
//! A request is [admitted](admit) or passes by; it is found by a [`Key`] that its [`Recipe`] makes; what is stored is
//! [judged](judge); what is fetched becomes a [`Stored`] response or says [why not](Unstored). Everything that depends
//! on the operator is in the [`Plan`].

#![forbid(unsafe_code)]

mod admit;
mod condition;
mod directives;
mod encoding;
mod freshness;
mod head;
mod invalidate;
mod judge;
mod key;
mod language;
mod marker;
mod plan;
mod purge;
mod range;
mod search;
mod status;
mod store;
mod stored;
mod tags;

pub use admit::{Bypass, Wish, admit};
pub use condition::{is_not_modified, renew, set_validators};
pub use directives::{RequestDirectives, ResponseDirectives};
pub use encoding::{Coding, compress, negotiate};
pub use head::{HeadUpdate, update_by_head};
pub use invalidate::invalidated;
pub use judge::{Judgement, Reuse, judge, serves_on_error};
pub use key::{Key, Recipe, Select};
pub use language::negotiate_language;
pub use marker::{Kept, Marker, Vary};
pub use plan::{Compress, Condition, Normal, Plan, SetCookie, StatusTtl};
pub use purge::{Purge, PurgeError, What};
pub use range::{Extent, Piece, Ranged, Splice, combine, extent, select};
pub use search::{Ignores, Search, search_key};
pub use status::{CacheStatus, Forward};
pub use store::{Received, Unstored, content_length, store};
pub use stored::{Stored, WireError};
pub use tags::{groups_of, tags_of};
