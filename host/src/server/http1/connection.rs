//! The life of one HTTP/1.1 connection: read a head, let the handler answer while its body arrives, and again.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use http::{Request, Response, StatusCode, Version};
use tokio::net::TcpStream;

use super::Refusal;
use super::head::Head;
use super::read::{Incoming, Interruption, Reader};
use super::write::{Asked, WriteError, Writer};
use crate::server::body::{self, End, RequestBody, ResponseBody};
use crate::server::interim::Interim;
use crate::server::{Drain, Handler};
use crate::upstream::Tunnel;

/// Serves the requests of one connection, in order, until either side ends it.
///
/// `read_ahead` holds bytes that were read to see which protocol the client speaks.
pub async fn serve(mut stream: TcpStream, read_ahead: BytesMut, handler: impl Handler, mut drain: Drain) {
    let (read_half, write_half) = stream.split();
    let mut reader = Reader::new(read_half, read_ahead);
    let mut writer = Writer::new(write_half);
    reader.start_head_clock();
    while let Some(head) = next_head(&mut reader, &mut writer, &mut drain).await {
        let then = match head {
            Ok(head) => exchange(&mut reader, &mut writer, head, &handler, &drain).await,
            Err(refusal) => Err(refusal),
        };
        let written = match then {
            Ok(Then::NextRequest) => continue,
            Ok(Then::Close) => writer.flush().await,
            Ok(Then::Abort) => return,
            Ok(Then::Reset) => {
                // Nothing else tells an HTTP/1.0 client that a body without a length is not whole.
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                return;
            }
            Err(refusal) => {
                handler.refused(refusal);
                writer.refuse(refusal).await
            }
        };
        if written.is_ok() {
            close(&mut reader, &mut writer).await;
        }
        return;
    }
}

/// How a connection goes on after an exchange.
enum Then {
    NextRequest,
    /// Orderly, after what is still to be written.
    Close,
    /// At once: the response is cut short, and its framing shows that.
    Abort,
    /// At once, by a reset: the response is cut short, and its framing does not show that.
    Reset,
}

/// Closes so that the client still gets to read what was written last.
async fn close(reader: &mut Reader<'_>, writer: &mut Writer<'_>) {
    writer.shut_down().await;
    reader.linger().await;
}

/// The next request, or `None` when the connection is over.
async fn next_head(
    reader: &mut Reader<'_>,
    writer: &mut Writer<'_>,
    drain: &mut Drain,
) -> Option<Result<Head, Refusal>> {
    loop {
        match reader.buffered_head() {
            Ok(Some(head)) => return Some(Ok(head)),
            Ok(None) => {}
            Err(refusal) => return Some(Err(refusal)),
        }
        // Responses to pipelined requests leave together, before anything is waited for.
        writer.flush().await.ok()?;
        let is_between_requests = !reader.has_partial_head();
        let read = tokio::select! {
            biased;
            read = reader.await_head_bytes() => read,
            () = drain.started(), if is_between_requests => return None,
        };
        match read {
            Ok(()) => {}
            Err(Interruption::TimedOut) if reader.has_partial_head() => return Some(Err(Refusal::Timeout)),
            Err(_) => return None,
        }
    }
}

/// Answers one request.
///
/// # Errors
/// A refusal, when the request turned out to be malformed before any response was on its way.
async fn exchange(
    reader: &mut Reader<'_>,
    writer: &mut Writer<'_>,
    head: Head,
    handler: &impl Handler,
    drain: &Drain,
) -> Result<Then, Refusal> {
    let mut incoming = Incoming::announced(&head, handler.body_bytes_max())?;
    let mut keep_alive = head.keep_alive && !drain.has_started();
    let asked = Asked::new(head.request.method(), head.request.version(), head.takes_trailers);
    let started = AtomicBool::new(false);
    let interim = Interim::default();
    let cut_short = if head.request.version() == Version::HTTP_11 { Then::Abort } else { Then::Reset };

    if head.expects_continue && writer.flush().await.is_err() {
        return Ok(Then::Abort);
    }
    let (sender, body) = match incoming {
        None => (None, RequestBody::Empty),
        Some(_) => {
            let (sender, receiver) = body::channel();
            (Some(sender), RequestBody::Http1(receiver))
        }
    };
    let (parts, ()) = head.request.into_parts();
    let written = {
        // Pinned where they are made: they are large, and would be copied into the select.
        let respond = pin!(async {
            let mut answer = pin!(handler.handle(Request::from_parts(parts, body), &interim));
            let mut has_flushed = false;
            let response = loop {
                let answered = poll_fn(|context| match answer.as_mut().poll(context) {
                    Poll::Ready(response) => Poll::Ready(Some(response)),
                    Poll::Pending if !has_flushed || interim.is_waiting() => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                });
                let answered = answered.await;
                put_informational(writer, &interim, asked);
                if let Some(response) = answered {
                    break response;
                }
                has_flushed = true;
                writer.flush().await?;
            };
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                return switch(writer, response).await.map(Some);
            }
            writer.respond(response, asked, &mut keep_alive, &started).await.map(|()| None)
        });
        let feed = pin!(async {
            if let (Some(sender), Some(incoming)) = (sender, incoming.as_mut()) {
                reader.feed(incoming, sender, &started).await?;
            }
            reader.until_closed().await;
            Ok(())
        });
        tokio::select! {
            biased;
            written = respond => Some(written),
            fed = feed => match fed {
                Err(refusal) if !started.load(Ordering::Relaxed) => return Err(refusal),
                // The client went away, or broke the body's rules while the response was on its way.
                _ => None,
            },
        }
    };
    match written {
        Some(Ok(Some((tunnel, _record)))) => {
            let (read, early) = reader.hand_over();
            tunnel.run(read, writer.hand_over(), early).await;
            Ok(Then::Abort)
        }
        Some(Ok(None)) if keep_alive => {
            // The answer does not wait for what is left of the body, which may take its time.
            if incoming.is_some() && writer.flush().await.is_err() {
                return Ok(Then::Abort);
            }
            Ok(if body_is_over(reader, incoming).await { Then::NextRequest } else { Then::Close })
        }
        Some(Ok(None)) => Ok(Then::Close),
        Some(Err(WriteError::Body)) => {
            // What came so far is the client's; a failure to write it changes nothing.
            let _ = writer.flush().await;
            Ok(cut_short)
        }
        Some(Err(WriteError::Connection)) | None => Ok(cut_short),
    }
}

/// Puts the informational responses that wait, for a client that knows them.
fn put_informational(writer: &mut Writer<'_>, interim: &Interim, asked: Asked) {
    while let Some(head) = interim.pop() {
        if asked.is_1_1 {
            writer.put_informational(&head);
        }
    }
}

/// Says that the connection belongs to another protocol from here on.
async fn switch(writer: &mut Writer<'_>, response: Response<ResponseBody>) -> Result<(Tunnel, End), WriteError> {
    let (head, body) = response.into_parts();
    let tunnel = body.into_tunnel().ok_or(WriteError::Body)?;
    writer.put_informational(&head);
    writer.flush().await?;
    Ok(tunnel)
}

/// Whether the next request can be read: the body was consumed, or what is left of it was cheap to throw away.
async fn body_is_over(reader: &mut Reader<'_>, incoming: Option<Incoming>) -> bool {
    match incoming {
        None => true,
        Some(mut incoming) => reader.discard(&mut incoming).await,
    }
}
