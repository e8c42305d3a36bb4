//! Random input for the parsers, `make fuzz` runs many more cases: nothing panics, and no way of cutting the bytes into
//! reads changes what they mean.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::chunked::{Decoded, Decoder};
use super::head::{self, Framing, Scanner};

/// One of `valid` with some of its bytes changed, and sometimes no change at all.
pub fn nearly(valid: Vec<&'static str>) -> impl Strategy<Value = Vec<u8>> {
    // The bytes on which parsers disagree.
    let odd = prop::sample::select(b"\r\n \t:;,\0\x0b\x7f\x80\xff+-019afFxX*/#@".to_vec());
    let changes = prop::collection::vec((any::<prop::sample::Index>(), odd, 0..3u8), 0..4);
    (prop::sample::select(valid), changes).prop_map(|(text, changes)| {
        let mut bytes = text.as_bytes().to_vec();
        for (index, byte, kind) in changes {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

fn nearly_valid() -> impl Strategy<Value = Vec<u8>> {
    nearly(vec![
        "GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: b\r\nConnection: close, x\r\nTE: trailers\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
    ])
}

/// What a head at the front of `bytes` means, read in pieces of `step`: its length and framing, or its refusal.
fn read_head(bytes: &[u8], step: usize) -> Result<Option<(usize, Framing)>, u16> {
    let (mut scanner, mut buffer) = (Scanner::default(), BytesMut::new());
    for piece in bytes.chunks(step) {
        buffer.extend_from_slice(piece);
        if let Some(end) = scanner.find_end(&buffer).map_err(|refusal| refusal.status().as_u16())? {
            let head = head::parse(&Bytes::copy_from_slice(&buffer[..end]));
            return head.map(|head| Some((end, head.framing))).map_err(|refusal| refusal.status().as_u16());
        }
    }
    Ok(None)
}

/// The body at the front of `bytes`, read in pieces of `step`, and how much of `bytes` it took.
fn read_chunked(bytes: &[u8], step: usize) -> Result<Option<(Vec<u8>, usize)>, u16> {
    let (mut decoder, mut buffer, mut body, mut read) = (Decoder::default(), BytesMut::new(), Vec::new(), 0);
    for piece in bytes.chunks(step) {
        buffer.extend_from_slice(piece);
        read += piece.len();
        loop {
            match decoder.decode(&mut buffer).map_err(|refusal| refusal.status().as_u16())? {
                Decoded::Data(data) => body.extend_from_slice(&data),
                Decoded::End(_) => return Ok(Some((body, read - buffer.len()))),
                Decoded::Incomplete => break,
            }
        }
    }
    Ok(None)
}

proptest! {
    #[test]
    fn heads_mean_the_same_however_they_arrive(bytes in nearly_valid(), step in 1usize..40) {
        prop_assert_eq!(read_head(&bytes, step), read_head(&bytes, bytes.len().max(1)));
    }

    #[test]
    fn chunked_bodies_mean_the_same_however_they_arrive(bytes in nearly_valid(), step in 1usize..40) {
        // The last of them is a chunked body with its head cut off.
        let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(&bytes[..], |end| &bytes[end + 4..]);
        prop_assert_eq!(read_chunked(body, step), read_chunked(body, body.len().max(1)));
    }

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (read_head(&bytes, 7), read_chunked(&bytes, 7));
    }

    #[test]
    fn what_is_accepted_has_one_framing(bytes in nearly_valid()) {
        if let Ok(Some((end, framing))) = read_head(&bytes, bytes.len().max(1)) {
            let text = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let fields = |name: &str| text.split("\r\n").filter(|line| line.starts_with(&format!("{name}:"))).count();
            let (lengths, codings) = (fields("content-length"), fields("transfer-encoding"));
            prop_assert!(lengths + codings <= 1, "{text:?}");
            prop_assert_eq!(codings == 1, framing == Framing::Chunked);
        }
    }
}
