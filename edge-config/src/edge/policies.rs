//! The policies that a configuration can have, at the top level for every route, or in a route for that one.

use super::cache;
use crate::reader::Table;
use crate::shape::{Field, Kind};

/// The policies of this version at the top level: a line for each, with its shape.
pub(super) static FIELDS: &[Field] = &[Field::new(
    "cache",
    Kind::Table(&cache::SHAPE),
    "How the responses of routes are kept and used again. Without this, those of routes that say so.",
)];

/// The same in a route.
pub(super) static OF_ROUTES: &[Field] = &[Field::new(
    "cache",
    Kind::AnyOf(&[Kind::Boolean, Kind::Table(&cache::OF_ROUTES)]),
    "How the responses of this route are kept and used again: a table changes parts of what [cache] says, true is as \
     [cache] says, or as the defaults do if it is not there, and false is not at all.",
)
.inherited("[cache]")];

/// The policies of versions to come. Asking for one is an error, so that nobody believes it works.
const NOT_YET: [&str; 3] = ["auth", "balance", "degrade"];

/// Reports the policies that are not in this version.
pub(super) fn reject_others(table: &mut Table<'_>) {
    for name in NOT_YET {
        if let Some(value) = table.take_foreign(name) {
            value.error(format!("the {name} policy is not in this version"));
        }
    }
}
