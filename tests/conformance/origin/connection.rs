//! One connection of an upstream.

use std::net::TcpStream;

use super::script::{Busy, Progress, Script, Scripts};
use crate::case::{Origin, Then, Version};
use crate::shell::{SeenRequest, joined};
use crate::wire::{Framing, Head, Wire, chunked, head_bytes};

/// Bytes of a head that no proxy reads to its end.
const HUGE_HEAD_BYTES: usize = 4 * 1024 * 1024;

/// Serves a connection until one side is done with it.
pub fn serve(stream: TcpStream, scripts: &Scripts) {
    let mut wire = Some(Wire::new(stream));
    let mut is_kept = false;
    while let Some(mut open) = wire.take() {
        let head = match open.head() {
            Ok(Some(head)) => head,
            Ok(None) => return,
            Err(fault) => {
                let request = SeenRequest { fault: Some(fault), is_truncated: true, ..SeenRequest::default() };
                let busy = scripts.begin(request);
                return scripts.update(&busy, Progress::Over, |_| ());
            }
        };
        let (mut request, framing) = read_head(&head);
        request.is_kept = std::mem::replace(&mut is_kept, true);
        let answering = Answering { wire: open, method: request.method.clone(), scripts, busy: scripts.begin(request) };
        let is_expecting = joined(&head.fields, "expect").is_some();
        let busy = answering.busy.clone();
        wire = answering.serve(framing, is_expecting);
        scripts.update(&busy, Progress::Over, |_| ());
    }
}

fn read_head(head: &Head) -> (SeenRequest, Framing) {
    let words: Vec<&str> = head.line.split(' ').collect();
    let (method, target, mut fault) = match &words[..] {
        [method, target, "HTTP/1.1"] => ((*method).to_owned(), (*target).to_owned(), None),
        _ => (String::new(), String::new(), Some(format!("no request line of HTTP/1.1: {:?}", head.line))),
    };
    let framing = Framing::of(&head.fields, Framing::None).unwrap_or_else(|error| {
        fault = Some(error);
        Framing::None
    });
    (SeenRequest { method, target, fields: head.fields.clone(), fault, ..SeenRequest::default() }, framing)
}

/// A request that is being answered.
struct Answering<'s> {
    wire: Wire,
    method: String,
    scripts: &'s Scripts,
    busy: Busy,
}

impl Answering<'_> {
    /// Serves a request whose head was read. The connection comes back if it is good for another one.
    fn serve(mut self, framing: Framing, is_expecting: bool) -> Option<Wire> {
        let Some(Script { entry, tunnel_length, .. }) = self.busy.script.clone() else {
            // Nobody expected it: what it is, is all that matters.
            self.read_body(framing);
            return None;
        };
        if is_expecting {
            self.interims(&entry);
        }
        if !entry.early {
            self.read_body(framing);
        }
        self.scripts.update(&self.busy, Progress::Read, |_| ());
        if !entry.in_halves {
            self.scripts.wait_until_released(&self.busy);
        }
        if !is_expecting {
            self.interims(&entry);
        }
        self.answer(&entry, tunnel_length)
    }

    fn read_body(&mut self, framing: Framing) {
        let body = self.wire.body(framing);
        self.scripts.update(&self.busy, Progress::Read, |request| match body {
            Ok(body) => {
                (request.body, request.trailers, request.is_truncated) = (body.bytes, body.trailers, body.is_truncated);
            }
            Err(fault) => request.fault = Some(fault),
        });
    }

    fn interims(&mut self, entry: &Origin) {
        for interim in &entry.informational {
            self.wire.send(&head_bytes(&format!("HTTP/1.1 {} Interim", interim.status), &interim.fields));
        }
    }

    /// Answers. The connection comes back if it is good for another request.
    fn answer(mut self, entry: &Origin, tunnel_length: usize) -> Option<Wire> {
        if !entry.delay.is_zero() {
            // It is a slow upstream, and nobody waits for it to be over.
            std::thread::sleep(entry.delay);
        }
        if let Some(bytes) = &entry.bytes {
            self.wire.send(bytes.as_bytes());
            return None;
        }
        match entry.then {
            Some(Then::Close) if entry.status.is_none() => return None,
            Some(Then::Reset) => {
                self.wire.reset();
                return None;
            }
            Some(Then::NeverAnswers) => {
                self.wire.take(usize::MAX);
                return None;
            }
            Some(Then::Garbage) => {
                self.wire.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n");
                return None;
            }
            Some(Then::HugeHead) => {
                self.wire.send(b"HTTP/1.1 200 OK\r\nx-huge: ");
                self.wire.send(&vec![b'a'; HUGE_HEAD_BYTES]);
                return None;
            }
            _ => {}
        }
        self.respond(entry, tunnel_length)
    }

    fn respond(mut self, entry: &Origin, tunnel_length: usize) -> Option<Wire> {
        let status = entry.status.unwrap_or(200);
        let version = if entry.version == Version::Http10 { "1.0" } else { "1.1" };
        let mut bytes = head_bytes(&format!("HTTP/{version} {status} Scripted"), &entry.all_fields());
        if status == 101 {
            bytes.extend(entry.tunnel.iter().flat_map(|tunnel| tunnel.bytes()));
            self.wire.send(&bytes);
            let tunnel = self.wire.take(tunnel_length);
            self.scripts.update(&self.busy, Progress::Read, |request| request.tunnel = tunnel);
            return None;
        }
        let is_half = matches!(entry.then, Some(Then::HalfABody | Then::HalfThenReset | Then::HalfThenNothing));
        let head_length = bytes.len();
        let (body, ends) = body(entry);
        if self.method != "HEAD" {
            bytes.extend(body);
        }
        if is_half {
            bytes.truncate(head_length + (bytes.len() - head_length) / 2);
        }
        let rest =
            if entry.in_halves { bytes.split_off(head_length + (bytes.len() - head_length) / 2) } else { Vec::new() };
        self.wire.send(&bytes);
        if entry.in_halves {
            self.scripts.wait_until_released(&self.busy);
            self.wire.send(&rest);
        }
        match entry.then {
            Some(Then::HalfThenReset) => self.wire.reset(),
            Some(Then::HalfThenNothing) => drop(self.wire.take(usize::MAX)),
            Some(_) => {}
            None if entry.early => {
                // RFC 9112 section 9.6: what the client may still be sending is read, or it would not get the response.
                self.wire.end();
                self.scripts.update(&self.busy, Progress::Over, |_| ());
                self.wire.take(usize::MAX);
            }
            None if ends => {}
            None => return Some(self.wire),
        }
        None
    }
}

/// A body as it is sent, and whether the connection ends with it.
fn body(entry: &Origin) -> (Vec<u8>, bool) {
    let is_old = entry.version == Version::Http10;
    if let Some(chunks) = &entry.chunks {
        return (chunked(chunks, &entry.trailers), is_old);
    }
    if let Some(body) = &entry.until_close {
        return (body.clone().into_bytes(), true);
    }
    (entry.body.clone().unwrap_or_default().into_bytes(), is_old)
}
