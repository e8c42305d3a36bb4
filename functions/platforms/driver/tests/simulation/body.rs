//! Bodies that stream.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_cache::Piece;

use crate::clock::Sim;
use crate::platform::UnderWay;
use crate::store::{Arriving, End};

/// A body, of a request or response.
pub enum Body {
    Whole(Option<Bytes>),
    /// From the upstream.
    Slow {
        sim: Rc<Sim>,
        chunks: VecDeque<Bytes>,
        pause: Duration,
        breaks: bool,
        _under_way: UnderWay,
    },
    /// Pieces of what is stored, or arrives there.
    Stored {
        arriving: Rc<Arriving>,
        pieces: VecDeque<Piece>,
        taken: u64,
    },
}

/// A body broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff;

impl Body {
    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, CutOff>> {
        match self {
            Self::Whole(bytes) => bytes.take().map(Ok),
            Self::Slow { sim, chunks, pause, breaks, .. } => {
                sim.sleep(*pause).await;
                match chunks.pop_front() {
                    None if *breaks => Some(Err(CutOff)),
                    chunk => chunk.map(Ok),
                }
            }
            Self::Stored { arriving, pieces, taken } => stored(arriving, pieces, taken).await,
        }
    }

    /// All of it, and whether that is the whole.
    pub async fn read(mut self, mut first: impl FnMut()) -> (Bytes, Result<(), CutOff>) {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                Some(Ok(chunk)) if all.is_empty() => {
                    first();
                    all.extend_from_slice(&chunk);
                }
                Some(Ok(chunk)) => all.extend_from_slice(&chunk),
                Some(Err(cut)) => return (all.into(), Err(cut)),
                None => return (all.into(), Ok(())),
            }
        }
    }
}

/// The next bytes of pieces, of which `taken` are gone from the first one.
async fn stored(arriving: &Arriving, pieces: &mut VecDeque<Piece>, taken: &mut u64) -> Option<Result<Bytes, CutOff>> {
    loop {
        let range = match pieces.front()? {
            Piece::Text(text) => {
                let text = text.clone();
                pieces.pop_front();
                return Some(Ok(text));
            }
            Piece::Range(range) => range.clone(),
        };
        let position = range.start + *taken;
        if position < range.end {
            match arriving.from(usize::try_from(position).unwrap()).await {
                Ok(mut bytes) => {
                    bytes.truncate(usize::try_from(range.end - position).unwrap_or(usize::MAX));
                    *taken += bytes.len() as u64;
                    return Some(Ok(bytes));
                }
                Err(End::CutOff) => return Some(Err(CutOff)),
                Err(End::Whole) => {}
            }
        }
        pieces.pop_front();
        *taken = 0;
    }
}
