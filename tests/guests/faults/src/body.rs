//! Bodies that do not end as they should.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::{spin, trap};

const CHUNK: &[u8] = &[b'x'; 1024];

/// A chunk first, so that the response's head is on its way; then what the name says.
pub struct Script {
    then: Then,
    chunks_sent: u64,
}

#[derive(Clone, Copy)]
enum Then {
    /// More of the same, for ever.
    More,
    /// Nothing, for ever.
    Stall,
    Trap,
    Loop,
    Fail,
}

impl Script {
    /// The body of the fault with this name.
    pub fn named(name: &str) -> Option<Self> {
        let then = match name {
            "body-endless" => Then::More,
            "body-stalls" => Then::Stall,
            "body-traps" => Then::Trap,
            "body-loops" => Then::Loop,
            "body-fails" => Then::Fail,
            _ => return None,
        };
        Some(Self { then, chunks_sent: 0 })
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.chunks_sent += 1;
        match self.then {
            _ if self.chunks_sent == 1 => {}
            Then::More => {}
            Then::Stall => return Poll::Pending,
            Then::Trap => trap(),
            Then::Loop => spin(),
            Then::Fail => return Poll::Ready(Some(Err(std::io::Error::other("a failure of SECRET")))),
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(CHUNK)))))
    }
}
