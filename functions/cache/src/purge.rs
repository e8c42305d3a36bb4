//! What is purged.

use std::sync::Arc;

/// An order to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// What.
    pub what: What,
    /// Whether it is only marked stale: it may be used while a newer one is fetched, or if none can be.
    pub is_soft: bool,
}

/// What is purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// All that is stored for a URL, as [`crate::Key::url`] writes it: every variant.
    Url(Arc<str>),
    /// All whose URL begins so.
    Prefix(Arc<str>),
    /// All of a host, in lower case, with its port if it is not the scheme's own; of both schemes.
    Host(Arc<str>),
    /// All that carries this tag.
    Tag(Arc<str>),
    /// All.
    Everything,
}

/// Why a text names nothing that could be purged; for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PurgeError {
    /// Not `http://host/path` or `https://…`.
    #[error("{0:?} is no http or https URL")]
    Url(String),
    /// Not a host.
    #[error("{0:?} is no host")]
    Host(String),
    /// Not a tag: empty, or with a space or a control character in it.
    #[error("{0:?} is no tag")]
    Tag(String),
}

impl What {
    /// A URL as somebody writes it, in the form of keys: scheme and host in lower case, no default port, `/` for an
    /// empty path, no fragment.
    ///
    /// # Errors
    /// When it is none.
    pub fn url(text: &str) -> Result<Self, PurgeError> {
        Err(PurgeError::Url(text.to_owned()))
    }

    /// The beginning of URLs, in the same form.
    ///
    /// # Errors
    /// When no URL begins so.
    pub fn prefix(text: &str) -> Result<Self, PurgeError> {
        Err(PurgeError::Url(text.to_owned()))
    }

    /// A host.
    ///
    /// # Errors
    /// When it is none.
    pub fn host(text: &str) -> Result<Self, PurgeError> {
        Err(PurgeError::Host(text.to_owned()))
    }

    /// A tag.
    ///
    /// # Errors
    /// When it is none.
    pub fn tag(text: &str) -> Result<Self, PurgeError> {
        Err(PurgeError::Tag(text.to_owned()))
    }
}
