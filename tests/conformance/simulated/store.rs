//! What is stored, and who fetches for all. A body is there at once, so what is stored has arrived.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use tidegate_cache::{Kept, Key, Piece, Purge, Splice};
use tidegate_core::Timestamp;
use tidegate_driver::{Claimed, Found};
use tidegate_pipeline::{Looked, Released, Store as Order, StoreBody};

use super::body::Body;

/// The store of a place.
#[derive(Default)]
pub struct Store {
    entries: RefCell<BTreeMap<Key, Entry>>,
    claims: RefCell<BTreeMap<Key, Rc<Slot>>>,
    purges: RefCell<Vec<Purge>>,
}

/// What is stored under a key.
struct Entry {
    kept: Kept,
    body: Body,
    /// How many purges there were when its fetch began: those since then are for it.
    purges: usize,
}

/// What has become of a claim; nothing yet, at first.
#[derive(Default)]
struct Slot(RefCell<Option<Result<(Looked, Body), Released>>>);

/// A claim. Dropped, it ends with nothing.
pub struct Claim {
    store: Rc<Store>,
    key: Key,
    slot: Rc<Slot>,
    purges: usize,
}

/// A place among those who wait.
pub struct Waiting(Rc<Slot>);

impl Store {
    pub fn find(&self, key: &Key) -> Option<Found<Body>> {
        let entries = self.entries.borrow();
        let Entry { kept, body, purges } = entries.get(key)?;
        let tags = match kept {
            Kept::Stored(stored) => &stored.tags[..],
            Kept::Marker(_) => &[],
        };
        let all = self.purges.borrow();
        let mut purges = all[*purges..].iter().filter(|purge| purge.what.covers(key, tags)).peekable();
        let is_purged = purges.peek().is_some();
        if purges.any(|purge| !purge.is_soft) {
            return None;
        }
        let looked = Looked { kept: kept.clone(), length: Some(body.bytes.len() as u64), is_purged };
        Some(Found { looked, entry: body.clone() })
    }

    pub fn claim(self: &Rc<Self>, key: &Key, seen: Option<Timestamp>) -> Claimed<Claim, Waiting> {
        if let Some(slot) = self.claims.borrow().get(key) {
            return Claimed::Taken(Waiting(Rc::clone(slot)));
        }
        let received_at = self.find(key).and_then(|found| match found.looked.kept {
            Kept::Stored(stored) => Some(stored.received_at),
            Kept::Marker(_) => None,
        });
        if received_at != seen {
            return Claimed::Changed;
        }
        let slot = Rc::<Slot>::default();
        self.claims.borrow_mut().insert(key.clone(), Rc::clone(&slot));
        let purges = self.purges.borrow().len();
        Claimed::Held(Claim { store: Rc::clone(self), key: key.clone(), slot, purges })
    }

    pub fn purge(&self, purges: impl IntoIterator<Item = Purge>) {
        self.purges.borrow_mut().extend(purges);
    }
}

impl Claim {
    /// Stores, unless the body breaks off or is too long, and offers it to those who wait.
    pub fn store(self, order: Order, fetched: Option<Body>, found: Option<Body>) -> Body {
        assert!(order.coding.is_none(), "nothing can be compressed here");
        let body = match order.body {
            StoreBody::Fetched => fetched.expect("the body that was fetched"),
            StoreBody::Found => found.expect("the body that was found"),
            StoreBody::Spliced(splice) => {
                join(&splice, fetched.expect("the part that was fetched"), &found.expect("the part that was found"))
            }
        };
        let kept = Kept::Stored(order.stored);
        if !body.is_broken && body.bytes.len() as u64 <= order.max_body {
            let mut entries = self.store.entries.borrow_mut();
            let entry = |kept, body| Entry { kept, body, purges: self.purges };
            entries.insert(order.key, entry(kept.clone(), body.clone()));
            let markers = order.markers.into_iter();
            entries.extend(markers.map(|(key, marker)| (key, entry(Kept::Marker(marker), Body::default()))));
        }
        let length = Some(body.bytes.len() as u64).filter(|_| !body.is_broken);
        let looked = Looked { kept, length, is_purged: false };
        *self.slot.0.borrow_mut() = Some(Ok((looked, body.clone())));
        body
    }

    /// Ends it with nothing.
    pub fn release(self, released: Released) {
        *self.slot.0.borrow_mut() = Some(Err(released));
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.store.claims.borrow_mut().remove(&self.key);
        self.slot.0.borrow_mut().get_or_insert(Err(Released::Gone));
    }
}

impl Waiting {
    /// What came of it; none if it goes on.
    pub fn outcome(&self) -> Option<Result<Found<Body>, Released>> {
        let outcome = self.0.0.borrow().clone()?;
        Some(outcome.map(|(looked, entry)| Found { looked, entry }))
    }
}

/// The pieces of a stored body, one behind the other.
pub fn pieces(body: &Body, pieces: Vec<Piece>) -> Body {
    let mut whole = Body::default();
    let mut bytes = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => bytes.extend(text),
            Piece::Range(range) => {
                let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(body.bytes.len());
                whole.is_broken |= range.end > body.bytes.len() as u64;
                bytes.extend_from_slice(&body.bytes[index(range.start)..index(range.end)]);
            }
        }
    }
    whole.bytes = Bytes::from(bytes);
    whole
}

/// A part that was stored around one that was fetched.
fn join(splice: &Splice, fetched: Body, found: &Body) -> Body {
    let piece = |range: &std::ops::Range<u64>| pieces(found, vec![Piece::Range(range.clone())]).bytes;
    let bytes = [&piece(&splice.before)[..], &fetched.bytes, &piece(&splice.after)].concat();
    Body { bytes: bytes.into(), ..fetched }
}
