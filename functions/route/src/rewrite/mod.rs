//! What is changed of a request on its way to a destination, and of the response on its way back.

mod query;
mod target;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_core::RequestView;

pub use query::QueryRewrite;
pub use target::TargetError;

use crate::{Captured, Template};

/// What is changed on the way, in both directions. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The path that the destination sees. Read it with [`Template::parse_path`].
    pub path: Option<Template>,
    /// What is taken off the front of the path, whole segments, if it is there: `/api` makes `/api/a` to `/a` and `/api`
    /// to `/`, and leaves `/apis`. Ignored where `path` is given.
    pub strip_prefix: Option<Box<str>>,
    /// What is changed of the query.
    pub query: QueryRewrite,
    /// The host that the destination sees.
    pub host: HostRewrite,
    /// What is changed of the request's fields.
    pub request: HeaderRewrite,
    /// What is changed of the response's fields.
    pub response: HeaderRewrite,
}

/// The host that a destination sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostRewrite {
    /// The upstream's own.
    Upstream,
    /// What the client asked for.
    #[default]
    Client,
    /// This one.
    Set(HeaderValue),
}

/// What is changed of the fields of a request or response: first some are removed, then some set, then some added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderRewrite {
    /// Fields that are removed.
    pub remove: Vec<HeaderName>,
    /// Fields that replace those of their name. Of two with one name the last stays.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Fields that come after those of their name.
    pub add: Vec<(HeaderName, HeaderValue)>,
}

impl Rewrite {
    /// The target (path and query) that the destination sees; none if it is that of the request. A target without a
    /// path, as in `OPTIONS *`, is never changed.
    ///
    /// A path that is changed starts with one slash. What the client sent stays as it sent it, except that nothing of
    /// it can begin a query or fragment: what would, and what no URL contains, is percent-encoded.
    ///
    /// # Errors
    /// See [`TargetError`]. Each is the client's fault.
    pub fn target(
        &self,
        request: &RequestView<'_>,
        captured: &Captured<'_, '_>,
    ) -> Result<Option<PathAndQuery>, TargetError> {
        target::target(self, request, captured)
    }
}

impl HeaderRewrite {
    /// Changes the fields.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name, value.clone());
        }
    }
}

#[cfg(test)]
mod tests;
