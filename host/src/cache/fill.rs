//! Storing a response: its body is read to the end, whoever reads it meanwhile, and is in the store then.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body::Body as _;
use tidegate_cache::{Kept, Key, Marker, Piece};
use tidegate_pipeline::{Released, Store, StoreBody};

use super::Cache;
use super::arriving::{Arriving, Gone, Writer};
use super::claims::Claim;
use super::encode::{EncodeError, Encoder};
use super::entry::{Body, Entry, Seat, compact, cut};
use crate::server::body::ResponseBody;

impl Cache {
    /// Stores a response by the claim for it: see [`tidegate_driver::Platform::store`].
    pub async fn store(
        self: &Arc<Self>,
        claim: Claim<Arc<Entry>>,
        mut store: Store,
        fetched: Option<ResponseBody>,
        found: Option<Arc<Entry>>,
    ) -> Arc<Entry> {
        let sequence = claim.sequence();
        self.unshared.forget(claim.key());
        compact(Arc::make_mut(&mut store.stored));
        let kept = Kept::Stored(store.stored);
        let (before, after) = match (&store.body, found.as_deref().map(|found| &found.body)) {
            (StoreBody::Found, Some(Body::Whole(body))) => {
                let entry = Entry::new(kept, Body::Whole(body.clone()), sequence);
                claim.offer(Arc::clone(&entry));
                self.keep(&store.key, &entry, store.markers, sequence);
                claim.end();
                return entry;
            }
            (StoreBody::Spliced(splice), Some(Body::Whole(old))) => {
                let piece = |range: &Range<u64>| cut(old, &Piece::Range(range.clone()));
                (piece(&splice.before), piece(&splice.after))
            }
            (StoreBody::Fetched, _) => (Bytes::new(), Bytes::new()),
            // What is found is whole: only what arrives for others is not.
            (StoreBody::Found | StoreBody::Spliced(_), _) => {
                claim.release(Released::Unshared);
                return found.unwrap_or_else(|| Entry::new(kept, Body::Whole(Bytes::new()), sequence));
            }
        };
        let fetched = fetched.unwrap_or_else(|| ResponseBody::whole(Bytes::new()));
        let encoder = store.coding.map(Encoder::new);
        let length = match encoder {
            Some(_) => None,
            None => fetched.size_hint().exact().map(|length| length + (before.len() + after.len()) as u64),
        };
        let (mut writer, arriving) = Arriving::new(length, store.max_body);
        writer.push(&before);
        let entry = Entry::new(kept.clone(), Body::Arriving(Arc::clone(&arriving), Seat::default()), sequence);
        // Before the first byte arrives, for it may be one too many.
        let own = entry.joined().unwrap_or_else(|| Arc::clone(&entry));
        claim.offer(entry);
        let filling = Filling { fetched, encoder, writer, after };
        let cache = Arc::clone(self);
        let mut fill =
            Box::pin(async move { cache.fill(claim, store.key, kept, store.markers, filling, arriving).await });
        // Most bodies are there with their heads: then no task is needed.
        match poll_fn(|context| Poll::Ready(fill.as_mut().poll(context))).await {
            Poll::Ready(whole) => whole.unwrap_or(own),
            Poll::Pending => {
                tokio::spawn(fill);
                own
            }
        }
    }

    async fn fill(
        &self,
        claim: Claim<Arc<Entry>>,
        key: Key,
        kept: Kept,
        markers: Vec<(Key, Arc<Marker>)>,
        filling: Filling,
        arriving: Arc<Arriving>,
    ) -> Option<Arc<Entry>> {
        let sequence = claim.sequence();
        let mut claim = Some(claim);
        filling
            .run(&arriving, || {
                // It is not kept: whoever comes next fetches for itself.
                if let Some(claim) = claim.take() {
                    claim.release(Released::Unshared);
                }
            })
            .await;
        match (arriving.bytes(), claim) {
            (Some(bytes), Some(claim)) => {
                let entry = Entry::new(kept, Body::Whole(bytes), sequence);
                self.keep(&key, &entry, markers, sequence);
                claim.end();
                Some(entry)
            }
            // It broke off. Dropping the claim has one of those who come next try again.
            _ => None,
        }
    }
}

/// A body on its way into the store.
struct Filling {
    fetched: ResponseBody,
    encoder: Option<Encoder>,
    writer: Writer,
    after: Bytes,
}

impl Filling {
    /// Reads it to the end. `is_too_large` is told once that it will not be kept.
    async fn run(self, arriving: &Arriving, mut is_too_large: impl FnMut()) {
        let Self { fetched, mut encoder, mut writer, after } = self;
        let mut fetched = pin!(fetched);
        let mut is_told = false;
        loop {
            let frame = match poll_fn(|context| fetched.as_mut().poll_frame(context)).await {
                None => break,
                Some(Ok(frame)) => frame,
                // The writer is dropped, and the body broken.
                Some(Err(_)) => return,
            };
            let Ok(data) = frame.into_data() else { continue };
            match &mut encoder {
                None => writer.push(&data),
                // What failed is no body: the writer is dropped, and it is broken.
                Some(encoder) => match encoder.push(&data) {
                    Ok(data) => writer.push(&data),
                    Err(EncodeError) => return,
                },
            }
            if !is_told && arriving.outcome().is_some() {
                is_told = true;
                is_too_large();
            }
            if writer.room().await == Err(Gone) {
                return;
            }
        }
        match encoder.map(Encoder::finish) {
            None => {}
            Some(Ok(rest)) => writer.push(&rest),
            Some(Err(EncodeError)) => return,
        }
        writer.push(&after);
        writer.finish();
    }
}
