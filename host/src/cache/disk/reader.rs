//! Threads that read.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use tidegate_cache::Key;
use tokio::sync::oneshot;

use super::Shared;
use super::index::Place;
use super::segment::Segment;
use crate::cache::record::{self, Record};

const THREADS: usize = 4;
/// Reads that wait for a thread. Further ones are misses.
const WAITING_MAX: usize = 256;

struct Job {
    key: Key,
    place: Place,
    reply: oneshot::Sender<Option<Record>>,
}

/// The way to the threads that read. They end with it.
pub struct Readers(SyncSender<Job>);

impl Readers {
    /// Starts them.
    pub fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let (sender, jobs) = sync_channel(WAITING_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..THREADS {
            let (shared, jobs) = (shared.clone(), jobs.clone());
            thread::Builder::new().name("cache-read".into()).spawn(move || run(&shared, &jobs))?;
        }
        Ok(Self(sender))
    }

    /// Reads what is at a place; none of another key. None at once: too many are reading.
    pub fn read(&self, key: &Key, place: Place) -> Option<oneshot::Receiver<Option<Record>>> {
        let (reply, result) = oneshot::channel();
        self.0.try_send(Job { key: key.clone(), place, reply }).ok()?;
        Some(result)
    }
}

fn run(shared: &Shared, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if !job.reply.is_closed() {
            let record = find(shared, &job);
            let _ = job.reply.send(record); // Whoever asked may have gone.
        }
    }
}

fn find(shared: &Shared, job: &Job) -> Option<Record> {
    let segment = shared.segments.get(job.place.segment)?;
    let decoded = read(shared, &segment, job.place).map(|bytes| record::decode(&job.key, &bytes));
    if let Ok(Ok(record)) = decoded {
        return record;
    }
    // Damaged, or of another version. An older one is not under this key: this one replaced it.
    shared.count_error();
    shared.index.forget(record::hash(&job.key), job.place);
    None
}

fn read(shared: &Shared, segment: &Segment, place: Place) -> io::Result<Bytes> {
    #[cfg(test)]
    shared.faults.before_read()?;
    #[cfg(not(test))]
    let _ = shared;
    let mut bytes = vec![0; place.length as usize];
    segment.file.read_exact_at(&mut bytes, place.offset.into())?;
    Ok(bytes.into())
}
