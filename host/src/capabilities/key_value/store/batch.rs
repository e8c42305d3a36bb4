//! What the changes do to the tables, inside one write transaction.
//!
//! A [`Batch`] is that transaction as the jobs of the queue see it. A job that is refused (a lost
//! race, a full store) leaves the tables untouched, so that its neighbours in the same transaction
//! commit; only [`Error::Storage`] dooms the whole batch.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use redb::{ReadableTable, Table, WriteTransaction};

use super::layout::{
    ENTRIES, ENVELOPE, EXPIRY, USAGE, entry_key, expires_at, expiry_key, is_expired, parse_expiry_key, prefix_of,
};
use super::{ENTRY_OVERHEAD, Error, Swap};

/// The tables of one write transaction.
pub struct Batch<'t> {
    entries: Table<'t, &'static [u8], &'static [u8]>,
    expiry: Table<'t, &'static [u8], ()>,
    usage: Table<'t, &'static [u8], (u64, u64)>,
    /// The totals of the stores touched so far, written back once by [`Batch::finish`].
    totals: HashMap<Vec<u8>, Totals>,
    store_bytes_max: u64,
    changed: bool,
}

/// What a store holds.
#[derive(Clone, Copy, Default)]
struct Totals {
    keys: u64,
    bytes: u64,
}

impl Totals {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.keys += 1;
        self.bytes += cost(key, value);
    }

    // Saturating, because a wrong total must not become an immense one.
    fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.keys = self.keys.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(cost(key, value));
    }
}

fn cost(entry_key: &[u8], value: &[u8]) -> u64 {
    (entry_key.len() + value.len()) as u64 + ENTRY_OVERHEAD
}

impl<'t> Batch<'t> {
    /// Opens the tables. A store may grow to `store_bytes_max` bytes.
    pub fn new(transaction: &'t WriteTransaction, store_bytes_max: u64) -> Result<Self, Error> {
        Ok(Self {
            entries: transaction.open_table(ENTRIES)?,
            expiry: transaction.open_table(EXPIRY)?,
            usage: transaction.open_table(USAGE)?,
            totals: HashMap::new(),
            store_bytes_max,
            changed: false,
        })
    }

    /// Writes the totals back. Says whether there is anything to commit.
    pub fn finish(mut self) -> Result<bool, Error> {
        for (prefix, totals) in &self.totals {
            let prefix = prefix.as_slice();
            if totals.keys == 0 {
                self.usage.remove(prefix)?;
            } else {
                self.usage.insert(prefix, (totals.keys, totals.bytes))?;
            }
        }
        Ok(self.changed)
    }

    /// Sets all of `items` or, if the store would outgrow its bound, none. Of equal keys the last
    /// one counts.
    pub fn set(&mut self, prefix: &[u8], items: &[(String, Bytes)]) -> Result<(), Error> {
        let items: BTreeMap<Vec<u8>, &Bytes> =
            items.iter().map(|(key, value)| (entry_key(prefix, key), value)).collect();

        let before = self.totals(prefix)?;
        let mut after = before;
        for (key, value) in &items {
            if let Some(old) = self.entries.get(key.as_slice())? {
                after.remove(key, old.value());
            }
            after.add(key, value);
        }
        // A full store may still shrink.
        if after.bytes > self.store_bytes_max && after.bytes > before.bytes {
            return Err(Error::StoreFull { max: self.store_bytes_max });
        }
        for (key, value) in &items {
            self.put(key, value)?;
        }
        Ok(())
    }

    /// Deletes those of `keys` that exist.
    pub fn delete(&mut self, prefix: &[u8], keys: &[String]) -> Result<(), Error> {
        for key in keys {
            self.take(&entry_key(prefix, key))?;
        }
        Ok(())
    }

    /// Adds `delta` to a number of 8 bytes, little-endian (as Spin's own store keeps them). An
    /// entry that does not exist counts as 0; the expiry of one that does is kept.
    pub fn increment(&mut self, prefix: &[u8], key: &str, delta: i64, now_ms: u64) -> Result<i64, Error> {
        let current = self.live(&entry_key(prefix, key), now_ms)?;
        let current = current.unwrap_or_else(|| 0i64.to_le_bytes().to_vec());
        let head = expires_at(&current).map_or(0, |_| ENVELOPE);
        let (envelope, number) = current.split_at(head);
        let number = number.try_into().map_err(|_| Error::NotANumber)?;
        let sum = i64::from_le_bytes(number).checked_add(delta).ok_or(Error::Overflow)?;
        let value = [envelope, &sum.to_le_bytes()].concat();
        self.set(prefix, &[(key.to_owned(), value.into())])?;
        Ok(sum)
    }

    /// Sets `key` if its value is still `expected` (`None`: it does not exist).
    pub fn swap(
        &mut self,
        prefix: &[u8],
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        now_ms: u64,
    ) -> Result<Swap, Error> {
        let current = self.live(&entry_key(prefix, key), now_ms)?;
        if current.as_deref() != expected {
            let current = current.map(Bytes::from);
            return Ok(Swap::Lost { current });
        }
        self.set(prefix, &[(key.to_owned(), value)])?;
        Ok(Swap::Done)
    }

    /// Deletes at most `max` entries whose time has come; says how many.
    pub fn sweep(&mut self, now_ms: u64, max: usize) -> Result<usize, Error> {
        let end = now_ms.saturating_add(1).to_be_bytes();
        let mut due = Vec::new();
        for row in self.expiry.range(..end.as_slice())?.take(max) {
            due.push(row?.0.value().to_vec());
        }
        let mut swept = 0;
        for row in due {
            swept += usize::from(self.sweep_row(&row)?);
        }
        Ok(swept)
    }

    // The index is kept exact by `put` and `take`. Still the entry itself is asked, and a row that
    // it does not agree with is dropped: an index must never delete what a function stored.
    fn sweep_row(&mut self, row: &[u8]) -> Result<bool, Error> {
        if let Some((at, key)) = parse_expiry_key(row) {
            let current = self.entries.get(key)?.and_then(|v| expires_at(v.value()));
            if current == Some(at) {
                self.take(key)?;
                return Ok(true);
            }
        }
        self.expiry.remove(row)?;
        self.changed = true;
        Ok(false)
    }

    fn live(&self, key: &[u8], now_ms: u64) -> Result<Option<Vec<u8>>, Error> {
        let value = self.entries.get(key)?;
        let live = value.filter(|v| !is_expired(v.value(), now_ms));
        Ok(live.map(|v| v.value().to_vec()))
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let mut totals = self.totals(prefix_of(key))?;
        let mut expiry = None;
        if let Some(old) = self.entries.insert(key, value)? {
            totals.remove(key, old.value());
            expiry = expires_at(old.value());
        }
        totals.add(key, value);
        self.changed(key, totals, expiry, expires_at(value))
    }

    fn take(&mut self, key: &[u8]) -> Result<(), Error> {
        let mut totals = self.totals(prefix_of(key))?;
        let Some(old) = self.entries.remove(key)? else {
            return Ok(());
        };
        totals.remove(key, old.value());
        let expiry = expires_at(old.value());
        drop(old);
        self.changed(key, totals, expiry, None)
    }

    /// Keeps the totals and the expiry index in step with an entry that changed.
    fn changed(
        &mut self,
        key: &[u8],
        totals: Totals,
        old_expiry: Option<u64>,
        new_expiry: Option<u64>,
    ) -> Result<(), Error> {
        self.changed = true;
        self.totals.insert(prefix_of(key).to_vec(), totals);
        if old_expiry == new_expiry {
            return Ok(());
        }
        if let Some(at) = old_expiry {
            self.expiry.remove(expiry_key(at, key).as_slice())?;
        }
        if let Some(at) = new_expiry {
            self.expiry.insert(expiry_key(at, key).as_slice(), ())?;
        }
        Ok(())
    }

    fn totals(&self, prefix: &[u8]) -> Result<Totals, Error> {
        if let Some(totals) = self.totals.get(prefix) {
            return Ok(*totals);
        }
        let row = self.usage.get(prefix)?.map(|row| row.value());
        let (keys, bytes) = row.unwrap_or_default();
        Ok(Totals { keys, bytes })
    }
}
