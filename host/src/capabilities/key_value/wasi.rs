//! `wasi:keyvalue/{store,atomics,batch}@0.2.0-draft2`.
//!
//! These interfaces are not asynchronous, so wasmtime cannot run anything else of the instance
//! while one of the writes waits for the disk. Reads do not wait.

use wasmtime::component::Resource;

use super::bindings::wasi::keyvalue::{atomics, batch, store};
use super::{Cas, KeyValueCtxView, Opened, PAGE_MAX, Refusal, Swap, now_ms};

use atomics::CasError;
use store::{Error, KeyResponse};

type Answer<T> = wasmtime::Result<Result<T, Error>>;
type Entries = Vec<(String, Option<Vec<u8>>)>;

impl KeyValueCtxView<'_> {
    fn told<R>(&self, result: Result<R, super::Error>) -> Result<R, Error> {
        result.map_err(|error| Error::Other(self.ctx.tell(error)))
    }

    fn refused(&self, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Denied => Error::AccessDenied,
            Refusal::TooManyHandles => Error::Other("too many open stores".into()),
            Refusal::Other(error) => Error::Other(self.ctx.tell(error)),
        }
    }
}

impl store::Host for KeyValueCtxView<'_> {
    fn open(&mut self, identifier: String) -> Answer<Resource<Opened>> {
        let opened = KeyValueCtxView::open(self, &identifier)?;
        Ok(opened.map_err(|refusal| self.refused(refusal)))
    }
}

impl store::HostBucket for KeyValueCtxView<'_> {
    fn get(&mut self, bucket: Resource<Opened>, key: String) -> Answer<Option<Vec<u8>>> {
        let value = self.store(&bucket)?.get(&key, now_ms());
        Ok(self.told(value.map(|value| value.map(Vec::from))))
    }

    async fn set(&mut self, bucket: Resource<Opened>, key: String, value: Vec<u8>) -> Answer<()> {
        let result = self.store(&bucket)?.set(key, value.into()).await;
        Ok(self.told(result))
    }

    async fn delete(&mut self, bucket: Resource<Opened>, key: String) -> Answer<()> {
        let result = self.store(&bucket)?.delete(key).await;
        Ok(self.told(result))
    }

    fn exists(&mut self, bucket: Resource<Opened>, key: String) -> Answer<bool> {
        let result = self.store(&bucket)?.exists(&key, now_ms());
        Ok(self.told(result))
    }

    fn list_keys(&mut self, bucket: Resource<Opened>, cursor: Option<String>) -> Answer<KeyResponse> {
        let page = self.store(&bucket)?.keys(cursor.as_deref(), PAGE_MAX, now_ms());
        let response = page.map(|page| KeyResponse { keys: page.keys, cursor: page.cursor });
        Ok(self.told(response))
    }

    fn drop(&mut self, bucket: Resource<Opened>) -> wasmtime::Result<()> {
        self.remove(bucket).map(drop)
    }
}

impl batch::Host for KeyValueCtxView<'_> {
    fn get_many(&mut self, bucket: Resource<Opened>, keys: Vec<String>) -> Answer<Entries> {
        let values = self.store(&bucket)?.get_many(&keys, now_ms());
        let entries = values.map(|values| {
            let values = values.into_iter().map(|value| value.map(Vec::from));
            keys.into_iter().zip(values).collect()
        });
        Ok(self.told(entries))
    }

    async fn set_many(&mut self, bucket: Resource<Opened>, entries: Vec<(String, Vec<u8>)>) -> Answer<()> {
        let entries = entries.into_iter();
        let entries = entries.map(|(key, value)| (key, value.into())).collect();
        let result = self.store(&bucket)?.set_many(entries).await;
        Ok(self.told(result))
    }

    async fn delete_many(&mut self, bucket: Resource<Opened>, keys: Vec<String>) -> Answer<()> {
        let result = self.store(&bucket)?.delete_many(keys).await;
        Ok(self.told(result))
    }
}

impl atomics::HostCas for KeyValueCtxView<'_> {
    /// Takes note of the value: the swap succeeds if nobody changes it from here on.
    fn new(&mut self, bucket: Resource<Opened>, key: String) -> Answer<Resource<Cas>> {
        let store = self.store(&bucket)?;
        let expected = match self.told(store.get(&key, now_ms())) {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        };
        let cas = Cas { store, key, expected };
        let handle = self.push(cas)?;
        Ok(handle.map_err(|refusal| self.refused(refusal)))
    }

    /// Takes note anew, as in Spin: who asks for the current value decides by that one.
    fn current(&mut self, cas: Resource<Cas>) -> Answer<Option<Vec<u8>>> {
        let noted = self.table.get_mut(&cas)?;
        let value = noted.store.get(&noted.key, now_ms());
        if let Ok(value) = &value {
            noted.expected.clone_from(value);
        }
        Ok(self.told(value.map(|value| value.map(Vec::from))))
    }

    fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.remove(cas).map(drop)
    }
}

impl atomics::Host for KeyValueCtxView<'_> {
    async fn increment(&mut self, bucket: Resource<Opened>, key: String, delta: i64) -> Answer<i64> {
        let result = self.store(&bucket)?.increment(key, delta, now_ms()).await;
        Ok(self.told(result))
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> wasmtime::Result<Result<(), CasError>> {
        let Cas { store, key, expected } = self.remove(cas)?;
        let swap = store.compare_and_swap(key.clone(), expected, value.into(), now_ms()).await;
        let expected = match self.told(swap) {
            Ok(Swap::Done) => return Ok(Ok(())),
            Ok(Swap::Lost { current }) => current,
            Err(error) => return Ok(Err(CasError::StoreError(error))),
        };
        let again = self.push(Cas { store, key, expected })?;
        Ok(Err(match again {
            Ok(again) => CasError::CasFailed(again),
            Err(refusal) => CasError::StoreError(self.refused(refusal)),
        }))
    }
}
