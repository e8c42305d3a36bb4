//! `No-Vary-Search`: which query parameters do not matter (draft-ietf-httpbis-no-vary-search).

use http::HeaderMap;

use crate::Key;

/// Which parts of a query matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Whether the order of parameters does not matter: `key-order`.
    pub ignores_order: bool,
    /// Which parameters do not matter: `params`.
    pub ignores: Ignores,
}

/// Which parameters do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignores {
    /// These, decoded.
    These(Vec<String>),
    /// All but these, decoded: `params` with `except`.
    AllBut(Vec<String>),
}

impl Default for Ignores {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Search {
    /// What a response says; none if it says nothing, or nothing that is valid: then everything matters.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let _ = headers;
        None
    }

    /// The key of requests that differ from this one only in what does not matter.
    pub fn key(&self, key: &Key) -> Key {
        key.clone()
    }
}

/// The key under which the marker of `No-Vary-Search` is for requests that differ from this one only in the query; none
/// for a key without a query.
pub fn search_key(key: &Key) -> Option<Key> {
    let _ = key;
    None
}
