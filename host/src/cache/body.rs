//! A stored body that is read in several pieces, or while it arrives.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tidegate_cache::Piece;

use super::arriving::{Arriving, Broken, Reader};

/// A stored body on its way to a client.
pub struct StoredBody {
    parts: VecDeque<Part>,
    bytes_left: Option<u64>,
}

enum Part {
    Bytes(Bytes),
    Arriving(Reader),
    /// It can be read no more.
    Lost,
}

impl StoredBody {
    /// These pieces, one behind the other.
    pub fn of(pieces: impl Iterator<Item = Bytes>) -> Self {
        let parts: VecDeque<_> = pieces.map(Part::Bytes).collect();
        let length = |part: &Part| if let Part::Bytes(bytes) = part { bytes.len() as u64 } else { 0 };
        let bytes_left = Some(parts.iter().map(length).sum());
        Self { parts, bytes_left }
    }

    /// What arrives, or pieces of it, by one reader that there is already; further pieces need further ones.
    pub fn arriving(arriving: &Arc<Arriving>, mut reader: Option<Reader>, pieces: Option<Vec<Piece>>) -> Self {
        let Some(pieces) = pieces else {
            let parts = VecDeque::from([reader.map_or(Part::Lost, Part::Arriving)]);
            return Self { parts, bytes_left: arriving.length() };
        };
        let length = |piece: &Piece| match piece {
            Piece::Text(text) => text.len() as u64,
            Piece::Range(range) => range.end.saturating_sub(range.start),
        };
        let bytes_left = Some(pieces.iter().map(length).sum());
        let part = |piece| match piece {
            Piece::Text(text) => Part::Bytes(text),
            Piece::Range(range) => {
                let reader = reader.take().or_else(|| arriving.reader());
                reader.map_or(Part::Lost, |reader| Part::Arriving(reader.range(range)))
            }
        };
        Self { parts: pieces.into_iter().map(part).collect(), bytes_left }
    }

    /// How many bytes are still to come, if that is known.
    pub fn bytes_left(&self) -> Option<u64> {
        self.bytes_left
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// When what arrives breaks off.
    pub fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        while let Some(part) = self.parts.front_mut() {
            let data = match part {
                Part::Bytes(bytes) => {
                    let bytes = std::mem::take(bytes);
                    self.parts.pop_front();
                    bytes
                }
                Part::Lost => return Poll::Ready(Some(Err(Broken::CutOff))),
                Part::Arriving(reader) => match ready!(reader.poll_frame(context)) {
                    Some(Ok(bytes)) => bytes,
                    Some(Err(broken)) => return Poll::Ready(Some(Err(broken))),
                    None => {
                        self.parts.pop_front();
                        continue;
                    }
                },
            };
            if data.is_empty() {
                continue;
            }
            self.bytes_left = self.bytes_left.map(|left| left.saturating_sub(data.len() as u64));
            return Poll::Ready(Some(Ok(data)));
        }
        Poll::Ready(None)
    }
}

impl fmt::Debug for StoredBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StoredBody").field("bytes_left", &self.bytes_left).finish_non_exhaustive()
    }
}
