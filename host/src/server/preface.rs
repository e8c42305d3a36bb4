//! Which protocol a connection speaks, told by its first bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What an HTTP/2 client sends first (RFC 9113 section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a new connection may stay silent.
const FIRST_BYTES_TIMEOUT: Duration = Duration::from_secs(30);

/// The protocols that are spoken here without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

/// Reads until the protocol is clear; gives what was read. `None` if the client went away or stayed silent.
pub async fn detect(stream: &mut TcpStream) -> Option<(Protocol, BytesMut)> {
    let mut read = BytesMut::with_capacity(4 * 1024);
    let reading = async {
        loop {
            if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
                return None;
            }
            if let Some(protocol) = protocol_of(&read) {
                return Some(protocol);
            }
        }
    };
    let protocol = tokio::time::timeout(FIRST_BYTES_TIMEOUT, reading).await.ok()??;
    Some((protocol, read))
}

fn protocol_of(read: &[u8]) -> Option<Protocol> {
    let compared = read.len().min(HTTP2_PREFACE.len());
    if read[..compared] != HTTP2_PREFACE[..compared] {
        Some(Protocol::Http1)
    } else if compared == HTTP2_PREFACE.len() {
        Some(Protocol::Http2)
    } else {
        None
    }
}

/// A stream whose first bytes were read already.
pub struct Rewound {
    stream: TcpStream,
    read_ahead: BytesMut,
}

impl Rewound {
    /// Gives `read_ahead` to the reader before what comes from `stream`.
    pub fn new(stream: TcpStream, read_ahead: BytesMut) -> Self {
        Self { stream, read_ahead }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let length = self.read_ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.read_ahead[..length]);
        self.read_ahead.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        let cases: [(&[u8], Option<Protocol>); 6] = [
            (b"G", Some(Protocol::Http1)),
            (b"P", None),
            (b"POST / HTTP/1.1", Some(Protocol::Http1)),
            (b"PRI * HTTP/2.0\r\n", None),
            (HTTP2_PREFACE, Some(Protocol::Http2)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", Some(Protocol::Http2)),
        ];
        for (read, protocol) in cases {
            assert_eq!(protocol_of(read), protocol, "{:?}", String::from_utf8_lossy(read));
        }
    }
}
