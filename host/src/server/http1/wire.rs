//! The pieces that heads and chunks are written from.

use std::fmt::Write;

use bytes::BytesMut;

/// Puts one field line.
pub fn put_field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Puts the line before a chunk of `length` bytes.
pub fn put_chunk_head(out: &mut BytesMut, length: usize) {
    // Writing to a BytesMut cannot fail: it grows.
    let _ = write!(out, "{length:x}\r\n");
}
