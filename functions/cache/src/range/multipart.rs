//! `multipart/byteranges` (RFC 9110 section 14.6).

use std::fmt::Write;
use std::ops::Range;

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};

use super::{Held, Piece, content_range, visible};

/// The pieces of a body of several parts. What the whole was of, each part says; the message says that it is parts.
pub(super) fn pieces(ranges: &[Range<u64>], held: Held, headers: &mut HeaderMap) -> Vec<Piece> {
    let boundary = boundary(ranges, held.complete_length, headers);
    let media_type = visible(format!("multipart/byteranges; boundary={boundary}"));
    let part_type = headers.insert(CONTENT_TYPE, media_type);
    headers.remove(CONTENT_RANGE);
    let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
    for range in ranges {
        let is_first = pieces.is_empty();
        pieces.push(Piece::Text(part_head(is_first, &boundary, part_type.as_ref(), range, held.complete_length)));
        pieces.push(held.piece(range));
    }
    pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n").into()));
    pieces
}

fn part_head(
    is_first: bool,
    boundary: &str,
    part_type: Option<&HeaderValue>,
    range: &Range<u64>,
    complete_length: u64,
) -> Bytes {
    let mut head = format!("{}--{boundary}\r\n", if is_first { "" } else { "\r\n" }).into_bytes();
    if let Some(part_type) = part_type {
        head.extend_from_slice(b"Content-Type: ");
        head.extend_from_slice(part_type.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(format!("Content-Range: {}\r\n\r\n", content_range(range, complete_length)).as_bytes());
    head.into()
}

/// A line that does not occur in the body by chance: 128 bits that depend on the fields of the response (its validators
/// among them) and on the ranges. The body is not looked at, and there is no randomness here. Who writes a body and
/// knows what is asked of it can have this line in it; he deceives the clients of his own resource, and only those that
/// do not go by the lengths in `Content-Range`.
fn boundary(ranges: &[Range<u64>], complete_length: u64, headers: &HeaderMap) -> String {
    let mut hashes = [0xcbf2_9ce4_8422_2325, 0x6c62_272e_07bb_0142];
    let mut add = |bytes: &[u8]| hashes = hashes.map(|hash| fnv(hash, bytes));
    for (name, value) in headers {
        add(name.as_str().as_bytes());
        add(value.as_bytes());
    }
    for range in ranges {
        add(&range.start.to_be_bytes());
        add(&range.end.to_be_bytes());
    }
    add(&complete_length.to_be_bytes());
    let mut boundary = String::from("tidegate-");
    for hash in hashes {
        // Writing into a string cannot fail.
        let _ = write!(boundary, "{:016x}", mix(hash));
    }
    boundary
}

/// FNV-1a with 64 bits (Fowler, Noll and Vo).
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// MurmurHash3's fmix64 (Austin Appleby, public domain): each bit depends on every bit.
fn mix(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}
