//! What was fetched for the cache: answered from, and stored.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AGE, CONTENT_LENGTH, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, response};
use tidegate_cache::{
    Extent, HeadUpdate, Key, Marker, Piece, Purge, Ranged, Received, Splice, Stored, Unstored, What, Wish, combine,
    compress, content_length, is_not_modified, renew, select, serves_on_error, store, update_by_head,
};
use tidegate_core::Timestamp;

use super::cached::Cached;
use super::{Ask, Exchange, State, head};
use crate::Failure;
use crate::action::{Action, Released, ReplyBody, Store, StoreBody};
use crate::rescue::Fault;

/// Why a stale response is used.
pub(super) const STALE_IF_ERROR: &str = "cache/stale-if-error";

/// For whom something is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// For this client alone.
    Alone,
    /// For all who want it: the claim is held.
    ForAll {
        /// Whether the origin is asked if what is stored is still good.
        validates: bool,
    },
}

/// What is to be done with a response that the cache was asked for first.
#[derive(Debug)]
pub(super) struct Keeping {
    cached: Box<Cached>,
    /// The client's fields, normalised, with its conditions.
    client: HeaderMap,
    how: How,
    /// The request once more, for a 304 that is of something else.
    again: Option<Ask>,
    /// The URL that was asked for.
    url: String,
}

impl Exchange {
    pub(super) fn fetch_cached(
        &mut self,
        mut cached: Box<Cached>,
        client: HeaderMap,
        how: How,
        now: Timestamp,
    ) -> Result<Action, Fault> {
        self.said.status.forward = Some(cached.forward);
        let ask = cached.ask.take();
        let again = matches!(how, How::ForAll { validates: true }).then(|| ask.clone());
        let url = self.url(&ask);
        let keeping = Keeping { cached, client, how, again, url };
        self.fetch(ask, Some(Box::new(keeping)), now)
    }

    /// A head came for what the cache was asked for first.
    pub(super) fn keep(
        &mut self,
        keeping: Box<Keeping>,
        head: response::Parts,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Action, Fault> {
        self.said.status.forward_status = Some(head.status);
        if head.status.is_server_error()
            && let Some(action) =
                self.stand_in(&keeping.cached, &keeping.client, Some(head.status), STALE_IF_ERROR, now)
        {
            return Ok(action);
        }
        if keeping.how == How::Alone {
            return Ok(self.respond(head, ReplyBody::Fetched, None, now));
        }
        if head.status == StatusCode::NOT_MODIFIED {
            return match keeping.how {
                How::ForAll { validates: true } => self.validated(keeping, &head, since, now),
                // Nobody has asked whether anything was modified.
                _ => Err(Failure::InvalidResponse.into()),
            };
        }
        if keeping.cached.wish.is_head {
            return Ok(self.keep_by_head(&keeping, head, since, now));
        }
        Ok(self.keep_fetched(&keeping, head, since, now))
    }

    /// What is stored is still good (RFC 9111 section 4.3.4).
    fn validated(
        &mut self,
        mut keeping: Box<Keeping>,
        head: &response::Parts,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Action, Fault> {
        let Some(stale) = keeping.cached.stale.clone() else { return Err(Failure::Internal.into()) };
        let received = keeping.received(&Method::GET, head, since, now);
        let Some(renewed) = renew(&keeping.cached.plan, &keeping.cached.wish, &stale.stored, received) else {
            // It is of something else: once more, without a condition.
            let Some(mut ask) = keeping.again.take() else { return Err(Failure::InvalidResponse.into()) };
            tidegate_cache::set_validators(&mut ask.request.headers, None, false);
            keeping.how = How::ForAll { validates: false };
            return self.fetch(ask, Some(keeping), now);
        };
        self.note(|| format!("validated: {}", keeping.cached.at));
        let renewed = Arc::new(renewed);
        let store = keeping.store(Arc::clone(&renewed), StoreBody::Found);
        if self.has_responded {
            self.state = State::Storing;
            return Ok(Action::Store(store));
        }
        self.said.status.is_stored = true;
        let Keeping { cached, client, .. } = &*keeping;
        let action = self.respond_stored(&cached.wish, client, &renewed, stale.length, Some(store), now);
        let Some(Action::Respond(mut reply)) = action else { return Err(Failure::Internal.into()) };
        // They are this client's, and nothing of them is stored.
        for cookie in head.headers.get_all(SET_COOKIE) {
            reply.head.headers.append(SET_COOKIE, cookie.clone());
        }
        Ok(Action::Respond(reply))
    }

    /// Stores what came, if it may be, and answers with it.
    fn keep_fetched(
        &mut self,
        keeping: &Keeping,
        mut head: response::Parts,
        since: Timestamp,
        now: Timestamp,
    ) -> Action {
        let plan = &keeping.cached.plan;
        // What is not stored is not compressed.
        let plain = plan.compress.as_ref().map(|_| head.clone());
        let coding = plan.compress.as_ref().and_then(|config| compress(config, &keeping.client, &mut head));
        let received = keeping.received(&Method::GET, &head, since, now);
        let mut stored = match store(plan, &keeping.cached.wish, received) {
            Ok(stored) => stored,
            Err(unstored) => return self.unstored(unstored, plain.unwrap_or(head), now),
        };
        let length = if coding.is_none() { content_length(&head.headers) } else { None };
        let (body, from) = keeping.body(&mut stored);
        let stored = Arc::new(stored);
        let mut store = Store { coding, ..keeping.store(Arc::clone(&stored), body) };
        store.max_body = plan.max_body;
        self.note(|| format!("stored: {}", store.key));
        if self.has_responded {
            self.state = State::Storing;
            return Action::Store(store);
        }
        self.said.status.is_stored = true;
        let body = match from {
            Some(piece) => ReplyBody::Pieces(vec![piece]),
            None => select_fetched(keeping, &stored, length, &mut head),
        };
        self.respond(head, body, Some(store), now)
    }

    fn unstored(&mut self, unstored: Unstored, head: response::Parts, now: Timestamp) -> Action {
        self.note(|| format!("not stored: {}", unstored.reason()));
        if self.has_responded {
            return Action::Finish;
        }
        self.said.status.detail = Some(unstored.reason().as_str());
        self.respond(head, ReplyBody::Fetched, None, now)
    }

    /// A response to HEAD says whether what is stored is still good (RFC 9111 section 4.3.5).
    fn keep_by_head(
        &mut self,
        keeping: &Keeping,
        mut head: response::Parts,
        since: Timestamp,
        now: Timestamp,
    ) -> Action {
        let cached = &keeping.cached;
        let Some(stale) = &cached.stale else { return self.respond(head, ReplyBody::Fetched, None, now) };
        let received = keeping.received(&Method::HEAD, &head, since, now);
        // A length that is not known yet is none that differs.
        let length = stale.length.or_else(|| content_length(&head.headers)).unwrap_or(0);
        // Those who wait for more than a head have one of them fetch it.
        self.released = Released::Gone;
        match update_by_head(&cached.plan, &cached.wish, &stale.stored, length, received) {
            HeadUpdate::Keep => self.respond(head, ReplyBody::Fetched, None, now),
            HeadUpdate::Renew(renewed) => {
                let renewed = Arc::new(*renewed);
                let store = keeping.store(Arc::clone(&renewed), StoreBody::Found);
                self.said.status.is_stored = true;
                if is_not_modified(&keeping.client, &renewed) {
                    head.status = StatusCode::NOT_MODIFIED;
                }
                self.respond(head, ReplyBody::Whole(Bytes::new()), Some(store), now)
            }
            HeadUpdate::Invalidate => {
                // It is stale from now on, and whatever else is stored for this URL is with it.
                let what = What::Url(cached.key.url().into());
                self.state = State::Purging(Box::new(head), ReplyBody::Fetched);
                Action::Purge(vec![Purge { what, is_soft: true }])
            }
        }
    }

    /// None came for what the cache was asked for first.
    pub(super) fn keep_nothing(
        &mut self,
        keeping: &Keeping,
        failure: Failure,
        now: Timestamp,
    ) -> Result<Action, Fault> {
        let detail = failure.reason().as_str();
        if !self.has_responded
            && let Some(action) = self.stand_in(&keeping.cached, &keeping.client, None, detail, now)
        {
            self.reason = Some(failure.reason());
            return Ok(action);
        }
        Err(failure.into())
    }

    /// Answers with what is stale, for nothing better is to be had (RFC 5861 section 4). None: it may not be used, or
    /// does not have what the client asks for.
    pub(super) fn stand_in(
        &mut self,
        cached: &Cached,
        client: &HeaderMap,
        status: Option<StatusCode>,
        detail: &'static str,
        now: Timestamp,
    ) -> Option<Action> {
        let stale = cached.stale.as_ref().filter(|stale| serves_on_error(&cached.wish, &stale.stored, status, now))?;
        let (head, body) = stored_answer(&cached.wish, client, &stale.stored, stale.length, now)?;
        self.released = Released::Failed;
        if self.has_responded {
            return Some(Action::Finish);
        }
        self.note(|| format!("stale, in place of an error: {}", cached.at));
        self.said.status.forward = Some(cached.forward);
        self.said.status.ttl_s = Some(stale.ttl_s);
        self.said.stands_in = true;
        self.said.status.detail = Some(detail);
        Some(self.respond(head, body, None, now))
    }

    /// Answers with what is stored: all of it, the part that the client asks for, or that nothing has changed. None: it
    /// asks for a part that is not stored.
    pub(super) fn respond_stored(
        &mut self,
        wish: &Wish,
        client: &HeaderMap,
        stored: &Stored,
        length: Option<u64>,
        store: Option<Store>,
        now: Timestamp,
    ) -> Option<Action> {
        let (head, body) = stored_answer(wish, client, stored, length, now)?;
        Some(self.respond(head, body, store, now))
    }
}

/// The answer from what is stored. None: it asks for a part that is not stored.
fn stored_answer(
    wish: &Wish,
    client: &HeaderMap,
    stored: &Stored,
    length: Option<u64>,
    now: Timestamp,
) -> Option<(response::Parts, ReplyBody)> {
    let mut head = head(stored.status);
    head.headers = stored.headers.clone();
    head.headers.insert(AGE, HeaderValue::from(stored.age(now).as_secs()));
    let body = answer(wish, client, stored, length, &mut head, ReplyBody::Stored)?;
    Some((head, body))
}

/// What a client gets of a response: its head is changed accordingly. None: a part that is not stored.
fn answer(
    wish: &Wish,
    client: &HeaderMap,
    stored: &Stored,
    length: Option<u64>,
    head: &mut response::Parts,
    whole: ReplyBody,
) -> Option<ReplyBody> {
    if stored.status == StatusCode::OK && is_not_modified(client, stored) {
        head.status = StatusCode::NOT_MODIFIED;
        // RFC 9110 section 15.4.5: what the client has says the rest.
        for name in [http::header::CONTENT_TYPE, http::header::CONTENT_ENCODING, http::header::CONTENT_LANGUAGE] {
            head.headers.remove(name);
        }
        return Some(ReplyBody::Whole(Bytes::new()));
    }
    if !wish.is_range && stored.extent == Extent::Whole {
        return Some(whole);
    }
    match select(client, stored, length, &mut head.status, &mut head.headers) {
        Ranged::Whole => Some(whole),
        Ranged::Parts(pieces) => Some(ReplyBody::Pieces(pieces)),
        Ranged::Unsatisfiable => Some(ReplyBody::Whole(Bytes::new())),
        Ranged::NotStored => None,
    }
}

/// What the client gets of a whole response that was fetched and is stored.
fn select_fetched(keeping: &Keeping, stored: &Stored, length: Option<u64>, head: &mut response::Parts) -> ReplyBody {
    if head.status == StatusCode::PARTIAL_CONTENT {
        return ReplyBody::Fetched;
    }
    let body = answer(&keeping.cached.wish, &keeping.client, stored, length, head, ReplyBody::Fetched);
    if body != Some(ReplyBody::Fetched) {
        head.headers.remove(CONTENT_LENGTH);
    }
    body.unwrap_or(ReplyBody::Fetched)
}

impl Keeping {
    /// Whether the claim is held.
    pub(super) fn is_for_all(&self) -> bool {
        self.how != How::Alone
    }

    fn received<'a>(
        &'a self,
        method: &'a Method,
        head: &'a response::Parts,
        requested_at: Timestamp,
        received_at: Timestamp,
    ) -> Received<'a> {
        Received { method, url: &self.url, request: &self.client, head, requested_at, received_at }
    }

    /// Where the body of what is stored comes from. A part that continues what is stored is put together with it
    /// (RFC 9111 section 3.4); then the piece is said that was fetched.
    fn body(&self, stored: &mut Stored) -> (StoreBody, Option<Piece>) {
        let combined = self.cached.stale.as_ref().and_then(|stale| {
            // A body may be shorter than its head says.
            let is_there =
                |splice: &Splice| stale.length.is_some_and(|length| splice.before.end.max(splice.after.end) <= length);
            combine(&stale.stored, stored).filter(|(splice, _)| is_there(splice))
        });
        let (Extent::Part { length, .. }, Some((splice, combined))) = (stored.extent, combined) else {
            return (StoreBody::Fetched, None);
        };
        *stored = combined;
        let before = splice.before.end - splice.before.start;
        (StoreBody::Spliced(splice), Some(Piece::Range(before..before + length)))
    }

    fn store(&self, stored: Arc<Stored>, body: StoreBody) -> Store {
        let (key, markers) = self.place(&stored);
        Store { key, stored, body, coding: None, max_body: u64::MAX, markers }
    }

    /// Where a response is stored, and the markers that lead there.
    fn place(&self, stored: &Stored) -> (Key, Vec<(Key, Arc<Marker>)>) {
        let cached = &self.cached;
        let (base, search) = cached.base_of(stored);
        let mut markers: Vec<_> = search.into_iter().map(|(place, marker)| (place, Arc::new(marker))).collect();
        if let Some(marker) = cached.marker_with(&base, stored) {
            let found = cached.stale.as_ref().filter(|_| base == cached.base).map(|_| &cached.at);
            let key = marker.place(&base, stored, found);
            markers.push((base, Arc::new(marker)));
            return (key, markers);
        }
        (base, markers)
    }
}
