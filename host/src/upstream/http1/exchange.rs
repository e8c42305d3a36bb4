//! One request and the head of its response, on one connection.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Response, StatusCode, request};
use tidegate_edge_config::edge;
use tidegate_pipeline::Failure;

use super::body::UpstreamBody;
use super::connection::Connection;
use super::request::Outgoing;
use super::response::{self, Framing, Head};
use crate::server::body::{RequestBody, ResponseBody};
use crate::server::http1::head::Scanner;
use crate::upstream::tunnel::Tunnel;
use crate::upstream::{Inform, Upstream};

/// How long an upstream may take to ask for a body before it is sent unasked (RFC 9110 section 10.1.1).
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);
/// Most informational responses before the final one.
const INFORMATIONAL_MAX: usize = 16;

/// Why there is no response.
#[derive(Debug)]
pub struct SendError {
    pub failure: Failure,
    /// The connection was an old one that the upstream had given up: nothing of a response came.
    pub is_stale: bool,
}

impl SendError {
    /// A failure that sending again would not help.
    pub fn of(failure: Failure) -> Self {
        Self { failure, is_stale: false }
    }
}

/// Sends a request and waits for the head of its response. The connection goes back to the pool of `upstream` once the
/// response's body is over.
///
/// # Errors
/// What kept the response from coming; the connection is closed then.
pub async fn exchange(
    upstream: &Arc<Upstream>,
    mut connection: Connection,
    head: &request::Parts,
    body: RequestBody,
    inform: Inform<'_>,
) -> Result<Response<ResponseBody>, SendError> {
    let outgoing = Outgoing::start(head, body, &mut connection);
    let mut exchange = Exchange { connection, outgoing, scanner: Scanner::default(), informational: 0 };
    let config = upstream.config();
    exchange.grant(config);
    match poll_fn(|context| exchange.poll_head(head, config, inform, context)).await {
        Ok(response) => Ok(exchange.into_response(upstream, response)),
        Err(failure) => {
            let nothing_came = exchange.scanner.is_fresh() && exchange.connection.read.is_empty();
            let is_stale = failure == Failure::ConnectionTerminated
                && exchange.connection.is_reused
                && nothing_came
                && exchange.informational == 0;
            Err(SendError { failure, is_stale })
        }
    }
}

struct Exchange {
    connection: Connection,
    outgoing: Outgoing,
    scanner: Scanner,
    informational: usize,
}

impl Exchange {
    fn poll_head(
        &mut self,
        request: &request::Parts,
        config: &edge::Upstream,
        inform: Inform<'_>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Head, Failure>> {
        let written_bytes = self.connection.written_bytes;
        // An upstream that has its answer may close its side before it has read the request: read on, it may be there.
        let sent = match self.outgoing.poll_send(&mut self.connection, context) {
            Poll::Ready(Err(failure)) if failure != Failure::ConnectionTerminated => return Poll::Ready(Err(failure)),
            sent => sent,
        };
        if self.connection.written_bytes != written_bytes || self.outgoing.waits_for_client() {
            self.grant(config);
        }
        loop {
            while let Some(head) = response::take(&mut self.scanner, &mut self.connection.read, &request.method)? {
                let is_final = !head.parts.status.is_informational() || is_switch(request, &head);
                if is_final {
                    return Poll::Ready(Ok(head));
                }
                self.informational(head, config, inform)?;
                // What it asked for may go at once; if it cannot, the waker is known to whom it waits for.
                let _ = self.outgoing.poll_send(&mut self.connection, context)?;
            }
            match self.connection.poll_fill(context) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Poll::Ready(Err(Failure::ConnectionTerminated)),
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(Err(failure)) = sent {
            return Poll::Ready(Err(failure));
        }
        if self.outgoing.waits_for_client() {
            return Poll::Pending;
        }
        ready!(self.connection.patience.poll_exhausted(context));
        if self.outgoing.is_awaited() {
            self.outgoing.go_on();
            self.grant(config);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let is_sent = self.outgoing.is_done();
        Poll::Ready(Err(if is_sent { Failure::FirstByteTimeout } else { Failure::IdleTimeout }))
    }

    /// Gives the upstream the time that it has for what comes next.
    fn grant(&mut self, config: &edge::Upstream) {
        let timeout = if self.outgoing.is_awaited() {
            CONTINUE_TIMEOUT
        } else if self.outgoing.is_done() {
            config.first_byte_timeout
        } else {
            config.idle_timeout
        };
        self.connection.patience.grant(timeout);
    }

    fn informational(&mut self, head: Head, config: &edge::Upstream, inform: Inform<'_>) -> Result<(), Failure> {
        self.informational += 1;
        if self.informational > INFORMATIONAL_MAX || head.parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::InvalidResponse);
        }
        if head.parts.status == StatusCode::CONTINUE {
            self.outgoing.go_on();
        } else {
            inform(head.parts);
        }
        self.grant(config);
        Ok(())
    }

    /// The response with whatever its body is.
    fn into_response(self, upstream: &Arc<Upstream>, head: Head) -> Response<ResponseBody> {
        let Self { mut connection, outgoing, .. } = self;
        let Head { parts, framing, keep_alive } = head;
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Response::from_parts(parts, ResponseBody::tunnel(Tunnel::new(connection)));
        }
        let whole = match framing {
            Framing::None => Some(0),
            Framing::Length(length) if length <= connection.read.len() as u64 => usize::try_from(length).ok(),
            _ => None,
        };
        let body = match whole {
            Some(length) if outgoing.is_done() => {
                let whole = connection.read.split_to(length).freeze();
                if keep_alive {
                    upstream.put_back(connection);
                }
                ResponseBody::whole(whole)
            }
            _ => ResponseBody::upstream(UpstreamBody::new(
                Arc::clone(upstream),
                connection,
                outgoing,
                framing,
                keep_alive,
            )),
        };
        Response::from_parts(parts, body)
    }
}

/// Whether the connection belongs to another protocol from here on, as the request asked.
fn is_switch(request: &request::Parts, head: &Head) -> bool {
    head.parts.status == StatusCode::SWITCHING_PROTOCOLS && request.headers.contains_key(http::header::UPGRADE)
}
