//! The key-value store: Spin's, and wasi:keyvalue's for its counters.

use super::bindings::{spin::key_value::key_value, wasi::keyvalue};
use crate::{Error, Result};

pub(crate) struct Store {
    name: String,
    store: key_value::Store,
}

impl Store {
    pub(crate) async fn open(name: &str) -> Result<Self> {
        let store = key_value::Store::open(name.to_owned())
            .await
            .map_err(|error| Error::internal(format!("key-value store {name:?}: {error}")))?;
        Ok(Self { name: name.to_owned(), store })
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.store.get(key.to_owned()).await?)
    }

    pub(crate) async fn set(&self, key: &str, value: Vec<u8>) -> Result<()> {
        Ok(self.store.set(key.to_owned(), value).await?)
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        Ok(self.store.delete(key.to_owned()).await?)
    }

    pub(crate) async fn keys(&self) -> Result<Vec<String>> {
        let (keys, complete) = self.store.get_keys().await;
        let keys = keys.collect().await;
        complete.await?;
        Ok(keys)
    }

    /// The bucket is opened here and not kept: a field of its type would make every function import wasi:keyvalue,
    /// if only to drop it.
    pub(crate) async fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        let bucket = keyvalue::store::open(&self.name)?;
        Ok(keyvalue::atomics::increment(&bucket, key, delta)?)
    }
}
