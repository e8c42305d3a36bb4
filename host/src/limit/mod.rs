//! What limits have counted, for all cores: in memory, in Redis, or in slices of what is in Redis.
//!
//! Each limit has a table of its own in [`memory`], which takes no lock. [`Limits`] keeps them from one application to
//! the next by their names, so that a reload forgets nothing. [`take`] has a request counted by all of its limits,
//! wherever they keep their states.

pub mod counts;
pub mod memory;
pub mod redis;
mod take;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::Context;
use tidegate_edge_config::edge::LimitStore;
use tidegate_limit::{Algorithm, Charge, Key, Limit, LimitId, Moment, Quota, StoreKind, Verdict, WhenDown};

use self::memory::Memory;
use self::redis::{Options, Redis};
pub use self::take::Permit;

/// What limits have counted, from one application to the next.
pub struct Limits {
    /// The beginning of the clock of what is in memory.
    began: Instant,
    redis: Option<Redis>,
    /// How many nodes share that.
    nodes: u32,
    by_name: Mutex<HashMap<Arc<str>, Weak<Limiter>>>,
}

/// What one limit has counted in memory.
pub struct Limiter {
    shape: Shape,
    memory: Memory,
}

/// What a table is made for. A limit of another shape begins anew.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    algorithm: Algorithm,
    max_keys: u32,
}

impl Limits {
    /// Nothing is counted yet. Redis need not be there.
    ///
    /// # Errors
    /// When what is configured cannot be used.
    pub fn open(config: &LimitStore) -> anyhow::Result<Arc<Self>> {
        let redis = config.redis.as_ref();
        let options = |redis: &tidegate_edge_config::edge::LimitRedis| Options {
            url: redis.url.expose().to_owned(),
            timeout: redis.timeout,
            prefix: redis.prefix.clone(),
        };
        Ok(Arc::new(Self {
            began: Instant::now(),
            redis: redis.map(options).map(Redis::open).transpose().context("limit_store.redis")?,
            nodes: redis.map_or(1, |redis| redis.nodes),
            by_name: Mutex::default(),
        }))
    }

    /// What the limits of a configuration have counted, in their order.
    pub fn of(self: &Arc<Self>, limits: &[Limit]) -> Arc<Limiters> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.retain(|_, limiter| limiter.strong_count() > 0);
        let limiter = |limit: &Limit| {
            let shape = Shape { algorithm: limit.quota.algorithm(), max_keys: limit.max_keys };
            let longest_period = longest_period(limit);
            let known = by_name.get(&limit.name).and_then(Weak::upgrade).filter(|known| known.shape == shape);
            let limiter = known.unwrap_or_else(|| {
                Arc::new(Limiter { shape, memory: Memory::new(shape.algorithm, shape.max_keys, longest_period) })
            });
            limiter.memory.set_longest_period(longest_period);
            by_name.insert(Arc::clone(&limit.name), Arc::downgrade(&limiter));
            let Limit { name, store, when_down, .. } = limit;
            Counting { name: Arc::clone(name), store: *store, when_down: *when_down, limiter }
        };
        let all = limits.iter().map(limiter).collect();
        Arc::new(Limiters { limits: Arc::clone(self), all })
    }

    /// What has to do with Redis, if that is configured.
    pub fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    fn now(&self) -> Moment {
        Moment::from_nanos(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

fn longest_period(limit: &Limit) -> Duration {
    limit.tiers.iter().map(|tier| tier.quota.period()).fold(limit.quota.period(), Duration::max)
}

/// What the limits of one configuration have counted.
pub struct Limiters {
    limits: Arc<Limits>,
    /// In the order of the configuration.
    all: Vec<Counting>,
}

/// How one limit counts.
pub struct Counting {
    /// Its name.
    pub name: Arc<str>,
    /// Where its states are.
    pub store: StoreKind,
    when_down: WhenDown,
    limiter: Arc<Limiter>,
}

impl Counting {
    /// What is in memory: of limits in Redis, what was counted while that was down.
    pub fn memory(&self) -> &Memory {
        &self.limiter.memory
    }
}

impl Limiters {
    /// All, in the order of the configuration.
    pub fn all(&self) -> &[Counting] {
        &self.all
    }

    fn get(&self, id: LimitId) -> Option<&Counting> {
        self.all.get(id.0)
    }

    /// The clock of what is in memory.
    pub fn now(&self) -> Moment {
        self.limits.now()
    }

    /// Takes more, or gives some back, when it is known what requests have cost. Returns at once.
    pub fn charge(&self, charges: Vec<Charge>) {
        for charge in charges {
            let Some(counting) = self.get(charge.limit) else { continue };
            match (counting.store, &self.limits.redis) {
                (StoreKind::Redis | StoreKind::Leases, Some(redis)) => {
                    redis.charge(&counting.name, &charge.key, &charge.quota, charge.cost);
                }
                _ => counting.memory().charge(&charge.key, &charge.quota, self.now(), charge.cost),
            }
        }
    }

    /// What is left of a quota; nothing is taken.
    pub async fn peek(&self, id: LimitId, key: &Key, quota: &Quota) -> Verdict {
        let Some(counting) = self.get(id) else { return Verdict::DOWN };
        match (counting.store, &self.limits.redis) {
            (StoreKind::Redis | StoreKind::Leases, Some(redis)) => {
                redis.peek(&counting.name, key, quota).await.unwrap_or(Verdict::DOWN)
            }
            _ => counting.memory().peek(key, quota, self.now()),
        }
    }

    /// Forgets what was taken of a limit: by one key, or by all; not what is in flight, which lands by itself. False: Redis
    /// did not answer.
    pub async fn reset(&self, id: LimitId, key: Option<&Key>) -> bool {
        let Some(counting) = self.get(id) else { return false };
        counting.memory().reset(key);
        if counting.limiter.shape.algorithm == Algorithm::Concurrency {
            return true;
        }
        match (counting.store, &self.limits.redis) {
            (StoreKind::Redis | StoreKind::Leases, Some(redis)) => redis.reset(&counting.name, key).await.is_ok(),
            _ => true,
        }
    }
}
