//! One named store: the operations that a function may ask for, and their bounds.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use redb::ReadableTable;

use super::file::Snapshot;
use super::layout::{end_of, entry_key, is_expired};
use super::{Engine, Error, KEY_MAX, MANY_MAX, PAGE_MAX, REQUEST_MAX, VALUE_MAX};

/// Looking for keys stops after this many entries or bytes, also when it found few: the caller
/// gets a cursor, and no listing holds its thread for long.
const SCAN_ENTRIES_MAX: usize = 4 * PAGE_MAX;
const SCAN_BYTES_MAX: usize = REQUEST_MAX;

/// What became of a compare-and-swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// The new value is in place.
    Done,
    /// The value was not the expected one; nothing was changed.
    Lost {
        /// What it is now.
        current: Option<Bytes>,
    },
}

/// Some keys of a store, in the order of their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The keys. May be few, or none, although more follow.
    pub keys: Vec<String>,
    /// Where to go on; `None` at the end.
    pub cursor: Option<String>,
}

/// One named store of an [`Engine`]. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(super) engine: Engine,
    pub(super) prefix: Arc<[u8]>,
}

impl Store {
    /// The value of `key`.
    pub fn get(&self, key: &str, now_ms: u64) -> Result<Option<Bytes>, Error> {
        self.find(key, now_ms, Bytes::copy_from_slice)
    }

    /// Whether `key` exists.
    pub fn exists(&self, key: &str, now_ms: u64) -> Result<bool, Error> {
        Ok(self.find(key, now_ms, |_| ())?.is_some())
    }

    /// The values of `keys`, in their order, all as of the same moment.
    pub fn get_many(&self, keys: &[String], now_ms: u64) -> Result<Vec<Option<Bytes>>, Error> {
        check_count(keys.len())?;
        let snapshot = self.engine.snapshot();
        let mut bytes = 0;
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            check_key(key)?;
            let value = read(&snapshot, &entry_key(&self.prefix, key), now_ms, |value| {
                bytes += value.len();
                (bytes <= REQUEST_MAX).then(|| Bytes::copy_from_slice(value))
            })?;
            values.push(match value {
                Some(None) => return Err(Error::RequestTooLarge),
                Some(value) => value,
                None => None,
            });
        }
        Ok(values)
    }

    /// At most `limit` keys (never more than [`PAGE_MAX`]), from behind `cursor` on.
    pub fn keys(&self, cursor: Option<&str>, limit: usize, now_ms: u64) -> Result<Page, Error> {
        check_key(cursor.unwrap_or_default())?;
        guarded(|| self.scan(cursor, limit.clamp(1, PAGE_MAX), now_ms))
    }

    fn scan(&self, cursor: Option<&str>, limit: usize, now_ms: u64) -> Result<Page, Error> {
        let start = entry_key(&self.prefix, cursor.unwrap_or_default());
        let start = match cursor {
            Some(_) => Bound::Excluded(start.as_slice()),
            None => Bound::Included(start.as_slice()),
        };
        let end = end_of(&self.prefix);
        let snapshot = self.engine.snapshot();
        let range = (start, Bound::Excluded(end.as_slice()));
        let mut keys = Vec::new();
        let (mut entries, mut bytes) = (0, 0);
        for row in ReadableTable::range::<&[u8]>(&**snapshot, range)? {
            let (key, value) = row?;
            let key = &key.value()[self.prefix.len()..];
            let key = str::from_utf8(key).map_err(Error::storage)?;
            entries += 1;
            bytes += key.len() + value.value().len();
            if !is_expired(value.value(), now_ms) {
                keys.push(key.to_owned());
            }
            if keys.len() == limit || entries == SCAN_ENTRIES_MAX || bytes >= SCAN_BYTES_MAX {
                let cursor = Some(key.to_owned());
                return Ok(Page { keys, cursor });
            }
        }
        Ok(Page { keys, cursor: None })
    }

    /// Sets `key` to `value`. On disk when it returns.
    ///
    /// This, and every write: once polled it happens, also if the future is dropped then.
    pub async fn set(&self, key: String, value: Bytes) -> Result<(), Error> {
        self.set_many(vec![(key, value)]).await
    }

    /// Sets all of `items` or none. Of equal keys the last one counts.
    pub async fn set_many(&self, items: Vec<(String, Bytes)>) -> Result<(), Error> {
        check_count(items.len())?;
        let mut bytes = 0;
        for (key, value) in &items {
            check_key(key)?;
            check_value(value)?;
            bytes += key.len() + value.len();
        }
        if bytes > REQUEST_MAX {
            return Err(Error::RequestTooLarge);
        }
        let prefix = self.prefix.clone();
        self.engine.write(bytes, move |batch| batch.set(&prefix, &items)).await
    }

    /// Deletes `key` if it exists.
    pub async fn delete(&self, key: String) -> Result<(), Error> {
        self.delete_many(vec![key]).await
    }

    /// Deletes those of `keys` that exist, all in one step.
    pub async fn delete_many(&self, keys: Vec<String>) -> Result<(), Error> {
        check_count(keys.len())?;
        let mut bytes = 0;
        for key in &keys {
            check_key(key)?;
            bytes += key.len();
        }
        let prefix = self.prefix.clone();
        self.engine.write(bytes, move |batch| batch.delete(&prefix, &keys)).await
    }

    /// Adds `delta` to the number at `key` and returns the sum. A key that does not exist counts
    /// as 0. The number is 8 bytes, little-endian, as in Spin's own store; it may stand behind an
    /// expiry time, which is kept.
    pub async fn increment(&self, key: String, delta: i64, now_ms: u64) -> Result<i64, Error> {
        check_key(&key)?;
        let prefix = self.prefix.clone();
        self.engine.write(key.len(), move |batch| batch.increment(&prefix, &key, delta, now_ms)).await
    }

    /// Sets `key` to `value` if its value is still `expected` (`None`: if it does not exist).
    pub async fn compare_and_swap(
        &self,
        key: String,
        expected: Option<Bytes>,
        value: Bytes,
        now_ms: u64,
    ) -> Result<Swap, Error> {
        check_key(&key)?;
        check_value(&value)?;
        check_value(expected.as_deref().unwrap_or_default())?;
        let bytes = key.len() + value.len() + expected.as_ref().map_or(0, Bytes::len);
        let prefix = self.prefix.clone();
        self.engine.write(bytes, move |batch| batch.swap(&prefix, &key, expected.as_deref(), value, now_ms)).await
    }

    fn find<R>(&self, key: &str, now_ms: u64, map: impl FnOnce(&[u8]) -> R) -> Result<Option<R>, Error> {
        check_key(key)?;
        read(&self.engine.snapshot(), &entry_key(&self.prefix, key), now_ms, map)
    }
}

fn read<R>(
    snapshot: &Snapshot,
    entry_key: &[u8],
    now_ms: u64,
    map: impl FnOnce(&[u8]) -> R,
) -> Result<Option<R>, Error> {
    guarded(|| {
        let value = ReadableTable::get(snapshot, entry_key)?;
        let live = value.filter(|value| !is_expired(value.value(), now_ms));
        Ok(live.map(|value| map(value.value())))
    })
}

/// redb may panic on a file that was damaged while it was closed. On the thread of a request that
/// would take other requests along.
fn guarded<R>(read: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    let result = catch_unwind(AssertUnwindSafe(read));
    result.unwrap_or_else(|_| Err(Error::storage("the file is damaged")))
}

fn check_key(key: &str) -> Result<(), Error> {
    match key.len() {
        ..=KEY_MAX => Ok(()),
        length => Err(Error::KeyTooLong(length)),
    }
}

fn check_value(value: &[u8]) -> Result<(), Error> {
    match value.len() {
        ..=VALUE_MAX => Ok(()),
        length => Err(Error::ValueTooLarge(length)),
    }
}

fn check_count(count: usize) -> Result<(), Error> {
    match count {
        ..=MANY_MAX => Ok(()),
        count => Err(Error::TooMany(count)),
    }
}
