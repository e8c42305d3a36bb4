//! What would become of a request: every stage's decision, without a network.
//!
//! An Exchange runs as always; whoever would be asked gives the answer that the question scripts. Nothing is stored
//! yet, and the random number of splits is 0: the first arm with a share, for who is not sticky.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{HOST, HeaderMap};
use http::{HeaderValue, Method, Response, StatusCode, Uri, request, response};
use serde_json::{Value, json};
use tidegate_cache::Key;
use tidegate_core::{Country, Reason, Step, Timestamp, Trace};
use tidegate_limit::{Count, Counted, Moment, State, count};

use crate::action::{Action, Claim, Fetch, Input, ReplyBody, Target};
use crate::{Exchange, Pipeline, Start};

/// A request that somebody wants to know about.
#[derive(Clone, Debug)]
pub struct Question {
    /// Its method.
    pub method: Method,
    /// Its whole URL.
    pub url: Uri,
    /// Its fields; Host is added if it is missing.
    pub headers: HeaderMap,
    /// Who is at the other end of the connection.
    pub peer: IpAddr,
    /// The peer's country.
    pub country: Option<Country>,
    /// What the upstream or function would answer.
    pub answer: (StatusCode, HeaderMap),
    /// What became of what its limits take; none: nobody has taken anything yet.
    pub counted: Option<Counted>,
}

/// What would become of it.
#[derive(Debug)]
pub struct Explanation {
    /// Each stage's decision.
    pub steps: Vec<Step>,
    /// The name of the route that it takes.
    pub route: Option<Arc<str>>,
    /// What its limits take.
    pub count: Option<Arc<Count>>,
    /// What it is looked up by in the cache.
    pub key: Option<Key>,
    /// What is sent to whom, if anything is.
    pub sent: Option<Sent>,
    /// The head of the response.
    pub response: response::Parts,
    /// Its body, if the edge itself makes it.
    pub body: Option<bytes::Bytes>,
    /// Why the request is not simply answered.
    pub reason: Option<Reason>,
}

/// A request that would be sent.
#[derive(Debug)]
pub struct Sent {
    /// To whom.
    pub to: Target,
    /// The upstream's name.
    pub upstream: Option<Arc<str>>,
    /// Its head.
    pub head: request::Parts,
}

/// Finds out what would become of a request.
pub fn explain(pipeline: &Arc<Pipeline>, question: &Question) -> Explanation {
    let now = Timestamp::default();
    let (mut exchange, mut action) = Exchange::start(Arc::clone(pipeline), start(question), now);
    let (mut sent, mut key, mut taken) = (None, None, None);
    let reply = loop {
        let input = match action {
            Action::Count(count) => {
                let counted = question.counted.clone().unwrap_or_else(|| of_nothing_taken(&count));
                taken = Some(count);
                Input::Counted(counted)
            }
            Action::Delay(_) => Input::Delayed,
            Action::Lookup(looked) => {
                key.get_or_insert(looked);
                Input::Looked(None)
            }
            Action::Claim { .. } => Input::Claimed(Claim::Held),
            Action::Fetch(fetch) => {
                sent = Some(describe(pipeline, fetch));
                Input::Fetched(answer(&question.answer))
            }
            Action::Purge(_) => Input::Purged,
            Action::Respond(reply) => break Some(reply),
            Action::Wait(_) | Action::Store(_) | Action::Finish => break None,
        };
        action = exchange.advance(input, now);
    };
    let (response, body) = reply.map_or_else(
        // An Exchange responds before it finishes.
        || (answer(&(StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new())), None),
        |reply| (reply.head, whole(reply.body)),
    );
    Explanation {
        steps: exchange.trace().steps().to_vec(),
        route: exchange.route().map(|route| Arc::clone(&route.name)),
        count: taken,
        key,
        sent,
        response,
        body,
        reason: exchange.reason(),
    }
}

/// What would become of takes if nobody had taken anything before.
fn of_nothing_taken(taken: &Count) -> Counted {
    let mut states: Vec<_> = taken.takes.iter().map(|take| State::new(&take.quota)).collect();
    count(taken, &mut states, Moment::default())
}

fn start(question: &Question) -> Start {
    let (mut request, ()) = http::Request::new(()).into_parts();
    request.method = question.method.clone();
    request.headers = question.headers.clone();
    if let Some(authority) = question.url.authority()
        && !request.headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers.insert(HOST, host);
    }
    // In origin form, so that a Host among the fields counts.
    request.uri = question.url.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
    Start {
        request,
        peer: question.peer,
        is_https: question.url.scheme_str() == Some("https"),
        country: question.country,
        random: 0,
        trace: Trace::kept(),
    }
}

fn describe(pipeline: &Pipeline, fetch: Fetch) -> Sent {
    let upstream = match &fetch.to {
        Target::Upstream(id) => pipeline.upstream(*id).map(|upstream| Arc::clone(&upstream.name)),
        Target::Function(_) => None,
    };
    Sent { to: fetch.to, upstream, head: fetch.head }
}

fn answer((status, headers): &(StatusCode, HeaderMap)) -> response::Parts {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = *status;
    head.headers = headers.clone();
    head
}

fn whole(body: ReplyBody) -> Option<bytes::Bytes> {
    match body {
        ReplyBody::Whole(bytes) => Some(bytes),
        ReplyBody::Fetched | ReplyBody::Stored | ReplyBody::Pieces(_) => None,
    }
}

impl Explanation {
    /// The same for programs.
    pub fn to_json(&self) -> Value {
        let steps = self.steps.iter().map(|step| {
            json!({
                "stage": step.stage,
                "decision": step.decision,
                "source": step.source.as_ref().map(ToString::to_string),
            })
        });
        json!({
            "steps": steps.collect::<Vec<_>>(),
            "route": self.route.as_deref(),
            "key": self.key.as_ref().map(Key::as_str),
            "sent": self.sent.as_ref().map(Sent::to_json),
            "response": {
                "status": self.response.status.as_u16(),
                "headers": fields(&self.response.headers),
                "body": self.body.as_ref().map(|body| String::from_utf8_lossy(body)),
            },
            "reason": self.reason.map(Reason::as_str),
        })
    }
}

impl Sent {
    /// To whom, in words.
    fn receiver(&self) -> String {
        match &self.to {
            Target::Upstream(_) => format!("upstream {}", self.upstream.as_deref().unwrap_or_default()),
            Target::Function(tidegate_route::Function::Any) => "the function that spin.toml names".to_owned(),
            Target::Function(tidegate_route::Function::Named(name)) => format!("function {name}"),
        }
    }

    fn to_json(&self) -> Value {
        let function = match &self.to {
            Target::Function(tidegate_route::Function::Named(name)) => Some(&**name),
            Target::Function(tidegate_route::Function::Any) => Some("*"),
            Target::Upstream(_) => None,
        };
        json!({
            "upstream": self.upstream.as_deref(),
            "function": function,
            "method": self.head.method.as_str(),
            "target": self.head.uri.to_string(),
            "headers": fields(&self.head.headers),
        })
    }
}

/// Fields as JSON: pairs, for a name may come more than once.
fn fields(headers: &HeaderMap) -> Vec<(&str, String)> {
    headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect()
}

/// A value for people; a secret one is not for them.
pub(crate) fn text(value: &HeaderValue) -> String {
    if value.is_sensitive() {
        return "<secret>".to_owned();
    }
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// For people: the steps in columns, then what is sent and answered.
impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&Step) -> &str| self.steps.iter().map(|step| text(step).chars().count()).max();
        let stage = width(|step| step.stage).unwrap_or(0);
        // One long decision does not push all places off the screen.
        let decision = width(|step| &step.decision).unwrap_or(0).min(80);
        for step in &self.steps {
            let source = step.source.as_ref().map(ToString::to_string).unwrap_or_default();
            let line = format!("{:stage$}  {:decision$}  {source}", step.stage, step.decision);
            writeln!(formatter, "{}", line.trim_end())?;
        }
        if let Some(sent) = &self.sent {
            writeln!(formatter, "\n> {} {}  to {}", sent.head.method, sent.head.uri, sent.receiver())?;
            write_fields(formatter, '>', &sent.head.headers)?;
        }
        writeln!(formatter, "\n< {}", self.response.status)?;
        write_fields(formatter, '<', &self.response.headers)
    }
}

fn write_fields(formatter: &mut fmt::Formatter<'_>, mark: char, headers: &HeaderMap) -> fmt::Result {
    headers.iter().try_for_each(|(name, value)| writeln!(formatter, "{mark} {name}: {}", text(value)))
}
