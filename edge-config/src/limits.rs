//! What a component may use: `[component.ID.tool.tidegate]`.
//!
//! Spin ignores a component's `tool` tables, so the limits do not get in its way.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::reader::Table;
use crate::size::ByteSize;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The least memory in which a component can do anything, and all that a 32-bit one can address.
const MEMORY: RangeInclusive<ByteSize> = ByteSize::from_mib(1)..=ByteSize::from_mib(4096);
/// Long enough for event streams; a stuck request must end some day.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
const IDLE_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=DAY;
const CONCURRENT_REQUESTS: RangeInclusive<u32> = 1..=1_000_000;
/// An address has no more ports to connect from.
const OUTGOING_CONNECTIONS: RangeInclusive<u32> = 1..=65_535;
const REQUESTS_PER_INSTANCE: RangeInclusive<u32> = 1..=1_000_000_000;

/// Limits for each component; the defaults hold for what is not written.
///
/// ```toml
/// [component.shop.tool.tidegate]        # these are the defaults
/// memory = "128MiB"
/// timeout = "30s"
/// max_concurrent_requests = 1000
/// max_outgoing_connections = 64
/// max_requests_per_instance = 1000
/// idle_timeout = "10s"
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The linear memory of one instance may grow to this; growing further fails inside the
    /// component. Default 128 MiB, from 1 MiB to 4 GiB.
    pub memory: ByteSize,
    /// A whole request may take this long, to the last byte of the response's body. Default 30 s,
    /// from 1 ms to 24 h.
    pub timeout: Duration,
    /// Requests under way in this component at once; one more is refused. Default 1000, from 1 to
    /// 1000000.
    pub max_concurrent_requests: u32,
    /// Connections of this component to other hosts at once. Default 64, from 1 to 65535.
    pub max_outgoing_connections: u32,
    /// An instance that has served this many requests is dropped, and with it what it leaked.
    /// Default 1000, from 1 to 1000000000.
    pub max_requests_per_instance: u32,
    /// A warm instance that nobody used for this long is dropped. Default 10 s, from 1 ms to 24 h.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::from_mib(128),
            timeout: SECOND * 30,
            max_concurrent_requests: 1000,
            max_outgoing_connections: 64,
            max_requests_per_instance: 1000,
            idle_timeout: SECOND * 10,
        }
    }
}

impl Limits {
    /// Reads the table, reporting what is wrong in it; what is missing or wrong is the default.
    pub fn read(mut table: Table<'_>) -> Self {
        let default = Self::default();
        let memory = table.take("memory").and_then(|value| value.size(MEMORY));
        let timeout = table.take("timeout").and_then(|value| value.duration(TIMEOUT));
        let idle_timeout = table.take("idle_timeout").and_then(|value| value.duration(IDLE_TIMEOUT));
        let mut count = |key, range| table.take(key).and_then(|value| value.integer(range));
        let limits = Self {
            memory: memory.unwrap_or(default.memory),
            timeout: timeout.unwrap_or(default.timeout),
            max_concurrent_requests: count("max_concurrent_requests", CONCURRENT_REQUESTS)
                .unwrap_or(default.max_concurrent_requests),
            max_outgoing_connections: count("max_outgoing_connections", OUTGOING_CONNECTIONS)
                .unwrap_or(default.max_outgoing_connections),
            max_requests_per_instance: count("max_requests_per_instance", REQUESTS_PER_INSTANCE)
                .unwrap_or(default.max_requests_per_instance),
            idle_timeout: idle_timeout.unwrap_or(default.idle_timeout),
        };
        table.finish();
        limits
    }
}
