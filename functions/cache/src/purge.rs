//! What is purged.

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use crate::Key;

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
    /// All that is stored for a URL, as [`crate::Key::url`] writes it: every variant. Of one with a query also what is
    /// stored for the URL without it, for that may stand for this one by `No-Vary-Search`: see [`What::covers`].
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
    /// empty path, no fragment. Percent-encoding is left alone. The host may be `*`, of routes whose hosts share what is
    /// stored, and the path `/*`, of routes whose paths do.
    ///
    /// # Errors
    /// When it is none.
    pub fn url(text: &str) -> Result<Self, PurgeError> {
        normal(text).map(|url| Self::Url(url.into())).ok_or_else(|| PurgeError::Url(text.to_owned()))
    }

    /// The beginning of URLs, in the same form: a scheme, a whole host, and at least `/`.
    ///
    /// # Errors
    /// When no URL begins so.
    pub fn prefix(text: &str) -> Result<Self, PurgeError> {
        normal(text).map(|url| Self::Prefix(url.into())).ok_or_else(|| PurgeError::Url(text.to_owned()))
    }

    /// A host. The ports 80 and 443 are left out, as keys have them only with the other scheme.
    ///
    /// # Errors
    /// When it is none.
    pub fn host(text: &str) -> Result<Self, PurgeError> {
        let host = authority(text, &[80, 443]);
        host.map(|host| Self::Host(host.into())).ok_or_else(|| PurgeError::Host(text.to_owned()))
    }

    /// A tag. Case counts.
    ///
    /// # Errors
    /// When it is none.
    pub fn tag(text: &str) -> Result<Self, PurgeError> {
        if is_tag(text) { Ok(Self::Tag(text.into())) } else { Err(PurgeError::Tag(text.to_owned())) }
    }

    /// Whether what is stored under this key, with these tags, is purged by it. Stores that are faster at it must come
    /// to the same.
    pub fn covers(&self, key: &Key, tags: &[Arc<str>]) -> bool {
        let url = key.url();
        match self {
            Self::Url(this) => url == &**this || this.split_once('?').is_some_and(|(before, _)| url == before),
            Self::Prefix(prefix) => url.starts_with(&**prefix),
            Self::Host(host) => split(url).is_some_and(|(_, authority, _)| authority == &**host),
            Self::Tag(tag) => tags.contains(tag),
            Self::Everything => true,
        }
    }
}

/// `url https://…`, as it is said on the command line.
impl fmt::Display for What {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(formatter, "url {url}"),
            Self::Prefix(prefix) => write!(formatter, "prefix {prefix}"),
            Self::Host(host) => write!(formatter, "host {host}"),
            Self::Tag(tag) => write!(formatter, "tag {tag}"),
            Self::Everything => formatter.write_str("everything"),
        }
    }
}

impl fmt::Display for Purge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", if self.is_soft { "soft " } else { "" }, self.what)
    }
}

/// Whether a text can be a tag.
pub(crate) fn is_tag(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The origin of a URL in the form of keys: `https://shop.example`.
pub(crate) fn origin(url: &str) -> Option<String> {
    let (scheme, host, _) = split(url)?;
    let (scheme, port) = known(scheme)?;
    Some(format!("{scheme}://{}", authority(host, &[port])?))
}

/// A URL in the form of keys (RFC 9110 section 4.2.3).
fn normal(url: &str) -> Option<String> {
    let url = url.split('#').next()?;
    let is_clean = !url.contains(|c: char| c.is_whitespace() || c.is_control());
    let (_, _, target) = split(url).filter(|_| is_clean)?;
    let slash = if target.starts_with('/') { "" } else { "/" };
    Some(format!("{}{slash}{target}", origin(url)?))
}

/// Scheme, authority, and path with query.
fn split(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some((scheme, &rest[..end], &rest[end..]))
}

fn known(scheme: &str) -> Option<(&'static str, u16)> {
    [("https", 443), ("http", 80)].into_iter().find(|(known, _)| scheme.eq_ignore_ascii_case(known))
}

/// A host in lower case, and its port unless it is one of these. No user: requests do not say it.
fn authority(text: &str, own: &[u16]) -> Option<String> {
    let (host, port) = match text.rfind(':').filter(|colon| !text[*colon..].contains(']')) {
        Some(colon) => (&text[..colon], &text[colon + 1..]),
        None => (text, ""),
    };
    if !is_host(host) || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let host = host.to_ascii_lowercase();
    match port {
        "" => Some(host),
        _ => {
            let port = port.parse::<u16>().ok()?;
            Some(if own.contains(&port) { host } else { format!("{host}:{port}") })
        }
    }
}

/// As the checks of requests let hosts pass, or `*`.
fn is_host(host: &str) -> bool {
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host == "*" || (!host.is_empty() && host.bytes().all(is_in_name)),
    }
}

#[cfg(test)]
mod tests;
