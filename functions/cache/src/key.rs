//! What a stored response is found by.

use std::fmt;
use std::sync::Arc;

use http::header::{COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderName};
use tidegate_core::{RequestView, decode_query};

use crate::marker::push_field;

/// Longest key, in bytes. A request that would need a longer one passes by the cache.
pub const KEY_BYTES_MAX: usize = 16 << 10;

/// The effective URI of a request, whatever its method, and behind it, a line each, what else the recipe or a `Vary`
/// names. Cheap to clone.
///
/// ```text
/// https://shop.example/p/1?x=1#canary
/// header x-tenant=7
/// cookie theme=dark
/// country=DE
/// device=mobile
/// vary accept-encoding=br
/// ```
///
/// Of a route that is split, the name of the part that answers stands behind a `#`, which no target of a request has:
/// the answers of a canary are not given to others. What is not there has no `=` in its line, and no value can contain a
/// newline: requests that differ in a part that counts have different keys.
///
/// Where hosts or paths do not count, `*` stands for them, and a line says that it is not the client's: `host=*`,
/// `path=*`. What is stored so is purged as `https://*/p`, `https://shop.example/*` or `https://*/*`.
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
    /// `part` tells the arm of a split. None: it would be too long, or the target has what no target can have.
    pub fn key(&self, view: &RequestView<'_>, host: &str, part: Option<&str>) -> Option<Key> {
        let (question, query) = view.query.map_or(("", ""), |query| ("?", query));
        let (hash, part) = part.map_or(("", ""), |part| ("#", part));
        if self.is_plain() {
            return concat(&[scheme(view), host, path(view), question, query], &[hash, part]);
        }
        if !(is_clean(host) && is_clean(view.path) && is_clean(query)) || part.contains('\n') {
            return None;
        }
        let mut text = String::with_capacity(host.len() + view.path.len() + query.len() + part.len() + 128);
        text.push_str(scheme(view));
        text.push_str(if self.host { host } else { "*" });
        text.push_str(if self.path { path(view) } else { "/*" });
        self.push_query(&mut text, view.query);
        text.push_str(hash);
        text.push_str(part);
        self.push_lines(&mut text, view);
        (text.len() <= KEY_BYTES_MAX).then(|| Key(text.into()))
    }

    /// Whether the effective URI is all.
    fn is_plain(&self) -> bool {
        let has_lines = !self.headers.is_empty() || !self.cookies.is_empty() || self.country || self.device;
        self.host && self.path && self.query == Select::All && !self.sorts_query && !has_lines
    }

    fn push_query(&self, text: &mut String, query: Option<&str>) {
        let Some(query) = query else { return };
        if self.query == Select::All && !self.sorts_query {
            text.push('?');
            return text.push_str(query);
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let mut pairs: Vec<_> = pairs.map(|pair| (decode(pair.split('=').next().unwrap_or_default()), pair)).collect();
        pairs.retain(|(name, _)| self.query.selects(name));
        if self.sorts_query {
            // Stable: the order of several values of one name may mean something.
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        for (index, (_, pair)) in pairs.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(pair);
        }
    }

    fn push_lines(&self, text: &mut String, view: &RequestView<'_>) {
        if !self.host {
            text.push_str("\nhost=*");
        }
        if !self.path {
            text.push_str("\npath=*");
        }
        for name in &self.headers {
            push_field(text, "header", name, view.headers);
        }
        for name in &self.cookies {
            push_cookie(text, name, view.headers);
        }
        if self.country {
            text.push_str("\ncountry");
            text.extend(view.client.country.iter().flat_map(|country| ["=", country.as_str()]));
        }
        if self.device {
            text.push_str("\ndevice=");
            text.push_str(device(view.headers));
        }
    }
}

impl Select {
    /// Whether a parameter of this name, decoded, counts.
    fn selects(&self, name: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|only| only.as_bytes() == name),
            Self::Except(names) => !names.iter().any(|except| match except.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix.as_bytes()),
                None => except.as_bytes() == name,
            }),
        }
    }
}

fn scheme(view: &RequestView<'_>) -> &'static str {
    if view.is_https { "https://" } else { "http://" }
}

/// An empty path is the root's (RFC 9110 section 4.2.3).
fn path<'a>(view: &RequestView<'a>) -> &'a str {
    if view.path.is_empty() { "/" } else { view.path }
}

/// Whether nothing is in there that would end a part of a key. Platforms refuse such targets; keys do not rely on it.
fn is_clean(url: &str) -> bool {
    // Folded, not searched, so that it is done many bytes at a time.
    !url.bytes().fold(false, |is_dirty, byte| is_dirty | (byte == b'#') | (byte < b' '))
}

/// The usual key, in one allocation: a string would have to be copied into another one to be shared.
fn concat(url: &[&str], behind: &[&str]) -> Option<Key> {
    const SHORT: usize = 256;
    let length = |parts: &[&str]| parts.iter().map(|part| part.len()).sum::<usize>();
    let (url_length, length) = (length(url), length(url) + length(behind));
    let mut buffer = [0; SHORT];
    let long;
    let text = if length <= SHORT {
        let mut rest = &mut buffer[..];
        for part in url.iter().chain(behind) {
            let (here, there) = rest.split_at_mut(part.len());
            here.copy_from_slice(part.as_bytes());
            rest = there;
        }
        std::str::from_utf8(&buffer[..length]).ok()?
    } else if length <= KEY_BYTES_MAX {
        long = [url, behind].concat().concat();
        &long
    } else {
        return None;
    };
    let is_whole = is_clean(&text[..url_length]) && !text[url_length..].contains('\n');
    is_whole.then(|| Key::of(text))
}

/// All cookies of this name as they were sent: which of several an origin takes is its own affair.
fn push_cookie(text: &mut String, name: &str, headers: &HeaderMap) {
    text.push_str("\ncookie ");
    text.extend(name.chars().filter(|c| !c.is_control() && *c != '='));
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let mut separator = "=";
    for pair in pairs {
        let (key, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(equals) => (&pair[..equals], &pair[equals + 1..]),
            None => (pair, &b""[..]),
        };
        if key.trim_ascii() == name.as_bytes() {
            text.push_str(separator);
            text.extend(value.trim_ascii().iter().map(|byte| char::from(*byte)));
            separator = ";";
        }
    }
}

/// The class of a client's device: by `Sec-CH-UA-Mobile` if it says that it is a mobile one, else by what browsers write
/// in `User-Agent`.
fn device(headers: &HeaderMap) -> &'static str {
    if headers.get("sec-ch-ua-mobile").is_some_and(|value| value.as_bytes().trim_ascii() == b"?1") {
        return "mobile";
    }
    let agent = headers.get(USER_AGENT).map(|agent| agent.as_bytes()).unwrap_or_default();
    let has = |word: &[u8]| agent.windows(word.len()).any(|window| window == word);
    if has(b"iPad") || has(b"Tablet") || (has(b"Android") && !has(b"Mobile")) {
        "tablet"
    } else if has(b"Mobi") {
        "mobile"
    } else {
        "desktop"
    }
}

/// What a name or value in a query stands for.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    decode_query(text).collect()
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

    /// The effective URI in it, without what stands behind. Of keys that [`crate::Search::key`] makes, it has no query:
    /// they stand for many.
    pub fn url(&self) -> &str {
        let end = self.0.find(['#', '\n']).unwrap_or(self.0.len());
        &self.0[..end]
    }
}

/// For people: in one line.
impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.split('\n').enumerate() {
            formatter.write_str(if index == 0 { "" } else { "; " })?;
            formatter.write_str(line)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests;
