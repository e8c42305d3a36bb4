//! Why the disk tier cannot be opened.

use std::io;
use std::path::PathBuf;

use super::BYTES_LEAST;

/// Why the disk tier cannot be opened. Each is one line that says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The folder cannot be made, read or written.
    #[error("cannot use the cache folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the cache folder {} is in use by another process: stop it, or choose another folder", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// There are files in it that no cache has made.
    #[error("{} is not empty and not a cache folder: choose another, or empty it", path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// Another version wrote it.
    #[error("the cache folder {} was written by another version ({found:?}): empty it, or choose another", path.display())]
    Version {
        /// The folder.
        path: PathBuf,
        /// What it says of its format.
        found: String,
    },
    /// It may have too little room.
    #[error("{bytes_max} bytes are too little for the cache folder {}: at least {BYTES_LEAST}", path.display())]
    Small {
        /// The folder.
        path: PathBuf,
        /// How much room it has, in bytes.
        bytes_max: u64,
    },
    /// A thread could not be started.
    #[error("cannot start the threads of the cache folder {}: {source}", path.display())]
    Thread {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Opening it failed in a way that should not be.
    #[error("opening the cache folder {} failed: empty it, or choose another", path.display())]
    Failed {
        /// The folder.
        path: PathBuf,
    },
}
