//! The thread that writes, and the queue before it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use tidegate_cache::Key;
use tokio::sync::oneshot;

use super::Shared;
use super::index::Place;
use super::segment::{Entry, Segment, list_bytes};
use crate::cache::record::{self, Record};

/// What a response costs in the queue beside its body, in bytes.
const JOB_BYTES: u64 = 1 << 10;
/// Removals that wait. When there are more, everything is forgotten.
const REMOVALS_MAX: u64 = 1 << 16;

enum Job {
    Put {
        hash: u64,
        job: u64,
        key: Key,
        record: Record,
    },
    Remove {
        hash: u64,
        job: u64,
    },
    Close(oneshot::Sender<()>),
    #[cfg(test)]
    Run(Box<dyn FnOnce() + Send>),
}

/// What is appended to a segment.
#[derive(Clone, Copy)]
struct Line<'a> {
    hash: u64,
    head: &'a [u8],
    body: &'a [u8],
    is_removal: bool,
}

/// What waits.
#[derive(Debug, Default)]
struct Waiting {
    bytes: AtomicU64,
    removals: AtomicU64,
}

/// The way to the writer.
pub struct Queue {
    shared: Arc<Shared>,
    jobs: Sender<Job>,
    waiting: Arc<Waiting>,
}

impl Queue {
    /// Queues a response. False: the queue is full, or closed; what was there may still be found.
    pub fn put(&self, hash: u64, key: &Key, record: &Record) -> bool {
        let bytes = weight(record);
        let before = self.waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before + bytes > self.shared.options.queue_bytes_max {
            self.waiting.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        let job = self.shared.index.claim(hash);
        let sent = self.jobs.send(Job::Put { hash, job, key: key.clone(), record: record.clone() });
        if sent.is_err() {
            self.waiting.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        sent.is_ok()
    }

    /// Queues a removal. What was there is not found any more.
    pub fn remove(&self, hash: u64) {
        let Some(job) = self.shared.index.claim_present(hash) else { return };
        if self.waiting.removals.fetch_add(1, Ordering::Relaxed) >= REMOVALS_MAX {
            self.waiting.removals.fetch_sub(1, Ordering::Relaxed);
            self.shared.is_void.store(true, Ordering::Release);
            self.shared.index.clear();
            return;
        }
        if self.jobs.send(Job::Remove { hash, job }).is_err() {
            // Closed: the folder may be another process's already.
            self.waiting.removals.fetch_sub(1, Ordering::Relaxed);
            self.shared.index.settle(hash, job, None);
        }
    }

    /// Has everything written, and the writer end.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(reply)).is_ok() {
            let _ = closed.await;
        }
    }

    /// Has the writer do this.
    #[cfg(test)]
    pub fn run(&self, what: impl FnOnce() + Send + 'static) {
        let _ = self.jobs.send(Job::Run(Box::new(what)));
    }
}

fn weight(record: &Record) -> u64 {
    record.body.len() as u64 + JOB_BYTES
}

/// The writer.
pub struct Writer {
    shared: Arc<Shared>,
    waiting: Arc<Waiting>,
    active: Option<Active>,
    next_number: u32,
    /// Nothing is written before this.
    resume_at: Option<Instant>,
    /// The file whose lock makes the folder ours.
    lock: File,
}

/// The segment that is being written.
pub struct Active {
    /// The segment.
    pub segment: Arc<Segment>,
    /// Where the next record goes.
    pub end: u64,
    /// What is in it.
    pub entries: Vec<Entry>,
}

impl Line<'_> {
    fn length(&self) -> u64 {
        (self.head.len() + self.body.len()) as u64
    }
}

impl Active {
    fn write(&self, shared: &Shared, line: Line<'_>) -> io::Result<()> {
        #[cfg(test)]
        shared.faults.before_write()?;
        #[cfg(not(test))]
        let _ = shared;
        self.segment.file.write_all_at(line.head, self.end)?;
        self.segment.file.write_all_at(line.body, self.end + line.head.len() as u64)
    }
}

impl Writer {
    /// Starts it. It ends with the queue, when all that waits is written, and gives up the lock then.
    pub fn start(shared: &Arc<Shared>, lock: File, active: Option<Active>) -> io::Result<Queue> {
        let (sender, jobs) = channel();
        let waiting = Arc::new(Waiting::default());
        let newest = active.as_ref().map_or(0, |active| active.segment.number);
        let writer = Self {
            shared: shared.clone(),
            waiting: waiting.clone(),
            active,
            next_number: newest.saturating_add(1),
            resume_at: None,
            lock,
        };
        thread::Builder::new().name("cache-write".into()).spawn(move || writer.run(jobs))?;
        Ok(Queue { shared: shared.clone(), jobs: sender, waiting })
    }

    fn run(mut self, jobs: Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            if self.shared.is_void.swap(false, Ordering::AcqRel) {
                self.delete_all();
            }
            match job {
                Job::Put { hash, job, key, record } => {
                    self.put(hash, job, &key, &record);
                    self.waiting.bytes.fetch_sub(weight(&record), Ordering::Relaxed);
                }
                Job::Remove { hash, job } => {
                    self.remove(hash, job);
                    self.waiting.removals.fetch_sub(1, Ordering::Relaxed);
                }
                Job::Close(reply) => {
                    self.end();
                    // What is sent from now on finds nobody, and the next process finds the folder free.
                    drop((self, jobs));
                    let _ = reply.send(());
                    return;
                }
                #[cfg(test)]
                Job::Run(what) => what(),
            }
        }
        self.end();
    }

    fn put(&mut self, hash: u64, job: u64, key: &Key, record: &Record) {
        if !self.shared.index.is_last(hash, job) {
            return; // Superseded while it waited.
        }
        let Some(head) = record::encode(key, record) else {
            self.shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
            return self.remove(hash, job);
        };
        match self.append(Line { hash, head: &head, body: &record.body, is_removal: false }) {
            Some(Ok(place)) => {
                self.shared.counters.writes.fetch_add(1, Ordering::Relaxed);
                self.shared.index.settle(hash, job, Some(place));
            }
            // Larger than a segment.
            None => {
                self.shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
                self.remove(hash, job);
            }
            Some(Err(error)) => self.fail(hash, job, &error),
        }
    }

    fn remove(&mut self, hash: u64, job: u64) {
        if !self.shared.index.is_last(hash, job) {
            return; // Something new was stored meanwhile.
        }
        match self.append(Line { hash, head: &record::removal(hash), body: &[], is_removal: true }) {
            Some(Err(error)) => self.fail(hash, job, &error),
            _ => self.shared.index.settle(hash, job, None),
        }
    }

    /// Neither the new response nor the removal of the old one could be written, so the old one would be back after a
    /// restart: a disk that fails is emptied.
    fn fail(&mut self, hash: u64, job: u64, error: &io::Error) {
        self.shared.count_error();
        self.shared.index.settle(hash, job, None);
        if self.resume_at.is_none() {
            tracing::error!(%error, folder = %self.shared.folder.display(), "cache: the disk fails, its responses are forgotten");
            self.delete_all();
        }
        self.resume_at = Some(Instant::now() + self.shared.options.pause);
    }

    /// Writes a record, after a failure a second time with more room. None: it is larger than a segment.
    fn append(&mut self, line: Line<'_>) -> Option<io::Result<Place>> {
        if self.resume_at.is_some_and(|at| Instant::now() < at) {
            return Some(Err(io::Error::other("it failed a moment ago")));
        }
        if line.length() + list_bytes(1) > self.shared.options.segment_bytes() {
            return None;
        }
        let written = self.try_append(line).or_else(|error| {
            // Perhaps the disk is full.
            if self.delete_oldest() { self.try_append(line) } else { Err(error) }
        });
        if written.is_ok() {
            self.resume_at = None;
        }
        Some(written)
    }

    fn try_append(&mut self, line: Line<'_>) -> io::Result<Place> {
        let shared = self.shared.clone();
        let active = self.active(line.length())?;
        if let Err(error) = active.write(&shared, line) {
            // What is half written is cut off, or else the next record takes its place.
            let _ = active.segment.file.set_len(active.end);
            return Err(error);
        }
        // Segments are far below 4 GiB.
        let (offset, length) = (active.end as u32, line.length() as u32);
        active.entries.push(Entry { hash: line.hash, offset, length: if line.is_removal { 0 } else { length } });
        active.end += line.length();
        Ok(Place { segment: active.segment.number, offset, length })
    }

    /// The segment that has room for so much more.
    fn active(&mut self, length: u64) -> io::Result<&mut Active> {
        let options = self.shared.options;
        let is_full = |active: &mut Active| {
            let entries = active.entries.len() + 1;
            entries > options.segment_entries() || active.end + length + list_bytes(entries) > options.segment_bytes()
        };
        if let Some(full) = self.active.take_if(is_full) {
            self.seal(full);
        }
        let active = match self.active.take() {
            Some(active) => active,
            None => self.next()?,
        };
        Ok(self.active.insert(active))
    }

    fn next(&mut self) -> io::Result<Active> {
        while self.is_full() && self.delete_oldest() {}
        let segment = Arc::new(Segment::create(&self.shared.folder, self.next_number)?);
        self.next_number = self.next_number.checked_add(1).ok_or_else(|| io::Error::other("no numbers are left"))?;
        self.shared.segments.add(segment.clone());
        Ok(Active { segment, end: 0, entries: Vec::new() })
    }

    /// Whether there is no room for another segment: neither for its file, nor for what the index knows of it.
    fn is_full(&self) -> bool {
        let options = self.shared.options;
        let segments = self.shared.segments.all();
        let bytes: u64 = segments.iter().map(|segment| segment.length().unwrap_or(0)).sum();
        let segments_max = options.bytes_max / options.segment_bytes();
        segments.len() as u64 >= segments_max || bytes + options.segment_bytes() > options.bytes_max
    }

    fn seal(&self, active: Active) {
        // A start trusts nothing that is older than a segment without its list.
        if let Err(error) = active.segment.seal(active.end, &active.entries) {
            self.shared.count_error();
            tracing::warn!(%error, "cache: a segment was not finished");
        }
    }

    /// Deletes the oldest segment, not the one that is being written. False: there is none, or it cannot be deleted.
    fn delete_oldest(&mut self) -> bool {
        let active = self.active.as_ref().map(|active| active.segment.number);
        let oldest = self.shared.segments.all().into_iter().find(|segment| Some(segment.number) != active);
        oldest.is_some_and(|segment| self.delete(&segment))
    }

    fn delete(&self, segment: &Segment) -> bool {
        self.shared.segments.take(segment.number);
        match segment.contents() {
            Ok(contents) if contents.is_sealed => {
                contents.entries.iter().for_each(|entry| self.shared.index.forget_in(entry.hash, segment.number));
            }
            _ => self.shared.index.forget_segment(segment.number),
        }
        let deleted = segment.delete();
        if let Err(error) = &deleted {
            self.shared.count_error();
            tracing::error!(%error, "cache: a segment could not be deleted");
        }
        deleted.is_ok()
    }

    fn delete_all(&mut self) {
        self.active = None;
        for segment in self.shared.segments.all() {
            self.delete(&segment);
        }
        self.shared.index.forget_written();
    }

    /// Finishes the segment, has the disk know of it, and gives up the folder.
    fn end(&mut self) {
        if let Some(active) = self.active.take() {
            let file = active.segment.clone();
            self.seal(active);
            if let Err(error) = file.file.sync_data() {
                self.shared.count_error();
                tracing::warn!(%error, "cache: the disk may not have the last responses");
            }
        }
        // Closing the file is not enough while a process that was just forked still has it.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "cache: the folder is still locked");
        }
    }
}
