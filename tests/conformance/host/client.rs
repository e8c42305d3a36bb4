//! A client over a socket of its own.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::thread::JoinHandle;

use rustix::net::{AddressFamily, SocketType};

use crate::case::{Request, Version};
use crate::shell::SeenResponse;
use crate::wire::{Framing, Head, Wire, chunked, head_bytes};

/// A client that has sent its request, or as much as it sends before it gets an answer.
pub struct Client {
    wire: Wire,
    request: Request,
    /// What it sends when it is asked to.
    body: Option<Vec<u8>>,
    /// What it is still sending, for a response may come before it is done.
    sending: Option<JoinHandle<bool>>,
}

impl Client {
    /// Sends a request to `address`.
    pub fn send(address: SocketAddr, request: &Request) -> Self {
        let mut wire = Wire::new(connect(address, request.from));
        let body = body(request);
        let head = match &request.bytes {
            Some(bytes) => bytes.clone().into_bytes(),
            None => head_bytes(&request_line(request), &request.all_fields()),
        };
        let (mut sending, mut waiting) = (None, None);
        if request.waits {
            wire.send(&head);
            waiting = Some(body);
        } else {
            sending = Some(wire.send_meanwhile([head, body].concat()));
        }
        if request.ends {
            sending.take().map(JoinHandle::join);
            wire.end();
        }
        Self { wire, request: request.clone(), body: waiting, sending }
    }

    /// Receives the response, and sees that nothing follows it.
    pub fn receive(mut self) -> Result<SeenResponse, String> {
        let mut seen = SeenResponse::default();
        let head = loop {
            let head = self.wire.head()?.ok_or("the edge closed without a response")?;
            let status = status(&head)?;
            if !(100..=199).contains(&status) || status == 101 {
                seen.status = status;
                break head;
            }
            if let Some(body) = self.body.take().filter(|_| status == 100) {
                self.wire.send(&body);
            }
            seen.informational.push((status, head.fields));
        };
        seen.fields = head.fields;
        if seen.status == 101 {
            self.wire.send(self.request.tunnel.clone().unwrap_or_default().as_bytes());
            seen.tunnel = self.wire.take(usize::MAX);
            return Ok(seen);
        }
        let body = self.wire.body(self.framing(&seen)?)?;
        (seen.body, seen.trailers, seen.is_truncated) = (body.bytes, body.trailers, body.is_truncated);
        self.end(&seen)?;
        Ok(seen)
    }

    fn framing(&self, seen: &SeenResponse) -> Result<Framing, String> {
        let framing = Framing::of(&seen.fields, Framing::UntilClose)?;
        if matches!((self.request.version, framing), (Version::Http10, Framing::Chunked)) {
            return Err("chunks for a client of HTTP/1.0".to_owned());
        }
        let has_none = self.request.method == "HEAD" || matches!(seen.status, 204 | 304);
        Ok(if has_none { Framing::None } else { framing })
    }

    /// Sees that nothing follows a response. Behind a request in bytes the edge is the one to close.
    fn end(&mut self, seen: &SeenResponse) -> Result<(), String> {
        if self.sending.take().is_some_and(|sending| !sending.join().unwrap_or(false)) {
            return Err(format!("behind the response {seen:?} the edge neither reads on nor closes"));
        }
        if self.request.bytes.is_none() {
            self.wire.end();
        }
        self.wire.is_over().map_err(|error| format!("behind the response {seen:?} {error}"))
    }
}

fn request_line(request: &Request) -> String {
    let version = if request.version == Version::Http10 { "1.0" } else { "1.1" };
    format!("{} {} HTTP/{version}", request.method, request.target)
}

fn body(request: &Request) -> Vec<u8> {
    match (&request.chunks, &request.body) {
        (Some(chunks), _) => chunked(chunks, &request.trailers),
        (None, Some(body)) => body.clone().into_bytes(),
        (None, None) => Vec::new(),
    }
}

fn status(head: &Head) -> Result<u16, String> {
    let status = head.line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    status.and_then(|status| status.parse().ok()).ok_or_else(|| format!("no status line: {:?}", head.line))
}

/// A connection from one of the machine's own addresses: all of 127.0.0.0/8 are.
fn connect(to: SocketAddr, from: IpAddr) -> TcpStream {
    let family = if to.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = rustix::net::socket(family, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(&socket, &SocketAddr::new(from, 0)).expect("an address of this machine");
    rustix::net::connect(&socket, &to).expect("a connection");
    socket.into()
}
