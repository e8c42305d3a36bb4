//! Counters in Redis, which several nodes share.
//!
//! A thread of its own speaks with Redis, over one connection for all cores. All that a request takes is one line each of
//! one call of a [script](wire::SCRIPT), which Redis runs alone: all is taken, or nothing, at one moment of Redis's clock.
//! Where a limit says so, this node takes slices of a quota in advance ([`leases`]) and asks only for those. An answer is
//! waited for within a strict limit of time, and not asked for at all while the [breaker](crate::redis::Gate) is open.
//!
//! The state of a limit and a key is under `{prefix}limit:{limit}:{key}`, and expires when it says no more than a new one.
//! A request's keys are of several limits, so this is for one Redis with its replicas, not for Redis Cluster; unless the
//! prefix has a hash tag (`{edge}:`), which keeps all keys in one slot. It needs Redis 5, or what is compatible with it.

mod counts;
mod flights;
mod leases;
mod taking;
#[cfg(test)]
mod tests;
mod wire;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::{io, thread};

use tidegate_limit::{Algorithm, Grant, Key, Need, Quota, Take, Verdict};
use tokio::sync::{mpsc, oneshot};

use crate::redis::{BadUrl, Gate};
pub use counts::{Count, Counts};
use counts::{Counters, count};
use flights::Flights;
use leases::{Leases, Returned, Ticket};
use taking::Taking;
use wire::{Call, Line, Numbers, Verb};
use worker::{Delivery, Part, Question, Reset, Work};

/// Questions that wait for the thread. Further requests do without.
const QUESTIONS_MAX: usize = 1024;
/// What Redis is still to be told. Further charges are lost, and further places kept until they are forgotten.
const TELLS_MAX: usize = 1 << 14;
/// Resets that wait.
const RESETS_MAX: usize = 16;
/// How long a reset may take.
const RESET_TIME_MAX: Duration = Duration::from_secs(10);

/// Where Redis is, and what of it is used.
#[derive(Clone)]
pub struct Options {
    /// `redis://` or `rediss://`, with a password if need be. In no message.
    pub url: String,
    /// How long an answer is waited for: 20 ms is usual.
    pub timeout: Duration,
    /// What all names begin with.
    pub prefix: String,
}

/// Why there are no counters in Redis.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// The thread could not be started.
    #[error("cannot start the thread that speaks with Redis: {0}")]
    Thread(#[source] io::Error),
}

/// It did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Down;

/// One take of a request.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The limit's name.
    pub limit: &'a str,
    /// What is taken.
    pub take: &'a Take,
    /// Whether slices of the quota are taken in advance.
    pub is_leased: bool,
}

/// Counters in Redis. All cores share them.
pub struct Redis {
    shared: Arc<Shared>,
    questions: mpsc::Sender<Question>,
    resets: mpsc::Sender<Reset>,
}

/// What callers and the thread share.
struct Shared {
    options: Options,
    gate: Arc<Gate>,
    leases: Leases,
    flights: Flights,
    counters: Counters,
    tells: mpsc::Sender<Tell>,
}

/// A line that nobody waits for.
struct Tell {
    key: String,
    line: Numbers,
}

impl Redis {
    /// Begins. Redis need not be there yet.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn open(options: Options) -> Result<Self, RedisError> {
        let client = crate::redis::client(&options.url)?;
        let (questions, waiting) = mpsc::channel(QUESTIONS_MAX);
        let (resets, to_reset) = mpsc::channel(RESETS_MAX);
        let (tells, to_tell) = mpsc::channel(TELLS_MAX);
        let shared = Arc::new(Shared {
            options,
            gate: Arc::default(),
            leases: Leases::new(),
            flights: Flights::new(),
            counters: Counters::default(),
            tells,
        });
        let worker = worker::new(client, shared.clone()).map_err(RedisError::Thread)?;
        let work = Work { questions: waiting, tells: to_tell, resets: to_reset };
        let run = move || worker.run(work);
        thread::Builder::new().name("limit-redis".into()).spawn(run).map_err(RedisError::Thread)?;
        Ok(Self { shared, questions, resets })
    }

    /// Takes all that a request costs, or nothing: one round trip, or none if leases are at hand. Waits for the configured
    /// time at most.
    ///
    /// # Errors
    /// When it did not answer in time.
    pub async fn take(&self, orders: &[Order<'_>], need: Need) -> Result<Vec<Verdict>, Down> {
        Taking::new(self, orders, need).take().await
    }

    /// Takes more, or gives some back. Returns at once.
    pub fn charge(&self, limit: &str, key: &Key, quota: &Quota, cost: i64) {
        // More than this is never owed: it keeps what the script multiplies within its numbers.
        let cost_max = 2 * i64::from(quota.at_once().max(quota.count()));
        let line = Line::new(Verb::Charge, quota, cost.clamp(-cost_max, cost_max));
        self.shared.tell(self.shared.name(limit, key), &line);
    }

    /// What was in flight is not any more. Returns at once.
    pub fn land(&self, limit: &str, key: &Key, quota: &Quota, cost: u32) {
        let name = self.shared.name(limit, key);
        if let Some(place) = self.shared.flights.land(&name, cost) {
            self.shared.tell_landed(name, quota, cost, place);
        }
    }

    /// Undoes a take of just now. Returns at once.
    pub fn give_back(&self, limit: &str, key: &Key, quota: &Quota, cost: u32) {
        let shared = &self.shared;
        if quota.algorithm() == Algorithm::Concurrency {
            self.land(limit, key, quota, cost);
        } else if !shared.leases.give_back(limit, key, shared.leases.now(), cost) {
            shared.tell(shared.name(limit, key), &Line::new(Verb::GiveBack, quota, i64::from(cost)));
        }
    }

    /// What is left; nothing is taken. What nodes have leased is not left.
    ///
    /// # Errors
    /// When it did not answer in time.
    pub async fn peek(&self, limit: &str, key: &Key, quota: &Quota) -> Result<Verdict, Down> {
        let shared = &self.shared;
        let attempt = shared.gate.attempt().ok_or(Down)?;
        let mut call = Call::new(Need::All);
        call.push(shared.name(limit, key), &Line::new(Verb::Peek, quota, 0).encode());
        let (reply, answer) = oneshot::channel();
        self.questions.try_send(Question { call, parts: vec![Part::Plain], reply }).map_err(|_| Down)?;
        let answer = tokio::time::timeout(shared.options.timeout, answer).await.ok().and_then(Result::ok);
        shared.settled(answer.is_some(), attempt.settle(answer.is_some()));
        let reply = answer.and_then(Delivery::accept).ok_or(Down)?;
        let told = reply.lines.first().ok_or(Down)?;
        Ok(told.verdict(reply.now, quota, 0, Duration::ZERO))
    }

    /// Forgets what was taken, by one key or by all. Other nodes go on with what they have leased.
    ///
    /// # Errors
    /// When it did not answer in time.
    pub async fn reset(&self, limit: &str, key: Option<&Key>) -> Result<(), Down> {
        let (reply, answer) = oneshot::channel();
        let name = match key {
            Some(key) => self.shared.name(limit, key),
            None => self.shared.name(limit, &Key::default()),
        };
        self.resets.try_send(Reset { key: name, is_prefix: key.is_none(), reply }).map_err(|_| Down)?;
        let done = tokio::time::timeout(RESET_TIME_MAX, answer).await;
        self.shared.leases.reset(limit, key);
        done.map_err(|_| Down)?.map_err(|_| Down)?
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        let leases = self.shared.leases.counts();
        Counts {
            opened: self.shared.gate.opened(),
            lease_hits: leases.hits,
            lease_refusals: leases.refusals,
            lease_refills: leases.refills,
            leases: leases.keys,
            ..self.shared.counters.counts()
        }
    }
}

impl Shared {
    /// What the state of a key is called in Redis.
    fn name(&self, limit: &str, key: &Key) -> String {
        format!("{}limit:{limit}:{key}", self.options.prefix)
    }

    fn tell(&self, key: String, line: &Line<'_>) {
        if self.tells.try_send(Tell { key, line: line.encode() }).is_err() {
            self.dropped(1);
        }
    }

    fn tell_unused(&self, returned: &Returned) {
        let Returned { limit, key, quota, unused } = returned;
        self.tell(self.name(limit, key), &Line::unused(quota, *unused));
    }

    fn tell_landed(&self, key: String, quota: &Quota, cost: u32, place: (u64, u64)) {
        self.tell(key, &Line { place, ..Line::new(Verb::GiveBack, quota, i64::from(cost)) });
    }

    /// Keeps what was granted, and of it takes so much at once.
    fn keep_slice(&self, ticket: &Ticket, grant: &Grant, taken: u32) {
        if let Some(returned) = self.leases.answer(ticket, grant, taken) {
            self.tell_unused(&returned);
        }
    }

    fn dropped(&self, len: u64) {
        self.counters.dropped.fetch_add(len, Relaxed);
    }

    /// The breaker was told how it went.
    fn settled(&self, is_ok: bool, is_back: bool) {
        if !is_ok {
            count(&self.counters.failed);
        }
        if is_back {
            tracing::info!("limit: Redis answers again");
        }
    }
}
