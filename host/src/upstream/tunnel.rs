//! A connection that speaks another protocol after `101 Switching Protocols`, WebSocket for one.

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::http1::Connection;
use super::stream::Stream;
use crate::engine::Permit;

/// How long neither side may say anything.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// Bytes that wait in each direction.
const BUFFER_BYTES: usize = 16 * 1024;

/// The upstream's end of a tunnel.
pub struct Tunnel {
    stream: Stream,
    read_ahead: BytesMut,
    _place: Permit,
}

impl Tunnel {
    /// What a connection is once it has switched protocols.
    pub fn new(connection: Connection) -> Self {
        let (stream, read_ahead, place) = connection.into_parts();
        Self { stream, read_ahead, _place: place }
    }

    /// Passes bytes on in both directions, what the client sent early first, until both sides have ended or one breaks
    /// off. An end of one side is passed on; the other may go on.
    pub async fn run(
        mut self,
        client_read: &mut (impl AsyncRead + Unpin),
        client_write: &mut (impl AsyncWrite + Unpin),
        early: BytesMut,
    ) {
        let (mut read, mut write) = tokio::io::split(&mut self.stream);
        let up = copy(client_read, &mut write, early);
        let down = copy(&mut read, client_write, std::mem::take(&mut self.read_ahead));
        // An error on one side ends both; their sockets are closed by whoever owns them.
        let _ = tokio::try_join!(up, down);
    }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut buffer: BytesMut,
) -> std::io::Result<()> {
    loop {
        if !buffer.is_empty() {
            to.write_all_buf(&mut buffer).await?;
            to.flush().await?;
        }
        buffer.reserve(BUFFER_BYTES);
        let read = tokio::time::timeout(IDLE_TIMEOUT, from.read_buf(&mut buffer));
        if read.await.map_err(|_| std::io::ErrorKind::TimedOut)?? == 0 {
            return to.shutdown().await;
        }
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tunnel").finish_non_exhaustive()
    }
}
