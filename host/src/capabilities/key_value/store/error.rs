//! Why the store refuses or fails.

use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};

use super::layout::{FORMAT, LABEL_MAX};
use super::{KEY_MAX, MANY_MAX, REQUEST_MAX, VALUE_MAX};

/// Why the store cannot be opened. Each is one line that says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be made, or is not a folder.
    #[error("cannot use the data folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be read or written.
    #[error("cannot open {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{} is in use by another process: stop it, or choose another data folder", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A newer version wrote it. Nothing was changed.
    #[error(
        "{} was written by a newer version (format {found}; this one reads up to {FORMAT}): \
         run that version, or choose another data folder; the file was left as it is",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its format.
        found: u64,
    },
    /// It is not a database, or not a whole one. What is in it was kept.
    #[error(
        "{} is damaged or not a key-value file ({detail}): restore it from a backup, or move it away",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The thread that writes could not be started.
    #[error("cannot start the thread that writes {}: {source}", path.display())]
    Thread {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why an operation was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too many writes wait. Nothing was done; trying again later is right.
    #[error("the key-value store is busy: too many writes wait")]
    Busy,
    /// The engine was closed. The write may or may not have been made.
    #[error("the key-value store is closed")]
    Closed,
    /// The label of a store is too long.
    #[error("a store's label of {0} bytes: at most {LABEL_MAX} are allowed")]
    LabelTooLong(usize),
    /// The key is too long.
    #[error("a key of {0} bytes: at most {KEY_MAX} are allowed")]
    KeyTooLong(usize),
    /// The value is too large.
    #[error("a value of {0} bytes: at most {VALUE_MAX} are allowed")]
    ValueTooLarge(usize),
    /// One call with too many entries.
    #[error("{0} entries in one call: at most {MANY_MAX} are allowed")]
    TooMany(usize),
    /// One call with too many bytes, in or out.
    #[error("more than {REQUEST_MAX} bytes in one call")]
    RequestTooLarge,
    /// The store has reached its bound. Deleting, or setting smaller values, still works.
    #[error("the store is full: it may hold {max} bytes")]
    StoreFull {
        /// The bound, in bytes.
        max: u64,
    },
    /// The entry to increment is not a number of 8 bytes.
    #[error("the value is not a number: a counter is 8 bytes, little-endian")]
    NotANumber,
    /// The sum does not fit.
    #[error("the sum does not fit into 64 bits")]
    Overflow,
    /// The disk or the file failed. A write may or may not have been made.
    #[error("the key-value store failed: {0}")]
    Storage(Arc<str>),
}

impl Error {
    pub(super) fn storage(error: impl fmt::Display) -> Self {
        Self::Storage(error.to_string().into())
    }
}

macro_rules! storage_errors {
    ($($source:ty),*) => {$(
        impl From<$source> for Error {
            fn from(error: $source) -> Self {
                match redb::Error::from(error) {
                    redb::Error::DatabaseClosed => Self::Closed,
                    other => Self::storage(other),
                }
            }
        }
    )*};
}
storage_errors!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError
);
