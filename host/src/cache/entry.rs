//! A stored response, or one that is being stored: its head, and its body as far as it is there.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tidegate_cache::{Kept, Piece, Stored};
use tidegate_pipeline::Looked;

use super::arriving::{Arriving, Reader};
use super::body::StoredBody;
use super::generations::Checked;

/// What an entry weighs in memory beside its key, fields and body, in bytes: the entry itself, its place in the map and
/// in the queues, its fields' own bookkeeping.
const OVERHEAD: usize = 600;
/// The same of a field.
const FIELD_OVERHEAD: usize = 104;
/// Fields that an answer has beside those that are stored: Age, Cache-Status, and what a route adds.
const ADDED_FIELDS: usize = 4;

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
pub enum Body {
    /// It is there.
    Whole(Bytes),
    /// It arrives.
    Arriving(Arc<Arriving>, Seat),
}

/// A place among the readers of a body that arrives, taken when it was certain that there was one: once a body turns out
/// to be too large to be kept, nobody may join any more.
#[derive(Default)]
pub struct Seat(Mutex<Option<Reader>>);

impl Seat {
    /// The place; another one if it was taken already.
    fn take(&self, arriving: &Arc<Arriving>) -> Option<Reader> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().or_else(|| arriving.reader())
    }
}

impl Entry {
    /// An entry that has not been compared with any purge.
    pub fn new(kept: Kept, body: Body, sequence: u64) -> Arc<Self> {
        Arc::new(Self { kept, body, sequence, checked: Checked::default() })
    }

    /// The same entry with a place among its readers; none if it can be read no more.
    pub fn joined(self: &Arc<Self>) -> Option<Arc<Self>> {
        let Body::Arriving(arriving, _) = &self.body else { return Some(Arc::clone(self)) };
        let seat = Seat(Mutex::new(Some(arriving.reader()?)));
        Some(Self::new(self.kept.clone(), Body::Arriving(Arc::clone(arriving), seat), self.sequence))
    }

    /// What the pipeline sees of it.
    pub fn looked(&self, is_purged: bool) -> Looked {
        Looked { kept: self.kept.clone(), length: self.body.length(), is_purged }
    }

    /// Waits until its body has arrived, or has broken off.
    pub async fn settled(&self) {
        if let Body::Arriving(arriving, _) = &self.body {
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
            Body::Arriving(..) => 0,
        };
        OVERHEAD + key_length + head + body
    }
}

impl Body {
    /// How long it is, if that is known yet.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Arriving(arriving, _) => arriving.length(),
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
            (Self::Arriving(arriving, seat), pieces) => {
                Read::Pieces(StoredBody::arriving(arriving, seat.take(arriving), pieces))
            }
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

/// Moves a head into memory of its own, all values in one piece: those that came from a connection share its read buffer,
/// which is many times as large as they are.
pub(super) fn compact(stored: &mut Stored) {
    let mut text = Vec::with_capacity(stored.headers.values().map(HeaderValue::len).sum());
    stored.headers.values().for_each(|value| text.extend_from_slice(value.as_bytes()));
    let mut text = Bytes::from(text);
    let mut headers = HeaderMap::with_capacity(stored.headers.len() + ADDED_FIELDS);
    for (name, value) in &stored.headers {
        let copy = text.split_to(value.len());
        // Made of what was a value before.
        headers.append(name, HeaderValue::from_maybe_shared(copy).unwrap_or_else(|_| value.clone()));
    }
    stored.headers = headers;
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
