//! Replaces the application while it is served.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use crate::admin::Status;
use crate::app::{LoadError, Loader, Origin};

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
                if app.pipeline().edge().cache_store != self.status.app.load().pipeline().edge().cache_store {
                    tracing::warn!("[cache_store] was changed: that takes effect when tidegate is started again");
                }
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

    /// Says why what was served goes on.
    pub fn keep(&self, error: &impl std::fmt::Display) {
        self.status.failed_reloads.fetch_add(1, Ordering::Relaxed);
        for line in error.to_string().lines() {
            tracing::error!("not reloaded, the old version goes on: {line}");
        }
    }
}
