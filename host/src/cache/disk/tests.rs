//! Whatever happens to the disk tier, it finds what was stored last, or nothing.

mod crash;
mod damage;
mod failure;
mod model;
mod opening;
mod operations;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::cache::record::tests::{record, seen};

/// Failures on request: all writes or reads after so many.
#[derive(Debug)]
pub struct Faults {
    writes_left: AtomicI64,
    reads_left: AtomicI64,
}

impl Default for Faults {
    fn default() -> Self {
        Self { writes_left: AtomicI64::new(i64::MAX), reads_left: AtomicI64::new(i64::MAX) }
    }
}

impl Faults {
    fn set(&self, writes: i64, reads: i64) {
        self.writes_left.store(writes, Ordering::SeqCst);
        self.reads_left.store(reads, Ordering::SeqCst);
    }

    pub fn before_write(&self) -> io::Result<()> {
        take(&self.writes_left)
    }

    pub fn before_read(&self) -> io::Result<()> {
        take(&self.reads_left)
    }
}

fn take(left: &AtomicI64) -> io::Result<()> {
    match left.fetch_sub(1, Ordering::SeqCst) {
        1.. => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::StorageFull, "a fault that the test asked for")),
    }
}

/// A tier as small as can be, in a folder of its own.
struct Bench {
    folder: TempDir,
    options: Options,
}

impl Bench {
    fn new() -> Self {
        Self::of(BYTES_LEAST)
    }

    fn of(bytes_max: u64) -> Self {
        let options = Options {
            bytes_max,
            queue_bytes_max: 64 << 20,
            recover_time_max: Duration::from_secs(60),
            pause: Duration::ZERO,
        };
        Self { folder: TempDir::new().unwrap(), options }
    }

    async fn open(&self) -> Disk {
        Disk::open_with(self.folder.path(), self.options).await.unwrap()
    }

    /// The files of segments, the oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
        files.sort();
        files
    }

    fn bytes(&self) -> u64 {
        // One may be deleted meanwhile.
        self.files().iter().map(|path| path.metadata().map_or(0, |metadata| metadata.len())).sum()
    }
}

impl Disk {
    /// Waits until all that was queued is written.
    async fn settled(&self) {
        let (reply, done) = oneshot::channel();
        self.queue.run(move || reply.send(()).unwrap());
        done.await.unwrap();
    }

    /// Keeps the writer from writing until the sender that this returns is gone.
    fn hold(&self) -> std::sync::mpsc::Sender<()> {
        let (release, held) = std::sync::mpsc::channel();
        self.queue.run(move || assert!(held.recv().is_err()));
        release
    }

    async fn seen(&self, key: &Key) -> Option<(String, Bytes, u64)> {
        self.get(key).await.as_ref().map(seen)
    }
}

fn key(n: u64) -> Key {
    Key::of(&format!("https://shop.example/p/{n}?x=1\ncountry=DE"))
}

/// The body of a response: which one it is can be told from every part of it.
fn body(n: u64, version: u64, length: usize) -> Vec<u8> {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ 1;
    std::iter::repeat_with(|| random(&mut state) as u8).take(length).collect()
}

/// xorshift64.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}
