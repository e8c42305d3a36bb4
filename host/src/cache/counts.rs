//! What the cache has done, for metrics.

use super::Cache;

/// One figure.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// Its name.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Its value.
    pub value: u64,
}

impl Cache {
    /// All figures.
    pub fn counts(&self) -> Vec<Count> {
        let gauge = |name, help, value| Count { name, kind: "gauge", help, value };
        let counter = |name, help, value| Count { name, kind: "counter", help, value };
        let memory = &self.memory;
        let mut counts = vec![
            gauge("tidegate_cache_memory_bytes", "What is kept in memory.", memory.bytes() as u64),
            gauge("tidegate_cache_memory_entries", "How many entries that are.", memory.len() as u64),
            counter("tidegate_cache_memory_evictions_total", "Entries that made room for others.", memory.evicted()),
            gauge("tidegate_cache_claims", "Fetches that others may wait for.", self.claims.held() as u64),
            gauge("tidegate_cache_waiting", "Requests that wait for what others fetch.", self.claims.waiting() as u64),
        ];
        if let Some(disk) = self.disk.as_ref().map(super::disk::Disk::counts) {
            counts.extend([
                counter("tidegate_cache_disk_hits_total", "Entries found on disk.", disk.hits),
                counter("tidegate_cache_disk_misses_total", "Entries not found on disk.", disk.misses),
                counter("tidegate_cache_disk_writes_total", "Entries written to disk.", disk.writes),
                counter(
                    "tidegate_cache_disk_dropped_total",
                    "Entries not written: too large, or too many.",
                    disk.dropped,
                ),
                counter("tidegate_cache_disk_errors_total", "Damaged entries and failures of the disk.", disk.errors),
            ]);
        }
        if let Some(redis) = self.redis.as_ref().map(super::redis::Redis::counts) {
            counts.extend([
                counter("tidegate_cache_redis_hits_total", "Entries found in Redis.", redis.hits),
                counter("tidegate_cache_redis_misses_total", "Entries not found in Redis.", redis.misses),
                counter("tidegate_cache_redis_skipped_total", "Questions not asked: Redis was away.", redis.skipped),
                counter("tidegate_cache_redis_writes_total", "Entries written to Redis.", redis.writes),
                counter("tidegate_cache_redis_dropped_total", "Entries not written to Redis.", redis.dropped),
                counter("tidegate_cache_redis_errors_total", "Questions and changes that failed.", redis.errors),
            ]);
        }
        counts
    }
}
