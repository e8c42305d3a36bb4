//! Replaces the application while it is served.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use crate::admin::Status;
use crate::app::{App, LoadError, Loader, Origin};

/// Loads the manifest again and hands the result to all cores.
pub struct Reloader {
    /// One reload at a time.
    loader: Mutex<Loader>,
    origin: Origin,
    status: Arc<Status>,
}

impl Reloader {
    /// Reloads what is at `origin` for the cores in `status`.
    pub fn new(loader: Loader, origin: Origin, status: Arc<Status>) -> Self {
        Self { loader: Mutex::new(loader), origin, status }
    }

    /// What is reloaded.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Reloads. If that fails, what was served goes on, and the log says why. Blocks while components compile.
    ///
    /// # Errors
    /// All that is wrong, in the words of `tidegate check`; it is logged by then.
    pub fn reload(&self) -> Result<(), LoadError> {
        let loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        match loader.load(&self.origin) {
            Ok(app) => {
                let app = Arc::new(app);
                self.warn_of_stores(&app);
                for core in &self.status.cores {
                    core.replace_app(&app);
                }
                self.status.app.store(app);
                self.status.reloads.fetch_add(1, Ordering::Relaxed);
                tracing::info!(manifest = %self.origin.manifest.display(), "reloaded");
                Ok(())
            }
            Err(error) => {
                self.keep(&error);
                Err(error)
            }
        }
    }

    fn warn_of_stores(&self, app: &App) {
        let old = self.status.app.load();
        let (old, new) = (old.pipeline().edge(), app.pipeline().edge());
        let changed =
            [("cache_store", old.cache_store != new.cache_store), ("limit_store", old.limit_store != new.limit_store)];
        for (table, _) in changed.iter().filter(|(_, is_changed)| *is_changed) {
            tracing::warn!("[{table}] was changed: that takes effect when tidegate is started again");
        }
    }

    /// Says why what was served goes on.
    pub fn keep(&self, error: &impl std::fmt::Display) {
        self.status.failed_reloads.fetch_add(1, Ordering::Relaxed);
        for line in error.to_string().lines() {
            tracing::error!("not reloaded, the old version goes on: {line}");
        }
    }
}
