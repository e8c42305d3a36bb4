//! Key-value stores for functions: the interfaces of Spin and of WASI on one embedded store.
//!
//! | file        | what it does                                                              |
//! |-------------|---------------------------------------------------------------------------|
//! | `store.rs`  | the engine: one durable file, group commit, expiry; knows nothing of wasm |
//! | `spin.rs`   | `spin:key-value/key-value@3.0.0`, asynchronous                            |
//! | `wasi.rs`   | `wasi:keyvalue/{store,atomics,batch}@0.2.0-draft2`, blocking              |
//!
//! Both see the same entries under the same labels. What a component may open is what its manifest
//! lists in `key_value_stores`.

mod spin;
mod store;
#[cfg(test)]
mod tests;
mod wasi;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

pub use store::{
    ENTRY_OVERHEAD, Engine, Error, FILE_NAME, KEY_MAX, MANY_MAX, OpenError, Options, PAGE_MAX, Page, REQUEST_MAX,
    Stats, Store, Swap, VALUE_MAX,
};

/// Stores and compare-and-swap handles that an instance may have open at a time (as in Spin).
pub const HANDLES_MAX: usize = 256;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package tidegate:key-value-host;
            world host {
                import spin:key-value/key-value@3.0.0;
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                import wasi:keyvalue/batch@0.2.0-draft2;
            }
        ",
        world: "tidegate:key-value-host/host",
        imports: {
            // These wait for the disk. The others only read, and need not leave the guest's stack.
            "wasi:keyvalue/store.[method]bucket.set": async | trappable,
            "wasi:keyvalue/store.[method]bucket.delete": async | trappable,
            "wasi:keyvalue/atomics.increment": async | trappable,
            "wasi:keyvalue/atomics.swap": async | trappable,
            "wasi:keyvalue/batch.set-many": async | trappable,
            "wasi:keyvalue/batch.delete-many": async | trappable,
            default: trappable,
        },
        with: {
            "spin:key-value/key-value.store": super::Opened,
            "wasi:keyvalue/store.bucket": super::Opened,
            "wasi:keyvalue/atomics.cas": super::Cas,
        },
    });
}

/// What one instance needs to use key-value stores.
pub struct KeyValueCtx {
    engine: Engine,
    component: Arc<str>,
    allowed: Arc<[String]>,
    handles: usize,
}

impl KeyValueCtx {
    /// For an instance of `component`, which may open the stores in `allowed`.
    pub fn new(engine: Engine, component: Arc<str>, allowed: Arc<[String]>) -> Self {
        Self { engine, component, allowed, handles: 0 }
    }

    fn allow(&self, label: &str) -> Result<(), Refusal> {
        if self.allowed.iter().any(|allowed| allowed == label) {
            return Ok(());
        }
        tracing::warn!(component = %self.component, "{}", self.denial(label));
        Err(Refusal::Denied)
    }

    /// What to write where, so that it is allowed.
    fn denial(&self, label: &str) -> String {
        // The function chose the label: it is shown escaped, and not at any length.
        let label: String = label.chars().take(100).collect();
        let component = &self.component;
        let mut allowed = self.allowed.to_vec();
        allowed.push(label.clone());
        format!(
            "component {component:?} may not open key-value store {label:?}: \
             add key_value_stores = {allowed:?} under [component.{component}]"
        )
    }

    /// What a guest is told about `error`. What the disk did is for the operator alone.
    fn tell(&self, error: Error) -> String {
        match error {
            Error::Storage(_) => {
                tracing::error!(component = %self.component, %error, "key-value");
                "the key-value store failed".into()
            }
            error => error.to_string(),
        }
    }
}

/// Why a store cannot be opened.
enum Refusal {
    Denied,
    TooManyHandles,
    Other(Error),
}

/// The parts of an instance's state that the functions below work on.
pub struct KeyValueCtxView<'a> {
    /// What may be used.
    pub ctx: &'a mut KeyValueCtx,
    /// Where the instance's handles are kept.
    pub table: &'a mut ResourceTable,
}

/// An instance's state that has key-value stores in it.
pub trait KeyValueView: Send {
    /// The parts concerned.
    fn key_value(&mut self) -> KeyValueCtxView<'_>;
}

/// Lets components use the interfaces above.
///
/// # Errors
/// If one is in `linker` already.
pub fn add_to_linker<T: KeyValueView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::{spin::key_value::key_value, wasi::keyvalue};
    key_value::add_to_linker::<_, KeyValue>(linker, T::key_value)?;
    keyvalue::store::add_to_linker::<_, KeyValue>(linker, T::key_value)?;
    keyvalue::atomics::add_to_linker::<_, KeyValue>(linker, T::key_value)?;
    keyvalue::batch::add_to_linker::<_, KeyValue>(linker, T::key_value)?;
    Ok(())
}

struct KeyValue;

impl HasData for KeyValue {
    type Data<'a> = KeyValueCtxView<'a>;
}

/// An open store, in either interface.
pub struct Opened(Store);

/// A compare-and-swap that has been begun.
pub struct Cas {
    store: Store,
    key: String,
    /// The value that must still be there.
    expected: Option<bytes::Bytes>,
}

impl KeyValueCtxView<'_> {
    fn open(&mut self, label: &str) -> wasmtime::Result<Result<Resource<Opened>, Refusal>> {
        if let Err(refusal) = self.ctx.allow(label) {
            return Ok(Err(refusal));
        }
        match self.ctx.engine.store(label) {
            Ok(store) => self.push(Opened(store)),
            Err(error) => Ok(Err(Refusal::Other(error))),
        }
    }

    fn push<R: Send + 'static>(&mut self, handle: R) -> wasmtime::Result<Result<Resource<R>, Refusal>> {
        if self.ctx.handles >= HANDLES_MAX {
            return Ok(Err(Refusal::TooManyHandles));
        }
        let handle = self.table.push(handle)?;
        self.ctx.handles += 1;
        Ok(Ok(handle))
    }

    fn remove<R: 'static>(&mut self, handle: Resource<R>) -> wasmtime::Result<R> {
        let removed = self.table.delete(handle)?;
        self.ctx.handles = self.ctx.handles.saturating_sub(1);
        Ok(removed)
    }

    /// A clone, to be used across an await. A handle that does not exist is a trap: only a host's
    /// mistake makes one.
    fn store(&self, handle: &Resource<Opened>) -> wasmtime::Result<Store> {
        Ok(self.table.get(handle)?.0.clone())
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
