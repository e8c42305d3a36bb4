//! The embedded store: named stores of entries in one file, durable and safe against `kill -9`.
//!
//! Reads run on the calling thread against the last commit and wait for nobody. Writes go through
//! a bounded queue to one thread that commits whatever waits in one go (`writer.rs`); a write
//! that was answered is on disk. The file is redb's (`layout.rs` says what is in it).
//!
//! Entries may carry an expiry time in their value ([`layout::TTL_MARK`]). The engine keeps an
//! index of those, shows none whose time has come, and deletes them when [`Engine::sweep`] is
//! called. It reads no clock: the time comes in as Unix milliseconds.
//!
//! Bounds, each an error of its own: a key [`KEY_MAX`], a value [`VALUE_MAX`], a call with many
//! entries [`MANY_MAX`] of them and [`REQUEST_MAX`] bytes, a label [`layout::LABEL_MAX`], a store
//! and the queue as in [`Options`].

mod batch;
mod disk;
mod error;
mod file;
mod handle;
pub mod layout;
#[cfg(test)]
pub(super) mod tests;
mod writer;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;

pub use self::error::{Error, OpenError};
pub use self::file::FILE_NAME;
use self::file::{File, Snapshot};
pub use self::handle::{Page, Store, Swap};
use self::layout::store_prefix;
use self::writer::{Counters, Queue};

/// The longest key, in bytes.
pub const KEY_MAX: usize = 1 << 10;
/// The largest value, in bytes (10 MiB).
pub const VALUE_MAX: usize = 10 << 20;
/// The most entries that one call reads, sets or deletes.
pub const MANY_MAX: usize = 1000;
/// The most bytes of keys and values that one call takes or returns (16 MiB).
pub const REQUEST_MAX: usize = 16 << 20;
/// The most keys in one page of a listing.
pub const PAGE_MAX: usize = 1000;
/// What an entry counts beside its key and value towards the bound of its store, in bytes.
pub const ENTRY_OVERHEAD: u64 = 32;

/// Bounds of an [`Engine`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for pages of the file, in bytes.
    pub cache_bytes: usize,
    /// Writes that may wait; one more is answered with [`Error::Busy`].
    pub queue_jobs_max: usize,
    /// Bytes of keys and values that may wait.
    pub queue_bytes_max: usize,
    /// What one store may hold: keys, values and [`ENTRY_OVERHEAD`] for each entry, in bytes.
    pub store_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, queue_jobs_max: 4096, queue_bytes_max: 64 << 20, store_bytes_max: 4 << 30 }
    }
}

/// What an engine has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Writes that wait or are being made.
    pub queued: usize,
    /// Their keys and values, in bytes.
    pub queued_bytes: usize,
    /// Writes answered with [`Error::Busy`].
    pub refused: u64,
    /// Writes answered otherwise.
    pub writes: u64,
    /// Durable commits. `writes / commits` is how many share an fsync.
    pub commits: u64,
    /// Commits that failed.
    pub failures: u64,
}

/// The open file. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    snapshot: Arc<ArcSwap<Snapshot>>,
    counters: Arc<Counters>,
    /// `None` once closed.
    writer: Mutex<Option<(Queue, JoinHandle<()>)>>,
    #[cfg(test)]
    health: Arc<disk::Health>,
}

impl Engine {
    /// Opens `DIR/key-value.redb` with the default bounds, or makes it. Blocks; after a crash for
    /// as long as verifying the whole file takes.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        Self::open_with(folder, &Options::default())
    }

    /// As [`Engine::open`], with other bounds.
    pub fn open_with(folder: &Path, options: &Options) -> Result<Self, OpenError> {
        let file = File::open(folder, options)?;
        let counters = Arc::new(Counters::default());
        let (queue, waiting) = Queue::new(options, counters.clone());
        let snapshot = file.snapshots();
        let path = file.path().to_owned();
        #[cfg(test)]
        let health = file.health();
        let thread = thread::Builder::new()
            .name("tidegate-kv".into())
            .spawn(move || waiting.run(file))
            .map_err(|source| OpenError::Thread { path, source })?;
        let shared = Shared {
            snapshot,
            counters,
            writer: Mutex::new(Some((queue, thread))),
            #[cfg(test)]
            health,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The store named `label`. It need not exist: a store is there once it holds an entry.
    pub fn store(&self, label: &str) -> Result<Store, Error> {
        let prefix = store_prefix(label).ok_or(Error::LabelTooLong(label.len()))?;
        Ok(Store { engine: self.clone(), prefix: prefix.into() })
    }

    /// Deletes at most `max` entries whose time has come, in any store; says how many. When it
    /// says `max`, there may be more: call again, so that other writes get their turn between.
    pub async fn sweep(&self, now_ms: u64, max: usize) -> Result<usize, Error> {
        self.write(0, move |batch| batch.sweep(now_ms, max)).await
    }

    /// Figures for metrics.
    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        Stats {
            queued: counters.queued.load(Ordering::Relaxed),
            queued_bytes: counters.queued_bytes.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
            writes: counters.jobs.load(Ordering::Relaxed),
            commits: counters.commits.load(Ordering::Relaxed),
            failures: counters.failures.load(Ordering::Relaxed),
        }
    }

    /// Writes what is queued, closes the file and waits for both. Blocks. Later calls, also of
    /// clones, answer [`Error::Closed`].
    pub fn close(&self) {
        self.shared.close();
    }

    /// The entries as of the last commit.
    fn snapshot(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.shared.snapshot.load()
    }

    async fn write<T, F>(&self, bytes: usize, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut batch::Batch<'_>) -> Result<T, Error> + Send + 'static,
    {
        let result = self.shared.queue()?.submit(bytes, work)?;
        result.await.unwrap_or(Err(Error::Closed))
    }
}

impl Shared {
    fn queue(&self) -> Result<Queue, Error> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let (queue, _) = writer.as_ref().ok_or(Error::Closed)?;
        Ok(queue.clone())
    }

    fn close(&self) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((queue, thread)) = writer.take() {
            drop(queue);
            // Its panics are caught and answered in the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}
