//! Random input for the parser of responses, as for that of requests: no way of cutting the bytes into reads changes what
//! they mean, and what is accepted has one end.

use bytes::BytesMut;
use http::Method;
use proptest::prelude::*;
use tidegate_pipeline::Failure;

use super::response::{self, Framing};
use crate::server::http1::head::Scanner;
use crate::server::http1::properties::nearly;

fn nearly_valid() -> impl Strategy<Value = Vec<u8>> {
    nearly(vec![
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nConnection: close\r\nx: y\r\n\r\nhello",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ])
}

/// What the head at the front of `bytes` means, read in pieces of `step`: its framing, and how long it is.
fn read(bytes: &[u8], step: usize) -> Result<Option<(Framing, bool, usize)>, Failure> {
    let (mut scanner, mut buffer, mut taken) = (Scanner::default(), BytesMut::new(), 0);
    for piece in bytes.chunks(step) {
        buffer.extend_from_slice(piece);
        taken += piece.len();
        if let Some(head) = response::take(&mut scanner, &mut buffer, &Method::GET)? {
            return Ok(Some((head.framing, head.keep_alive, taken - buffer.len())));
        }
    }
    Ok(None)
}

proptest! {
    #[test]
    fn heads_mean_the_same_however_they_arrive(bytes in nearly_valid(), step in 1usize..40) {
        prop_assert_eq!(read(&bytes, step), read(&bytes, bytes.len().max(1)));
    }

    #[test]
    fn what_is_accepted_has_one_framing(bytes in nearly_valid()) {
        if let Ok(Some((framing, _, end))) = read(&bytes, bytes.len().max(1)) {
            let text = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let fields = |name: &str| text.split("\r\n").filter(|line| line.starts_with(&format!("{name}:"))).count();
            let (lengths, codings) = (fields("content-length"), fields("transfer-encoding"));
            prop_assert!(lengths + codings <= 1, "{text:?}");
            prop_assert!(framing != Framing::Chunked || codings == 1);
        }
    }

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes, 7);
    }
}
