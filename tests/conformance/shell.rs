//! What the cases run on. Each shell carries out exchanges in its own way and tells what was seen on both sides.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::case::{Fields, Need, Origin, Purge, Request};
use crate::load::Loaded;

/// A place in which Tidegate runs.
pub trait Shell: Sync {
    /// Its name, in the names of trials and in the table.
    fn name(&self) -> &'static str;

    /// Why it cannot do something; none if it can.
    fn lacks(&self, need: Need) -> Option<&'static str>;

    /// What it needs for a case that is not on this machine.
    fn misses(&self, case: &Loaded) -> Option<String>;

    /// Serves a case's configuration.
    fn start(&self, case: &Loaded) -> Box<dyn Running>;
}

/// A shell that serves.
pub trait Running {
    /// What stands in cases for what is only known now: `${ORIGIN}` and the like, by name.
    fn variables(&self) -> BTreeMap<&'static str, String>;

    /// When it began to serve, in seconds since the Unix epoch.
    fn beginning_s(&self) -> u64;

    /// Sends a request.
    fn begin(&mut self, request: &Request, script: Script) -> Box<dyn Flight>;

    /// Lets time pass.
    fn advance(&mut self, time: Duration);

    /// Lets what was begun go as far as it can.
    fn settle(&mut self);

    /// Has it forget what it stored.
    fn purge(&mut self, purge: &Purge);
}

/// What the upstream does in an exchange, an entry for each request that it gets.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// At first.
    pub origin: Vec<Origin>,
    /// With requests that come when the client has its response. It does not answer them before.
    pub later: Vec<Origin>,
    /// Whether it has a request when [`Running::begin`] comes back, and does not answer it before [`Flight::finish`].
    pub is_held: bool,
}

/// A request on its way.
pub trait Flight {
    /// Waits for its end.
    fn finish(self: Box<Self>) -> Seen;
}

/// What was seen of an exchange.
#[derive(Debug)]
pub struct Seen {
    /// The requests that the upstream got, in order.
    pub sent: Vec<SeenRequest>,
    /// Those for which it waited until the client had its response.
    pub later: Vec<SeenRequest>,
    /// The response that the client got, or why there is none.
    pub response: Result<SeenResponse, String>,
}

/// A request as an upstream got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenRequest {
    /// Its method.
    pub method: String,
    /// Its target.
    pub target: String,
    /// Its fields, names in lower case.
    pub fields: Fields,
    /// Its body, without framing.
    pub body: Bytes,
    /// What followed its body.
    pub trailers: Fields,
    /// What came once the protocol was changed.
    pub tunnel: Bytes,
    /// Whether its connection served another request before.
    pub is_kept: bool,
    /// Whether it broke off.
    pub is_truncated: bool,
    /// What was wrong with it as a message.
    pub fault: Option<String>,
}

/// A response as a client got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenResponse {
    /// Its status.
    pub status: u16,
    /// Its fields, names in lower case.
    pub fields: Fields,
    /// Its body, without framing.
    pub body: Bytes,
    /// What followed its body.
    pub trailers: Fields,
    /// The interim responses before it.
    pub informational: Vec<(u16, Fields)>,
    /// Whether the body broke off.
    pub is_truncated: bool,
    /// What came once the protocol was changed.
    pub tunnel: Bytes,
}

/// All lines of a field as one; none if there is none.
pub fn joined(fields: &Fields, name: &str) -> Option<String> {
    let lines: Vec<&str> =
        fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}
