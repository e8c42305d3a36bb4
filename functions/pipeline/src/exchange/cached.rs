//! A request whose answer may be stored already, or be fetched for others as well: from the lookup to the fetch.
//!
//! ```text
//! look ── good ──────────────────────────────────────────────> respond
//!   │ └── stale, but good enough ──> respond, then look, claim ── held ──> fetch, store
//!   └ nothing, or to be validated: claim ── held ──> fetch, respond, store          keep.rs
//!                                     │ └── changed ──> look again
//!                                     └ taken: wait ── offered ──> respond
//!                                                │ ├── another variant ──> look for one's own
//!                                                │ └── gone ──> claim again
//!                                                └ not for others, failed, too long ──> fetch alone
//! ```
//!
//! What is looked up: the key of the request; where a marker says so, the variants by `Vary`; and if there is nothing,
//! what `No-Vary-Search` says is the same.

use std::sync::Arc;

use http::Method;
use tidegate_cache::{
    Extent, Forward, Judgement, Kept, Key, Marker, Plan, Reuse, Search, Stored, Wish, judge, search_key, set_validators,
};
use tidegate_core::Timestamp;

use super::keep::{How, STALE_IF_ERROR};
use super::{Ask, Exchange, State};
use crate::Refusal;
use crate::action::{Action, Claim, Looked, Released};
use crate::rescue::Fault;

/// How often a request may have to start over, because others were there first or went away: then it goes alone.
const TURNS_MAX: u8 = 8;

/// A request whose answer may be stored.
#[derive(Debug)]
pub(super) struct Cached {
    pub plan: Arc<Plan>,
    pub wish: Wish,
    /// The key of the request.
    pub key: Key,
    /// Where its responses are, or the marker that leads to them: the key, or what `No-Vary-Search` makes of it.
    pub base: Key,
    /// The marker under the base.
    pub marker: Option<Arc<Marker>>,
    /// What is looked up, claimed and stored.
    pub at: Key,
    looking_for: LookingFor,
    /// Variants still to be looked up, the next one last.
    variants: Vec<Key>,
    /// What is most likely the variant that will be stored, if none of them is there.
    newest: Option<Key>,
    /// Of several variants that are there, the one made last, and when.
    best: Option<(u64, Key)>,
    pub ask: Ask,
    /// What is stored and not good enough as it is; the driver has its body at hand.
    pub stale: Option<Stale>,
    pub forward: Forward,
    turns: u8,
}

/// A stored response that is not good enough as it is.
#[derive(Clone, Debug)]
pub(super) struct Stale {
    pub stored: Arc<Stored>,
    pub length: Option<u64>,
    pub ttl_s: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookingFor {
    Key,
    Search,
    Same,
    Variant,
    Best,
}

impl Cached {
    pub(super) fn new(plan: Arc<Plan>, wish: Wish, key: Key, ask: Ask) -> Self {
        Self {
            plan,
            wish,
            base: key.clone(),
            marker: None,
            at: key.clone(),
            key,
            looking_for: LookingFor::Key,
            variants: Vec::new(),
            newest: None,
            best: None,
            ask,
            stale: None,
            forward: Forward::UriMiss,
            turns: 0,
        }
    }

    fn start_over(&mut self) {
        self.base = self.key.clone();
        self.at = self.key.clone();
        self.looking_for = LookingFor::Key;
        (self.marker, self.stale) = (None, None);
        self.forward = Forward::UriMiss;
        self.variants.clear();
        (self.newest, self.best) = (None, None);
    }

    /// What is to be looked up when nothing was found; none if that was all.
    fn next(&mut self) -> Option<Key> {
        match self.looking_for {
            LookingFor::Key => {
                self.looking_for = LookingFor::Search;
                search_key(&self.key)
            }
            LookingFor::Variant => {
                let next = self.variants.pop().or_else(|| {
                    self.looking_for = LookingFor::Best;
                    self.best.take().map(|(_, key)| key)
                })?;
                self.at = next.clone();
                Some(next)
            }
            LookingFor::Search | LookingFor::Same | LookingFor::Best => None,
        }
    }

    /// Whether what was found is to be compared with others first: of several that fit, the one made last is used
    /// (RFC 9111 section 4.1), and one without Vary only if there is none with it.
    fn compares(&mut self, stored: &Stored) -> bool {
        if self.looking_for != LookingFor::Variant || (self.variants.is_empty() && self.best.is_none()) {
            return false;
        }
        let made_at = stored.received_at.as_unix_ms().saturating_sub(stored.initial_age.as_millis() as u64);
        let is_better = match &self.best {
            None => true,
            Some((best, _)) => !stored.vary.is_empty() && made_at > *best,
        };
        if is_better {
            self.best = Some((made_at, self.at.clone()));
        }
        true
    }

    /// Follows a marker to what is to be looked up next.
    fn follow(&mut self, marker: Arc<Marker>) -> Option<Key> {
        match (self.looking_for, &marker.search) {
            (LookingFor::Search, Some(search)) => {
                self.looking_for = LookingFor::Same;
                self.base = search.key(&self.key);
                self.at = self.base.clone();
                Some(self.base.clone())
            }
            (LookingFor::Key | LookingFor::Same, _) => {
                self.looking_for = LookingFor::Variant;
                self.forward = Forward::VaryMiss;
                self.variants = marker.keys(&self.base, &self.ask.request.headers);
                self.newest = self.variants.first().cloned();
                self.variants.reverse();
                self.marker = Some(marker);
                self.next()
            }
            _ => None,
        }
    }

    /// Goes on from another variant, which may still arrive: what it varies by is known, although no marker leads there
    /// yet. Who looked there again would find nothing, wait for what is offered already, and that over and over.
    fn follow_other(&mut self, other: &Stored) -> Option<Key> {
        let (base, _) = self.base_of(other);
        let marker = self.marker_with(&base, other)?;
        self.start_over();
        self.base = base;
        self.follow(Arc::new(marker))
    }

    /// Where a response is, or the marker that leads to it; and, if its `No-Vary-Search` says so, what leads there.
    pub(super) fn base_of(&self, stored: &Stored) -> (Key, Option<(Key, Marker)>) {
        match Search::read(&stored.headers).zip(search_key(&self.key)) {
            None => (self.key.clone(), None),
            Some((search, place)) => {
                (search.key(&self.key), Some((place, Marker { search: Some(search), ..Marker::default() })))
            }
        }
    }

    /// The marker under the base of a response, if it needs one.
    pub(super) fn marker_with(&self, base: &Key, stored: &Stored) -> Option<Marker> {
        let old = self.marker.as_deref().filter(|_| *base == self.base);
        Marker::with(old, stored).filter(|marker| !marker.vary.is_empty())
    }
}

impl Exchange {
    pub(super) fn look(&mut self, mut cached: Box<Cached>) -> Action {
        cached.plan.normal.apply(&mut cached.ask.request.headers);
        self.said.key = Some(cached.key.clone());
        let action = Action::Lookup(cached.key.clone());
        self.state = State::Looking(cached);
        action
    }

    pub(super) fn looked(
        &mut self,
        mut cached: Box<Cached>,
        looked: Option<Looked>,
        now: Timestamp,
    ) -> Result<Action, Fault> {
        let next = match looked {
            None => cached.next(),
            Some(Looked { kept: Kept::Marker(marker), .. }) => cached.follow(marker),
            Some(Looked { kept: Kept::Stored(stored), length, is_purged }) => {
                let is_match = stored.matches(&cached.ask.request.headers);
                if is_match && !cached.compares(&stored) {
                    return self.judged(cached, stored, length, is_purged, now);
                }
                cached.forward = Forward::VaryMiss;
                cached.next()
            }
        };
        if let Some(next) = next {
            self.state = State::Looking(cached);
            return Ok(Action::Lookup(next));
        }
        if let Some(newest) = cached.newest.take() {
            cached.at = newest;
        }
        self.note(|| format!("nothing is stored for {}", cached.at));
        self.go_forward(cached, now)
    }

    fn judged(
        &mut self,
        mut cached: Box<Cached>,
        stored: Arc<Stored>,
        length: Option<u64>,
        is_purged: bool,
        now: Timestamp,
    ) -> Result<Action, Fault> {
        let Judgement { reuse, ttl_s } = judge(&cached.wish, &stored, is_purged, now);
        let is_later = self.has_responded;
        if !is_later && matches!(reuse, Reuse::Answer | Reuse::AnswerThenRefresh) {
            self.said.status.is_hit = true;
            self.said.status.ttl_s = Some(ttl_s);
            let request = &cached.ask.request.headers;
            if let Some(action) = self.respond_stored(&cached.wish, request, &stored, length, None, now) {
                self.note(|| format!("found, {}: {}", freshness(ttl_s), cached.at));
                // What a request with no-store is answered is not stored (RFC 9111 section 5.2.1.5).
                if reuse == Reuse::AnswerThenRefresh && !cached.wish.directives.no_store {
                    self.state = State::Responding(Some(cached));
                }
                return Ok(action);
            }
            self.said.status.is_hit = false;
            self.said.status.ttl_s = None;
            cached.forward = Forward::Partial;
        } else if is_later && reuse == Reuse::Answer {
            // Somebody else has refreshed it.
            return Ok(Action::Finish);
        } else {
            cached.forward = if reuse == Reuse::Asked { Forward::Request } else { Forward::Stale };
        }
        self.note(|| format!("found, but not good enough, {}: {}", freshness(ttl_s), cached.at));
        cached.stale = Some(Stale { stored, length, ttl_s });
        self.go_forward(cached, now)
    }

    /// Nothing that is stored is an answer.
    fn go_forward(&mut self, cached: Box<Cached>, now: Timestamp) -> Result<Action, Fault> {
        if cached.wish.directives.only_if_cached && !self.has_responded {
            return Err(Refusal::OnlyIfCached.into());
        }
        // What HEAD gets is nothing to share, unless it says whether what is stored is still good.
        let is_for_all = match cached.ask.request.method {
            Method::GET => !cached.wish.directives.no_store,
            _ => cached.stale.is_some(),
        };
        if !is_for_all {
            return self.fetch_alone(cached, now);
        }
        let seen = cached.stale.as_ref().map(|stale| stale.stored.received_at);
        let action = Action::Claim { key: cached.at.clone(), seen };
        self.state = State::Claiming(cached);
        Ok(action)
    }

    pub(super) fn claimed(&mut self, mut cached: Box<Cached>, claim: Claim, now: Timestamp) -> Result<Action, Fault> {
        if self.has_responded && claim != Claim::Held {
            // A refresh is somebody else's, or done.
            return Ok(Action::Finish);
        }
        match claim {
            Claim::Held => {
                self.note(|| "fetched for all who want it".to_owned());
                self.fetch_for_all(cached, now)
            }
            Claim::Taken => {
                self.note(|| "somebody else is fetching it: waits".to_owned());
                let at_most = cached.plan.wait;
                self.state = State::Waiting(cached);
                Ok(Action::Wait(at_most))
            }
            Claim::Changed => {
                cached.turns += 1;
                if cached.turns > TURNS_MAX {
                    return self.fetch_alone(cached, now);
                }
                cached.start_over();
                Ok(self.look(cached))
            }
            Claim::Full => self.fetch_alone(cached, now),
        }
    }

    /// What one waited for is the answer, however short it stays fresh: it was made while the client waited. Unless it
    /// is another variant: then one looks for one's own; or another part: then one looks again.
    pub(super) fn waited(&mut self, mut cached: Box<Cached>, looked: Looked, now: Timestamp) -> Result<Action, Fault> {
        // The driver has another body at hand now.
        cached.stale = None;
        let other = match looked.kept {
            Kept::Stored(stored) if stored.matches(&cached.ask.request.headers) => {
                if !self.may_share(&cached.wish, &stored, now) {
                    self.note(|| format!("fetched by somebody else, but not good enough: {}", cached.at));
                    return self.fetch_alone(cached, now);
                }
                self.said.status.forward = Some(cached.forward);
                self.said.status.is_collapsed = true;
                let request = &cached.ask.request.headers;
                if let Some(action) = self.respond_stored(&cached.wish, request, &stored, looked.length, None, now) {
                    self.note(|| format!("fetched by somebody else: {}", cached.at));
                    return Ok(action);
                }
                self.said.status.is_collapsed = false;
                None
            }
            Kept::Stored(other) => Some(other),
            Kept::Marker(_) => None,
        };
        cached.turns += 1;
        if cached.turns > TURNS_MAX {
            return self.fetch_alone(cached, now);
        }
        if let Some(own) = other.and_then(|other| cached.follow_other(&other)) {
            self.note(|| "what somebody else fetches is another variant".to_owned());
            self.state = State::Looking(cached);
            return Ok(Action::Lookup(own));
        }
        cached.start_over();
        Ok(self.look(cached))
    }

    /// Whether what arrives for somebody else is an answer to a request that came meanwhile. What came before the request
    /// did, for its body takes long, is judged as if it were stored; what is never to be used without asking is for the
    /// one alone who asked (RFC 9111 sections 4 and 5.2.2.4).
    fn may_share(&self, wish: &Wish, stored: &Stored, now: Timestamp) -> bool {
        let is_newer = stored.received_at >= self.started;
        let is_good = || matches!(judge(wish, stored, false, now).reuse, Reuse::Answer | Reuse::AnswerThenRefresh);
        !stored.no_cache && (is_newer || is_good())
    }

    pub(super) fn released(
        &mut self,
        mut cached: Box<Cached>,
        released: Released,
        now: Timestamp,
    ) -> Result<Action, Fault> {
        if released == Released::Failed
            && let Some(action) = self.stand_in(&cached, &cached.ask.request.headers, None, STALE_IF_ERROR, now)
        {
            return Ok(action);
        }
        cached.turns += 1;
        if released == Released::Gone && cached.turns <= TURNS_MAX {
            self.note(|| "who was fetching it is gone".to_owned());
            return self.go_forward(cached, now);
        }
        self.note(|| "what was waited for is not for others, or does not come: fetched alone".to_owned());
        self.fetch_alone(cached, now)
    }

    /// The client has its answer.
    pub(super) fn responded(&mut self, later: Option<Box<Cached>>) -> Action {
        let Some(mut cached) = later else { return Action::Finish };
        // What is refreshed is what GET gets, all of it, whatever this client wanted.
        cached.ask.request.method = Method::GET;
        cached.wish.is_range = false;
        cached.wish.is_head = false;
        set_validators(&mut cached.ask.request.headers, None, false);
        cached.start_over();
        self.look(cached)
    }

    fn fetch_for_all(&mut self, mut cached: Box<Cached>, now: Timestamp) -> Result<Action, Fault> {
        let client = cached.ask.request.headers.clone();
        let stale = cached.stale.as_ref().map(|stale| &*stale.stored).filter(|_| !cached.wish.is_head);
        // A part of what is stored whole is answered from there, once that is validated.
        let keeps_range = cached.wish.is_range && !stale.is_some_and(|stale| stale.extent == Extent::Whole);
        let has_condition = set_validators(&mut cached.ask.request.headers, stale, keeps_range);
        let validates = has_condition && !keeps_range && stale.is_some();
        self.fetch_cached(cached, client, How::ForAll { validates }, now)
    }

    fn fetch_alone(&mut self, cached: Box<Cached>, now: Timestamp) -> Result<Action, Fault> {
        let client = cached.ask.request.headers.clone();
        self.fetch_cached(cached, client, How::Alone, now)
    }
}

/// How fresh a response is, in words.
fn freshness(ttl_s: i64) -> String {
    if ttl_s > 0 { format!("fresh for {ttl_s} s") } else { format!("stale for {} s", -ttl_s) }
}
