//! A handler on one core: its warm instances there, and how a request gets to one.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::{Request, Response};
use tokio::time::Instant;
use wasmtime::component::Accessor;
use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{FieldMap, WasiHttpView, p3};

use super::call::{Call, Slot};
use super::fault::Fault;
use super::handler::{Handler, Pre};
use super::permit::{Permit, Places};
use super::state::State;
use crate::capabilities;
use crate::capabilities::outgoing::Client;
use crate::server::body::{RequestBody, ResponseBody};
use crate::server::core::CoreApp;
use crate::server::trace::TraceParent;

/// A handler on one core.
pub struct Target {
    handler: Arc<Handler>,
    /// Idle instances, the one used last at the back: it is the warmest.
    idle: Mutex<VecDeque<Idle>>,
    /// The application was replaced: what comes back is not kept.
    is_retired: AtomicBool,
    /// Places for instances, of all components and cores together.
    instances: Places,
    client: Client,
    app: Weak<CoreApp>,
}

/// A warm instance.
struct Instance {
    store: Store<State>,
    service: Service,
    requests_served: u32,
    /// Its place among the host's instances.
    _place: Permit,
}

struct Idle {
    instance: Instance,
    since: Instant,
}

/// What a request brings along beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Journey {
    /// When the host had read its head.
    pub started: Instant,
    /// Its place in a trace.
    pub trace: TraceParent,
    /// How many components called each other to get here.
    pub depth: u8,
}

/// Longest chain of components that call each other in process.
const DEPTH_MAX: u8 = 8;

impl Target {
    /// `handler` on one core, as part of `app`.
    pub fn new(handler: Arc<Handler>, instances: Places, client: Client, app: Weak<CoreApp>) -> Arc<Self> {
        let is_retired = AtomicBool::new(false);
        let target = Arc::new(Self { handler, idle: Mutex::default(), is_retired, instances, client, app });
        target.handler.register(&target);
        target
    }

    /// The handler.
    pub fn handler(&self) -> &Handler {
        &self.handler
    }

    /// Answers a request.
    ///
    /// # Errors
    /// The fault, logged and counted.
    pub async fn call(
        self: &Arc<Self>,
        request: Request<RequestBody>,
        journey: Journey,
    ) -> Result<Response<ResponseBody>, Fault> {
        let slot = Slot::default();
        let call = self.start(request, journey, slot.clone()).inspect_err(|fault| {
            self.handler.report(fault, &journey.trace);
        })?;
        call.respond(slot).await
    }

    /// Finds a place and an instance for the request, or says at once that there is none.
    fn start(self: &Arc<Self>, request: Request<RequestBody>, journey: Journey, slot: Slot) -> Result<Call, Fault> {
        if journey.depth > DEPTH_MAX {
            return Err(Fault::Loop);
        }
        let admitted = self.handler.admit()?;
        let deadline = journey.started + self.handler.limits().timeout;
        let target = Arc::clone(self);
        Ok(match self.handler.pre() {
            Pre::P3(_) => {
                let start = match self.take_idle() {
                    Some(instance) => Start::Warm(instance),
                    None => Start::Cold(self.take_place()?),
                };
                let run = run_p3(Arc::clone(self), start, request, journey, slot, admitted);
                Call::new(run, deadline, target, journey.trace)
            }
            Pre::P2(_) => {
                let place = self.take_place()?;
                let run = run_p2(Arc::clone(self), place, request, journey, slot, admitted);
                Call::new(run, deadline, target, journey.trace)
            }
        })
    }

    fn take_place(&self) -> Result<Permit, Fault> {
        if let Some(place) = self.instances.try_take() {
            return Ok(place);
        }
        // A place that an idle instance holds is better used for a request.
        if let Some(app) = self.app.upgrade() {
            app.drop_one_idle();
        }
        self.instances.try_take().ok_or(Fault::HostFull)
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<Instance> {
        self.idle().pop_back().map(|idle| idle.instance)
    }

    fn put_back(&self, instance: Instance) {
        let limits = self.handler.limits();
        if instance.requests_served < limits.max_requests_per_instance && !self.is_retired.load(Ordering::Relaxed) {
            self.idle().push_back(Idle { instance, since: Instant::now() });
        }
    }

    /// Drops the instances that have not been used since before the handler's idle timeout.
    pub fn drop_expired(&self, now: Instant) {
        let timeout = self.handler.limits().idle_timeout;
        let mut idle = self.idle();
        while idle.front().is_some_and(|oldest| now.saturating_duration_since(oldest.since) > timeout) {
            idle.pop_front();
        }
    }

    /// Drops the instance that has been idle longest. False if none is.
    pub fn drop_one_idle(&self) -> bool {
        self.idle().pop_front().is_some()
    }

    /// How many instances are warm and idle.
    pub fn idle_count(&self) -> usize {
        self.idle().len()
    }

    /// Keeps no instances any more: the application was replaced.
    pub fn retire(&self) {
        self.is_retired.store(true, Ordering::Relaxed);
        self.idle().clear();
    }

    /// Makes an instance and drops it: what a cold request pays before its component runs. For benchmarks.
    ///
    /// # Errors
    /// When there is no place, or the component cannot be instantiated.
    pub async fn instantiate_and_drop(&self) -> Result<(), Fault> {
        let place = self.take_place()?;
        match self.handler.pre() {
            Pre::P3(_) => drop(instantiate(self, place).await?),
            Pre::P2(pre) => {
                let mut store = self.new_store()?;
                pre.instantiate_async(&mut store).await.map_err(instantiation_fault)?;
            }
        }
        Ok(())
    }

    fn new_store(&self) -> Result<Store<State>, Fault> {
        let surroundings =
            capabilities::surroundings(self.handler.grants(), self.handler.limits(), &self.client, self.app.clone())
                .map_err(|error| Fault::Instantiation(format!("{error:#}")))?;
        Ok(self.handler.new_store(surroundings))
    }
}

enum Start {
    Warm(Instance),
    Cold(Permit),
}

async fn instantiate(target: &Target, place: Permit) -> Result<Instance, Fault> {
    let Pre::P3(pre) = target.handler.pre() else {
        return Err(Fault::Instantiation("only 0.3 components are kept warm".to_owned()));
    };
    let pre: &ServicePre<State> = pre;
    let mut store = target.new_store()?;
    let service = pre.instantiate_async(&mut store).await.map_err(instantiation_fault)?;
    Ok(Instance { store, service, requests_served: 0, _place: place })
}

/// Runs one request on a 0.3 instance, and keeps the instance for the next one if all went well.
async fn run_p3(
    target: Arc<Target>,
    start: Start,
    request: Request<RequestBody>,
    journey: Journey,
    slot: Slot,
    _admitted: Permit,
) -> Result<(), Fault> {
    let mut instance = match start {
        Start::Warm(instance) => instance,
        Start::Cold(place) => instantiate(&target, place).await?,
    };
    instance.requests_served += 1;
    let Instance { store, service, .. } = &mut instance;
    store.set_epoch_deadline(1);
    store.data_mut().outgoing.start(journey);
    let outcome = store.run_concurrent(async |accessor| handle_p3(accessor, service, request, slot).await).await;
    match outcome {
        Ok(Ok(())) => {
            target.put_back(instance);
            Ok(())
        }
        Ok(Err(error)) | Err(error) => Err(fault(&error, instance.store.data())),
    }
}

async fn handle_p3(
    accessor: &Accessor<State>,
    service: &Service,
    request: Request<RequestBody>,
    slot: Slot,
) -> wasmtime::Result<()> {
    let (head, body) = request.into_parts();
    let target = head.uri.into_parts();
    let fields = accessor.with(|mut store| FieldMap::new_immutable(store.data_mut().http().hooks, head.headers));
    let (request, transmitted) =
        p3::Request::new(head.method, target.scheme, target.authority, target.path_and_query, fields, None, body);
    let response = service.handle(accessor, request).await??;
    slot.put(accessor.with(|store| response.into_http(store, transmitted))?);
    // The guest may go on after its response: it streams the body, or does later work.
    poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
    Ok(())
}

/// Runs one request on a 0.2 instance of its own.
async fn run_p2(
    target: Arc<Target>,
    _place: Permit,
    request: Request<RequestBody>,
    journey: Journey,
    slot: Slot,
    _admitted: Permit,
) -> Result<(), Fault> {
    let Pre::P2(pre) = target.handler.pre() else {
        return Err(Fault::Instantiation("only 0.2 components have an instance for each request".to_owned()));
    };
    let mut store = target.new_store()?;
    store.data_mut().outgoing.start(journey);
    let error_code = Arc::new(Mutex::new(None));
    match handle_p2(&mut store, pre, request, slot, Arc::clone(&error_code)).await {
        Ok(()) => match error_code.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(code) => Err(Fault::ErrorCode(code)),
            None => Ok(()),
        },
        Err(fault_or_error) => Err(fault_or_error.into_fault(store.data())),
    }
}

async fn handle_p2(
    store: &mut Store<State>,
    pre: &ProxyPre<State>,
    request: Request<RequestBody>,
    slot: Slot,
    error_code: Arc<Mutex<Option<String>>>,
) -> Result<(), P2Error> {
    let proxy = pre.instantiate_async(&mut *store).await.map_err(P2Error::Instantiation)?;
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
    let outparam = store.data_mut().http().new_response_outparam_from_callback(move |outcome| match outcome {
        Ok(response) => slot.put(response),
        Err(code) => *error_code.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{code:?}")),
    })?;
    proxy.wasi_http_incoming_handler().call_handle(store, request, outparam).await?;
    Ok(())
}

enum P2Error {
    Instantiation(wasmtime::Error),
    Run(wasmtime::Error),
}

impl From<wasmtime::Error> for P2Error {
    fn from(error: wasmtime::Error) -> Self {
        Self::Run(error)
    }
}

impl P2Error {
    fn into_fault(self, state: &State) -> Fault {
        match self {
            Self::Instantiation(error) => instantiation_fault(error),
            Self::Run(error) => fault(&error, state),
        }
    }
}

fn instantiation_fault(error: wasmtime::Error) -> Fault {
    if error.is::<PoolConcurrencyLimitError>() {
        return Fault::HostFull;
    }
    Fault::Instantiation(format!("{error:#}"))
}

fn fault(error: &wasmtime::Error, state: &State) -> Fault {
    if let Some(code) = error.downcast_ref::<p3::bindings::http::types::ErrorCode>() {
        return Fault::ErrorCode(format!("{code:?}"));
    }
    let mut cause = format!("{error:#}");
    if let Some(hint) = super::deny::hint(&cause) {
        cause = format!("{hint} ({cause})");
    }
    if state.memory.was_refused { Fault::Memory(cause) } else { Fault::Trap(cause) }
}
