//! Purges on their way to disk. One thread writes them ([`file`](super::file)), whatever waits together with one fsync.
//!
//! Memory is always ahead of the file. So after a failure, and when more came than could wait, nothing has to be
//! remembered: the file is written anew from memory, and then all is in it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
#[cfg(test)]
use std::sync::{Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::PER_MS;
use super::file::LogFile;
use super::record::{Kind, Record};
use super::tables::Tables;

/// How far ahead sequence numbers are reserved: a minute's.
const RESERVED: u64 = 60_000 * PER_MS;
/// Purges that may wait for the thread.
pub const JOBS_MAX: usize = 4096;
/// As many are written together.
pub const BATCH_MAX: usize = 1024;
/// After a failure nobody who does not wait for it has the disk tried again for this long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why purges cannot be kept on disk.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep purges in {}: {source}", path.display())]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// A purge that is in effect, but not on disk.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the purge is in effect, but a restart may forget it: it could not be written: {0}")]
pub struct NotDurable(Arc<str>);

/// The thread that writes, and the queue to it.
pub struct Log {
    /// None once it is being dropped.
    jobs: Option<SyncSender<Job>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    tables: Arc<Tables>,
    /// Sequence numbers up to this one may be given out.
    reserved: AtomicU64,
    /// Whether memory has what will not come through the queue.
    is_behind: AtomicBool,
    /// Whether the disk fails. It does nothing while this is locked.
    #[cfg(test)]
    fails: Mutex<bool>,
}

struct Job {
    records: Vec<Record>,
    /// Whether it is to be synced.
    is_durable: bool,
    reply: Option<SyncSender<Result<(), NotDurable>>>,
}

impl Log {
    /// Writes the file anew, and starts the thread that goes on with it. `sequence` is the last number that was given
    /// out. Blocks.
    ///
    /// # Errors
    /// When it cannot be written, or the thread not be started.
    pub fn open(path: &Path, tables: Arc<Tables>, sequence: u64) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared {
            tables,
            reserved: AtomicU64::new(sequence.saturating_add(RESERVED)),
            is_behind: AtomicBool::new(false),
            #[cfg(test)]
            fails: Mutex::default(),
        });
        let open_error = |source| OpenError { path: path.to_owned(), source };
        let file = LogFile::create(path, shared.snapshot()).map_err(open_error)?;
        let (jobs, waiting) = sync_channel(JOBS_MAX);
        let writer = Writer { path: path.to_owned(), shared: Arc::clone(&shared), file: Some(file), failed_at: None };
        let thread = thread::Builder::new().name("tidegate-purges".into()).spawn(move || writer.run(&waiting));
        let thread = Some(thread.map_err(open_error)?);
        Ok(Self { jobs: Some(jobs), shared, thread })
    }

    /// Writes a purge and waits until it is on disk. Blocks.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn write(&self, records: Vec<Record>) -> Result<(), NotDurable> {
        let (reply, result) = sync_channel(1);
        let job = Job { records, is_durable: true, reply: Some(reply) };
        let is_sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        let result = if is_sent { result.recv().ok() } else { None };
        result.unwrap_or_else(|| Err(NotDurable("the thread that writes is gone".into())))
    }

    /// Writes a purge some time soon. Does not block.
    pub fn write_later(&self, records: Vec<Record>) {
        self.try_send(Job { records, is_durable: false, reply: None });
    }

    /// Has the file say that sequence numbers up to this one and some more may have been given out, in time before they
    /// are. Does not block. Most often it does nothing.
    pub fn reserve(&self, sequence: u64) {
        let reserved = self.shared.reserved.load(Ordering::Relaxed);
        if sequence.saturating_add(RESERVED / 2) <= reserved {
            return;
        }
        let more = sequence.saturating_add(RESERVED);
        let order = Ordering::Relaxed;
        if more > reserved && self.shared.reserved.compare_exchange(reserved, more, order, order).is_ok() {
            let records = vec![Record { sequence: more, is_soft: false, kind: Kind::Reserved }];
            self.try_send(Job { records, is_durable: true, reply: None });
        }
    }

    fn try_send(&self, job: Job) {
        let is_sent = self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok());
        if !is_sent {
            self.shared.is_behind.store(true, Ordering::Release);
        }
    }

    /// Whether the disk fails, for tests to change. It does nothing while they hold this.
    #[cfg(test)]
    pub fn fails(&self) -> MutexGuard<'_, bool> {
        self.shared.fails.lock().unwrap()
    }
}

impl Drop for Log {
    /// Waits until all is written.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// All that is to be in the file.
    fn snapshot(&self) -> Vec<Record> {
        let seed = Record { sequence: 0, is_soft: false, kind: Kind::Seed(self.tables.seed) };
        let sequence = self.reserved.load(Ordering::Relaxed);
        let reserved = Record { sequence, is_soft: false, kind: Kind::Reserved };
        [seed, reserved].into_iter().chain(self.tables.dump()).collect()
    }
}

/// What the thread has.
struct Writer {
    path: PathBuf,
    shared: Arc<Shared>,
    /// None after a failure.
    file: Option<LogFile>,
    failed_at: Option<Instant>,
}

impl Writer {
    /// Writes until the [`Log`] is gone and all of its jobs are done.
    fn run(mut self, waiting: &Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            let mut jobs = vec![first];
            jobs.extend(waiting.try_iter().take(BATCH_MAX - 1));
            let result = self.write(&jobs);
            for reply in jobs.into_iter().filter_map(|job| job.reply) {
                // Whoever asked may have gone.
                let _ = reply.send(result.clone());
            }
        }
        let synced = match &mut self.file {
            Some(file) if !self.shared.is_behind.load(Ordering::Acquire) => file.sync(),
            _ => self.write_anew(),
        };
        self.note(synced);
    }

    fn write(&mut self, jobs: &[Job]) -> Result<(), NotDurable> {
        let is_awaited = jobs.iter().any(|job| job.reply.is_some());
        if !is_awaited && self.failed_at.is_some_and(|at| at.elapsed() < RETRY_AFTER) {
            return Ok(()); // Nobody asks. It is in memory for the next time.
        }
        let is_behind = self.shared.is_behind.swap(false, Ordering::Acquire);
        let is_whole = !is_behind && self.file.as_ref().is_some_and(|file| !file.is_long());
        let appended = if is_whole { self.append(jobs) } else { Ok(false) };
        let written = match appended {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => self.write_anew(),
        };
        let result = written.as_ref().map_err(|error| NotDurable(error.to_string().into()));
        let result = result.copied();
        self.note(written);
        result
    }

    /// Adds to the file, if there is one.
    fn append(&mut self, jobs: &[Job]) -> io::Result<bool> {
        self.fail_if_told()?;
        let Some(file) = &mut self.file else { return Ok(false) };
        file.append(jobs.iter().flat_map(|job| &job.records))?;
        if jobs.iter().any(|job| job.is_durable) {
            file.sync()?;
        }
        Ok(true)
    }

    /// Has it all from memory, in a new file: after an fsync that failed, the pages of the old one cannot be trusted.
    fn write_anew(&mut self) -> io::Result<()> {
        self.file = None;
        self.fail_if_told()?;
        self.file = Some(LogFile::create(&self.path, self.shared.snapshot())?);
        Ok(())
    }

    fn note(&mut self, written: io::Result<()>) {
        let Err(error) = written else {
            self.failed_at = None;
            return;
        };
        if self.failed_at.replace(Instant::now()).is_none() {
            let file = self.path.display();
            tracing::error!(%error, %file, "cache: purges cannot be written; a restart may forget them");
        }
    }

    fn fail_if_told(&self) -> io::Result<()> {
        #[cfg(test)]
        if *self.shared.fails.lock().unwrap() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "a fault that the test asked for"));
        }
        Ok(())
    }
}
