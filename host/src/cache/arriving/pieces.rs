//! What arrived of a body, in pieces, without what has been let go.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;

/// A piece has at least this many bytes, except the last: an upstream that sends single bytes must not make us keep a
/// piece for each. What is less is gathered, and readers get copies of it.
const PIECE_MIN: usize = 4 << 10;

/// Pieces of a body, each at its offset.
#[derive(Default)]
pub struct Pieces {
    pieces: VecDeque<Piece>,
    /// Where the tail begins: behind all pieces.
    tail_start: u64,
    /// What is gathered until it is worth a piece.
    tail: Vec<u8>,
}

struct Piece {
    start: u64,
    bytes: Bytes,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Pieces {
    /// A body that is there in one piece.
    pub fn of(bytes: Bytes) -> Self {
        let tail_start = bytes.len() as u64;
        let piece = (!bytes.is_empty()).then_some(Piece { start: 0, bytes });
        Self { pieces: piece.into_iter().collect(), tail_start, tail: Vec::new() }
    }

    /// How many bytes arrived, those that were let go included.
    pub fn end(&self) -> u64 {
        self.tail_start + self.tail.len() as u64
    }

    /// Adds a copy of `data`.
    pub fn push(&mut self, data: &[u8]) {
        if self.tail.is_empty() {
            // Often that is all of it.
            self.tail.reserve_exact(data.len());
        }
        self.tail.extend_from_slice(data);
        if self.tail.len() >= PIECE_MIN {
            self.seal();
        }
    }

    /// Makes a piece of what is gathered, of exactly its size.
    pub fn seal(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let start = self.tail_start;
        self.tail_start = self.end();
        self.pieces.push_back(Piece { start, bytes: mem::take(&mut self.tail).into_boxed_slice().into() });
    }

    /// What is there in one piece from `position` on; none: nothing is.
    pub fn at(&self, position: u64) -> Option<Bytes> {
        if position >= self.end() {
            return None;
        }
        if let Some(gathered) = position.checked_sub(self.tail_start) {
            return Some(Bytes::copy_from_slice(self.tail.get(usize::try_from(gathered).ok()?..)?));
        }
        let piece = self.pieces.get(self.pieces.partition_point(|piece| piece.end() <= position))?;
        // Before the first piece: it was let go, which does not happen to what a reader has still to take.
        let offset = usize::try_from(position.checked_sub(piece.start)?).ok()?;
        Some(piece.bytes.slice(offset..))
    }

    /// Lets go of the pieces that end at `position` or before.
    pub fn forget(&mut self, position: u64) {
        while self.pieces.front().is_some_and(|piece| piece.end() <= position) {
            self.pieces.pop_front();
        }
        if position >= self.end() {
            self.tail_start = self.end();
            self.tail.clear();
        }
    }

    /// The whole body, if it is in one piece; if not, its pieces. To be asked when it is sealed and nothing was let go.
    pub fn whole(&self) -> Result<Bytes, Vec<Bytes>> {
        match self.pieces.len() {
            0 => Ok(Bytes::new()),
            1 => Ok(self.pieces[0].bytes.clone()),
            _ => Err(self.pieces.iter().map(|piece| piece.bytes.clone()).collect()),
        }
    }
}
