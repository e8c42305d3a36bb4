//! The key-value store: open one by its name in spin.toml (`key_value_stores = ["default"]`).
//!
//! ```
//! use std::time::Duration;
//! # async fn f() -> tidegate::Result<()> {
//! let store = tidegate::kv::open("default").await?;
//! store.set("greeting", "hello").await?;
//! store.set_json("cart/7f3a", &["mug"]).await?;
//! store.set_with_ttl("session/7f3a", "…", Duration::from_secs(30 * 60)).await?;
//! let greeting = store.get("greeting").await?;
//! # Ok(()) }
//! ```
//!
//! Values that expire: the stores beneath know no time to live, so a value with one is stored in an envelope, which
//! Tidegate's host knows and sweeps. It is 8 bytes of magic (`\0TGTTL1\0`), the time of expiry in Unix milliseconds as
//! a big-endian `u64`, then the value. All reads here open it, and take an expired value as absent.

mod envelope;

use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Result, platform, time::unix_millis};
use envelope::Opened;

/// Opens a store. The component must have been given it in spin.toml.
pub async fn open(name: &str) -> Result<Store> {
    Ok(Store { inner: platform::Store::open(name).await? })
}

/// An open key-value store.
pub struct Store {
    inner: platform::Store,
}

impl Store {
    /// The value of `key`.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let Some(stored) = self.inner.get(key).await? else { return Ok(None) };
        match envelope::open(stored.into(), unix_millis()) {
            Opened::Value(value) => Ok(Some(value)),
            Opened::Expired => {
                self.inner.delete(key).await?;
                Ok(None)
            }
        }
    }

    /// Sets the value of `key`, for good.
    pub async fn set(&self, key: &str, value: impl Into<Vec<u8>>) -> Result<()> {
        self.inner.set(key, envelope::plain(value.into())).await
    }

    /// Sets the value of `key`, to be gone after `ttl`.
    pub async fn set_with_ttl(&self, key: &str, value: impl Into<Vec<u8>>, ttl: Duration) -> Result<()> {
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let expires = unix_millis().saturating_add(ttl);
        self.inner.set(key, envelope::seal(expires, &value.into())).await
    }

    /// Removes `key`; it need not be there.
    pub async fn delete(&self, key: &str) -> Result<()> {
        self.inner.delete(key).await
    }

    /// Whether `key` has a value. It costs as much as reading it, since the value says whether it is expired.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.get(key).await?.is_some())
    }

    /// All keys, in no particular order. On hosts that do not sweep, expired ones are among them until they are read.
    pub async fn keys(&self) -> Result<Vec<String>> {
        self.inner.keys().await
    }

    /// The value of `key`, read as JSON.
    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let value = self.get(key).await?;
        Ok(value.map(|json| serde_json::from_slice(&json)).transpose()?)
    }

    /// Sets the value of `key` to JSON, for good.
    pub async fn set_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<()> {
        self.set(key, serde_json::to_vec(value)?).await
    }

    /// Sets the value of `key` to JSON, to be gone after `ttl`.
    pub async fn set_json_with_ttl<T: Serialize + ?Sized>(&self, key: &str, value: &T, ttl: Duration) -> Result<()> {
        self.set_with_ttl(key, serde_json::to_vec(value)?, ttl).await
    }

    /// Adds `delta` to a counter, atomically, and returns its new value. A counter not yet there starts at 0, and a
    /// `delta` of 0 reads it. How its value is stored is the host's affair: leave it to this method.
    pub async fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        self.inner.increment(key, delta).await
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("kv::Store")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::sleep;

    #[crate::test]
    async fn set_get_delete() {
        let store = open("default").await.unwrap();
        assert_eq!(store.get("a").await.unwrap(), None);
        store.set("a", "1").await.unwrap();
        store.set("b", vec![2]).await.unwrap();
        assert_eq!(store.get("a").await.unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(store.keys().await.unwrap(), ["a", "b"]);
        store.delete("a").await.unwrap();
        store.delete("a").await.unwrap();
        assert!(!store.exists("a").await.unwrap());
        assert!(open("other").await.unwrap().keys().await.unwrap().is_empty(), "stores are apart");
    }

    #[crate::test]
    async fn a_value_is_gone_after_its_time() {
        let store = open("default").await.unwrap();
        store.set_with_ttl("s", "x", Duration::from_secs(60)).await.unwrap();
        sleep(Duration::from_millis(59_999)).await;
        assert_eq!(store.get("s").await.unwrap().as_deref(), Some(&b"x"[..]));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(store.keys().await.unwrap(), ["s"], "nothing sweeps here");
        assert_eq!(store.get("s").await.unwrap(), None);
        assert!(store.keys().await.unwrap().is_empty(), "reading it removed it");
    }

    #[crate::test]
    async fn whatever_bytes_go_in_come_out() {
        let store = open("default").await.unwrap();
        for value in [&b""[..], b"\0", b"\0TGTTL1\0", b"\0TGTTL1\0\0\0\0\0\0\0\0\0old"] {
            store.set("v", value).await.unwrap();
            assert_eq!(store.get("v").await.unwrap().as_deref(), Some(value));
        }
    }

    #[crate::test]
    async fn json_and_counters() {
        let store = open("default").await.unwrap();
        store.set_json("j", &[1, 2]).await.unwrap();
        assert_eq!(store.get_json::<Vec<u8>>("j").await.unwrap(), Some(vec![1, 2]));
        assert_eq!(store.increment("n", 2).await.unwrap(), 2);
        assert_eq!(store.increment("n", -3).await.unwrap(), -1);
        assert_eq!(store.increment("n", 0).await.unwrap(), -1);
    }
}
