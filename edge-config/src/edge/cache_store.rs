//! `[cache_store]`.

use super::redis::{self, Common};
use super::{CacheStore, Disk, Redis};
use crate::reader::Table;
use crate::shape::{Field, Kind, Shape};

/// What `[cache_store]` may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "cache_store",
    "Where cached responses are kept: in memory, and also on disk and in Redis, if it is said how.",
    &[&[
        Field::new(
            "memory",
            Kind::Size("1MiB", "1024GiB"),
            "How much is kept in memory, of all cores together. What is used least makes room.",
        )
        .or("256MiB"),
        Field::new(
            "disk",
            Kind::Table(&DISK),
            "What does not fit into memory, and survives a restart. Without this nothing is on disk.",
        ),
        Field::new(
            "redis",
            Kind::Table(&REDIS),
            "A tier behind the others that several edges share. While it does not answer, the edge does without it.",
        ),
    ]],
);

static DISK: Shape = Shape::new(
    "disk",
    "The part of the store that survives a restart.",
    &[&[
        Field::new(
            "path",
            Kind::Text,
            "A folder of its own, which one edge at a time uses. Relative to the first file. It is made if it is not \
             there.",
        )
        .required(),
        Field::new("size", Kind::Size("64MiB", "65536GiB"), "How much is kept there. The disk must have room for it.")
            .required(),
    ]],
);

static REDIS: Shape = Shape::new(
    "redis",
    "The part of the store that several edges share.",
    &[&[
        redis::URL,
        redis::timeout("How long an answer of it is waited for, before the request goes on without it."),
        redis::prefix(
            "What its keys begin with. Edges with the same prefix share what they store, so edges with other routes \
             need another one.",
        ),
        Field::new(
            "max_body",
            Kind::Size("1B", "512MiB"),
            "The largest body that is kept there. Larger ones stay with the edge that fetched them.",
        )
        .or("1MiB"),
    ]],
);

pub(super) fn read(mut table: Table<'_>) -> CacheStore {
    let store = CacheStore {
        memory: table.size("memory").bytes(),
        disk: table.table("disk").and_then(read_disk),
        redis: table.table("redis").and_then(read_redis),
    };
    table.finish();
    store
}

impl CacheStore {
    /// The largest body for which there is room in it.
    pub(super) fn capacity(&self) -> u64 {
        self.memory.max(self.disk.as_ref().map_or(0, |disk| disk.size))
    }
}

fn read_disk(mut table: Table<'_>) -> Option<Disk> {
    let path = table.require("path", "path = \"FOLDER\"").and_then(|value| value.text());
    let size = table.required_size("size", "size = \"10GiB\", or how much may be kept there");
    table.finish();
    Some(Disk { path: path?.to_owned(), size: size?.bytes() })
}

fn read_redis(mut table: Table<'_>) -> Option<Redis> {
    let common = redis::read(&mut table);
    let max_body = table.size("max_body").bytes();
    table.finish();
    let Common { url, timeout, prefix } = common?;
    Some(Redis { url, timeout, prefix, max_body })
}
