//! The Exchange: one request, from its head to the last thing that is done for it.

mod cached;
mod keep;
mod limited;
mod notes;
mod said;

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, request, response};
use tidegate_cache::{Plan, Purge, Received, What, invalidated};
use tidegate_core::{Client, Country, Reason, Timestamp, Trace};
use tidegate_edge_config::edge::Route;
use tidegate_limit::Charge;
use tidegate_route::{Destination, Fixed};

use crate::action::{Action, Fetch, Input, Released, Reply, ReplyBody, Store, Target};
use crate::client::{Connection, Sender};
use crate::decide::{Answer, Caching, Decision};
use crate::limits::{Limited, Limiting};
use crate::rescue::Fault;
use crate::{Failure, Pipeline, checks, client, decide, forward, rescue, respond};
use cached::Cached;
use keep::Keeping;
use limited::Asking;
pub use said::CacheResult;
use said::Said;

/// A request, as a shell has it.
#[derive(Debug)]
pub struct Start {
    /// Its head, as it was parsed: the target in origin form and a Host field, or in absolute form (HTTP/2).
    pub request: request::Parts,
    /// Who is at the other end of the connection.
    pub peer: IpAddr,
    /// Whether the connection is over TLS.
    pub is_https: bool,
    /// The country of the peer, if the place knows it.
    pub country: Option<Country>,
    /// A random number, all 64 bits of it: for the shares of a split.
    pub random: u64,
    /// Where decisions are noted.
    pub trace: Trace,
}

/// One request: a state machine without IO. [`Exchange::start`] says what to do first, [`Exchange::advance`] what to do
/// next.
#[derive(Debug)]
pub struct Exchange {
    pipeline: Arc<Pipeline>,
    method: Method,
    version: Version,
    started: Timestamp,
    sender: Sender,
    /// The route and the arm of its split, by their places.
    route: Option<(usize, Option<usize>)>,
    set_cookie: Option<HeaderValue>,
    limiting: Option<Box<Limiting>>,
    charges: Vec<Charge>,
    fetched: Option<Fetched>,
    said: Said,
    reason: Option<Reason>,
    has_responded: bool,
    /// What those who wait are told when a claim ends with nothing stored.
    released: Released,
    trace: Trace,
    state: State,
}

/// What is being done, and so what may come in next.
#[derive(Debug)]
enum State {
    Counting(Box<Asking>),
    Delaying(Box<Asking>),
    Looking(Box<Cached>),
    Claiming(Box<Cached>),
    Waiting(Box<Cached>),
    Fetching(Fetching),
    /// The client has its answer, a stale one if something is left to do.
    Responding(Option<Box<Cached>>),
    Storing,
    /// A response, until what it invalidates is forgotten.
    Purging(Box<response::Parts>, ReplyBody),
    Done,
}

/// A request on its way.
#[derive(Debug)]
struct Fetching {
    since: Timestamp,
    is_upstream: bool,
    is_upgrade: bool,
    /// What the cache does with its response.
    keeping: Option<Box<Keeping>>,
    /// For a method that may change something: the URL as it is in keys, and as it is.
    changes: Option<(Arc<str>, String)>,
}

/// How a request went.
#[derive(Clone, Copy, Debug)]
struct Fetched {
    took: Duration,
    status: StatusCode,
}

impl Exchange {
    /// Begins with a request.
    pub fn start(pipeline: Arc<Pipeline>, start: Start, now: Timestamp) -> (Self, Action) {
        let Start { mut request, peer, is_https, country, random, trace } = start;
        let client = Client { country, ..Client::new(peer) };
        let mut exchange = Self {
            pipeline,
            method: request.method.clone(),
            version: request.version,
            started: now,
            sender: Sender { client, peer: client.address, is_trusted: false, is_https },
            route: None,
            set_cookie: None,
            limiting: None,
            charges: Vec::new(),
            fetched: None,
            said: Said::default(),
            reason: None,
            has_responded: false,
            released: Released::Unshared,
            trace,
            state: State::Done,
        };
        let connection = Connection { peer, is_https, country };
        let action = match exchange.check(&mut request, connection) {
            Ok(None) => exchange.decide(request, random, now),
            Ok(Some(status)) => Ok(exchange.answer_options(status)),
            Err(fault) => Err(fault),
        };
        let action = action.unwrap_or_else(|fault| exchange.rescue(fault));
        (exchange, action)
    }

    /// Goes on with what became of the last action.
    pub fn advance(&mut self, input: Input, now: Timestamp) -> Action {
        let action = match (mem::replace(&mut self.state, State::Done), input) {
            (State::Counting(asking), Input::Counted(counted)) => self.counted(*asking, counted, now),
            (State::Delaying(asking), Input::Delayed) => self.proceed(*asking, now),
            (State::Looking(cached), Input::Looked(looked)) => self.looked(cached, looked, now),
            (State::Claiming(cached), Input::Claimed(claim)) => self.claimed(cached, claim, now),
            (State::Waiting(cached), Input::Looked(Some(looked))) => self.waited(cached, looked, now),
            (State::Waiting(cached), Input::Released(released)) => self.released(cached, released, now),
            (State::Fetching(fetching), Input::Fetched(head)) => self.fetched(fetching, head, now),
            (State::Fetching(fetching), Input::Failed(failure)) => self.failed(fetching, failure, now),
            (State::Responding(later), Input::Responded) => Ok(self.responded(later)),
            (State::Storing, Input::Stored) => Ok(Action::Finish),
            (State::Purging(head, body), Input::Purged) => Ok(self.respond(*head, body, None, now)),
            // Not what was asked for: the driver's fault, or a second end.
            (State::Done | State::Storing | State::Responding(_), _) => Ok(Action::Finish),
            _ => Err(Failure::Internal.into()),
        };
        action.unwrap_or_else(|fault| self.rescue(fault))
    }

    /// Who sent the request: who is at the other end of the connection, until the client stage knows more.
    pub fn client(&self) -> &Client {
        &self.sender.client
    }

    /// Whether the client spoke TLS, to us or to a trusted proxy.
    pub fn is_https(&self) -> bool {
        self.sender.is_https
    }

    /// The route it took, if it came that far.
    pub fn route(&self) -> Option<&Route> {
        self.pipeline.route(self.route?.0)
    }

    /// What the cache did with it; none if it had nothing to do with it.
    pub fn cache_result(&self) -> Option<CacheResult> {
        self.said.result()
    }

    /// What its limits did with it, as far as it is known: at first, those that count nothing.
    pub fn limited(&self) -> impl Iterator<Item = Limited<'_>> {
        self.limiting.iter().flat_map(|limiting| limiting.results(&self.pipeline))
    }

    /// Why it was not simply answered.
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// The decisions, if they are noted.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What those who wait are told if a claim ends by [`Action::Finish`].
    pub fn released_as(&self) -> Released {
        self.released
    }

    /// Whether something is left to do when the client has its answer. If not, [`Input::Responded`] may be left out.
    pub fn has_later(&self) -> bool {
        matches!(self.state, State::Responding(Some(_)))
    }

    /// An interim response (1xx) as it is passed on to the client; none if it is not.
    pub fn informational(&self, head: response::Parts) -> Option<response::Parts> {
        respond::informational(&self.pipeline, self.version, head)
    }

    fn check(&mut self, request: &mut request::Parts, connection: Connection) -> Result<Option<StatusCode>, Fault> {
        let answer = checks::check(self.pipeline.edge().checks, request)?;
        self.trace.note("checks", None, || "nothing is wrong with the request".to_owned());
        let config = &self.pipeline.edge().client;
        self.sender = client::identify(config, &mut request.headers, connection);
        let sender = &self.sender;
        self.trace.note("client", None, || notes::sender(sender));
        Ok(answer)
    }

    fn decide(&mut self, request: request::Parts, random: u64, now: Timestamp) -> Result<Action, Fault> {
        let decision = decide::decide(&self.pipeline, &self.sender, &request, random, &mut self.trace)?;
        let Decision { route, arm, set_cookie, limiting, answer } = decision;
        self.route = Some((route, arm));
        self.set_cookie = set_cookie;
        self.limiting = limiting;
        let asking = Asking { request, answer };
        // What is refused anyway takes nothing.
        if let Answer::Refused(_) = asking.answer { self.proceed(asking, now) } else { self.count(asking, now) }
    }

    fn proceed(&mut self, asking: Asking, now: Timestamp) -> Result<Action, Fault> {
        let Asking { request, answer } = asking;
        match answer {
            Answer::Redirect(status, location) => Ok(self.redirect(status, location, now)),
            Answer::Fixed => Ok(self.fixed(now)),
            Answer::Refused(refusal) => Err(refusal.into()),
            Answer::Purge(url) => Ok(self.purge(url)),
            Answer::Fetch { to, target, caching } => self.ask(Ask { request, to, target }, caching, now),
        }
    }

    fn ask(&mut self, ask: Ask, caching: Caching, now: Timestamp) -> Result<Action, Fault> {
        match caching {
            Caching::Off => self.pass(ask, None, now),
            Caching::On(wish, key) => {
                let plan = self.plan().ok_or(Failure::Internal)?;
                Ok(self.look(Box::new(Cached::new(plan, wish, key, ask))))
            }
            Caching::Bypassed(bypass, of_keys) => {
                self.said.bypass(bypass);
                let why = self.said.status.detail.unwrap_or_default();
                self.note(|| format!("passed by: {why}"));
                self.pass(ask, of_keys, now)
            }
        }
    }

    /// Sends a request that the cache has nothing to answer. It may make invalid what is stored, whichever route that
    /// came by; `of_keys` is its URL as keys have it, if that may differ.
    fn pass(&mut self, ask: Ask, of_keys: Option<Arc<str>>, now: Timestamp) -> Result<Action, Fault> {
        let may_change = !self.method.is_safe() && self.pipeline.caches();
        let changes = may_change.then(|| {
            let url = self.url(&ask);
            (of_keys.unwrap_or_else(|| url.as_str().into()), url)
        });
        let action = self.fetch(ask, None, now);
        if let State::Fetching(fetching) = &mut self.state {
            fetching.changes = changes;
        }
        action
    }

    /// Sends the request. With `keeping`, the cache is told of the response; if the claim is held, others may get it.
    fn fetch(&mut self, ask: Ask, keeping: Option<Box<Keeping>>, now: Timestamp) -> Result<Action, Fault> {
        let pipeline = Arc::clone(&self.pipeline);
        let route = self.route.and_then(|(index, _)| pipeline.route(index)).ok_or(Failure::Internal)?;
        let Ask { mut request, to, target } = ask;
        if checks::declared_length(&request).is_some_and(|length| length > route.max_request_body) {
            return Err(Failure::RequestBodyTooLarge.into());
        }
        let is_upgrade = match &to {
            Target::Upstream(id) => {
                let upstream = pipeline.upstream(*id).ok_or(Failure::Internal)?;
                let sender = &self.sender;
                let is_upgrade = forward::to_upstream(&pipeline, upstream, route, &mut request, target, sender)?;
                notes::fields(&mut self.trace, "request fields", &route.rewrite.request, &route.source);
                self.trace.note("fetch", Some(&upstream.source), || {
                    format!("{} {} from upstream {}", request.method, request.uri, upstream.name)
                });
                is_upgrade
            }
            Target::Function(function) => {
                forward::to_function(route, &mut request, target);
                notes::fields(&mut self.trace, "request fields", &route.rewrite.request, &route.source);
                let source = self.route.and_then(|(_, arm)| decide::arm_source(route, arm));
                self.trace.note("fetch", source, || {
                    format!("{} {} from {}", request.method, request.uri, notes::function(function))
                });
                false
            }
        };
        let is_upstream = matches!(to, Target::Upstream(_));
        let is_shared = keeping.as_ref().is_some_and(|keeping| keeping.is_for_all());
        self.state = State::Fetching(Fetching { since: now, is_upstream, is_upgrade, keeping, changes: None });
        let max_request_body = route.max_request_body;
        Ok(Action::Fetch(Fetch { to, head: request, is_upgrade, max_request_body, is_shared }))
    }

    fn fetched(&mut self, mut fetching: Fetching, mut head: response::Parts, now: Timestamp) -> Result<Action, Fault> {
        self.fetched = Some(Fetched { took: now.since(fetching.since), status: head.status });
        if !self.has_responded {
            self.charge(&head.headers);
        }
        let is_upgrade = fetching.is_upgrade;
        if let Err(failure) = respond::receive(&self.pipeline, &mut head, fetching.is_upstream, is_upgrade) {
            return self.failed(fetching, failure, now);
        }
        if let Some(keeping) = fetching.keeping.take() {
            return self.keep(keeping, head, fetching.since, now);
        }
        if let Some((of_keys, url)) = &fetching.changes {
            let purges = self.invalidated(of_keys, url, &head, fetching.since, now);
            if !purges.is_empty() {
                self.state = State::Purging(Box::new(head), ReplyBody::Fetched);
                return Ok(Action::Purge(purges));
            }
        }
        Ok(self.respond(head, ReplyBody::Fetched, None, now))
    }

    fn failed(&mut self, fetching: Fetching, failure: Failure, now: Timestamp) -> Result<Action, Fault> {
        self.trace.note("fetch", None, || format!("failed after {} ms", now.since(fetching.since).as_millis()));
        match fetching.keeping {
            Some(keeping) => self.keep_nothing(&keeping, failure, now),
            None => Err(failure.into()),
        }
    }

    /// What a request has made invalid (RFC 9111 section 4.4).
    fn invalidated(
        &self,
        of_keys: &Arc<str>,
        url: &str,
        head: &response::Parts,
        since: Timestamp,
        now: Timestamp,
    ) -> Vec<Purge> {
        let request = &HeaderMap::new();
        let received = Received { method: &self.method, url, request, head, requested_at: since, received_at: now };
        let mut purges = invalidated(received);
        // The keys of a route may know less of the URL than there is.
        if !purges.is_empty() && **of_keys != *url {
            purges.push(Purge { what: What::Url(Arc::clone(of_keys)), is_soft: false });
        }
        purges
    }

    /// What a request asks for.
    fn url(&self, ask: &Ask) -> String {
        let is_https = self.sender.is_https;
        let host = checks::Host::of(&ask.request.headers).normal(is_https);
        let target = ask.request.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        format!("{}://{host}{target}", if is_https { "https" } else { "http" })
    }

    fn purge(&mut self, url: Arc<str>) -> Action {
        self.note(|| format!("purged: {url}"));
        self.state = State::Purging(Box::new(head(StatusCode::OK)), ReplyBody::Whole(bytes::Bytes::new()));
        Action::Purge(vec![Purge { what: What::Url(url), is_soft: false }])
    }

    fn plan(&self) -> Option<Arc<Plan>> {
        self.route()?.cache.clone()
    }

    fn note(&mut self, decision: impl FnOnce() -> String) {
        let route = self.route.and_then(|(index, _)| self.pipeline.route(index));
        self.trace.note("cache", route.map(|route| &route.source), decision);
    }
}

/// A request that is to be sent to somebody.
#[derive(Clone, Debug)]
struct Ask {
    request: request::Parts,
    to: Target,
    target: Option<PathAndQuery>,
}

impl Ask {
    /// Takes it out of a place where it is not needed any more.
    fn take(&mut self) -> Self {
        let (empty, ()) = http::Request::new(()).into_parts();
        Self { request: mem::replace(&mut self.request, empty), to: self.to.clone(), target: self.target.take() }
    }
}

/// Answers.
impl Exchange {
    /// The route's answer, with its policies applied.
    fn respond(&mut self, mut head: response::Parts, body: ReplyBody, store: Option<Store>, now: Timestamp) -> Action {
        if let Some(route) = self.route.and_then(|(index, _)| self.pipeline.route(index)) {
            respond::apply(route, self.set_cookie.take(), &mut head.headers);
            notes::fields(&mut self.trace, "response fields", &route.rewrite.response, &route.source);
        }
        if self.pipeline.edge().proxy.server_timing {
            let fetch = self.fetched.map(|fetched| fetched.took);
            respond::say_timing(&mut head.headers, now.since(self.started), fetch);
        }
        if self.pipeline.edge().proxy.proxy_status
            && let Some(fetched) = self.fetched
        {
            respond::say_status(&self.pipeline, &mut head.headers, fetched.status);
        }
        if let Some(plan) = self.plan() {
            self.said.say(&self.pipeline, &plan, head.status, &mut head.headers);
        }
        self.say_limits(&mut head.headers);
        self.trace.note("respond", None, || head.status.to_string());
        self.answer(Reply { head, body, store, released: self.released, charges: Vec::new() })
    }

    fn redirect(&mut self, status: StatusCode, location: HeaderValue, now: Timestamp) -> Action {
        let mut head = head(status);
        head.headers.insert(LOCATION, location);
        self.respond(head, ReplyBody::Whole(bytes::Bytes::new()), None, now)
    }

    fn fixed(&mut self, now: Timestamp) -> Action {
        let place = self.route.and_then(|(index, arm)| Some((self.pipeline.route(index)?, arm)));
        let destination = place.and_then(|(route, arm)| decide::destination(route, arm));
        let Some(Destination::Fixed(Fixed { status, headers, body })) = destination else {
            return self.rescue(Failure::Internal.into());
        };
        let mut head = head(*status);
        head.headers = headers.clone();
        let body = ReplyBody::Whole(body.clone());
        self.respond(head, body, None, now)
    }

    /// OPTIONS that is for us: what is possible here (RFC 9110 section 9.3.7).
    fn answer_options(&mut self, status: StatusCode) -> Action {
        let mut head = head(status);
        head.headers.insert(ALLOW, checks::ALLOW);
        self.trace.note("respond", None, || format!("{status}: the request is for the edge itself"));
        self.answer(Reply {
            head,
            body: ReplyBody::Whole(bytes::Bytes::new()),
            store: None,
            released: Released::Unshared,
            charges: Vec::new(),
        })
    }

    /// The only place where a fault becomes a response; see [`rescue`].
    fn rescue(&mut self, fault: Fault) -> Action {
        self.reason = Some(fault.row().reason);
        self.released = Released::Failed;
        if self.has_responded {
            return Action::Finish;
        }
        self.trace.note("rescue", None, || fault.to_string());
        let mut reply = rescue::rescue(&self.pipeline, fault);
        if let Some(plan) = self.plan() {
            self.said.say(&self.pipeline, &plan, reply.head.status, &mut reply.head.headers);
        }
        self.complete_refusal(fault, &mut reply);
        self.say_limits(&mut reply.head.headers);
        self.answer(reply)
    }

    fn answer(&mut self, mut reply: Reply) -> Action {
        reply.charges = mem::take(&mut self.charges);
        self.has_responded = true;
        self.state = State::Responding(None);
        Action::Respond(reply)
    }
}

fn head(status: StatusCode) -> response::Parts {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = status;
    head
}
