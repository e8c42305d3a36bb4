//! A message's body: complete bytes, a stream of our own, or what the host is still receiving.

use std::{mem, pin::Pin};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::stream::{StreamExt, unfold};
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::channel::{self, Writer};
use crate::{Error, Result, platform::Incoming};

/// How much of a body [`Body::bytes`], `text`, `json` and `form` read at most: 10 MiB.
pub const MAX_BODY_BYTES: usize = 10 << 20;

/// The body of a request or a response.
///
/// ```
/// # use tidegate::http::Body;
/// # tidegate::test::run(async {
/// let mut body = Body::from("hello");
/// assert_eq!(body.text().await.unwrap(), "hello");
/// # });
/// ```
///
/// Reading takes it out: read twice, it is empty. A body that came in and is handed on unread (an answer of
/// [`fetch`](crate::fetch()) that is returned, say) is spliced by the host, and never copied into the function.
pub struct Body(Inner);

pub(crate) enum Inner {
    Full(Bytes),
    Stream(LocalStream),
    #[cfg_attr(not(target_os = "wasi"), expect(dead_code, reason = "natively nothing comes in from a host"))]
    Incoming(Incoming),
}

/// Not `Send`: a function has one thread, and the values of some platforms cannot leave it.
pub(crate) type LocalStream = Pin<Box<dyn Stream<Item = Result<Bytes>>>>;

impl Body {
    /// No bytes at all.
    pub const fn empty() -> Self {
        Self(Inner::Full(Bytes::new()))
    }

    /// A body whose chunks are sent as they come. An error ends it, so that the receiver sees that it is incomplete.
    pub fn from_stream(chunks: impl Stream<Item = Result<Bytes>> + 'static) -> Self {
        Self(Inner::Stream(Box::pin(chunks)))
    }

    /// A body written chunk by chunk while it is being sent.
    ///
    /// ```
    /// # use tidegate::http::Body;
    /// # tidegate::test::run(async {
    /// let (mut writer, mut body) = Body::channel();
    /// tidegate::spawn(async move {
    ///     for i in 1..=3 {
    ///         if writer.send(format!("{i}\n")).await.is_err() {
    ///             return; // nobody is reading any more
    ///         }
    ///     }
    /// });
    /// assert_eq!(body.text().await.unwrap(), "1\n2\n3\n");
    /// # });
    /// ```
    pub fn channel() -> (Writer, Self) {
        let (writer, chunks) = channel::new();
        (writer, Self::from_stream(chunks))
    }

    /// The length in bytes, where it is known before reading.
    pub fn len(&self) -> Option<u64> {
        match &self.0 {
            Inner::Full(bytes) => Some(bytes.len() as u64),
            Inner::Stream(_) => None,
            Inner::Incoming(incoming) => incoming.len(),
        }
    }

    /// Whether it is known to have no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The next chunk as it arrives, or `None` at the end.
    ///
    /// ```
    /// # async fn f(req: tidegate::http::Request) -> tidegate::Result<()> {
    /// let mut body = req.into_body();
    /// let mut total = 0;
    /// while let Some(chunk) = body.chunk().await? {
    ///     total += chunk.len();
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match &mut self.0 {
            Inner::Full(bytes) if bytes.is_empty() => Ok(None),
            Inner::Full(bytes) => Ok(Some(mem::take(bytes))),
            Inner::Stream(chunks) => chunks.next().await.transpose(),
            Inner::Incoming(incoming) => incoming.chunk().await,
        }
    }

    /// The chunks as a [`Stream`].
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes>> {
        unfold(self, |mut body| async {
            match body.chunk().await.transpose()? {
                Ok(chunk) => Some((Ok(chunk), body)),
                Err(error) => Some((Err(error), Self::empty())),
            }
        })
    }

    /// All of it. More than [`MAX_BODY_BYTES`] is a 413.
    pub async fn bytes(&mut self) -> Result<Bytes> {
        self.bytes_up_to(MAX_BODY_BYTES).await
    }

    /// All of it. More than `limit` bytes are a 413, found out before reading where the length is announced.
    pub async fn bytes_up_to(&mut self, limit: usize) -> Result<Bytes> {
        if self.len().is_some_and(|length| length > limit as u64) {
            return Err(too_large(limit));
        }
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await? else { return within(first, limit) };

        let mut all = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if all.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            all.extend_from_slice(&chunk);
            next = self.chunk().await?;
        }
        Ok(all.freeze())
    }

    /// All of it as text; a 400 if it is not UTF-8. [`MAX_BODY_BYTES`] is the limit.
    pub async fn text(&mut self) -> Result<String> {
        String::from_utf8(self.bytes().await?.into())
            .map_err(|error| Error::bad_request("the body is not UTF-8 text").because(error))
    }

    /// All of it as JSON; a 400 that says where if it is not a `T`. [`MAX_BODY_BYTES`] is the limit.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        serde_json::from_slice(&self.bytes().await?)
            .map_err(|error| Error::bad_request(format!("the body is not the JSON expected: {error}")))
    }

    /// All of it as the fields of an HTML form; a 400 if it is not a `T`. [`MAX_BODY_BYTES`] is the limit.
    pub async fn form<T: DeserializeOwned>(&mut self) -> Result<T> {
        serde_urlencoded::from_bytes(&self.bytes().await?)
            .map_err(|error| Error::bad_request(format!("the body is not the form expected: {error}")))
    }

    #[cfg(target_os = "wasi")]
    pub(crate) fn incoming(incoming: Incoming) -> Self {
        Self(Inner::Incoming(incoming))
    }

    #[cfg(target_os = "wasi")]
    pub(crate) fn into_inner(self) -> Inner {
        self.0
    }

    /// The length of a body that is complete bytes.
    #[cfg(target_os = "wasi")]
    pub(crate) fn full_len(&self) -> Option<u64> {
        match &self.0 {
            Inner::Full(bytes) => Some(bytes.len() as u64),
            Inner::Stream(_) | Inner::Incoming(_) => None,
        }
    }
}

fn within(bytes: Bytes, limit: usize) -> Result<Bytes> {
    if bytes.len() > limit { Err(too_large(limit)) } else { Ok(bytes) }
}

fn too_large(limit: usize) -> Error {
    Error::status(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {limit} bytes"))
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.len() {
            Some(length) => write!(f, "Body({length} bytes)"),
            None => write!(f, "Body(stream)"),
        }
    }
}

macro_rules! from_bytes {
    ($($ty:ty),*) => { $(
        impl From<$ty> for Body {
            fn from(bytes: $ty) -> Self { Self(Inner::Full(bytes.into())) }
        }
    )* };
}
from_bytes!(Bytes, Vec<u8>, String, &'static str, &'static [u8]);

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::iter;

    use super::*;

    fn chunks(chunks: &'static [&'static str]) -> Body {
        Body::from_stream(iter(chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())))))
    }

    #[crate::test]
    async fn bytes_come_whole_and_once() {
        for mut body in [Body::from("abcd"), chunks(&["abcd"]), chunks(&["a", "bc", "d"])] {
            assert_eq!(body.bytes().await.unwrap(), "abcd");
            assert!(body.bytes().await.unwrap().is_empty());
        }
    }

    #[crate::test]
    async fn the_limit_is_exact() {
        for make in [|| Body::from("abcd"), || chunks(&["abcd"]), || chunks(&["ab", "cd"])] {
            assert_eq!(make().bytes_up_to(4).await.unwrap(), "abcd");
            assert_eq!(make().bytes_up_to(3).await.unwrap_err().status_code(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[crate::test]
    async fn what_the_visitor_got_wrong_is_a_400() {
        let number = Body::from("{\"n\": 1").json::<serde_json::Value>().await.unwrap_err();
        assert_eq!(number.status_code(), StatusCode::BAD_REQUEST);
        assert!(number.message().contains("EOF"), "{number}");
        assert_eq!(Body::from(vec![0xff]).text().await.unwrap_err().status_code(), StatusCode::BAD_REQUEST);
    }

    #[crate::test]
    async fn a_stream_ends_at_its_error() {
        let body = Body::from_stream(iter([Ok("a".into()), Err(Error::bad_request("broken")), Ok("b".into())]));
        let all: Vec<_> = body.into_stream().collect().await;
        assert_eq!(all.len(), 2);
        assert!(all[1].is_err());
    }

    #[crate::test]
    async fn a_writer_learns_that_nobody_reads() {
        let (mut writer, body) = Body::channel();
        drop(body);
        assert!(writer.send("x").await.is_err());
    }
}
