//! `spin:key-value/key-value@3.0.0`. While one call waits for the disk, others of the instance go on.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult, VecBuffer,
};

use super::bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore};
use super::{KeyValue, KeyValueCtx, KeyValueCtxView, Opened, PAGE_MAX, Refusal, Store, now_ms};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for KeyValueCtxView<'_> {}

impl HostStore for KeyValueCtxView<'_> {
    fn drop(&mut self, store: Resource<Opened>) -> wasmtime::Result<()> {
        self.remove(store).map(drop)
    }
}

impl<T: Send> HostStoreWithStore<T> for KeyValue {
    async fn open(host: &Accessor<T, Self>, label: String) -> Answer<Resource<Opened>> {
        host.with(|mut access| {
            let mut view = access.get();
            let opened = view.open(&label)?;
            Ok(opened.map_err(|refusal| refused(view.ctx, refusal)))
        })
    }

    async fn get(host: &Accessor<T, Self>, store: Resource<Opened>, key: String) -> Answer<Option<Vec<u8>>> {
        let value = host_store(host, &store)?.get(&key, now_ms());
        Ok(told(host, value.map(|value| value.map(Vec::from))))
    }

    async fn set(host: &Accessor<T, Self>, store: Resource<Opened>, key: String, value: Vec<u8>) -> Answer<()> {
        let result = host_store(host, &store)?.set(key, value.into()).await;
        Ok(told(host, result))
    }

    async fn delete(host: &Accessor<T, Self>, store: Resource<Opened>, key: String) -> Answer<()> {
        let result = host_store(host, &store)?.delete(key).await;
        Ok(told(host, result))
    }

    async fn exists(host: &Accessor<T, Self>, store: Resource<Opened>, key: String) -> Answer<bool> {
        let result = host_store(host, &store)?.exists(&key, now_ms());
        Ok(told(host, result))
    }

    async fn get_keys(
        host: &Accessor<T, Self>,
        store: Resource<Opened>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        host.with(|mut access| {
            let view = access.get();
            let (result, outcome) = oneshot::channel();
            let keys = Keys { store: view.store(&store)?, cursor: None, result: Some(result) };
            let keys = StreamReader::new(&mut access, keys)?;
            Ok((keys, FutureReader::new(&mut access, outcome)?))
        })
    }
}

fn host_store<T>(host: &Accessor<T, KeyValue>, handle: &Resource<Opened>) -> wasmtime::Result<Store> {
    host.with(|mut access| access.get().store(handle))
}

fn told<T, R>(host: &Accessor<T, KeyValue>, result: Result<R, super::Error>) -> Result<R, Error> {
    result.map_err(|error| host.with(|mut access| Error::Other(access.get().ctx.tell(error))))
}

fn refused(ctx: &KeyValueCtx, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Denied => Error::AccessDenied,
        Refusal::TooManyHandles => Error::StoreTableFull,
        Refusal::Other(error) => Error::Other(ctx.tell(error)),
    }
}

/// All keys of a store, read a page at a time as the guest asks for more.
///
/// Not of one moment: keys that come and go meanwhile may be in it or not. A snapshot instead would
/// keep every page of the file that changes until the guest has read to the end.
struct Keys {
    store: Store,
    cursor: Option<String>,
    /// Told at the end how it went.
    result: Option<oneshot::Sender<Result<(), Error>>>,
}

impl<D> StreamProducer<D> for Keys {
    type Item = String;
    type Buffer = VecBuffer<String>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let wanted = destination.remaining(&mut store).unwrap_or(PAGE_MAX);
        if wanted == 0 {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        let page = match self.store.keys(self.cursor.as_deref(), wanted, now_ms()) {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "key-value: a listing broke off");
                self.end(Err(Error::Other("the key-value store failed".into())));
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
        };
        let more = page.cursor.is_some();
        self.cursor = page.cursor;
        if !more {
            self.end(Ok(()));
        }
        match (page.keys.is_empty(), more) {
            // Nothing but expired entries so far: let others have the thread, then go on.
            (true, true) if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            (true, true) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            (_, more) => {
                destination.set_buffer(page.keys.into());
                let result = if more { StreamResult::Completed } else { StreamResult::Dropped };
                Poll::Ready(Ok(result))
            }
        }
    }
}

impl Keys {
    fn end(&mut self, result: Result<(), Error>) {
        if let Some(told) = self.result.take() {
            // The guest may not care.
            let _ = told.send(result);
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // The guest read no further: that is not an error.
        self.end(Ok(()));
    }
}
