//! A request whose answer may be stored already, or be fetched for others as well.
//!
//! ```text
//! look ── fresh ─────────────────────────────────────────────> respond
//!   │ └── stale ─────────────────────────> respond, then claim ── held ──> fetch, store
//!   └ nothing, or expired: claim ── held ──> fetch, respond, store
//!                            │ └── changed ──> look again
//!                            └ taken: wait ── stored ──────────> respond
//!                                       │ └── gone ──> claim again
//!                                       └ not for others ──> fetch alone
//! ```

use tidegate_cache::{Judgement, Key, Plan, judge};
use tidegate_core::Timestamp;

use super::{Ask, Exchange, State};
use crate::action::{Action, Claim, Released, ReplyBody, Stored};
use crate::rescue::Fault;
use crate::{Failure, respond};

/// How often a request may have to start over, because others were there first or went away: then it goes alone.
const TURNS_MAX: u8 = 8;

/// A request whose answer may be stored.
#[derive(Debug)]
pub(super) struct Cached {
    key: Key,
    plan: Plan,
    ask: Ask,
    /// When the response was stored that was seen and is no longer good enough.
    seen: Option<Timestamp>,
    turns: u8,
}

impl Exchange {
    pub(super) fn look(&mut self, key: Key, ask: Ask) -> Result<Action, Fault> {
        let plan = self.route().and_then(|route| route.cache).ok_or(Failure::Internal)?;
        let action = Action::Lookup(key.clone());
        self.state = State::Looking(Box::new(Cached { key, plan, ask, seen: None, turns: 0 }));
        Ok(action)
    }

    pub(super) fn looked(
        &mut self,
        mut cached: Box<Cached>,
        stored: Option<Stored>,
        now: Timestamp,
    ) -> Result<Action, Fault> {
        let Some(stored) = stored else {
            self.note(|| format!("nothing is stored for {}", cached.key));
            cached.seen = None;
            return self.claim(cached, now);
        };
        let age = now.since(stored.stored_at).as_secs();
        match judge(&cached.plan, stored.stored_at, now) {
            Judgement::Fresh => {
                self.note(|| format!("fresh, {age} s old: {}", cached.key));
                Ok(self.respond_stored(stored, now))
            }
            Judgement::Stale => {
                self.note(|| format!("stale, {age} s old, to be refreshed after the response: {}", cached.key));
                cached.seen = Some(stored.stored_at);
                let action = self.respond_stored(stored, now);
                // What HEAD gets is nothing to store.
                if self.method == http::Method::GET {
                    self.state = State::Responding(Some(cached));
                }
                Ok(action)
            }
            Judgement::Expired => {
                self.note(|| format!("expired, {age} s old: {}", cached.key));
                cached.seen = Some(stored.stored_at);
                self.claim(cached, now)
            }
        }
    }

    pub(super) fn claimed(&mut self, mut cached: Box<Cached>, claim: Claim, now: Timestamp) -> Result<Action, Fault> {
        if self.has_responded && claim != Claim::Held {
            // A refresh is somebody else's, or done.
            return Ok(Action::Finish);
        }
        match claim {
            Claim::Held => {
                self.note(|| "fetched for all who want it".to_owned());
                let Cached { key, mut ask, .. } = *cached;
                tidegate_cache::generalize(&mut ask.request.headers);
                self.fetch(ask, Some(key), now)
            }
            Claim::Taken => {
                self.note(|| "somebody else is fetching it: waits".to_owned());
                let action = Action::Wait(cached.key.clone());
                self.state = State::Waiting(cached);
                Ok(action)
            }
            Claim::Changed => {
                cached.turns += 1;
                if cached.turns > TURNS_MAX {
                    return self.fetch(cached.ask, None, now);
                }
                let action = Action::Lookup(cached.key.clone());
                self.state = State::Looking(cached);
                Ok(action)
            }
        }
    }

    /// What one waited for is the answer, however short it stays fresh: it was made while the client waited.
    pub(super) fn waited(&mut self, cached: Cached, stored: Stored, now: Timestamp) -> Result<Action, Fault> {
        self.note(|| format!("fetched by somebody else: {}", cached.key));
        Ok(self.respond_stored(stored, now))
    }

    pub(super) fn released(
        &mut self,
        mut cached: Box<Cached>,
        released: Released,
        now: Timestamp,
    ) -> Result<Action, Fault> {
        cached.turns += 1;
        if released == Released::Unshared || cached.turns > TURNS_MAX {
            self.note(|| "what was waited for is not for others: fetched alone".to_owned());
            return self.fetch(cached.ask, None, now);
        }
        self.note(|| "who was fetching it is gone".to_owned());
        self.claim(cached, now)
    }

    /// The client has its answer.
    pub(super) fn responded(&mut self, later: Option<Box<Cached>>) -> Action {
        let Some(cached) = later else { return Action::Finish };
        let action = Action::Claim { key: cached.key.clone(), seen: cached.seen };
        self.state = State::Claiming(cached);
        action
    }

    pub(super) fn note_uncached(&mut self) {
        if self.route().is_some_and(|route| route.cache.is_some()) {
            self.note(|| "passed by: the request asks for an answer of its own".to_owned());
        }
    }

    fn claim(&mut self, cached: Box<Cached>, now: Timestamp) -> Result<Action, Fault> {
        if self.method != http::Method::GET {
            // What HEAD gets is nothing to share.
            return self.fetch(cached.ask, None, now);
        }
        let action = Action::Claim { key: cached.key.clone(), seen: cached.seen };
        self.state = State::Claiming(cached);
        Ok(action)
    }

    fn respond_stored(&mut self, mut stored: Stored, now: Timestamp) -> Action {
        respond::say_age(&mut stored.head.headers, stored.stored_at, now);
        self.respond(stored.head, ReplyBody::Stored, None, now)
    }

    fn note(&mut self, decision: impl FnOnce() -> String) {
        let route = self.route.and_then(|(index, _)| self.pipeline.route(index));
        self.trace.note("cache", route.map(|route| &route.source), decision);
    }
}
