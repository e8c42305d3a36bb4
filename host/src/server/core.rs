//! One core: a thread with a runtime, a listener and its share of the application; it shares nothing it need not.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use http::{Request, Response};
use tokio::time::Instant;
use wasmtime_wasi_http::Error;

use super::body::{RequestBody, ResponseBody};
use crate::admin::metrics::CoreMetrics;
use crate::app::App;
use crate::cache::Cache;
use crate::capabilities::outgoing::Client;
use crate::engine::{Fault, Journey, Places, Target};
use crate::limit::{Limiters, Limits};
use crate::upstream::Upstream;

/// What a core has at hand for each request.
pub struct Core {
    /// The application as it is now.
    app: ArcSwap<CoreApp>,
    /// This core's counts.
    pub metrics: Arc<CoreMetrics>,
    /// What is shared by all cores.
    shared: Shared,
}

/// What all cores share, from one application to the next.
#[derive(Clone)]
pub struct Shared {
    /// Places for instances.
    pub instances: Places,
    /// What is stored of responses.
    pub cache: Arc<Cache>,
    /// What limits have counted.
    pub limits: Arc<Limits>,
}

impl Core {
    /// A core that serves `app`.
    pub fn new(app: &Arc<App>, shared: Shared) -> Self {
        Self {
            app: ArcSwap::new(CoreApp::new(Arc::clone(app), &shared)),
            metrics: Arc::new(CoreMetrics::default()),
            shared,
        }
    }

    /// The application as it is now; a request keeps what it got.
    pub fn app(&self) -> Arc<CoreApp> {
        self.app.load_full()
    }

    /// Serves `app` from the next request on. Requests in flight end on the one they began with.
    pub fn replace_app(&self, app: &Arc<App>) {
        let old = self.app.swap(CoreApp::new(Arc::clone(app), &self.shared));
        old.retire();
    }

    /// Drops instances and connections that have been idle for too long.
    pub fn drop_expired(&self) {
        self.app.load().drop_expired(Instant::now());
    }
}

/// An application's share of one core.
pub struct CoreApp {
    app: Arc<App>,
    /// In the order of [`App::handlers`].
    targets: Vec<Arc<Target>>,
    /// Components that others reach in process.
    by_component: HashMap<Arc<str>, usize>,
    /// In the order of [`App::upstreams`].
    upstreams: Vec<Arc<Upstream>>,
    cache: Arc<Cache>,
    limiters: Arc<Limiters>,
}

impl CoreApp {
    fn new(app: Arc<App>, shared: &Shared) -> Arc<Self> {
        let Shared { instances, cache, limits } = shared;
        let limiters = limits.of(&app.pipeline().edge().limits);
        Arc::new_cyclic(|this: &Weak<Self>| {
            let target = |loaded: &crate::app::Loaded| {
                let client = Client::new(loaded.connections.clone());
                Target::new(Arc::clone(&loaded.handler), instances.clone(), client, Weak::clone(this))
            };
            let targets = app.handlers().iter().map(target).collect();
            // Another component is reached as its first trigger is, middlewares included.
            let mut by_component = HashMap::new();
            for (index, loaded) in app.handlers().iter().enumerate() {
                by_component.entry(Arc::clone(&loaded.component)).or_insert(index);
            }
            let upstreams = app.upstreams().iter().map(|shared| Upstream::new(Arc::clone(shared))).collect();
            Self { app, targets, by_component, upstreams, cache: Arc::clone(cache), limiters }
        })
    }

    /// The application.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The target of [`App::handlers`]' `index`.
    pub fn target(&self, index: usize) -> &Arc<Target> {
        &self.targets[index]
    }

    /// What is stored of responses.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// What its limits have counted.
    pub fn limiters(&self) -> &Arc<Limiters> {
        &self.limiters
    }

    /// All upstreams.
    pub fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    /// All targets.
    pub fn targets(&self) -> &[Arc<Target>] {
        &self.targets
    }

    /// Answers a request from another component, addressed by name.
    ///
    /// # Errors
    /// As the calling component sees them.
    pub async fn call_component(
        &self,
        name: &str,
        request: Request<RequestBody>,
        journey: Journey,
    ) -> Result<Response<ResponseBody>, Error> {
        let Some(index) = self.by_component.get(name) else { return Err(Error::DestinationNotFound) };
        self.targets[*index].call(request, journey).await.map_err(|fault| match fault {
            Fault::Timeout => Error::HttpResponseTimeout,
            Fault::ComponentFull | Fault::HostFull => Error::DestinationUnavailable,
            Fault::Loop => Error::LoopDetected,
            _ => Error::InternalError(Some(fault.detail().to_owned())),
        })
    }

    /// Frees one place that an idle instance holds, one of this core if it can be.
    pub fn drop_one_idle(&self) {
        let _ = self.targets.iter().any(|target| target.drop_one_idle())
            || self.app.handlers().iter().any(|loaded| loaded.handler.drop_one_idle());
    }

    fn drop_expired(&self, now: Instant) {
        for target in &self.targets {
            target.drop_expired(now);
        }
        for upstream in &self.upstreams {
            upstream.drop_expired(now);
        }
    }

    fn retire(&self) {
        for target in &self.targets {
            target.retire();
        }
    }
}
