//! `[defaults]`: what upstreams and routes are that do not say otherwise.

use std::time::Duration;

use super::limit;
use crate::reader::{Table, Value};
use crate::shape::{Field, Kind, Shape, inherited};
use crate::size::ByteSize;

/// What `[defaults]` may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "defaults",
    "What counts for every upstream and route that does not say otherwise.",
    &[&TIMING, &[MAX_REQUEST_BODY, LIMIT]],
);

/// The keys that an upstream can have of its own.
pub(super) static OF_UPSTREAMS: &[Field] = &inherited(TIMING, "[defaults]");

/// The keys that a route can have of its own.
pub(super) static OF_ROUTES: &[Field] = &[MAX_REQUEST_BODY.inherited("[defaults]"), LIMIT.inherited("[defaults]")];

const TIMING: [Field; 6] =
    [CONNECT_TIMEOUT, FIRST_BYTE_TIMEOUT, IDLE_TIMEOUT, MAX_CONNECTIONS, KEEPALIVE_CONNECTIONS, KEEPALIVE_TIMEOUT];

/// A day is long enough for event streams; what is stuck must end some day.
const TIMEOUT: Kind = Kind::Duration("1ms", "24h");

const CONNECT_TIMEOUT: Field =
    Field::new("connect_timeout", TIMEOUT, "How long a connection to an upstream may take to be made, TLS included.")
        .or("1s");
const FIRST_BYTE_TIMEOUT: Field = Field::new(
    "first_byte_timeout",
    TIMEOUT,
    "How long an upstream may take until the head of its response, once the request is sent.",
)
.or("30s");
const IDLE_TIMEOUT: Field =
    Field::new("idle_timeout", TIMEOUT, "How long a body to or from an upstream may pause.").or("30s");
const MAX_CONNECTIONS: Field = Field::new(
    "max_connections",
    Kind::Integer(1, 1_000_000),
    "Connections to an upstream at a time, of all cores together. A request beyond that is answered with 503.",
)
.or("1000");
const KEEPALIVE_CONNECTIONS: Field = Field::new(
    "keepalive_connections",
    Kind::Integer(0, 100_000),
    "Idle connections to an upstream that are kept for later requests, on each core.",
)
.or("64");
const KEEPALIVE_TIMEOUT: Field =
    Field::new("keepalive_timeout", TIMEOUT, "How long an idle connection to an upstream is kept.").or("60s");
const MAX_REQUEST_BODY: Field = Field::new(
    "max_request_body",
    Kind::Size("0B", "1024GiB"),
    "The largest body that a request may have. One with more is answered with 413.",
)
.or("1GiB");

const LIMIT: Field = Field::new(
    "limit",
    limit::REFERENCE,
    "What counts the requests of a route, cache hits and fixed answers among them: the name of a limit, or several, which \
     all must let a request through, or { any = [...] }, of which one must, the first that does; false: nothing. Routes \
     that name the same limit share what it lets through, unless route is in its key.",
);

/// What counts where nothing else is said.
#[derive(Clone, Copy)]
pub(super) struct Defaults {
    pub upstream: Timing,
    pub max_request_body: ByteSize,
}

/// The limits of an upstream.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    pub connect_timeout: Duration,
    pub first_byte_timeout: Duration,
    pub idle_timeout: Duration,
    pub max_connections: u32,
    pub keepalive_connections: u32,
    pub keepalive_timeout: Duration,
}

/// Reads all but `limit`, for which the limits must be known.
pub(super) fn read<'t>(mut table: Table<'t>) -> (Defaults, Option<Value<'t>>) {
    let upstream = Timing {
        connect_timeout: table.duration("connect_timeout"),
        first_byte_timeout: table.duration("first_byte_timeout"),
        idle_timeout: table.duration("idle_timeout"),
        max_connections: table.integer("max_connections"),
        keepalive_connections: table.integer("keepalive_connections"),
        keepalive_timeout: table.duration("keepalive_timeout"),
    };
    let defaults = Defaults { upstream, max_request_body: table.size("max_request_body") };
    let limit = table.take("limit");
    table.finish();
    (defaults, limit)
}

impl Timing {
    /// Those of an upstream that may have some of its own.
    pub fn read_own(self, table: &mut Table<'_>) -> Self {
        let count = |given: Option<u32>, default| given.unwrap_or(default);
        Self {
            connect_timeout: table.optional_duration("connect_timeout").unwrap_or(self.connect_timeout),
            first_byte_timeout: table.optional_duration("first_byte_timeout").unwrap_or(self.first_byte_timeout),
            idle_timeout: table.optional_duration("idle_timeout").unwrap_or(self.idle_timeout),
            max_connections: count(table.optional_integer("max_connections"), self.max_connections),
            keepalive_connections: count(table.optional_integer("keepalive_connections"), self.keepalive_connections),
            keepalive_timeout: table.optional_duration("keepalive_timeout").unwrap_or(self.keepalive_timeout),
        }
    }
}
