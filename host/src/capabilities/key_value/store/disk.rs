//! The file as redb sees it, with a memory for the one failure that must not be retried.
//!
//! After a failed fsync Linux marks the pages clean although they are not on disk. Whoever opens
//! the file again reads them from the page cache, finds everything in order, and builds on data
//! that a power cut takes away. So [`Health`] remembers, and the store stays shut until a restart.
//! A write that failed (a full disk) did not get that far: opening again is safe.

use std::fs;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend};

/// What is known about the disk, kept across re-openings of the file.
#[derive(Debug, Default)]
pub struct Health {
    sync_failed: AtomicBool,
    #[cfg(test)]
    pub faults: tests::Faults,
}

impl Health {
    /// Whether an fsync ever failed.
    pub fn sync_failed(&self) -> bool {
        self.sync_failed.load(Ordering::Acquire)
    }
}

/// [`FileBackend`], watched.
#[derive(Debug)]
pub struct Disk {
    file: FileBackend,
    health: Arc<Health>,
}

impl Disk {
    /// Hands `file` to redb; what happens to it is noted in `health`.
    pub fn new(file: fs::File, health: Arc<Health>) -> Result<Self, DatabaseError> {
        let file = FileBackend::new(file)?;
        Ok(Self { file, health })
    }
}

type Edge = Bound<u64>;

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        self.health.faults.before_write()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        #[cfg(test)]
        let result = self.health.faults.before_sync();
        #[cfg(not(test))]
        let result = Ok(());
        result.and_then(|()| self.file.sync_data()).inspect_err(|_| {
            self.health.sync_failed.store(true, Ordering::Release);
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.health.faults.before_write()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Edge, end: Edge) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Edge, end: Edge) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
pub mod tests {
    use std::io;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Failures on request: the nth write, the nth fsync, and all after them until reset.
    #[derive(Debug)]
    pub struct Faults {
        writes_left: AtomicI64,
        syncs_left: AtomicI64,
    }

    impl Default for Faults {
        fn default() -> Self {
            Self { writes_left: AtomicI64::new(i64::MAX), syncs_left: AtomicI64::new(i64::MAX) }
        }
    }

    impl Faults {
        /// Lets `writes` writes and `syncs` fsyncs succeed before they fail.
        pub fn set(&self, writes: i64, syncs: i64) {
            self.writes_left.store(writes, Ordering::SeqCst);
            self.syncs_left.store(syncs, Ordering::SeqCst);
        }

        /// A healthy disk again.
        pub fn clear(&self) {
            self.set(i64::MAX, i64::MAX);
        }

        pub fn before_write(&self) -> io::Result<()> {
            take(&self.writes_left, io::ErrorKind::StorageFull)
        }

        pub fn before_sync(&self) -> io::Result<()> {
            take(&self.syncs_left, io::ErrorKind::Other)
        }
    }

    fn take(left: &AtomicI64, kind: io::ErrorKind) -> io::Result<()> {
        match left.fetch_sub(1, Ordering::SeqCst) {
            1.. => Ok(()),
            _ => Err(io::Error::new(kind, "a fault that the test asked for")),
        }
    }
}
