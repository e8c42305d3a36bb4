//! In-memory stand-ins for what a host provides, so that functions are tested natively. Not for serving.

mod executor;
mod world;

pub mod test;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    time::{Duration, SystemTime},
};

use bytes::Bytes;

use crate::{
    Error, Result,
    http::{Request, Response},
};
use world::with_world;

pub(crate) use executor::{sleep, spawn};

/// The header that carries the visitor's address; the same as Spin's.
pub(crate) const CLIENT_ADDRESS: &str = "spin-client-addr";

/// Natively no body comes in from a host, so there is no such value.
pub(crate) enum Incoming {}

impl Incoming {
    pub(crate) fn len(&self) -> Option<u64> {
        match *self {}
    }

    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match *self {}
    }
}

/// A store of this test's world.
pub(crate) struct Store {
    name: String,
}

impl Store {
    pub(crate) async fn open(name: &str) -> Result<Self> {
        Ok(Self { name: name.to_owned() })
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(with_world(|world| world.store(&self.name).get(key).cloned()))
    }

    pub(crate) async fn set(&self, key: &str, value: Vec<u8>) -> Result<()> {
        with_world(|world| world.store(&self.name).insert(key.to_owned(), value));
        Ok(())
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        with_world(|world| world.store(&self.name).remove(key));
        Ok(())
    }

    pub(crate) async fn keys(&self) -> Result<Vec<String>> {
        Ok(with_world(|world| world.store(&self.name).keys().cloned().collect()))
    }

    pub(crate) async fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        with_world(|world| {
            let store = world.store(&self.name);
            let old = match store.get(key) {
                None => 0,
                Some(bytes) => i64::from_be_bytes(bytes.as_slice().try_into()?),
            };
            let new = old.checked_add(delta).ok_or_else(|| Error::internal("the counter is full"))?;
            store.insert(key.to_owned(), new.to_be_bytes().to_vec());
            Ok(new)
        })
    }
}

pub(crate) async fn variable(name: &str) -> Result<Option<String>> {
    Ok(with_world(|world| world.variables.get(name).cloned()))
}

pub(crate) async fn fetch(request: Request, _timeout: Duration) -> Result<Response> {
    let Some(answer) = with_world(|world| world.fetch.clone()) else {
        return Err(Error::internal("no stand-in for fetch: give one with tidegate::test::on_fetch"));
    };
    answer(request).await
}

pub(crate) async fn read_file(path: &str) -> Result<Option<Bytes>> {
    with_world(|world| world.read_file(path))
}

pub(crate) fn now() -> SystemTime {
    with_world(|world| world.now)
}

pub(crate) fn log(line: std::fmt::Arguments<'_>) {
    eprintln!("{line}");
}

/// Each `RandomState` hashes with other keys, seeded by the system: good enough for tests, and no dependency.
pub(crate) fn fill_random(bytes: &mut [u8]) {
    for chunk in bytes.chunks_mut(8) {
        let random = RandomState::new().build_hasher().finish().to_ne_bytes();
        chunk.copy_from_slice(&random[..chunk.len()]);
    }
}

/// What `#[tidegate::http]` expands to: natively the handler is only checked to be one.
pub mod export {
    use crate::http::{IntoResponse, Request};

    #[doc(hidden)]
    pub fn check_handler<F, A, R>(_handler: F)
    where
        F: Fn(Request) -> A,
        A: Future<Output = R>,
        R: IntoResponse,
    {
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_http {
    ($handler:ident) => {
        const _: fn() = || $crate::__private::check_handler($handler);
    };
}
