//! Bodies that do not end as they should: a chunk first, so that the response's head is on its way; then what the
//! name says.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};

use spin_sdk::http::{BoxBody, body, box_body};

use super::{sleep, spin, trap};

const CHUNK: &[u8] = &[b'x'; 1024];

/// The body with this name.
pub fn named(name: &str) -> Option<BoxBody> {
    let then = match name {
        "body-endless" => Then::More,
        "body-traps" => Then::Trap,
        "body-loops" => Then::Loop,
        "body-fails" => Then::Fail,
        "body-stalls" => return Some(stalling()),
        _ => return None,
    };
    Some(box_body(Script { then, chunks_sent: 0 }))
}

/// Sends nothing more for a day.
fn stalling() -> BoxBody {
    let (mut sender, body) = body::stream::<Bytes>();
    spin_sdk::wasip3::spawn(async move {
        // There is room for one.
        let _ = sender.try_send(Bytes::from_static(CHUNK));
        sleep(Duration::from_secs(24 * 3600)).await;
        drop(sender);
    });
    box_body(body)
}

struct Script {
    then: Then,
    chunks_sent: u64,
}

#[derive(Clone, Copy)]
enum Then {
    /// More of the same, for ever.
    More,
    Trap,
    Loop,
    Fail,
}

impl Body for Script {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.chunks_sent += 1;
        match self.then {
            _ if self.chunks_sent == 1 => {}
            Then::More => {}
            Then::Trap => trap(),
            Then::Loop => spin(),
            Then::Fail => return Poll::Ready(Some(Err(std::io::Error::other("a failure of SECRET")))),
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(CHUNK)))))
    }
}
