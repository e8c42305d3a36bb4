//! The engine as its callers see it; what each file below tries is its name.

mod concurrency;
mod crash;
mod failure;
mod model;
mod opening;
mod operations;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use bytes::Bytes;

use super::layout::TTL_MARK;
use super::{Engine, Options};

/// A folder of its own for a test, removed with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("tidegate-kv-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn open(&self) -> Engine {
        Engine::open(&self.0).unwrap()
    }

    fn open_with(&self, change: impl FnOnce(&mut Options)) -> Engine {
        let mut options = Options::default();
        change(&mut options);
        Engine::open_with(&self.0, &options).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.0.join(super::FILE_NAME)
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs on the kind of runtime that the host has: one thread.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A value that expires.
pub fn until(expires_at: u64, body: &[u8]) -> Bytes {
    [&TTL_MARK[..], &expires_at.to_be_bytes(), body].concat().into()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
