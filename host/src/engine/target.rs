//! A handler on one core: its warm instances there, and how a request gets to one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::{Request, Response};
use tokio::time::Instant;
use wasmtime::Store;

use super::call::{Call, Work};
use super::fault::Fault;
use super::handler::{Handler, Pre};
use super::instance::{Instance, Job};
use super::permit::{Permit, Places};
use super::single_use;
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
        let call = self.start(request, journey).inspect_err(|fault| self.handler.report(fault, &journey.trace))?;
        call.respond().await
    }

    /// Finds a place and an instance for the request, or says at once that there is none.
    fn start(self: &Arc<Self>, request: Request<RequestBody>, journey: Journey) -> Result<Call, Fault> {
        if journey.depth > DEPTH_MAX {
            return Err(Fault::Loop);
        }
        let admitted = self.handler.admit()?;
        let job = Job { request, journey };
        let (work, desk) = match self.handler.pre() {
            Pre::P3(pre) => {
                let mut instance = match self.take_idle() {
                    Some(instance) => instance,
                    None => {
                        let (store, place) = self.new_store()?;
                        Instance::new(store, pre.clone(), place)
                    }
                };
                instance.start(job);
                let desk = Arc::clone(instance.desk());
                (Work::Kept(instance), desk)
            }
            Pre::P2(pre) => {
                let desk = Arc::default();
                let (store, place) = self.new_store()?;
                let run = single_use::run(store, pre.clone(), job, Arc::clone(&desk), place);
                (Work::SingleUse(Box::pin(run)), desk)
            }
        };
        Ok(Call::new(work, desk, Arc::clone(self), &journey, admitted))
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

    /// Keeps an instance for the next request, unless it has served its time.
    pub(super) fn put_back(&self, instance: Instance) {
        let limits = self.handler.limits();
        if instance.requests_served() < limits.max_requests_per_instance && !self.is_retired.load(Ordering::Relaxed) {
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
        let (mut store, _place) = self.new_store()?;
        let made = match self.handler.pre() {
            Pre::P3(pre) => pre.instantiate_async(&mut store).await.map(drop),
            Pre::P2(pre) => pre.instantiate_async(&mut store).await.map(drop),
        };
        made.map_err(|error| Fault::of_instantiation(&error))
    }

    /// A store for one instance, and its place. A full host says so before anything is made.
    fn new_store(&self) -> Result<(Store<State>, Permit), Fault> {
        let place = self.take_place()?;
        let surroundings =
            capabilities::surroundings(self.handler.grants(), self.handler.limits(), &self.client, self.app.clone())
                .map_err(|error| Fault::Instantiation(format!("{error:#}")))?;
        Ok((self.handler.new_store(surroundings), place))
    }
}
