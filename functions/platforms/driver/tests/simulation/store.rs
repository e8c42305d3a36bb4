//! What is stored and who is fetching: on one clock, for all clients.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use tidegate_cache::{Kept, Key, Marker, Purge, Stored};
use tidegate_core::Timestamp;
use tidegate_driver::{Claimed, Found};
use tidegate_pipeline::{Looked, Released};

/// The store, the claims and the purges.
#[derive(Default)]
pub struct Cache {
    entries: RefCell<BTreeMap<Key, Entry>>,
    claims: RefCell<BTreeMap<Key, Rc<Slot>>>,
    purges: RefCell<Vec<(u64, Purge)>>,
    /// Claims and purges are numbered, so that it is known which came first.
    last: Cell<u64>,
    held: Cell<usize>,
    /// How many claims may be held; none: any number.
    pub held_max: Cell<Option<usize>>,
}

#[derive(Clone)]
struct Entry {
    kept: Kept,
    body: Rc<Arriving>,
    sequence: u64,
}

/// A claim, as those see it who wait.
struct Slot {
    sequence: u64,
    said: RefCell<Option<Said>>,
    wakers: RefCell<Vec<Waker>>,
}

#[derive(Clone)]
enum Said {
    Offered(Arc<Stored>, Rc<Arriving>),
    Released(Released),
}

/// A claim that is held. However it ends, all who wait are woken.
pub struct Claim {
    cache: Rc<Cache>,
    key: Key,
    slot: Rc<Slot>,
    last: Option<Released>,
}

/// One that waits for a claim.
pub struct Waiting(Rc<Slot>);

impl Cache {
    pub fn lookup(&self, key: &Key) -> Option<Found<Rc<Arriving>>> {
        let entry = self.entries.borrow().get(key).cloned()?;
        let is_purged = self.is_purged(key, &entry)?;
        Some(found(entry.kept, entry.body, is_purged))
    }

    /// Whether it is stale by a purge; none: it is gone.
    fn is_purged(&self, key: &Key, entry: &Entry) -> Option<bool> {
        let tags = match &entry.kept {
            Kept::Stored(stored) => &stored.tags[..],
            Kept::Marker(_) => &[],
        };
        let purges = self.purges.borrow();
        let mut hit = purges.iter().filter(|(at, purge)| *at > entry.sequence && purge.what.covers(key, tags));
        if hit.clone().any(|(_, purge)| !purge.is_soft) { None } else { Some(hit.next().is_some()) }
    }

    pub fn claim(self: &Rc<Self>, key: &Key, seen: Option<Timestamp>) -> Claimed<Claim, Waiting> {
        let taken = self.claims.borrow().get(key).cloned();
        if let Some(slot) = taken.filter(|slot| !self.is_outdated(key, slot.sequence)) {
            return Claimed::Taken(Waiting(slot));
        }
        let stored_at = self.lookup(key).and_then(|found| match found.looked.kept {
            Kept::Stored(stored) => Some(stored.received_at),
            Kept::Marker(_) => None,
        });
        if stored_at != seen {
            return Claimed::Changed;
        }
        if self.held_max.get().is_some_and(|most| self.held.get() >= most) {
            return Claimed::Full;
        }
        self.held.set(self.held.get() + 1);
        let slot = Rc::new(Slot { sequence: self.number(), said: RefCell::default(), wakers: RefCell::default() });
        self.claims.borrow_mut().insert(key.clone(), Rc::clone(&slot));
        Claimed::Held(Claim { cache: Rc::clone(self), key: key.clone(), slot, last: Some(Released::Gone) })
    }

    /// Whether a claim is older than a purge of what it is for: nobody joins it any more.
    fn is_outdated(&self, key: &Key, sequence: u64) -> bool {
        self.purges.borrow().iter().any(|(at, purge)| *at > sequence && !purge.is_soft && purge.what.covers(key, &[]))
    }

    pub fn purge(&self, purges: Vec<Purge>) {
        let at = self.number();
        self.purges.borrow_mut().extend(purges.into_iter().map(|purge| (at, purge)));
    }

    /// How many claims are held.
    pub fn held(&self) -> usize {
        self.held.get()
    }

    fn number(&self) -> u64 {
        self.last.replace(self.last.get() + 1)
    }
}

impl Claim {
    /// Gives all who wait what arrives.
    pub fn offer(&self, stored: &Arc<Stored>, body: &Rc<Arriving>) {
        self.slot.say(Said::Offered(Arc::clone(stored), Rc::clone(body)));
    }

    /// What was offered is whole: it is found from now on.
    pub fn keep(mut self, key: Key, stored: Arc<Stored>, body: Rc<Arriving>, markers: Vec<(Key, Arc<Marker>)>) {
        let sequence = self.slot.sequence;
        let mut entries = self.cache.entries.borrow_mut();
        for (place, marker) in markers {
            entries.insert(place, Entry { kept: Kept::Marker(marker), body: Rc::default(), sequence });
        }
        entries.insert(key, Entry { kept: Kept::Stored(stored), body, sequence });
        drop(entries);
        self.last = None;
    }

    pub fn release(mut self, released: Released) {
        self.last = Some(released);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.cache.held.set(self.cache.held.get() - 1);
        let mut claims = self.cache.claims.borrow_mut();
        if claims.get(&self.key).is_some_and(|slot| Rc::ptr_eq(slot, &self.slot)) {
            claims.remove(&self.key);
        }
        drop(claims);
        if let Some(last) = self.last {
            self.slot.say(Said::Released(last));
        }
    }
}

impl Slot {
    fn say(&self, said: Said) {
        *self.said.borrow_mut() = Some(said);
        self.wakers.take().into_iter().for_each(Waker::wake);
    }
}

impl Waiting {
    pub async fn wait(self) -> Result<Found<Rc<Arriving>>, Released> {
        let said = poll_fn(|context| match self.0.said.borrow().clone() {
            Some(said) => Poll::Ready(said),
            None => {
                self.0.wakers.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        });
        match said.await {
            Said::Offered(stored, body) => Ok(found(Kept::Stored(stored), body, false)),
            Said::Released(released) => Err(released),
        }
    }
}

fn found(kept: Kept, body: Rc<Arriving>, is_purged: bool) -> Found<Rc<Arriving>> {
    Found { looked: Looked { kept, length: body.length(), is_purged }, entry: body }
}

/// A body that arrives once and is read by many.
#[derive(Default)]
pub struct Arriving {
    bytes: RefCell<Vec<u8>>,
    end: Cell<Option<End>>,
    wakers: RefCell<Vec<Waker>>,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Whole,
    CutOff,
}

impl Arriving {
    pub fn push(&self, bytes: &[u8]) {
        self.bytes.borrow_mut().extend_from_slice(bytes);
        self.wake();
    }

    pub fn end(&self, end: End) {
        self.end.set(Some(end));
        self.wake();
    }

    fn wake(&self) {
        self.wakers.take().into_iter().for_each(Waker::wake);
    }

    /// How long it is, once that is known.
    fn length(&self) -> Option<u64> {
        (self.end.get() == Some(End::Whole)).then(|| self.len() as u64)
    }

    pub fn len(&self) -> usize {
        self.bytes.borrow().len()
    }

    /// What is there of a range.
    pub fn piece(&self, range: &std::ops::Range<u64>) -> Bytes {
        let bytes = self.bytes.borrow();
        let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Bytes::copy_from_slice(&bytes[place(range.start)..place(range.end).max(place(range.start))])
    }

    /// What there is from here on, as soon as there is any; how it ended, behind that.
    pub async fn from(&self, position: usize) -> Result<Bytes, End> {
        poll_fn(|context| {
            let bytes = self.bytes.borrow();
            if position < bytes.len() {
                return Poll::Ready(Ok(Bytes::copy_from_slice(&bytes[position..])));
            }
            match self.end.get() {
                Some(end) => Poll::Ready(Err(end)),
                None => {
                    self.wakers.borrow_mut().push(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    pub async fn settled(&self) -> End {
        poll_fn(|context| match self.end.get() {
            Some(end) => Poll::Ready(end),
            None => {
                self.wakers.borrow_mut().push(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}
