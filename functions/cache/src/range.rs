//! Parts of representations: answered from what is stored, stored themselves, and combined (RFC 9110 section 14,
//! RFC 9111 sections 3.3 and 3.4).

mod combine;
mod multipart;
mod specifier;

use std::ops::Range;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_RANGE, CONTENT_TYPE, DATE, EXPIRES, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::Stored;
use crate::condition::validator::{EntityTag, date, only};
pub use combine::{Splice, combine, extent};
use specifier::{Asked, asked};

/// How much of a representation a stored body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    #[default]
    Whole,
    /// A part.
    Part {
        /// Where it begins.
        first: u64,
        /// How long it is; the body may be cut shorter than this only by a fault.
        length: u64,
        /// How long the whole is.
        complete_length: u64,
    },
}

/// What a Range asks of a stored response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranged {
    /// No part: the whole (200).
    Whole,
    /// Parts (206): the fields of the response are changed accordingly, and its body is made of these pieces.
    Parts(Vec<Piece>),
    /// Nothing that there is (416): the fields of the response are changed accordingly.
    Unsatisfiable,
    /// A part that is not stored, or the whole where only a part is stored.
    NotStored,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes between parts.
    Text(Bytes),
    /// This range of the stored body, which begins at 0 whatever part of the representation it is.
    Range(Range<u64>),
}

/// Fields that describe the content of this one message, so they are wrong on any part of it: RFC 9530 section 2, and
/// its forerunner (RFC 1864).
const OF_CONTENT: [HeaderName; 3] =
    [CONTENT_LENGTH, HeaderName::from_static("content-digest"), HeaderName::from_static("content-md5")];

/// Fields that a 416 does not have, beside those: what describes a representation that it does not bring, and for how
/// long that may be kept. The validators stay: they tell the client what the length is of.
const OF_WHOLE: [HeaderName; 9] = [
    CONTENT_TYPE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LOCATION,
    CONTENT_DISPOSITION,
    EXPIRES,
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("cdn-cache-control"),
    HeaderName::from_static("surrogate-control"),
];

/// Selects what a request asks for with Range and If-Range of a stored response (RFC 9110 sections 13.1.5 and 14.2),
/// whose body is, or will be, `length` bytes long; none: nobody knows yet. `status` and `headers` are those of the
/// response to the client, a copy of the stored ones, and are changed where it is not the whole. Several ranges make
/// `multipart/byteranges`; too many, or ones that overlap, are answered with the whole.
///
/// `Content-Length` is the sender's to say: it is the sum of the pieces.
pub fn select(
    request: &HeaderMap,
    stored: &Stored,
    length: Option<u64>,
    status: &mut StatusCode,
    headers: &mut HeaderMap,
) -> Ranged {
    let is_part = stored.extent != Extent::Whole;
    if !is_part && (!request.contains_key(RANGE) || stored.status != StatusCode::OK) {
        return Ranged::Whole;
    }
    let Some(held) = Held::of(stored, length) else { return Ranged::Whole };
    match wanted(request, stored, held.complete_length) {
        Asked::Whole if is_part => Ranged::NotStored,
        Asked::Whole => Ranged::Whole,
        Asked::Unsatisfiable => {
            refuse(held.complete_length, status, headers);
            Ranged::Unsatisfiable
        }
        Asked::Ranges(ranges) if !ranges.iter().all(|range| held.has(range)) => Ranged::NotStored,
        Asked::Ranges(ranges) => {
            *status = StatusCode::PARTIAL_CONTENT;
            Ranged::Parts(parts(&ranges, held, headers))
        }
    }
}

/// Whether what a request asks for with Range is in a stored part. A representation that is stored whole has all.
pub(crate) fn covers(request: &HeaderMap, stored: &Stored) -> bool {
    let Some(held) = Held::of(stored, None) else { return true };
    match wanted(request, stored, held.complete_length) {
        Asked::Whole | Asked::Unsatisfiable => false,
        Asked::Ranges(ranges) => ranges.iter().all(|range| held.has(range)),
    }
}

/// The bytes of a representation that are there.
#[derive(Clone, Copy)]
struct Held {
    first: u64,
    /// How many.
    length: u64,
    complete_length: u64,
}

impl Held {
    /// None: how long the whole is, is not known.
    fn of(stored: &Stored, length: Option<u64>) -> Option<Self> {
        match stored.extent {
            Extent::Whole => length.map(|length| Self { first: 0, length, complete_length: length }),
            Extent::Part { first, length: said, complete_length } => {
                Some(Self { first, length: length.unwrap_or(said).min(said), complete_length })
            }
        }
    }

    fn has(self, range: &Range<u64>) -> bool {
        range.start >= self.first && range.end - self.first <= self.length
    }

    /// A range of the representation, which is there, as one of the body.
    fn piece(self, range: &Range<u64>) -> Piece {
        Piece::Range(range.start - self.first..range.end - self.first)
    }
}

fn wanted(request: &HeaderMap, stored: &Stored, complete_length: u64) -> Asked {
    match is_range_wanted(request, stored) {
        true => asked(request, complete_length),
        false => Asked::Whole,
    }
}

/// Whether `If-Range` is true, or not there (RFC 9110 section 13.1.5).
///
/// A date is a strong validator if what was modified then was sent at least a second later: it did not change twice in
/// that second (RFC 9110 section 8.8.2.2).
fn is_range_wanted(request: &HeaderMap, stored: &Stored) -> bool {
    if !request.contains_key(IF_RANGE) {
        return true;
    }
    let tag = only(request, &IF_RANGE).and_then(|value| EntityTag::list(value).next()).filter(|tag| tag.is_strong());
    if let Some(tag) = tag {
        return EntityTag::of(&stored.headers).is_some_and(|own| own.is_strongly(tag));
    }
    let modified = date(&stored.headers, LAST_MODIFIED);
    let is_strong = modified.zip(date(&stored.headers, DATE)).is_some_and(|(modified, sent)| sent > modified);
    is_strong && modified == date(request, IF_RANGE)
}

/// Makes it a 416 (RFC 9110 section 15.5.17). It is not to be kept: a client of the same URL without a Range gets all.
fn refuse(complete_length: u64, status: &mut StatusCode, headers: &mut HeaderMap) {
    *status = StatusCode::RANGE_NOT_SATISFIABLE;
    for name in OF_CONTENT.iter().chain(&OF_WHOLE) {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_RANGE, visible(format!("bytes */{complete_length}")));
}

/// The pieces of a 206 (RFC 9110 section 15.3.7), one part as it is, several ones as `multipart/byteranges`.
fn parts(ranges: &[Range<u64>], held: Held, headers: &mut HeaderMap) -> Vec<Piece> {
    for name in &OF_CONTENT {
        headers.remove(name);
    }
    match ranges {
        [range] => {
            headers.insert(CONTENT_RANGE, visible(content_range(range, held.complete_length)));
            vec![held.piece(range)]
        }
        ranges => multipart::pieces(ranges, held, headers),
    }
}

fn content_range(range: &Range<u64>, complete_length: u64) -> String {
    format!("bytes {}-{}/{complete_length}", range.start, range.end.saturating_sub(1))
}

/// The value of a field, of a text that was written here: it has visible ASCII and spaces alone.
fn visible(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests;
