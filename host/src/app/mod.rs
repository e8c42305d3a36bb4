//! An application as it is served: its routes and its handlers, loaded from spin.toml.

mod files;
mod load;

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::header::{HeaderName, HeaderValue};
use tidegate_route::{Match, Router};

use crate::engine::{Handler, Places};
pub use load::{LoadError, Loader, read_manifest};

/// A loaded application. A reload makes a new one; requests in flight keep theirs.
pub struct App {
    /// Its name in the manifest.
    pub name: String,
    router: Router<Route>,
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
    /// The route that `path` belongs to.
    pub fn find<'p>(&self, path: &'p str) -> Option<Match<'_, 'p, Route>> {
        self.router.find(path)
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
