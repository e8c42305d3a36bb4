//! Who answers a request.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::Redirect;

/// Who answers a request.
#[derive(Clone, Debug)]
pub enum Destination {
    /// An upstream, over HTTP.
    Upstream(UpstreamId),
    /// A function of the application.
    Function(Function),
    /// The edge: look elsewhere.
    Redirect(Redirect),
    /// The edge: always this.
    Fixed(Fixed),
}

/// An upstream, by its place in the configuration's list of upstreams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamId(pub usize);

/// A function of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Function {
    /// Whichever has the trigger in `spin.toml` that matches.
    Any,
    /// The component of this name.
    Named(Arc<str>),
}

/// An answer that is always the same.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// Its status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}
