//! Counters in Redis, which several nodes share. (A stand-in with the interface that the rest of the host uses: to be
//! replaced by the real one, which keeps these signatures.)

use std::time::Duration;

use tidegate_limit::{Key, Need, Quota, Take, Verdict};

/// Where Redis is, and what of it is used.
#[derive(Clone)]
pub struct Options {
    /// `redis://` or `rediss://`, with a password if need be. In no message.
    pub url: String,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// What all names begin with.
    pub prefix: String,
}

/// Why there are no counters in Redis.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {}

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

/// One number of the metrics.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// The metric's name.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Its value.
    pub value: u64,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts;

impl Counts {
    /// All of it, by name.
    pub fn named(self) -> impl Iterator<Item = Count> {
        std::iter::empty()
    }
}

/// Counters in Redis.
pub struct Redis;

impl Redis {
    /// Begins. Redis need not be there yet.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn open(_: Options) -> Result<Self, RedisError> {
        Ok(Self)
    }

    /// Takes all that a request costs, or nothing: one round trip, or none if leases are at hand.
    ///
    /// # Errors
    /// When it did not answer in time.
    pub async fn take(&self, _: &[Order<'_>], _: Need) -> Result<Vec<Verdict>, Down> {
        Err(Down)
    }

    /// Takes more, or gives some back. Returns at once.
    pub fn charge(&self, _limit: &str, _: &Key, _: &Quota, _cost: i64) {}

    /// What was in flight is not any more. Returns at once.
    pub fn land(&self, _limit: &str, _: &Key, _: &Quota, _cost: u32) {}

    /// Undoes a take of just now. Returns at once.
    pub fn give_back(&self, _limit: &str, _: &Key, _: &Quota, _cost: u32) {}

    /// What is left; nothing is taken.
    ///
    /// # Errors
    /// When it did not answer in time.
    pub async fn peek(&self, _limit: &str, _: &Key, _: &Quota) -> Result<Verdict, Down> {
        Err(Down)
    }

    /// Forgets what was taken, by one key or by all.
    ///
    /// # Errors
    /// When it did not answer in time.
    pub async fn reset(&self, _limit: &str, _: Option<&Key>) -> Result<(), Down> {
        Err(Down)
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        Counts
    }
}
