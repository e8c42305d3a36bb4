//! A stored response, or one that is being stored: its head, and its body as far as it is there.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_cache::{Kept, Piece};
use tidegate_pipeline::Looked;

use super::arriving::Arriving;
use super::body::StoredBody;
use super::generations::Checked;

/// What an entry weighs in memory beside its key, fields and body, in bytes: the entry itself, its place in the map and
/// in the queues, its fields' own bookkeeping.
const OVERHEAD: usize = 600;
/// The same of a field.
const FIELD_OVERHEAD: usize = 104;

/// What is stored under a key. Whole entries are in the store; one that arrives is known to those who wait for it.
pub struct Entry {
    /// The head, or a mark.
    pub kept: Kept,
    /// The body.
    pub body: Body,
    /// Its place among purges.
    pub sequence: u64,
    /// When it was last compared with them.
    pub checked: Checked,
}

/// A body, shared by all who read it.
#[derive(Clone)]
pub enum Body {
    /// It is there.
    Whole(Bytes),
    /// It arrives.
    Arriving(Arc<Arriving>),
}

impl Entry {
    /// An entry that has not been compared with any purge.
    pub fn new(kept: Kept, body: Body, sequence: u64) -> Arc<Self> {
        Arc::new(Self { kept, body, sequence, checked: Checked::default() })
    }

    /// What the pipeline sees of it.
    pub fn looked(&self, is_purged: bool) -> Looked {
        Looked { kept: self.kept.clone(), length: self.body.length(), is_purged }
    }

    /// Waits until its body has arrived, or has broken off.
    pub async fn settled(&self) {
        if let Body::Arriving(arriving) = &self.body {
            arriving.settled().await;
        }
    }

    /// Its tags.
    pub fn tags(&self) -> &[Arc<str>] {
        match &self.kept {
            Kept::Stored(stored) => &stored.tags,
            Kept::Marker(_) => &[],
        }
    }

    /// What it weighs in memory, in bytes, under a key of this length.
    pub fn weight(&self, key_length: usize) -> usize {
        let head = match &self.kept {
            Kept::Stored(stored) => {
                let fields = stored.headers.iter();
                let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + FIELD_OVERHEAD);
                let tags = stored.tags.iter().map(|tag| tag.len() + 32);
                fields.chain(tags).sum()
            }
            Kept::Marker(_) => 256,
        };
        let body = match &self.body {
            Body::Whole(bytes) => bytes.len(),
            Body::Arriving(_) => 0,
        };
        OVERHEAD + key_length + head + body
    }
}

impl Body {
    /// How long it is, if that is known yet.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Arriving(arriving) => arriving.length(),
        }
    }

    /// Reads it, or pieces of it.
    pub fn read(&self, pieces: Option<Vec<Piece>>) -> Read {
        match (self, pieces) {
            (Self::Whole(bytes), None) => Read::Whole(bytes.clone()),
            (Self::Whole(bytes), Some(pieces)) => match <[Piece; 1]>::try_from(pieces) {
                Ok([piece]) => Read::Whole(cut(bytes, &piece)),
                Err(pieces) => Read::Pieces(StoredBody::of(pieces.iter().map(|piece| cut(bytes, piece)))),
            },
            (Self::Arriving(arriving), pieces) => Read::Pieces(StoredBody::arriving(arriving, pieces)),
        }
    }
}

/// A body on its way to a client.
pub enum Read {
    /// In one piece of memory.
    Whole(Bytes),
    /// In several, or as it arrives.
    Pieces(StoredBody),
}

/// A piece of a body that is there. What lies outside of it is empty: pieces were selected by its length.
pub(super) fn cut(bytes: &Bytes, piece: &Piece) -> Bytes {
    match piece {
        Piece::Text(text) => text.clone(),
        Piece::Range(range) => {
            let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            let (start, end) = (place(range.start), place(range.end));
            bytes.slice(start..end.max(start))
        }
    }
}
