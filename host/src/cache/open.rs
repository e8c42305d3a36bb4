//! From the configuration to a cache.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tidegate_edge_config::edge::{self, CacheStore};

use super::Cache;
use super::disk::Disk;
use super::generations::Generations;
use super::redis::{Options, Redis};

/// The file of purges, in the folder of the disk tier.
const PURGES: &str = "purges";

impl Cache {
    /// The cache that is configured. Paths are relative to `folder`.
    ///
    /// # Errors
    /// When what is on disk cannot be used.
    pub async fn open(config: &CacheStore, folder: &Path) -> anyhow::Result<Arc<Self>> {
        let memory = usize::try_from(config.memory).unwrap_or(usize::MAX);
        let redis = config.redis.as_ref().map(options).map(Redis::open).transpose().context("cache_store.redis")?;
        let Some(disk) = &config.disk else {
            return Ok(Self::new(memory, Generations::open(None)?, None, redis));
        };
        let path: PathBuf = folder.join(&disk.path);
        let context = || format!("cache_store.disk: {}", path.display());
        let opened = Disk::open(&path, disk.size).await.with_context(context)?;
        let generations = Generations::open(Some(&path.join(PURGES))).with_context(context)?;
        Ok(Self::new(memory, generations, Some(opened), redis))
    }

    /// Brings to disk what is to survive the end of the process.
    pub async fn close(&self) {
        if let Some(disk) = &self.disk {
            disk.close().await;
        }
    }
}

fn options(redis: &edge::Redis) -> Options {
    let edge::Redis { url, timeout, prefix, max_body } = redis;
    Options { url: url.expose().to_owned(), timeout: *timeout, prefix: prefix.clone(), max_body: *max_body }
}
