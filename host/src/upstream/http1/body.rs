//! A response's body, read from its upstream as it is written to the client.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tidegate_pipeline::Failure;
use wasmtime_wasi_http::Error;

use super::connection::Connection;
use super::request::Outgoing;
use super::response::Framing;
use crate::server::http1::chunked::{Decoded, Decoder};
use crate::upstream::Upstream;

/// A response's body on its way from an upstream. What is left of the request's body goes out meanwhile.
pub struct UpstreamBody {
    upstream: Arc<Upstream>,
    /// Gone once the body is over.
    exchange: Option<(Connection, Outgoing)>,
    decoder: BodyDecoder,
    keep_alive: bool,
}

enum BodyDecoder {
    Length(u64),
    Chunked(Decoder),
    UntilClose,
}

impl UpstreamBody {
    /// The body that follows a head with this framing.
    pub fn new(
        upstream: Arc<Upstream>,
        connection: Connection,
        outgoing: Outgoing,
        framing: Framing,
        keep_alive: bool,
    ) -> Self {
        let decoder = match framing {
            Framing::None => BodyDecoder::Length(0),
            Framing::Length(length) => BodyDecoder::Length(length),
            Framing::Chunked => BodyDecoder::Chunked(Decoder::default()),
            Framing::UntilClose => BodyDecoder::UntilClose,
        };
        let mut body = Self { upstream, exchange: Some((connection, outgoing)), decoder, keep_alive };
        body.grant();
        body
    }

    /// How many bytes are still to come, if that is known.
    pub fn bytes_left(&self) -> Option<u64> {
        match (&self.decoder, &self.exchange) {
            (_, None) => Some(0),
            (BodyDecoder::Length(left), _) => Some(*left),
            _ => None,
        }
    }

    /// The next frame, as `http_body::Body::poll_frame`.
    pub fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some((connection, outgoing)) = &mut self.exchange else { return Poll::Ready(None) };
        // A failure to send shows in the response as well, or does not matter to it.
        let _ = outgoing.poll_send(connection, context);
        let frame = loop {
            match self.decode() {
                Ok(Decoded::Incomplete) => {}
                Ok(Decoded::Data(data)) => break Ok(Some(Frame::data(data))),
                Ok(Decoded::End(trailers)) => break Ok(trailers.map(Frame::trailers)),
                Err(failure) => break Err(failure),
            }
            let Some((connection, _)) = &mut self.exchange else { return Poll::Ready(None) };
            match connection.poll_fill(context) {
                Poll::Ready(Ok(1..)) => self.grant(),
                Poll::Ready(Ok(0)) if matches!(self.decoder, BodyDecoder::UntilClose) => {
                    self.exchange = None;
                    return Poll::Ready(None);
                }
                Poll::Ready(_) => break Err(Failure::ConnectionTerminated),
                Poll::Pending => {
                    ready!(connection.patience.poll_exhausted(context));
                    break Err(Failure::IdleTimeout);
                }
            }
        };
        match frame {
            Ok(Some(frame)) => {
                let is_over = frame.is_trailers() || matches!(self.decoder, BodyDecoder::Length(0));
                if is_over {
                    self.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(None) => {
                self.finish();
                Poll::Ready(None)
            }
            Err(failure) => {
                self.exchange = None;
                self.upstream.count_failure(&failure);
                Poll::Ready(Some(Err(Error::InternalError(Some(failure.reason().to_string())))))
            }
        }
    }

    fn decode(&mut self) -> Result<Decoded, Failure> {
        let Some((connection, _)) = &mut self.exchange else { return Ok(Decoded::End(None)) };
        let buffer = &mut connection.read;
        match &mut self.decoder {
            BodyDecoder::Length(0) => Ok(Decoded::End(None)),
            BodyDecoder::Length(left) if !buffer.is_empty() => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= taken as u64;
                Ok(Decoded::Data(buffer.split_to(taken).freeze()))
            }
            BodyDecoder::UntilClose if !buffer.is_empty() => Ok(Decoded::Data(buffer.split().freeze())),
            BodyDecoder::Chunked(decoder) => decoder.decode(buffer).map_err(|_| Failure::InvalidResponse),
            _ => Ok(Decoded::Incomplete),
        }
    }

    /// The connection is free for the next request, if it is sound and the request was sent.
    fn finish(&mut self) {
        if let Some((connection, outgoing)) = self.exchange.take()
            && self.keep_alive
            && outgoing.is_done()
        {
            self.upstream.put_back(connection);
        }
    }

    fn grant(&mut self) {
        let timeout = self.upstream.config().idle_timeout;
        if let Some((connection, _)) = &mut self.exchange {
            connection.patience.grant(timeout);
        }
    }
}

impl fmt::Debug for UpstreamBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("UpstreamBody").finish_non_exhaustive()
    }
}
