//! The tier in Redis, which several edges share. It may be slow, or gone: that costs its hits, and nothing else.
//!
//! A thread of its own speaks with Redis, over one connection for all cores. A response is asked for within a strict
//! limit of time, and not at all while the [breaker](crate::redis) is open; what is stored or removed is written in the
//! background. What another process has put there is taken only if it is whole and of this key.

mod changes;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use bytes::Bytes;
use tidegate_cache::{Kept, Key};
use tokio::sync::{Notify, mpsc, oneshot};
use xxhash_rust::xxh3::xxh3_128;

use super::record::{self, Record};
use crate::redis::{BadUrl, Gate};
use changes::{Change, Changes};

/// Questions that wait for the thread. Further ones are misses.
const QUESTIONS_MAX: usize = 1024;
/// Names that wait to be changed.
const NAMES_MAX: usize = 1 << 16;
/// Responses that wait to be stored, in bytes.
const BYTES_MAX: usize = 64 << 20;
/// How long responses are kept there.
const EXPIRES_IN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30 * 24 * 3600)];

/// Where Redis is, and what of it is used.
#[derive(Clone)]
pub struct Options {
    /// `redis://` or `rediss://`, with a password if need be. In no message.
    pub url: String,
    /// How long an answer is waited for: 20 ms is usual.
    pub timeout: Duration,
    /// What all names begin with.
    pub prefix: String,
    /// Largest body that is kept there, in bytes.
    pub max_body: u64,
}

/// Why there is no such tier.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// The thread could not be started.
    #[error("cannot start the thread that speaks with Redis: {0}")]
    Thread(#[source] io::Error),
}

/// What the tier has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Responses that were found.
    pub hits: u64,
    /// Responses that were not.
    pub misses: u64,
    /// Of those, how many were not even asked for: the breaker was open.
    pub skipped: u64,
    /// Responses that were written.
    pub writes: u64,
    /// Responses and removals that were not: too large, too many, or Redis was away.
    pub dropped: u64,
    /// Questions and changes that failed or took too long, and damaged responses.
    pub errors: u64,
    /// How often the breaker opened.
    pub opened: u64,
}

/// The tier in Redis. All cores share it.
pub struct Redis {
    shared: Arc<Shared>,
    questions: mpsc::Sender<Question>,
}

/// What callers and the thread share.
struct Shared {
    options: Options,
    gate: Arc<Gate>,
    changes: Mutex<Changes>,
    /// There is something to change, or somewhere to change it.
    wake: Notify,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    skipped: AtomicU64,
    writes: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
}

/// A name to look up.
struct Question {
    name: u128,
    reply: oneshot::Sender<Answer>,
}

/// What Redis says: what is under a name, if anything; or nothing, for it could not be asked.
type Answer = Result<Option<Bytes>, Failed>;

/// Redis could not be asked, or did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failed;

impl Redis {
    /// Opens the tier. Redis need not be there yet.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn open(options: Options) -> Result<Self, RedisError> {
        let client = crate::redis::client(&options.url)?;
        let shared = Arc::new(Shared {
            options,
            gate: Arc::default(),
            changes: Mutex::new(Changes::new(NAMES_MAX, BYTES_MAX)),
            wake: Notify::new(),
            counters: Counters::default(),
        });
        let (questions, waiting) = mpsc::channel(QUESTIONS_MAX);
        let worker = worker::new(client, shared.clone()).map_err(RedisError::Thread)?;
        let run = move || worker.run(waiting);
        thread::Builder::new().name("cache-redis".into()).spawn(run).map_err(RedisError::Thread)?;
        Ok(Self { shared, questions })
    }

    /// What is stored under a key. Waits for the configured time at most.
    pub async fn get(&self, key: &Key) -> Option<Record> {
        let record = self.find(key).await;
        let counters = &self.shared.counters;
        count(if record.is_some() { &counters.hits } else { &counters.misses });
        record
    }

    async fn find(&self, key: &Key) -> Option<Record> {
        let shared = &self.shared;
        let name = name(key);
        // Cores do not meet at this lock for long, and only for what none of them has in memory.
        if shared.changes().concerns(name) {
            return None;
        }
        let Some(attempt) = shared.gate.attempt() else {
            count(&shared.counters.skipped);
            return None;
        };
        let (reply, answer) = oneshot::channel();
        // Too many wait already: nobody's fault.
        self.questions.try_send(Question { name, reply }).ok()?;
        let answer = tokio::time::timeout(shared.options.timeout, answer).await;
        let answer = answer.map_or(Err(Failed), |answer| answer.unwrap_or(Err(Failed)));
        shared.settled(answer.is_ok(), attempt.settle(answer.is_ok()));
        match record::decode(key, &answer.ok()??) {
            // It may have been replaced or removed meanwhile.
            Ok(record) => record.filter(|_| !shared.changes().concerns(name)),
            Err(record::Damaged) => {
                count(&shared.counters.errors);
                None
            }
        }
    }

    /// Stores a response, in place of what is there, for as long as it may be used. Returns at once.
    pub fn put(&self, key: &Key, record: &Record) {
        let fits = record.body.len() as u64 <= self.shared.options.max_body;
        let head = if fits { record::encode(key, record) } else { None };
        let change = head.filter(|_| self.shared.gate.is_closed()).map(|head| Change::Set {
            head: head.into(),
            body: record.body.clone(),
            expires_in: expires_in(&record.kept),
        });
        if change.is_none() {
            count(&self.shared.counters.dropped);
        }
        self.change(key, change.unwrap_or(Change::Remove));
    }

    /// Removes what is stored under a key. This edge finds it no more when this returns, other ones a little later.
    pub fn remove(&self, key: &Key) {
        self.change(key, Change::Remove);
    }

    fn change(&self, key: &Key, change: Change) {
        if !self.shared.changes().add(name(key), change) {
            count(&self.shared.counters.dropped);
        }
        self.shared.wake.notify_one();
    }

    /// What it has done.
    pub fn counts(&self) -> Counts {
        let counters = &self.shared.counters;
        Counts {
            hits: counters.hits.load(Ordering::Relaxed),
            misses: counters.misses.load(Ordering::Relaxed),
            skipped: counters.skipped.load(Ordering::Relaxed),
            writes: counters.writes.load(Ordering::Relaxed),
            dropped: counters.dropped.load(Ordering::Relaxed),
            errors: counters.errors.load(Ordering::Relaxed),
            opened: self.shared.gate.opened(),
        }
    }
}

impl Shared {
    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The breaker was told how it went.
    fn settled(&self, is_ok: bool, is_back: bool) {
        if !is_ok {
            count(&self.counters.errors);
        }
        if is_back {
            tracing::info!("cache: Redis answers again");
            self.wake.notify_one();
        }
    }
}

/// What a key is called in Redis, after the prefix. Keys are long, and what is there says whose it is.
fn name(key: &Key) -> u128 {
    xxh3_128(key.as_str().as_bytes())
}

/// How long a response is kept: while it may be used, fresh or stale. A marker as long as can be, for it is of no use
/// only when what it leads to is gone.
fn expires_in(kept: &Kept) -> Duration {
    let [least, most] = EXPIRES_IN;
    match kept {
        Kept::Stored(stored) => {
            let stale = stored.stale_while_revalidate.max(stored.stale_if_error);
            stored.fresh_for.saturating_add(stale).clamp(least, most)
        }
        Kept::Marker(_) => most,
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
