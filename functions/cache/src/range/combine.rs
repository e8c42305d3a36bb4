//! Parts that are stored, and how they become more (RFC 9111 sections 3.3 and 3.4).

use std::mem;
use std::ops::Range;

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE};

use super::Extent;
use crate::Stored;
use crate::condition::validator::{EntityTag, only};
use crate::condition::{add_tags, update};

/// What a 206 is a part of, by its `Content-Range`; none for one that is not a single part of something of known
/// length (RFC 9110 section 14.4), or that says another length of itself.
///
/// One that is all of it is [`Extent::Whole`] if its `Content-Length` says so, too: then it cannot end early without
/// notice. Without that it is a part that lacks nothing.
pub fn extent(headers: &HeaderMap) -> Option<Extent> {
    let (range, complete_length) =
        only(headers, &CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, complete_length) = (number(first)?, number(last)?, number(complete_length)?);
    if first > last || last >= complete_length {
        return None;
    }
    let length = last - first + 1;
    let said = headers.get(CONTENT_LENGTH).map(|said| said.to_str().ok().and_then(number));
    match said {
        Some(said) if said != Some(length) => None,
        Some(_) if length == complete_length => Some(Extent::Whole),
        _ => Some(Extent::Part { first, length, complete_length }),
    }
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
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

/// A stored response and a new part of the same representation, combined (RFC 9111 section 3.4): what it is together, with
/// the fields of the stored one as the new one updates them, and what is made of both bodies. None: they have not the same
/// strong validator, or neither touch nor overlap, and the new one replaces the old.
///
/// How it may be used is what the new one says: a 206 repeats all that a 200 would say of that (RFC 9110 section 15.3.7).
///
/// The pieces are as long as the extents say. A body that was cut short does not have them: then nothing is combined.
pub fn combine(old: &Stored, new: &Stored) -> Option<(Splice, Stored)> {
    let splice = splice(old, new)?;
    let mut combined = Stored { extent: splice.extent, ..new.clone() };
    let new_headers = mem::replace(&mut combined.headers, old.headers.clone());
    update(&mut combined.headers, &new_headers, |_| true);
    for (name, value) in &old.vary {
        if !combined.vary.iter().any(|(varies, _)| varies == name) {
            combined.vary.push((name.clone(), value.clone()));
        }
    }
    add_tags(&mut combined.tags, &old.tags);
    Some((splice, combined))
}

/// How their bodies become one.
pub(super) fn splice(old: &Stored, new: &Stored) -> Option<Splice> {
    let is_same = EntityTag::of(&old.headers)?.is_strongly(EntityTag::of(&new.headers)?);
    let (new_range, complete_length) = range_of(new.extent)?;
    let (old_range, old_complete_length) = match old.extent {
        Extent::Whole => (0..complete_length, complete_length),
        part => range_of(part)?,
    };
    let touches = new_range.start <= old_range.end && old_range.start <= new_range.end;
    if !is_same || complete_length != old_complete_length || !touches {
        return None;
    }
    let of_old = |range: Range<u64>| match range.is_empty() {
        true => 0..0,
        false => range.start - old_range.start..range.end - old_range.start,
    };
    let (first, end) = (old_range.start.min(new_range.start), old_range.end.max(new_range.end));
    let extent = match first == 0 && end == complete_length {
        true => Extent::Whole,
        false => Extent::Part { first, length: end - first, complete_length },
    };
    Some(Splice {
        before: of_old(old_range.start..new_range.start),
        after: of_old(new_range.end..old_range.end),
        extent,
    })
}

/// Where a part is, and how long the whole is; none for the whole, and for what is no part.
fn range_of(extent: Extent) -> Option<(Range<u64>, u64)> {
    let Extent::Part { first, length, complete_length } = extent else { return None };
    let end = first.checked_add(length).filter(|end| *end <= complete_length)?;
    (length > 0).then_some((first..end, complete_length))
}
