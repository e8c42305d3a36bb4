//! A stored response, less its body, and all that is worked out of it once, when it is stored.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use tidegate_core::Timestamp;

use crate::{Extent, Ignores, Kept, Marker, Search, Vary};

/// A stored response, less its body. What it says about freshness was worked out when it was stored, by the plan of
/// then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its status. Of a partial one: 200, for that is what its fields are of.
    pub status: StatusCode,
    /// Its fields, as they may be given to clients: no `Age`, no `Content-Length`, nothing of a connection, nothing of
    /// one user. `Date` is always there. Only what origins say to us alone is in there, too, for a later 304 is judged by
    /// it: `Surrogate-Control`, `Surrogate-Key` and `Cache-Tag` are removed from answers.
    pub headers: HeaderMap,
    /// How old it was when it was received: `corrected_initial_age` (RFC 9111 section 4.2.3).
    pub initial_age: Duration,
    /// When it was received: `response_time`. Tells it from what was stored before under the same key.
    pub received_at: Timestamp,
    /// For how long it is fresh: `freshness_lifetime` (RFC 9111 section 4.2.1).
    pub fresh_for: Duration,
    /// After that, for how long it may be used while a newer one is fetched (RFC 5861 section 3).
    pub stale_while_revalidate: Duration,
    /// After that, for how long it may be used when none can be fetched (RFC 5861 section 4).
    pub stale_if_error: Duration,
    /// Whether it is never to be used stale, but within its own two windows, whatever a client takes: `must-revalidate`
    /// and `proxy-revalidate`, which leave it no windows, and `s-maxage`, which leaves it those that the origin says.
    pub must_revalidate: bool,
    /// Whether it is never to be used without asking: `no-cache`.
    pub no_cache: bool,
    /// What it varied by: the fields that its `Vary` names, with their values in the request that it answered, as
    /// [`crate::Normal`] made them; none: the field was not there.
    pub vary: Vec<(HeaderName, Option<Arc<str>>)>,
    /// What it can be purged by, beside its URL: see [`crate::tags_of`].
    pub tags: Vec<Arc<str>>,
    /// How much of the representation its body is.
    pub extent: Extent,
}

/// Why bytes are no stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a stored response of this version")]
pub struct WireError;

impl Stored {
    /// How old it is now: `current_age` (RFC 9111 section 4.2.3).
    pub fn age(&self, now: Timestamp) -> Duration {
        self.initial_age.saturating_add(now.since(self.received_at))
    }
}

/// What the bytes begin with. To be raised whenever what follows is read differently.
const VERSION: u8 = 1;

/// More bytes than this are no stored response: heads are far smaller.
const WIRE_BYTES_MAX: usize = 4 << 20;

impl Stored {
    /// As bytes, for stores beyond memory. Starts with a version. Durations are kept in milliseconds.
    pub fn to_wire(&self) -> Vec<u8> {
        encode(&Wire::of(self))
    }

    /// From such bytes.
    ///
    /// # Errors
    /// When they are none, or of another version: then nothing is stored.
    pub fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        decode::<Wire<'_>>(bytes)?.into_stored().ok_or(WireError)
    }
}

impl Kept {
    /// As bytes, for stores beyond memory: see [`Stored::to_wire`].
    pub fn to_wire(&self) -> Vec<u8> {
        encode(&match self {
            Self::Stored(stored) => KeptWire::Stored(Wire::of(stored)),
            Self::Marker(marker) => KeptWire::Marker(MarkerWire::of(marker)),
        })
    }

    /// From such bytes.
    ///
    /// # Errors
    /// As [`Stored::from_wire`].
    pub fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        let kept = match decode::<KeptWire<'_>>(bytes)? {
            KeptWire::Stored(wire) => wire.into_stored().map(|stored| Self::Stored(Arc::new(stored))),
            KeptWire::Marker(wire) => wire.into_marker().map(|marker| Self::Marker(Arc::new(marker))),
        };
        kept.ok_or(WireError)
    }
}

fn encode<T: Serialize>(wire: &T) -> Vec<u8> {
    // Nothing here can fail to be written; what could not be read is a miss.
    postcard::to_extend(wire, vec![VERSION]).unwrap_or_default()
}

fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, WireError> {
    let Some((&VERSION, rest)) = bytes.split_first().filter(|_| bytes.len() <= WIRE_BYTES_MAX) else {
        return Err(WireError);
    };
    match postcard::take_from_bytes(rest) {
        Ok((wire, [])) => Ok(wire),
        _ => Err(WireError),
    }
}

#[derive(Serialize, Deserialize)]
enum KeptWire<'b> {
    #[serde(borrow)]
    Stored(Wire<'b>),
    Marker(MarkerWire<'b>),
}

/// [`Stored`], in the order of its fields.
#[derive(Serialize, Deserialize)]
struct Wire<'b> {
    status: u16,
    /// Values need not be text.
    #[serde(borrow)]
    headers: Vec<(&'b str, &'b [u8])>,
    initial_age_ms: u64,
    received_at_ms: u64,
    fresh_for_ms: u64,
    stale_while_revalidate_ms: u64,
    stale_if_error_ms: u64,
    must_revalidate: bool,
    no_cache: bool,
    vary: Vec<(&'b str, Option<&'b str>)>,
    tags: Vec<&'b str>,
    /// First, length and complete length of a part.
    part: Option<(u64, u64, u64)>,
}

impl<'b> Wire<'b> {
    fn of(stored: &'b Stored) -> Self {
        let vary = stored.vary.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        Self {
            status: stored.status.as_u16(),
            headers: stored.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
            initial_age_ms: milliseconds(stored.initial_age),
            received_at_ms: stored.received_at.as_unix_ms(),
            fresh_for_ms: milliseconds(stored.fresh_for),
            stale_while_revalidate_ms: milliseconds(stored.stale_while_revalidate),
            stale_if_error_ms: milliseconds(stored.stale_if_error),
            must_revalidate: stored.must_revalidate,
            no_cache: stored.no_cache,
            vary: vary.collect(),
            tags: stored.tags.iter().map(|tag| &**tag).collect(),
            part: match stored.extent {
                Extent::Whole => None,
                Extent::Part { first, length, complete_length } => Some((first, length, complete_length)),
            },
        }
    }

    fn into_stored(self) -> Option<Stored> {
        let mut headers = HeaderMap::with_capacity(self.headers.len().min(128));
        for (name, value) in self.headers {
            headers.try_append(name_of(name)?, HeaderValue::from_bytes(value).ok()?).ok()?;
        }
        let vary = self.vary.into_iter().map(|(name, value)| Some((name_of(name)?, value.map(Arc::from))));
        Some(Stored {
            status: StatusCode::from_u16(self.status).ok()?,
            headers,
            initial_age: Duration::from_millis(self.initial_age_ms),
            received_at: Timestamp::from_unix_ms(self.received_at_ms),
            fresh_for: Duration::from_millis(self.fresh_for_ms),
            stale_while_revalidate: Duration::from_millis(self.stale_while_revalidate_ms),
            stale_if_error: Duration::from_millis(self.stale_if_error_ms),
            must_revalidate: self.must_revalidate,
            no_cache: self.no_cache,
            vary: vary.collect::<Option<_>>()?,
            tags: self.tags.into_iter().map(Arc::from).collect(),
            extent: match self.part {
                None => Extent::Whole,
                Some((first, length, complete_length)) => part(first, length, complete_length)?,
            },
        })
    }
}

/// [`Marker`].
#[derive(Serialize, Deserialize)]
struct MarkerWire<'b> {
    #[serde(borrow)]
    vary: Vec<Vec<&'b str>>,
    search: Option<SearchWire<'b>>,
}

/// [`Search`].
#[derive(Serialize, Deserialize)]
struct SearchWire<'b> {
    ignores_order: bool,
    is_all_but: bool,
    #[serde(borrow)]
    names: Vec<&'b str>,
}

impl<'b> MarkerWire<'b> {
    fn of(marker: &'b Marker) -> Self {
        let vary = marker.vary.iter().map(|vary| vary.names().iter().map(HeaderName::as_str).collect());
        Self { vary: vary.collect(), search: marker.search.as_ref().map(SearchWire::of) }
    }

    fn into_marker(self) -> Option<Marker> {
        if self.vary.len() > Marker::VARY_MAX {
            return None;
        }
        let sets = self.vary.into_iter();
        let sets = sets.map(|names| names.into_iter().map(name_of).collect::<Option<Vec<_>>>().map(Vary::new));
        Some(Marker { vary: sets.collect::<Option<_>>()?, search: self.search.map(SearchWire::into_search) })
    }
}

impl<'b> SearchWire<'b> {
    fn of(search: &'b Search) -> Self {
        let (is_all_but, names) = match &search.ignores {
            Ignores::These(names) => (false, names),
            Ignores::AllBut(names) => (true, names),
        };
        Self { ignores_order: search.ignores_order, is_all_but, names: names.iter().map(String::as_str).collect() }
    }

    fn into_search(self) -> Search {
        let names = self.names.into_iter().map(str::to_owned).collect();
        let ignores = if self.is_all_but { Ignores::AllBut(names) } else { Ignores::These(names) };
        Search { ignores_order: self.ignores_order, ignores }
    }
}

fn name_of(name: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_bytes()).ok()
}

/// A part that lies within the whole.
fn part(first: u64, length: u64, complete_length: u64) -> Option<Extent> {
    let end = first.checked_add(length)?;
    (end <= complete_length).then_some(Extent::Part { first, length, complete_length })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
