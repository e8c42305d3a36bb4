//! The interfaces as wasmtime calls them, without a guest. Guests that use them are in tests/guests.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::{mpsc, oneshot};
use wasmtime::component::{Accessor, FutureConsumer, FutureReader, Source, StreamConsumer, StreamReader, StreamResult};
use wasmtime::{Config, StoreContextMut};

use super::bindings::spin::key_value::key_value as spin;
use super::bindings::wasi::keyvalue::{atomics, batch, store as wasi};
use super::store::tests::{Folder, run, until};
use super::*;
use atomics::{CasError, Host as _, HostCas as _};
use batch::Host as _;
use spin::HostStoreWithStore as _;
use wasi::HostBucket as _;

struct State {
    ctx: KeyValueCtx,
    table: ResourceTable,
}

impl KeyValueView for State {
    fn key_value(&mut self) -> KeyValueCtxView<'_> {
        KeyValueCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

fn state(engine: &Engine) -> State {
    let allowed: Vec<String> = vec!["default".into(), "carts".into()];
    State { ctx: KeyValueCtx::new(engine.clone(), "shop".into(), allowed.into()), table: ResourceTable::new() }
}

fn wasm() -> wasmtime::Engine {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    wasmtime::Engine::new(&config).unwrap()
}

fn again<R: 'static>(handle: &Resource<R>) -> Resource<R> {
    Resource::new_borrow(handle.rep())
}

#[test]
fn every_interface_links_once() {
    let mut linker = Linker::<State>::new(&wasm());
    add_to_linker(&mut linker).unwrap();
    assert!(add_to_linker(&mut linker).is_err());
}

#[test]
fn a_denial_says_what_to_write() {
    let folder = Folder::new();
    let mut state = state(&folder.open());
    assert_eq!(
        state.ctx.denial("logs"),
        "component \"shop\" may not open key-value store \"logs\": \
         add key_value_stores = [\"default\", \"carts\", \"logs\"] under [component.shop]"
    );
    state.ctx.allowed = Arc::new([]);
    let denial = state.ctx.denial(&format!("\"]\n{}", "x".repeat(1000)));
    assert!(!denial.contains('\n') && denial.len() < 500, "{denial}");
    let mut view = state.key_value();
    let opened = wasi::Host::open(&mut view, "logs".into()).unwrap();
    assert!(matches!(opened, Err(wasi::Error::AccessDenied)));
}

#[test]
fn what_the_disk_did_stays_here() {
    let folder = Folder::new();
    let state = state(&folder.open());
    let told = state.ctx.tell(Error::Storage("/secret/path".into()));
    assert_eq!(told, "the key-value store failed");
    assert!(state.ctx.tell(Error::Busy).contains("busy"));
}

#[test]
fn handles_are_bounded_and_given_back() {
    let folder = Folder::new();
    let mut state = state(&folder.open());
    let mut view = state.key_value();
    let open = |view: &mut KeyValueCtxView<'_>| wasi::Host::open(view, "carts".into()).unwrap();
    let first = open(&mut view).unwrap();
    for _ in 1..HANDLES_MAX {
        open(&mut view).unwrap();
    }
    assert!(matches!(open(&mut view), Err(wasi::Error::Other(_))));
    let cas = atomics::HostCas::new(&mut view, again(&first), "k".into()).unwrap();
    assert!(matches!(cas, Err(wasi::Error::Other(_))));
    wasi::HostBucket::drop(&mut view, first).unwrap();
    open(&mut view).unwrap();
    assert!(open(&mut view).is_err());
}

#[test]
fn wasi_store_and_batch() {
    let folder = Folder::new();
    let mut state = state(&folder.open());
    let mut view = state.key_value();
    let carts = wasi::Host::open(&mut view, "carts".into()).unwrap().unwrap();
    let bucket = || again(&carts);
    run(async {
        view.set(bucket(), "a".into(), vec![1]).await.unwrap().unwrap();
        view.set(bucket(), "old".into(), until(1, b"").into()).await.unwrap().unwrap();
        assert_eq!(view.get(bucket(), "a".into()).unwrap().unwrap(), Some(vec![1]));
        assert_eq!(view.get(bucket(), "old".into()).unwrap().unwrap(), None);
        assert!(!view.exists(bucket(), "old".into()).unwrap().unwrap());
        let items = (0..1000).map(|n| (format!("{n:04}"), vec![2])).collect();
        view.set_many(bucket(), items).await.unwrap().unwrap();
        let page = view.list_keys(bucket(), None).unwrap().unwrap();
        assert_eq!((page.keys.len(), page.cursor.as_deref()), (1000, Some("0999")));
        let page = view.list_keys(bucket(), page.cursor).unwrap().unwrap();
        assert_eq!((page.keys, page.cursor), (vec!["a".into()], None));
        view.delete_many(bucket(), vec!["0001".into()]).await.unwrap().unwrap();
        view.delete(bucket(), "a".into()).await.unwrap().unwrap();
        let keys = vec!["0001".into(), "0002".into()];
        let found = view.get_many(bucket(), keys).unwrap().unwrap();
        assert_eq!(found, [("0001".into(), None), ("0002".into(), Some(vec![2]))]);
        let long = view.set(bucket(), "k".repeat(2000), vec![]).await.unwrap();
        assert!(matches!(long, Err(wasi::Error::Other(told)) if told.contains("2000 bytes")));
    });
}

#[test]
fn wasi_atomics() {
    let folder = Folder::new();
    let engine = folder.open();
    let mut state = state(&engine);
    let mut view = state.key_value();
    let carts = wasi::Host::open(&mut view, "carts".into()).unwrap().unwrap();
    let bucket = || again(&carts);
    run(async {
        assert_eq!(view.increment(bucket(), "n".into(), 2).await.unwrap().unwrap(), 2);
        assert_eq!(view.increment(bucket(), "n".into(), -3).await.unwrap().unwrap(), -1);

        let cas = atomics::HostCas::new(&mut view, bucket(), "k".into()).unwrap().unwrap();
        assert_eq!(view.current(again(&cas)).unwrap().unwrap(), None);
        view.swap(cas, vec![1]).await.unwrap().unwrap();

        // Someone is faster: the handle that comes back is up to date.
        let cas = atomics::HostCas::new(&mut view, bucket(), "k".into()).unwrap().unwrap();
        view.set(bucket(), "k".into(), vec![2]).await.unwrap().unwrap();
        let lost = view.swap(cas, vec![3]).await.unwrap();
        let Err(CasError::CasFailed(cas)) = lost else {
            panic!("{lost:?}");
        };
        assert_eq!(view.get(bucket(), "k".into()).unwrap().unwrap(), Some(vec![2]));
        view.swap(cas, vec![3]).await.unwrap().unwrap();

        // Asking for the current value takes note of it.
        let cas = atomics::HostCas::new(&mut view, bucket(), "k".into()).unwrap().unwrap();
        view.set(bucket(), "k".into(), vec![4]).await.unwrap().unwrap();
        assert_eq!(view.current(again(&cas)).unwrap().unwrap(), Some(vec![4]));
        view.swap(cas, vec![5]).await.unwrap().unwrap();
        assert_eq!(view.get(bucket(), "k".into()).unwrap().unwrap(), Some(vec![5]));
    });
    assert_eq!(state.ctx.handles, 1);
}

/// Runs `test` as host functions run: beside a store, through an accessor.
fn concurrently<R>(engine: &Engine, test: impl AsyncFnOnce(&Accessor<State, KeyValue>) -> R) -> R {
    let mut store = wasmtime::Store::new(&wasm(), state(engine));
    run(store.run_concurrent(async |accessor| test(&accessor.with_getter::<KeyValue>(State::key_value)).await)).unwrap()
}

#[test]
fn spin_store() {
    let folder = Folder::new();
    let engine = folder.open();
    concurrently(&engine, async |host| {
        let denied = KeyValue::open(host, "logs".into()).await.unwrap();
        assert!(matches!(denied, Err(spin::Error::AccessDenied)));
        let carts = KeyValue::open(host, "carts".into()).await.unwrap().unwrap();
        let store = || again(&carts);
        KeyValue::set(host, store(), "a".into(), vec![1]).await.unwrap().unwrap();
        let old = until(1, b"").into();
        KeyValue::set(host, store(), "old".into(), old).await.unwrap().unwrap();
        let get = async |key: &str| KeyValue::get(host, store(), key.into()).await.unwrap();
        assert_eq!(get("a").await.unwrap(), Some(vec![1]));
        assert_eq!(get("old").await.unwrap(), None);
        assert!(KeyValue::exists(host, store(), "a".into()).await.unwrap().unwrap());
        KeyValue::delete(host, store(), "a".into()).await.unwrap().unwrap();
        assert!(!KeyValue::exists(host, store(), "a".into()).await.unwrap().unwrap());
        assert!(matches!(get(&"k".repeat(2000)).await, Err(spin::Error::Other(_))));
        // The two interfaces see the same entries.
        assert!(engine.store("carts").unwrap().exists("old", 0).unwrap());
    });
}

#[test]
fn spin_handles_are_bounded() {
    let folder = Folder::new();
    concurrently(&folder.open(), async |host| {
        for _ in 0..HANDLES_MAX {
            KeyValue::open(host, "carts".into()).await.unwrap().unwrap();
        }
        let full = KeyValue::open(host, "carts".into()).await.unwrap();
        assert!(matches!(full, Err(spin::Error::StoreTableFull)));
    });
}

/// Takes what a stream brings, so much at a time.
struct Take(mpsc::UnboundedSender<String>, usize);

impl<D> StreamConsumer<D> for Take {
    type Item = String;

    fn poll_consume(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<D>,
        mut source: Source<'_, String>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut items = Vec::with_capacity(self.1);
        source.read(store, &mut items)?;
        for item in items {
            let _ = self.0.send(item);
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

struct Outcome(Option<oneshot::Sender<Result<(), spin::Error>>>);

impl<D> FutureConsumer<D> for Outcome {
    type Item = Result<(), spin::Error>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<D>,
        mut source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut outcome = None;
        source.read(store, &mut outcome)?;
        if let (Some(outcome), Some(told)) = (outcome, self.0.take()) {
            let _ = told.send(outcome);
        }
        Poll::Ready(Ok(()))
    }
}

async fn read_all(
    host: &Accessor<State, KeyValue>,
    keys: StreamReader<String>,
    outcome: FutureReader<Result<(), spin::Error>>,
    at_a_time: usize,
) -> Vec<String> {
    let (taken, mut items) = mpsc::unbounded_channel();
    let (told, result) = oneshot::channel();
    host.with(|mut access| {
        keys.pipe(&mut access, Take(taken, at_a_time)).unwrap();
        outcome.pipe(&mut access, Outcome(Some(told))).unwrap();
    });
    let mut all = Vec::new();
    while let Some(item) = items.recv().await {
        all.push(item);
    }
    result.await.unwrap().unwrap();
    all
}

#[test]
fn spin_keys_are_streamed() {
    let folder = Folder::new();
    let engine = folder.open();
    let store = engine.store("carts").unwrap();
    let key = |n: usize| format!("{n:05}");
    run(async {
        for thousand in 0..6 {
            // The first five thousand are expired: more than one look finds.
            let value = if thousand < 5 { until(1, b"") } else { "v".into() };
            let numbers = thousand * 1000..(thousand + 1) * 1000;
            let items = numbers.map(|n| (key(n), value.clone())).collect();
            store.set_many(items).await.unwrap();
        }
    });
    for at_a_time in [1000, 7] {
        let found = concurrently(&engine, async |host| {
            let carts = KeyValue::open(host, "carts".into()).await.unwrap().unwrap();
            let (keys, outcome) = KeyValue::get_keys(host, carts).await.unwrap();
            read_all(host, keys, outcome, at_a_time).await
        });
        assert_eq!(found, (5000..6000).map(key).collect::<Vec<_>>());
    }
    let none = concurrently(&engine, async |host| {
        let empty = KeyValue::open(host, "default".into()).await.unwrap().unwrap();
        let (keys, outcome) = KeyValue::get_keys(host, empty).await.unwrap();
        read_all(host, keys, outcome, 10).await
    });
    assert_eq!(none, Vec::<String>::new());
}
