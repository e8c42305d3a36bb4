//! `[limit_store]`.

use tidegate_limit::{Limit, StoreKind};

use super::redis::{self, Common};
use super::{LimitRedis, LimitStore};
use crate::reader::{Place, Table, Value};
use crate::shape::{Field, Kind, Shape};

/// What `[limit_store]` may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "limit_store",
    "Where the limits with store = \"redis\" are counted. All others are counted in memory, by each edge for itself.",
    &[&[Field::new(
        "redis",
        Kind::Table(&REDIS),
        "A Redis in which several edges count together. While it does not answer, each limit's when_down says what \
         becomes of requests.",
    )]],
);

static REDIS: Shape = Shape::new(
    "limit_redis",
    "A Redis in which several edges count together.",
    &[&[
        redis::URL,
        redis::timeout("How long an answer of it is waited for, before when_down counts."),
        redis::prefix(
            "What its keys begin with. Edges with the same prefix count together, each limit by its name, so edges \
             with other limits need another one.",
        ),
        Field::new(
            "nodes",
            Kind::Integer(1, 10_000),
            "How many edges count in it. A limit with when_down = \"local\" lets each have one such part of its quota \
             while it does not answer.",
        )
        .or("1"),
    ]],
);

/// What is said of it.
pub(super) struct Read<'t> {
    pub store: LimitStore,
    /// Where a Redis is spoken of, whether or not all is right with it.
    pub place: Option<Place<'t>>,
}

pub(super) fn read(value: Option<Value<'_>>) -> Read<'_> {
    let Some(value) = value else { return Read { store: LimitStore::default(), place: None } };
    let Some(mut table) = value.table_of(&SHAPE) else {
        return Read { store: LimitStore::default(), place: Some(value.place().clone()) };
    };
    let place = table.take("redis").map(|value| value.place().clone());
    let store = LimitStore { redis: table.table("redis").and_then(read_redis) };
    table.finish();
    Read { store, place }
}

impl Read<'_> {
    /// Warns if nothing is counted in it.
    pub fn warn_if_unused(&self, limits: &[Limit]) {
        if let (Some(place), true) = (&self.place, limits.iter().all(|limit| limit.store == StoreKind::Memory)) {
            place.warn("nothing is counted here: no limit has store = \"redis\"");
        }
    }
}

fn read_redis(mut table: Table<'_>) -> Option<LimitRedis> {
    let common = redis::read(&mut table);
    let nodes = table.integer("nodes");
    table.finish();
    let Common { url, timeout, prefix } = common?;
    Some(LimitRedis { url, timeout, prefix, nodes })
}
