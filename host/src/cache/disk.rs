//! The disk tier: responses that survive a restart, in segments that are written once, one after the other.
//!
//! A response is appended to the newest segment; when all of them are full, the oldest is deleted whole. So whatever
//! supersedes or removes a response lies behind it and is deleted after it: nothing that was replaced or removed comes
//! back, after no restart and no `kill -9` (but for the last writes, if they did not reach the system). Where the disk
//! has lost what lay behind, all that lay before is forgotten too. What is read is checked, and if damaged, is a miss.
//! (This is why it is not foyer 0.22, which was tried: after restarts it found what had been replaced or removed.)
//!
//! The index is in memory, about 40 bytes a response; each response is charged at least [`ENTRY_BYTES_LEAST`] of the
//! disk, which bounds it. Threads of its own do all reading and writing: no core ever waits for the disk.

mod error;
mod folder;
mod index;
mod reader;
mod recover;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tidegate_cache::Key;
use tokio::sync::oneshot;

pub use super::record::Record;
use super::record::{self, BODY_BYTES_MAX};
pub use error::DiskError;
use index::Index;
use reader::Readers;
use segment::Segments;
use writer::{Queue, Writer};

/// What a response is charged at least, in bytes of disk.
pub const ENTRY_BYTES_LEAST: u64 = 2 << 10;
/// The least that the tier can be given, in bytes.
pub const BYTES_LEAST: u64 = 1 << 20;
/// How long a read may take. After that it is a miss.
const READ_TIME_MAX: Duration = Duration::from_secs(1);

/// The limits of the tier.
#[derive(Clone, Copy, Debug)]
struct Options {
    /// All files together, in bytes.
    bytes_max: u64,
    /// Bodies that wait to be written, in bytes.
    queue_bytes_max: u64,
    /// How long a start looks at what is there. What is oldest is forgotten if that does not suffice.
    recover_time_max: Duration,
    /// After the disk failed, for how long nothing is written.
    pause: Duration,
}

/// What the tier has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Responses that were found.
    pub hits: u64,
    /// Responses that were not.
    pub misses: u64,
    /// Responses that were written.
    pub writes: u64,
    /// Responses that were not: the queue was full, or they were too large.
    pub dropped: u64,
    /// Damaged responses, and failures of the disk.
    pub errors: u64,
}

/// The disk tier. All cores share it.
pub struct Disk {
    shared: Arc<Shared>,
    queue: Queue,
    readers: Readers,
}

/// What callers, readers and the writer share.
struct Shared {
    folder: PathBuf,
    options: Options,
    index: Index,
    segments: Segments,
    counters: Counters,
    /// Set when too much was to be forgotten: the writer deletes everything next.
    is_void: AtomicBool,
    #[cfg(test)]
    faults: tests::Faults,
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    writes: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
}

impl Disk {
    /// Opens the tier in a folder, which is made if need be, and finds what an earlier process left there. All its files
    /// together stay below `bytes_max`. A body of up to [`BODY_BYTES_MAX`] fits if `bytes_max` is 128 MiB or more; below
    /// that, a quarter of it.
    ///
    /// # Errors
    /// When the folder cannot be used, is another process's, or is not of a cache.
    pub async fn open(folder: &Path, bytes_max: u64) -> Result<Self, DiskError> {
        let options = Options {
            bytes_max,
            queue_bytes_max: 64 << 20,
            recover_time_max: Duration::from_secs(20),
            pause: Duration::from_secs(10),
        };
        Self::open_with(folder, options).await
    }

    async fn open_with(folder: &Path, options: Options) -> Result<Self, DiskError> {
        let path = folder.to_owned();
        let (reply, opened) = oneshot::channel();
        let open = move || drop(reply.send(Self::open_here(path, options)));
        let started = thread::Builder::new().name("cache-open".into()).spawn(open);
        started.map_err(|source| DiskError::Thread { path: folder.to_owned(), source })?;
        opened.await.map_err(|_| DiskError::Failed { path: folder.to_owned() })?
    }

    fn open_here(folder: PathBuf, options: Options) -> Result<Self, DiskError> {
        if options.bytes_max < BYTES_LEAST {
            return Err(DiskError::Small { path: folder, bytes_max: options.bytes_max });
        }
        let lock = folder::claim(&folder)?;
        let index = Index::default();
        let deadline = Instant::now() + options.recover_time_max;
        let recovered = recover::recover(&folder, &options, &index, deadline)
            .map_err(|source| DiskError::Folder { path: folder.clone(), source })?;
        let shared = Arc::new(Shared {
            folder: folder.clone(),
            options,
            index,
            segments: recovered.segments,
            counters: Counters::default(),
            is_void: AtomicBool::new(false),
            #[cfg(test)]
            faults: tests::Faults::default(),
        });
        let thread_error = |source| DiskError::Thread { path: folder.clone(), source };
        let readers = Readers::start(&shared).map_err(thread_error)?;
        let queue = Writer::start(&shared, lock, recovered.active).map_err(thread_error)?;
        Ok(Self { shared, queue, readers })
    }

    /// What is stored under a key. Waits for the disk, for a second at most.
    pub async fn get(&self, key: &Key) -> Option<Record> {
        let record = self.find(key).await;
        let counters = &self.shared.counters;
        let counter = if record.is_some() { &counters.hits } else { &counters.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        record
    }

    async fn find(&self, key: &Key) -> Option<Record> {
        let place = self.shared.index.find(record::hash(key))?;
        let reading = self.readers.read(key, place)?;
        let record = tokio::time::timeout(READ_TIME_MAX, reading).await.ok()?.ok()??;
        // It may have been removed meanwhile.
        (self.shared.index.find(record::hash(key)) == Some(place)).then_some(record)
    }

    /// Stores a response, in place of what is there. Returns at once: it is found when it has been written.
    pub fn put(&self, key: &Key, record: &Record) {
        let hash = record::hash(key);
        if record.body.len() > BODY_BYTES_MAX || !self.queue.put(hash, key, record) {
            self.shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
            self.queue.remove(hash);
        }
    }

    /// Removes what is stored under a key: it is found no more when this returns.
    pub fn remove(&self, key: &Key) {
        self.queue.remove(record::hash(key));
    }

    /// Writes all that waits, for an orderly end, and gives up the folder. Nothing is stored after this.
    pub async fn close(&self) {
        self.queue.close().await;
    }

    /// What it has done.
    pub fn counts(&self) -> Counts {
        let counters = &self.shared.counters;
        Counts {
            hits: counters.hits.load(Ordering::Relaxed),
            misses: counters.misses.load(Ordering::Relaxed),
            writes: counters.writes.load(Ordering::Relaxed),
            dropped: counters.dropped.load(Ordering::Relaxed),
            errors: counters.errors.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn count_error(&self) {
        self.counters.errors.fetch_add(1, Ordering::Relaxed);
    }
}

impl Options {
    /// How large a segment is: small enough that deleting one deletes little, large enough that there are few.
    fn segment_bytes(&self) -> u64 {
        (self.bytes_max / 64).clamp(32 << 20, 1 << 30).min(self.bytes_max / 4)
    }

    /// How many entries a segment has at most.
    fn segment_entries(&self) -> usize {
        (self.segment_bytes() / ENTRY_BYTES_LEAST) as usize
    }
}
