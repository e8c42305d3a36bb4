//! Bodies that the component makes itself.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};

const CHUNK_BYTES: u64 = 64 * 1024;

/// As many bytes as asked, each the low byte of its chunk's number.
pub struct Pattern {
    bytes_left: u64,
    chunk: u8,
}

impl Pattern {
    pub fn new(bytes: u64) -> Self {
        Self { bytes_left: bytes, chunk: 0 }
    }
}

impl Body for Pattern {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.bytes_left == 0 {
            return Poll::Ready(None);
        }
        let length = self.bytes_left.min(CHUNK_BYTES);
        let chunk = vec![self.chunk; usize::try_from(length).unwrap()];
        self.bytes_left -= length;
        self.chunk = self.chunk.wrapping_add(1);
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }
}

/// A body with one trailer field.
pub fn with_trailers(
    text: &'static str,
    name: &'static str,
    value: &'static str,
) -> impl Body<Data = Bytes, Error = std::convert::Infallible> {
    let trailers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
    Full::new(Bytes::from_static(text.as_bytes())).with_trailers(async move { Some(Ok(trailers)) })
}

/// Fields in the order they came in.
pub fn list(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
