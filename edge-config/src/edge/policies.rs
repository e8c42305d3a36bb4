//! The policies that a configuration can have, at the top level for every route, or in a route for that one.

use crate::reader::Table;
use crate::shape::Field;

/// The policies of this version: a line for each, with its shape.
pub(super) static FIELDS: &[Field] = &[];

/// The policies of versions to come. Asking for one is an error, so that nobody believes it works.
const NOT_YET: [&str; 5] = ["cache", "limit", "auth", "balance", "degrade"];

/// Reports the policies that are not in this version.
pub(super) fn reject_others(table: &mut Table<'_>) {
    for name in NOT_YET {
        if let Some(value) = table.take_foreign(name) {
            value.error(format!("the {name} policy is not in this version"));
        }
    }
}
