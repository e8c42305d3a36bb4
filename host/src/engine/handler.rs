//! A component, or a chain of them, ready to be instantiated: what all cores share of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tidegate_edge_config::manifest::Limits;
use wasmtime::component::Component;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use super::fault::Fault;
use super::linker::{LinkError, Linker};
use super::permit::{Permit, Places};
use super::state::{State, Surroundings};
use super::target::Target;
use crate::capabilities::Grants;
use crate::server::trace::TraceParent;

/// The two kinds of HTTP components.
pub enum Pre {
    /// Exports `wasi:http/incoming-handler@0.2`: an instance for each request.
    P2(ProxyPre<State>),
    /// Exports `wasi:http/handler@0.3`: instances are used again.
    P3(ServicePre<State>),
}

/// Why a component cannot handle HTTP requests here.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// It imports what nothing provides.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It exports neither kind of handler.
    #[error(
        "it exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2, so it cannot answer HTTP requests"
    )]
    NotAHandler,
}

/// A component that answers HTTP requests.
pub struct Handler {
    grants: Grants,
    engine: Engine,
    pre: Pre,
    limits: Limits,
    /// Places for requests in flight.
    requests: Places,
    /// The handler on each core, for a core that needs a place which another one's idle instance holds.
    targets: Mutex<Vec<Weak<Target>>>,
    counts: Counts,
}

/// What happened to a component since it was loaded.
#[derive(Debug, Default)]
pub struct Counts {
    /// Instances made.
    pub instances: AtomicU64,
    faults: [AtomicU64; Fault::REASONS.len()],
}

impl Counts {
    /// How often each fault happened, by reason.
    pub fn faults(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Fault::REASONS.into_iter().zip(self.faults.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

impl Handler {
    /// Links `component` against everything the host offers, within its `grants` and `limits`.
    ///
    /// # Errors
    /// When it imports something unknown, or is no HTTP handler.
    pub fn new(linker: &Linker, component: &Component, grants: Grants, limits: Limits) -> Result<Self, HandlerError> {
        let pre = linker.link(component)?;
        let pre = match ServicePre::new(pre.clone()) {
            Ok(pre) => Pre::P3(pre),
            Err(_) => Pre::P2(ProxyPre::new(pre).map_err(|_| HandlerError::NotAHandler)?),
        };
        Ok(Self {
            grants,
            engine: component.engine().clone(),
            pre,
            targets: Mutex::default(),
            requests: Places::new(limits.max_concurrent_requests as usize),
            limits,
            counts: Counts::default(),
        })
    }

    /// The component's name in the manifest.
    pub fn name(&self) -> &Arc<str> {
        &self.grants.component
    }

    /// What it was granted.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Its limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its places for requests in flight.
    pub fn requests(&self) -> &Places {
        &self.requests
    }

    /// What happened to it.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn pre(&self) -> &Pre {
        &self.pre
    }

    pub(super) fn register(&self, target: &Arc<Target>) {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(target));
    }

    /// Drops one idle instance of whichever core. False if there is none.
    pub fn drop_one_idle(&self) -> bool {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.iter().filter_map(Weak::upgrade).any(|target| target.drop_one_idle())
    }

    /// A place for one more request.
    pub(super) fn admit(&self) -> Result<Permit, Fault> {
        self.requests.try_take().ok_or(Fault::ComponentFull)
    }

    /// A store for one instance.
    pub(super) fn new_store(&self, surroundings: Surroundings) -> Store<State> {
        let mut store = Store::new(&self.engine, State::new(surroundings));
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        self.counts.instances.fetch_add(1, Ordering::Relaxed);
        store
    }

    /// Counts and logs a fault.
    pub fn report(&self, fault: &Fault, trace: &TraceParent) {
        if let Some(index) = Fault::REASONS.iter().position(|reason| *reason == fault.reason()) {
            self.counts.faults[index].fetch_add(1, Ordering::Relaxed);
        }
        // A flood of refusals must not become a flood of log lines; they are counted.
        if matches!(fault, Fault::ComponentFull | Fault::HostFull) {
            tracing::debug!(component = %self.name(), reason = fault.reason(), trace_id = %trace.trace_id(), "refused");
        } else {
            tracing::error!(
                component = %self.name(),
                reason = fault.reason(),
                cause = fault.cause(),
                trace_id = %trace.trace_id(),
                "a component failed to answer"
            );
        }
    }
}
