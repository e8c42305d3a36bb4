//! Group commit: one thread writes, and everything that waited shares a transaction and an fsync.
//!
//! A write that finds the thread idle is committed at once, alone. While the disk works, others
//! queue up; the next transaction takes all of them. So a lone write costs one fsync and nothing
//! waits for a timer, while under load the number of fsyncs stays what the disk can do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use redb::Durability;
use tokio::sync::oneshot;

use super::batch::Batch;
use super::file::File;
use super::{Error, Options};

/// The most jobs that one transaction takes.
const BATCH_JOBS_MAX: usize = 1024;
/// The most bytes of keys and values that one transaction takes before it stops taking more.
const BATCH_BYTES_MAX: usize = 32 << 20;
/// What a job costs in the queue beside its keys and values: itself and its way back.
const JOB_OVERHEAD: usize = 256;

/// What the queue and the writer have done so far, for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Jobs in the queue or being written.
    pub queued: AtomicUsize,
    /// Their keys and values, in bytes.
    pub queued_bytes: AtomicUsize,
    /// Jobs that were answered with [`Error::Busy`].
    pub refused: AtomicU64,
    /// Jobs done, whatever their result.
    pub jobs: AtomicU64,
    /// Durable commits, an fsync each.
    pub commits: AtomicU64,
    /// Commits that failed.
    pub failures: AtomicU64,
}

/// A change that waits for its turn, and the one who waits for its result.
trait Job: Send {
    /// Does the work. An error dooms the whole transaction; a refusal is kept as the result.
    fn apply(&mut self, batch: &mut Batch<'_>) -> Result<(), Error>;
    /// Answers: with the result, or with why nothing was committed.
    fn complete(self: Box<Self>, failure: Option<&Error>);
    /// Bytes that the job holds while it waits.
    fn weight(&self) -> usize;
}

struct Pending<T, F> {
    work: Option<F>,
    result: Result<T, Error>,
    reply: oneshot::Sender<Result<T, Error>>,
    weight: usize,
}

impl<T, F> Job for Pending<T, F>
where
    T: Send,
    F: FnOnce(&mut Batch<'_>) -> Result<T, Error> + Send,
{
    fn apply(&mut self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        self.result = work(batch);
        match &self.result {
            Err(error @ Error::Storage(_)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn complete(self: Box<Self>, failure: Option<&Error>) {
        let result = failure.map_or(self.result, |error| Err(error.clone()));
        // The caller may have gone; the change is made all the same.
        let _ = self.reply.send(result);
    }

    fn weight(&self) -> usize {
        self.weight
    }
}

/// The callers' end of the queue.
#[derive(Clone)]
pub struct Queue {
    jobs: SyncSender<Box<dyn Job>>,
    counters: Arc<Counters>,
    bytes_max: usize,
}

impl Queue {
    /// A queue within the bounds of `options`, and the end that the writer takes from.
    pub fn new(options: &Options, counters: Arc<Counters>) -> (Self, Waiting) {
        let (jobs, waiting) = sync_channel(options.queue_jobs_max);
        let queue = Self { jobs, counters: counters.clone(), bytes_max: options.queue_bytes_max };
        (queue, Waiting { jobs: waiting, counters })
    }

    /// Queues `work`, whose keys and values are `bytes` long. A full queue is an answer at once.
    pub fn submit<T, F>(&self, bytes: usize, work: F) -> Result<oneshot::Receiver<Result<T, Error>>, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (reply, result) = oneshot::channel();
        let weight = bytes + JOB_OVERHEAD;
        let job = Box::new(Pending { work: Some(work), result: Err(Error::Closed), reply, weight });
        self.counters.enter(weight, self.bytes_max)?;
        self.jobs.try_send(job).map_err(|error| {
            self.counters.leave(weight);
            match error {
                TrySendError::Full(_) => self.counters.refuse(),
                TrySendError::Disconnected(_) => Error::Closed,
            }
        })?;
        Ok(result)
    }
}

impl Counters {
    fn enter(&self, weight: usize, bytes_max: usize) -> Result<(), Error> {
        let before = self.queued_bytes.fetch_add(weight, Ordering::Relaxed);
        self.queued.fetch_add(1, Ordering::Relaxed);
        // A job larger than the bound still runs when it is alone.
        if before > 0 && before + weight > bytes_max {
            self.leave(weight);
            return Err(self.refuse());
        }
        Ok(())
    }

    fn leave(&self, weight: usize) {
        self.queued_bytes.fetch_sub(weight, Ordering::Relaxed);
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }

    fn refuse(&self) -> Error {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Error::Busy
    }
}

/// The writer's end of the queue.
pub struct Waiting {
    jobs: Receiver<Box<dyn Job>>,
    counters: Arc<Counters>,
}

impl Waiting {
    /// Writes until every [`Queue`] is gone and what they had queued is on disk.
    pub fn run(self, mut file: File) {
        while let Some(jobs) = self.next_batch() {
            self.write(&mut file, jobs);
        }
        file.close();
    }

    /// Waits for a job, then takes what else is there.
    fn next_batch(&self) -> Option<Vec<Box<dyn Job>>> {
        let first = self.jobs.recv().ok()?;
        let mut bytes = first.weight();
        let mut jobs = vec![first];
        while jobs.len() < BATCH_JOBS_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(job) = self.jobs.try_recv() else { break };
            bytes += job.weight();
            jobs.push(job);
        }
        Some(jobs)
    }

    fn write(&self, file: &mut File, mut jobs: Vec<Box<dyn Job>>) {
        // A panic in redb (it trusts the file's structure) must not end the thread, which would
        // leave every later write without an answer.
        let outcome = catch_unwind(AssertUnwindSafe(|| commit(file, &mut jobs)));
        let outcome = outcome.unwrap_or_else(|_| Err(Error::storage("the engine panicked")));
        let failure = match outcome {
            Ok(committed) => {
                self.counters.commits.fetch_add(u64::from(committed), Ordering::Relaxed);
                None
            }
            Err(error) => {
                self.counters.failures.fetch_add(1, Ordering::Relaxed);
                file.recover(&error);
                Some(error)
            }
        };
        for job in jobs {
            self.counters.leave(job.weight());
            self.counters.jobs.fetch_add(1, Ordering::Relaxed);
            job.complete(failure.as_ref());
        }
    }
}

/// One transaction for all of `jobs`, in their order. On disk when it returns; `false` when there
/// was nothing to write.
fn commit(file: &mut File, jobs: &mut [Box<dyn Job>]) -> Result<bool, Error> {
    let (database, store_bytes_max) = file.database()?;
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let mut batch = Batch::new(&transaction, store_bytes_max)?;
    for job in jobs {
        job.apply(&mut batch)?;
    }
    if !batch.finish()? {
        transaction.abort()?;
        return Ok(false);
    }
    transaction.commit()?;
    // Before anyone is answered, so that whoever wrote reads what it wrote.
    file.publish()?;
    Ok(true)
}
