//! What is stored under a key: a response, or a mark that says how to look on.
//!
//! A request is looked up in this order. Every step that ends at a marker goes on with the keys that it names.
//!
//! 1. Under its own key is a response that varies by nothing, or a marker with the sets of fields that responses named
//!    in `Vary`: the responses are under [`Marker::keys`]. One that varies by nothing, beside others that do, comes last.
//! 2. If there is nothing, under [`crate::search_key`] may be a marker of `No-Vary-Search`, which stands alone. The key
//!    that [`Search::key`] makes is looked up as in 1: what is there may vary by fields, too.
//!
//! A response is stored under the key by which it was looked up, or under the one that its own `No-Vary-Search` makes;
//! if [`Marker::with`] makes a marker, that is left there, and [`Marker::place`] says where the response is.

use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{Key, Normal, Search, Stored, negotiate, negotiate_language};

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
    /// The sets of fields that responses named in `Vary`, the one seen last first; at most [`Marker::VARY_MAX`]. If a
    /// response named nothing, an empty set stands at the end.
    pub vary: Vec<Vary>,
    /// What they said in `No-Vary-Search`. Such a marker is stored under the URL without its query.
    pub search: Option<Search>,
}

/// Fields that a response named in `Vary`, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vary(Vec<HeaderName>);

impl Marker {
    /// How many sets of fields are kept: the responses of the oldest one are found no more.
    pub const VARY_MAX: usize = 4;

    /// The keys under which a response to this request may be stored, if this marker is under `key`: for each set of
    /// fields one, for `No-Vary-Search` one. `headers` are as [`Normal::apply`] left them.
    pub fn keys(&self, key: &Key, headers: &HeaderMap) -> Vec<Key> {
        let search = self.search.iter().map(|search| search.key(key));
        let variant = |vary: &Vary| if vary.0.is_empty() { unvaried(key) } else { vary.key(key, headers) };
        self.vary.iter().map(variant).chain(search).collect()
    }

    /// The marker for a URL whose newest response is this one; `old` is what was there. None: none is needed, for no
    /// response varies by anything, and this one is stored under the key itself.
    ///
    /// One that omits `Vary` is often a default that was not thought about: it does not take the place of those that have
    /// one, and they are preferred (RFC 9111 section 4.1).
    pub fn with(old: Option<&Self>, stored: &Stored) -> Option<Self> {
        let newest = Vary::new(stored.vary.iter().map(|(name, _)| name.clone()));
        let others = old.into_iter().flat_map(|old| &old.vary).filter(|vary| **vary != newest);
        let mut vary: Vec<_> = std::iter::once(&newest).chain(others).take(Self::VARY_MAX).cloned().collect();
        if vary.iter().all(|vary| vary.0.is_empty()) {
            return None;
        }
        // Stable: all but the empty one stay in their order.
        vary.sort_by_key(|vary| vary.0.is_empty());
        Some(Self { vary, search: None })
    }

    /// Where a response is stored if this marker, made [with](Self::with) it, is under `key`; `found` is where one was
    /// found for the same request, not good enough. One that varies by nothing takes the place of that: else the older
    /// one would be found again.
    pub fn place(&self, key: &Key, stored: &Stored, found: Option<&Key>) -> Key {
        match stored.vary.is_empty() {
            true => found.cloned().unwrap_or_else(|| unvaried(key)),
            false => stored.key(key),
        }
    }
}

/// The key of what varies by nothing where others do: no field has an empty name.
fn unvaried(key: &Key) -> Key {
    Key::of(&[key.as_str(), "\nvary"].concat())
}

impl Vary {
    /// These fields.
    pub fn new(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        Self(names)
    }

    /// Their names.
    pub fn names(&self) -> &[HeaderName] {
        &self.0
    }

    /// The key of the variant that a request of these fields gets (RFC 9111 section 4.1).
    pub fn key(&self, key: &Key, headers: &HeaderMap) -> Key {
        let mut text = key.as_str().to_owned();
        for name in &self.0 {
            push_field(&mut text, "vary", name, headers);
        }
        Key::of(&text)
    }
}

impl Stored {
    /// Whether it is an answer to a request with these fields: each field that it varied by has the value that it had
    /// then (RFC 9111 section 4.1).
    pub fn matches(&self, headers: &HeaderMap) -> bool {
        self.vary.iter().all(|(name, then)| match (value_of(headers, name), then) {
            (None, None) => true,
            (Some(now), Some(then)) => is_same_line(headers, name, then) || now.eq(normal(name, then.chars())),
            _ => false,
        })
    }

    /// The key of this variant; the marker that leads there is under `key`.
    pub fn key(&self, key: &Key) -> Key {
        if self.vary.is_empty() {
            return key.clone();
        }
        let mut fields: Vec<_> = self.vary.iter().collect();
        fields.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        fields.dedup_by(|(one, _), (other, _)| one == other);
        let mut text = key.as_str().to_owned();
        for (name, value) in fields {
            push_value(&mut text, "vary", name, value.as_deref().map(|value| normal(name, value.chars())));
        }
        Key::of(&text)
    }
}

impl Normal {
    /// Makes of many ways to say the same one, before the request is looked up or sent.
    pub fn apply(&self, headers: &mut HeaderMap) {
        if !self.codings.is_empty() {
            match negotiate(headers, &self.codings) {
                Some(coding) => set(headers, ACCEPT_ENCODING, HeaderValue::from_static(coding.as_str())),
                // Without the field, it would take any coding (RFC 9110 section 12.5.3).
                None if headers.contains_key(ACCEPT_ENCODING) => {
                    set(headers, ACCEPT_ENCODING, HeaderValue::from_static("identity"));
                }
                None => {}
            }
        }
        if let Some(language) = negotiate_language(headers, &self.languages)
            && let Ok(value) = HeaderValue::from_str(language)
        {
            set(headers, ACCEPT_LANGUAGE, value);
        }
    }
}

/// Sets a field; a head that is too full for it stays as it is.
fn set(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    let _ = headers.try_insert(name, value);
}

/// Appends `NAME=value`, or `NAME` alone for a field that is not there, as a line of a key.
pub(crate) fn push_field(text: &mut String, kind: &str, name: &HeaderName, headers: &HeaderMap) {
    push_value(text, kind, name, value_of(headers, name));
}

fn push_value(text: &mut String, kind: &str, name: &HeaderName, value: Option<impl Iterator<Item = char>>) {
    text.extend(["\n", kind, " ", name.as_str()]);
    if let Some(value) = value {
        text.push('=');
        text.extend(value);
    }
}

/// The value of a field of a request for the choice among variants: its lines trimmed and joined, in the one form of
/// those whose meaning is known (RFC 9111 section 4.1). Bytes beyond ASCII are read as ISO-8859-1, so that none is lost.
pub(crate) fn value_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<impl Iterator<Item = char> + use<'h>> {
    // Cookies are joined as cookies (RFC 9113 section 8.2.3).
    let separator = if name == COOKIE { "; " } else { ", " };
    headers.contains_key(name).then(|| {
        let lines = headers.get_all(name).iter().enumerate();
        let joined = lines.flat_map(move |(index, line)| {
            let before = if index == 0 { "" } else { separator };
            before.chars().chain(line.as_bytes().trim_ascii().iter().map(|byte| char::from(*byte)))
        });
        normal(name, joined)
    })
}

/// One form of what these fields can say in many: neither case nor space means anything in lists of codings, languages
/// and charsets, and space nothing in lists of media types, but for their quoted strings (RFC 9110 section 12.5).
fn normal<C: Iterator<Item = char>>(name: &HeaderName, chars: C) -> impl Iterator<Item = char> + use<C> {
    let is_caseless = name == ACCEPT_ENCODING || name == ACCEPT_LANGUAGE || name == ACCEPT_CHARSET;
    let is_list = is_caseless || name == ACCEPT;
    let (mut is_quoted, mut is_escaped) = (false, false);
    let chars = chars.filter(move |c| {
        is_quoted ^= *c == '"' && !is_escaped;
        is_escaped = is_quoted && *c == '\\' && !is_escaped;
        !is_list || is_quoted || !matches!(c, ' ' | '\t')
    });
    chars.map(move |c| if is_caseless { c.to_ascii_lowercase() } else { c })
}

/// Whether a field is what it was then, to the byte: the usual case, told quickly.
fn is_same_line(headers: &HeaderMap, name: &HeaderName, then: &str) -> bool {
    let mut lines = headers.get_all(name).iter();
    let is_first_same = lines.next().is_some_and(|line| line.as_bytes() == then.as_bytes());
    is_first_same && lines.next().is_none() && then.is_ascii()
}

#[cfg(test)]
mod tests;
