//! A cache of one map, made of this crate's functions alone, in the order in which the pipeline uses them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use http::header::{AGE, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, response};
use tidegate_cache::{
    CacheStatus, Extent, Forward, HeadUpdate, Key, Marker, Piece, Plan, Purge, Ranged, Received, Reuse, Search, Stored,
    Wish, admit, combine, compress, invalidated, is_not_modified, judge, renew, search_key, select, serves_on_error,
    set_validators, store, update_by_head,
};
use tidegate_core::{Client, RequestView, Timestamp};

use crate::script::{Origin, Step};

/// When a case begins: Sun, 06 Nov 1994 08:49:37 GMT.
pub const START_S: u64 = 784_111_777;

/// Where the requests go.
const SITE: &str = "https://shop.example";

/// What became of a request.
#[derive(Debug, Default)]
pub struct Outcome {
    /// `hit`, `stale` (answered stale), `miss`, `check` (a 304 came), `changed` (something else came for a condition),
    /// `pass` (passed by), `saved` (stale in place of an error), `error`.
    pub what: &'static str,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// What was sent to the origin.
    pub sent: Option<HeaderMap>,
}

pub struct Model {
    plan: Plan,
    entries: BTreeMap<Key, Entry>,
}

#[derive(Clone)]
enum Entry {
    Response(Arc<Stored>, String),
    Marker(Marker),
}

/// What was found for a request, and where its response is stored.
struct Found {
    base: Key,
    marker: Option<Marker>,
    stored: Option<(Key, Arc<Stored>, String)>,
    forward: Forward,
}

/// A request on its way, normalised.
struct Ask<'a> {
    step: &'a Step,
    method: Method,
    wish: Wish,
    key: Key,
    url: String,
    client: HeaderMap,
}

impl Ask<'_> {
    fn at(&self) -> Timestamp {
        at(self.step.sent_s)
    }

    fn received<'a>(&'a self, method: &'a Method, head: &'a response::Parts) -> Received<'a> {
        let (requested_at, received_at) = (at(self.step.sent_s), at(self.step.received_s));
        Received { method, url: &self.url, request: &self.client, head, requested_at, received_at }
    }
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_unix_ms((START_S + second) * 1000)
}

impl Model {
    pub fn new(plan: Plan) -> Self {
        Self { plan, entries: BTreeMap::new() }
    }

    pub fn step(&mut self, step: &Step) -> Outcome {
        let mut client = step.headers.clone();
        self.plan.normal.apply(&mut client);
        let (path, query) =
            step.target.split_once('?').map_or((&*step.target, None), |(path, query)| (path, Some(query)));
        let sender = Client::new(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let view = RequestView {
            method: &step.method,
            is_https: true,
            host: "shop.example",
            path,
            query,
            headers: &client,
            client: &sender,
        };
        let url = format!("{SITE}{}", step.target);
        let Some((wish, key)) = admit(&self.plan, &view).ok().zip(self.plan.recipe.key(&view, "shop.example", None))
        else {
            return self.pass(step, &url);
        };
        self.ask(&Ask { step, method: step.method.clone(), wish, key, url, client })
    }

    /// What passes by may make something invalid (section 4.4).
    fn pass(&mut self, step: &Step, url: &str) -> Outcome {
        let Some((head, body)) = step.origin.answer() else { return failed() };
        let (requested_at, received_at) = (at(step.sent_s), at(step.received_s));
        let request = &step.headers;
        let received = Received { method: &step.method, url, request, head: &head, requested_at, received_at };
        for Purge { what, .. } in invalidated(received) {
            self.entries.retain(|key, entry| match entry {
                Entry::Response(stored, _) => !what.covers(key, &stored.tags),
                Entry::Marker(_) => true,
            });
        }
        Outcome { sent: Some(step.headers.clone()), ..outcome("pass", head, body) }
    }

    fn ask(&mut self, ask: &Ask<'_>) -> Outcome {
        let found = self.look_up(ask);
        if let Some((_, stored, body)) = &found.stored {
            let judgement = judge(&ask.wish, stored, false, ask.at());
            if matches!(judgement.reuse, Reuse::Answer | Reuse::AnswerThenRefresh)
                && let Some((head, body)) = answer(ask, stored, body, ask.at())
            {
                let refreshes = judgement.reuse == Reuse::AnswerThenRefresh && !ask.wish.directives.no_store;
                let what = if judgement.ttl_s > 0 { "hit" } else { "stale" };
                let mut outcome = outcome(what, head, body);
                self.say(
                    &mut outcome,
                    CacheStatus { is_hit: true, ttl_s: Some(judgement.ttl_s), ..CacheStatus::default() },
                );
                outcome.sent = if refreshes { self.refresh(ask).sent } else { None };
                return outcome;
            }
        }
        if ask.wish.directives.only_if_cached {
            return Outcome { what: "error", status: 504, ..Outcome::default() };
        }
        self.forward(ask, found)
    }

    /// What is asked for after the client has its answer: all of it.
    fn refresh(&mut self, ask: &Ask<'_>) -> Outcome {
        let mut client = ask.client.clone();
        set_validators(&mut client, None, false);
        let wish = Wish { is_range: false, is_head: false, ..ask.wish.clone() };
        let ask = Ask { step: ask.step, method: Method::GET, wish, key: ask.key.clone(), url: ask.url.clone(), client };
        let found = self.look_up(&ask);
        self.forward(&ask, found)
    }

    fn look_up(&self, ask: &Ask<'_>) -> Found {
        let mut found = Found { base: ask.key.clone(), marker: None, stored: None, forward: Forward::UriMiss };
        if !self.entries.contains_key(&ask.key)
            && let Some(Entry::Marker(Marker { search: Some(search), .. })) =
                search_key(&ask.key).and_then(|key| self.entries.get(&key))
        {
            found.base = search.key(&ask.key);
        }
        let mut places = vec![found.base.clone()];
        if let Some(Entry::Marker(marker)) = self.entries.get(&found.base) {
            places = marker.keys(&found.base, &ask.client);
            found.marker = Some(marker.clone());
        }
        for place in places {
            if let Some(Entry::Response(stored, body)) = self.entries.get(&place) {
                found.forward = Forward::VaryMiss;
                if stored.matches(&ask.client) {
                    found.stored = Some((place, Arc::clone(stored), body.clone()));
                    return found;
                }
            }
        }
        found
    }

    fn forward(&mut self, ask: &Ask<'_>, found: Found) -> Outcome {
        let mut sent = ask.client.clone();
        let is_shared = ask.method == Method::GET && !ask.wish.directives.no_store;
        let mut is_conditional = false;
        if is_shared {
            let old = found.stored.as_ref().map(|(_, stored, _)| &**stored);
            let keeps_range = ask.wish.is_range && !old.is_some_and(|old| old.extent == Extent::Whole);
            is_conditional = set_validators(&mut sent, old, keeps_range);
        }
        let answered = ask.step.origin.answer();
        let status = answered.as_ref().map(|(head, _)| head.status);
        if status.is_none_or(|status| status.is_server_error())
            && let Some((_, stored, body)) = &found.stored
            && serves_on_error(&ask.wish, stored, status, ask.at())
            && let Some((head, body)) = answer(ask, stored, body, at(ask.step.received_s))
        {
            return Outcome { sent: Some(sent), ..outcome("saved", head, body) };
        }
        let Some((head, body)) = answered else { return failed() };
        let forward = found.forward;
        let mut outcome = match head.status {
            StatusCode::NOT_MODIFIED if is_conditional => self.renewed(ask, found, &head),
            _ if ask.wish.is_head => self.by_head(ask, found, head),
            _ if is_shared => self.keep(ask, found, head, body, if is_conditional { "changed" } else { "miss" }),
            _ => outcome("miss", head, body),
        };
        self.say(&mut outcome, CacheStatus { forward: Some(forward), ..CacheStatus::default() });
        outcome.sent = Some(sent);
        outcome
    }

    /// A 304 came (section 4.3.4). One of something else is asked for again.
    fn renewed(&mut self, ask: &Ask<'_>, found: Found, head: &response::Parts) -> Outcome {
        let (_, stored, body) = found.stored.clone().expect("something was validated");
        let Some(renewed) = renew(&self.plan, &ask.wish, &stored, ask.received(&Method::GET, head)) else {
            return Outcome { what: "again", ..Outcome::default() };
        };
        let renewed = Arc::new(renewed);
        self.put(ask, &found, Arc::clone(&renewed), body.clone());
        let (head, body) = answer(ask, &renewed, &body, at(ask.step.received_s)).expect("all of it is there");
        outcome("check", head, body)
    }

    /// A HEAD was answered (section 4.3.5).
    fn by_head(&mut self, ask: &Ask<'_>, found: Found, head: response::Parts) -> Outcome {
        if let Some((place, stored, body)) = found.stored.clone() {
            let received = ask.received(&Method::HEAD, &head);
            match update_by_head(&self.plan, &ask.wish, &stored, body.len() as u64, received) {
                HeadUpdate::Keep => {}
                HeadUpdate::Renew(renewed) => self.put(ask, &found, Arc::new(*renewed), body),
                HeadUpdate::Invalidate => _ = self.entries.remove(&place),
            }
        }
        outcome("miss", head, String::new())
    }

    /// A response came: stored, if it may be, and answered with.
    fn keep(
        &mut self,
        ask: &Ask<'_>,
        found: Found,
        mut head: response::Parts,
        mut body: String,
        what: &'static str,
    ) -> Outcome {
        let plain = head.clone();
        if let Some(config) = &self.plan.compress
            && let Some(coding) = compress(config, &ask.client, &mut head)
        {
            body = format!("{} of {body}", coding.as_str());
        }
        let Ok(mut stored) = store(&self.plan, &ask.wish, ask.received(&Method::GET, &head)) else {
            return outcome(what, plain, body);
        };
        let mut whole = body.clone();
        if let Some((_, old, old_body)) = &found.stored
            && let Some((splice, combined)) = combine(old, &stored)
        {
            whole = format!("{}{body}{}", &old_body[range(&splice.before)], &old_body[range(&splice.after)]);
            stored = combined;
        }
        let stored = Arc::new(stored);
        self.put(ask, &found, Arc::clone(&stored), whole);
        if head.status == StatusCode::PARTIAL_CONTENT {
            return outcome(what, head, body);
        }
        let body = selected(ask, &stored, &body, &mut head).expect("all of it is there");
        outcome(what, head, body)
    }

    /// Stores something, and the markers that lead there.
    fn put(&mut self, ask: &Ask<'_>, found: &Found, stored: Arc<Stored>, body: String) {
        let mut base = ask.key.clone();
        if let (Some(search), Some(place)) = (Search::read(&stored.headers), search_key(&ask.key)) {
            base = search.key(&ask.key);
            self.entries.insert(place, Entry::Marker(Marker { search: Some(search), ..Marker::default() }));
        }
        let old = found.marker.as_ref().filter(|_| base == found.base);
        let at = found.stored.as_ref().map(|(at, _, _)| at);
        let mut place = base.clone();
        if let Some(marker) = Marker::with(old, &stored) {
            place = marker.place(&base, &stored, at.filter(|_| base == found.base));
            self.entries.insert(base, Entry::Marker(marker));
        }
        self.entries.insert(place, Entry::Response(stored, body));
    }

    /// What the pipeline does with every answer of a route that has a cache.
    fn say(&self, outcome: &mut Outcome, status: CacheStatus<'_>) {
        for name in ["surrogate-control", "surrogate-key", "cache-tag"] {
            outcome.headers.remove(name);
        }
        outcome.headers.append("cache-status", status.to_value("edge"));
    }
}

impl Origin {
    fn answer(&self) -> Option<(response::Parts, String)> {
        match self {
            Self::Fails => None,
            Self::Answers { status, headers, body } => {
                let (mut head, ()) = Response::new(()).into_parts();
                (head.status, head.headers) = (*status, headers.clone());
                Some((head, body.clone()))
            }
        }
    }
}

fn failed() -> Outcome {
    Outcome { what: "error", status: 502, ..Outcome::default() }
}

fn outcome(what: &'static str, head: response::Parts, body: String) -> Outcome {
    Outcome { what, status: head.status.as_u16(), headers: head.headers, body, sent: None }
}

/// The answer from what is stored (section 4); none: a part that is not stored.
fn answer(ask: &Ask<'_>, stored: &Stored, body: &str, now: Timestamp) -> Option<(response::Parts, String)> {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = stored.status;
    head.headers = stored.headers.clone();
    head.headers.insert(AGE, HeaderValue::from(stored.age(now).as_secs()));
    let body = selected(ask, stored, body, &mut head)?;
    Some((head, body))
}

fn selected(ask: &Ask<'_>, stored: &Stored, body: &str, head: &mut response::Parts) -> Option<String> {
    if is_not_modified(&ask.client, stored) {
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(CONTENT_LENGTH);
        return Some(String::new());
    }
    if ask.wish.is_head {
        return (stored.extent == Extent::Whole).then(String::new);
    }
    match select(&ask.client, stored, Some(body.len() as u64), &mut head.status, &mut head.headers) {
        Ranged::Whole => Some(body.to_owned()),
        Ranged::Unsatisfiable => Some(String::new()),
        Ranged::NotStored => None,
        Ranged::Parts(pieces) => {
            let text = |piece: &Piece| match piece {
                Piece::Text(text) => String::from_utf8_lossy(text).into_owned(),
                Piece::Range(piece) => body[range(piece)].to_owned(),
            };
            Some(pieces.iter().map(text).collect())
        }
    }
}

fn range(range: &std::ops::Range<u64>) -> std::ops::Range<usize> {
    usize::try_from(range.start).expect("small")..usize::try_from(range.end).expect("small")
}

/// A second.
pub fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
