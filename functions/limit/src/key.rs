//! Who is counted.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use tidegate_core::RequestView;

/// Who is counted, in words: `client=192.0.2.1`, `client=2001:db8::/64|route=api`, `api-key=#5f3c...`. It holds no
/// secrets: of those there is only a digest. The empty one is everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// A part of a request that tells who is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `client`: the client's network.
    Client,
    /// `route`: the route's name.
    Route,
    /// `host`: the host that it asks for.
    Host,
    /// `country`: the client's country.
    Country,
    /// `header:NAME`: a field, all lines of it.
    Header(HeaderName),
    /// `cookie:NAME`: a cookie. Secret.
    Cookie(Arc<str>),
    /// `query:NAME`: a query parameter, the first of that name.
    Query(Arc<str>),
    /// `api-key`: the field x-api-key. Secret.
    ApiKey,
    /// `claim:NAME`: a claim of the JSON Web Token in `Authorization: Bearer` (RFC 7519). It is not verified here.
    Claim(Arc<str>),
}

/// Which parts tell who is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The parts; none: everybody is counted together.
    pub parts: Vec<Part>,
    /// How many bits of an IPv4 address count: 32.
    pub ipv4_prefix: u8,
    /// How many bits of an IPv6 address count: 64.
    pub ipv6_prefix: u8,
}

impl Key {
    /// Longest value of a part, in bytes: of a longer one there is a digest.
    pub const VALUE_MAX: usize = 64;

    /// A key in words, as it is shown.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The same in words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Part {
    /// Reads a part as it is written: `client`, `header:x-tenant`. None: there is no such part, or it has no good name.
    pub fn parse(text: &str) -> Option<Self> {
        let _ = text;
        todo!()
    }

    /// The value of this part in a request, as it stands in a key; none: it is missing, or empty.
    pub fn value(&self, view: &RequestView<'_>, route: &str) -> Option<Arc<str>> {
        let _ = (view, route);
        todo!()
    }
}

impl Recipe {
    /// Who is counted for a request. Where a part is missing, `Err` with the key of all who lack the same.
    pub fn key(&self, view: &RequestView<'_>, route: &str, plan: Option<&str>) -> Result<Key, Key> {
        let _ = (view, route, plan);
        todo!()
    }
}
