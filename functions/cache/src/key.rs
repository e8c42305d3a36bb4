//! What a stored response is found by.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use tidegate_core::RequestView;

/// Longest key, in bytes. A request that would need a longer one passes by the cache.
pub const KEY_BYTES_MAX: usize = 16 << 10;

/// The effective URI of a request, whatever its method, and behind it, a line each, what else the recipe or a `Vary`
/// names. Cheap to clone.
///
/// ```text
/// https://shop.example/p/1?x=1#canary
/// country=DE
/// vary accept-encoding=br
/// ```
///
/// Of a route that is split, the name of the part that answers stands behind a `#`, which no target of a request has:
/// the answers of a canary are not given to others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// What makes a key, beside scheme, host and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Whether hosts have answers of their own.
    pub host: bool,
    /// Whether paths do.
    pub path: bool,
    /// Which query parameters count.
    pub query: Select,
    /// Whether their order does not count.
    pub sorts_query: bool,
    /// Fields that count.
    pub headers: Vec<HeaderName>,
    /// Cookies that count.
    pub cookies: Vec<Arc<str>>,
    /// Whether the client's country counts.
    pub country: bool,
    /// Whether the class of the client's device counts: `mobile`, `tablet` or `desktop`.
    pub device: bool,
}

/// Which query parameters count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// All of them: the query as it was sent.
    #[default]
    All,
    /// These.
    Only(Vec<Arc<str>>),
    /// All but these; a name may end in `*`, as `utm_*`.
    Except(Vec<Arc<str>>),
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            host: true,
            path: true,
            query: Select::All,
            sorts_query: false,
            headers: Vec::new(),
            cookies: Vec::new(),
            country: false,
            device: false,
        }
    }
}

impl Recipe {
    /// The key of a request. `host` is what it asked for, in lower case, with a port only if it is not the scheme's own;
    /// `part` tells the arm of a split. None: it would be too long.
    pub fn key(&self, view: &RequestView<'_>, host: &str, part: Option<&str>) -> Option<Key> {
        let _ = (view, host, part);
        None
    }
}

impl Key {
    /// A key of this text.
    pub fn of(text: &str) -> Self {
        Self(text.into())
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The effective URI in it, without what stands behind.
    pub fn url(&self) -> &str {
        let end = self.0.find(['#', '\n']).unwrap_or(self.0.len());
        &self.0[..end]
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}
