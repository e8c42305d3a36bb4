//! An application as it is served: the edge's configuration, the triggers' routes, the handlers.

mod edge;
mod files;
mod load;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::header::{HeaderName, HeaderValue};
use tidegate_pipeline::Pipeline;
use tidegate_route::{Function, Match, Router};

use crate::engine::{Handler, Places};
use crate::upstream;
pub use edge::{check_functions, read_edge};
pub use load::{LoadError, Loader, Origin, folder_of};

/// A loaded application. A reload makes a new one; requests in flight keep theirs.
pub struct App {
    /// Its name in the manifest.
    pub name: String,
    pipeline: Arc<Pipeline>,
    upstreams: Vec<Arc<upstream::Shared>>,
    /// The public triggers.
    router: Router<Route>,
    /// Each component's own triggers; a private one takes every path.
    by_component: BTreeMap<String, Router<Route>>,
    handlers: Vec<Loaded>,
    /// Held for as long as instances may look into it.
    _files: Option<files::Staged>,
}

/// A handler and what belongs to it.
pub struct Loaded {
    /// The component that answers, by its name in the manifest.
    pub component: Arc<str>,
    /// The component, or the chain that ends with it.
    pub handler: Arc<Handler>,
    /// Places for its outgoing connections.
    pub connections: Places,
}

/// What happens to the requests of one route.
pub struct Route {
    /// The pattern, as it labels metrics.
    pub pattern: Arc<str>,
    /// Who answers.
    pub answer: Answer,
    /// Request headers that are the same for every request.
    pub fixed_headers: Vec<(HeaderName, HeaderValue)>,
    /// Request headers for what each `:name` of the pattern matches, from left to right.
    pub capture_names: Vec<HeaderName>,
}

/// Who answers.
pub enum Answer {
    /// The host itself.
    Static(Response<Bytes>),
    /// The handler of this index.
    Handler(usize),
}

impl App {
    /// What requests pass on their way.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// Where requests are sent; the pipeline refers to them by index.
    pub fn upstreams(&self) -> &[Arc<upstream::Shared>] {
        &self.upstreams
    }

    /// The trigger of `function` that `path` belongs to.
    pub fn find<'p>(&self, function: &Function, path: &'p str) -> Option<Match<'_, 'p, Route>> {
        match function {
            Function::Any => self.router.find(path),
            Function::Named(component) => self.by_component.get(&**component)?.find(path),
        }
    }

    /// All handlers; routes refer to them by index.
    pub fn handlers(&self) -> &[Loaded] {
        &self.handlers
    }

    /// Requests that components work on, of all cores.
    pub fn requests_in_flight(&self) -> usize {
        self.handlers.iter().map(|loaded| loaded.handler.requests().taken()).sum()
    }
}
