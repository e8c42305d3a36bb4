//! `[checks]`.

use super::{ChecksConfig, DotSegments};
use crate::reader::Table;
use crate::shape::{Field, Kind, Shape};

/// What `[checks]` may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "checks",
    "What is refused before a route is looked for.",
    &[&[Field::new(
        "dot_segments",
        Kind::OneOf(&["refuse", "pass"]),
        "What becomes of paths with `.` or `..` segments, percent-encoded ones among them. Passed on, they can lead \
         where the route that they matched does not.",
    )
    .or("refuse")]],
);

pub(super) fn read(mut table: Table<'_>) -> ChecksConfig {
    let dot_segments = match table.word("dot_segments") {
        "pass" => DotSegments::Pass,
        _ => DotSegments::Refuse,
    };
    table.finish();
    ChecksConfig { dot_segments }
}
