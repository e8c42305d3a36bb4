//! What is stored under a key: a response, or a mark that says how to look on.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use tidegate_core::Timestamp;

use crate::{Key, Normal, Search, Stored};

/// What is stored under a key.
#[derive(Clone, Debug)]
pub enum Kept {
    /// A response.
    Stored(Arc<Stored>),
    /// A mark: the responses are stored under other keys.
    Marker(Arc<Marker>),
}

/// How to look on: by which request fields, or by which part of the query, responses of this URL differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    /// The sets of fields that responses named in `Vary`, the one seen last first; at most [`Marker::VARY_MAX`].
    pub vary: Vec<Vary>,
    /// What they said in `No-Vary-Search`. Such a marker is stored under the URL without its query.
    pub search: Option<Search>,
}

/// Fields that a response named in `Vary`, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vary(Vec<HeaderName>);

impl Kept {
    /// As bytes, for stores beyond memory: see [`Stored::to_wire`].
    pub fn to_wire(&self) -> Vec<u8> {
        Vec::new()
    }

    /// From such bytes.
    ///
    /// # Errors
    /// As [`Stored::from_wire`].
    pub fn from_wire(bytes: &[u8]) -> Result<Self, crate::WireError> {
        let _ = bytes;
        Err(crate::WireError)
    }
}

impl Marker {
    /// How many sets of fields are kept: the responses of the oldest one are found no more.
    pub const VARY_MAX: usize = 4;

    /// The keys under which a response to this request may be stored, if this marker is under `key`: for each set of
    /// fields one, for `No-Vary-Search` one. `headers` are as [`Normal::apply`] left them.
    pub fn keys(&self, key: &Key, headers: &HeaderMap) -> Vec<Key> {
        let _ = (key, headers);
        Vec::new()
    }

    /// The marker for a URL whose newest response is this one; `old` is what was there. None: none is needed.
    pub fn with(old: Option<&Self>, stored: &Stored) -> Option<Self> {
        let _ = (old, stored);
        None
    }
}

impl Vary {
    /// The key of the variant that a request of these fields gets (RFC 9111 section 4.1).
    pub fn key(&self, key: &Key, headers: &HeaderMap) -> Key {
        let _ = headers;
        key.clone()
    }
}

impl Stored {
    /// Whether it is an answer to a request with these fields: each field that it varied by has the value that it had
    /// then (RFC 9111 section 4.1).
    pub fn matches(&self, headers: &HeaderMap) -> bool {
        let _ = headers;
        false
    }

    /// The key that it is stored under; the marker that leads there is under `key`.
    pub fn key(&self, key: &Key) -> Key {
        key.clone()
    }
}

impl Normal {
    /// Makes of many ways to say the same one, before the request is looked up or sent.
    pub fn apply(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }
}
