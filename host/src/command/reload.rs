//! Replaces the application while it is served.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use crate::admin::Status;
use crate::app::Loader;

/// Loads the manifest again and hands the result to all cores.
pub struct Reloader {
    /// One reload at a time.
    loader: Mutex<Loader>,
    manifest: PathBuf,
    status: Arc<Status>,
}

impl Reloader {
    /// Reloads `manifest` for the cores in `status`.
    pub fn new(loader: Loader, manifest: PathBuf, status: Arc<Status>) -> Self {
        Self { loader: Mutex::new(loader), manifest, status }
    }

    /// The manifest's path.
    pub fn manifest(&self) -> &Path {
        &self.manifest
    }

    /// Reloads. If that fails, what was served goes on, and the log says why. Blocks while components compile.
    pub fn reload(&self) {
        let loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        match loader.load(&self.manifest) {
            Ok(app) => {
                let app = Arc::new(app);
                for core in &self.status.cores {
                    core.replace_app(&app);
                }
                self.status.app.store(app);
                self.status.reloads.fetch_add(1, Ordering::Relaxed);
                tracing::info!(manifest = %self.manifest.display(), "reloaded");
            }
            Err(error) => self.keep(&error),
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
