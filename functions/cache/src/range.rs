//! Parts of representations: answered from what is stored, stored themselves, and combined (RFC 9110 section 14,
//! RFC 9111 sections 3.3 and 3.4).

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::Stored;

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

/// Selects what a request asks for with Range and If-Range of a stored response (RFC 9110 sections 13.1.5 and 14.2),
/// whose body is, or will be, `length` bytes long; none: nobody knows yet. `status` and `headers` are those of the
/// response to the client, a copy of the stored ones, and are changed where it is not the whole. Several ranges make
/// `multipart/byteranges`; too many, or ones that overlap, are answered with the whole.
pub fn select(
    request: &HeaderMap,
    stored: &Stored,
    length: Option<u64>,
    status: &mut StatusCode,
    headers: &mut HeaderMap,
) -> Ranged {
    let _ = (request, stored, length, status, headers);
    Ranged::Whole
}

/// What a 206 is a part of, by its `Content-Range`; none for one that is not a single part of something of known
/// length.
pub fn extent(headers: &HeaderMap) -> Option<Extent> {
    let _ = headers;
    None
}

/// How a stored part and a new one become one body: the old body's pieces around the new body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// The piece of the old body before the new one.
    pub before: Range<u64>,
    /// The piece of the old body after the new one.
    pub after: Range<u64>,
    /// What it is together.
    pub extent: Extent,
}

/// How a stored response and a new part of the same representation are combined (RFC 9111 section 3.4): both have the
/// same strong validator, and they touch or overlap. None: they are not, and the new one replaces the old.
pub fn splice(old: &Stored, new: &Stored) -> Option<Splice> {
    let _ = (old, new);
    None
}
