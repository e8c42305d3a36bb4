//! What an Exchange asks of the store, step by step: tables of what it is told and what it does then. How that comes
//! together is shown with the driver.
//!
//! Requests are for `/a?b` of `http://shop.example`, which is left out of keys. A step is written as [`word`] has it.

mod claims;
mod marks;
mod parts;
mod passing;
mod stale;
mod status;
mod stored;
mod validation;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method};
use tidegate_cache::{Kept, Marker, Piece, Plan, Received, Stored, Vary, Wish, store};
use tidegate_core::Timestamp;
use tidegate_pipeline::{Action, Exchange, Input, Looked, Reply, ReplyBody, Store, StoreBody};

use crate::support::{EDGE, Fields, NOW, cached, head, lines, start};

/// How long the stored bodies are, in bytes.
const LENGTH: u64 = 10;

/// A request, and what becomes of it.
struct Case {
    what: &'static str,
    plan: Plan,
    method: &'static str,
    target: &'static str,
    said: Fields<'static>,
    /// What is done first.
    first: &'static str,
    steps: Vec<(Input, &'static str)>,
}

impl Case {
    /// A GET of `/a?b` under the default plan.
    fn get(what: &'static str, said: Fields<'static>, steps: Vec<(Input, &'static str)>) -> Self {
        let plan = Plan::default();
        Self { what, plan, method: "GET", target: "/a?b", said, first: "look /a?b", steps }
    }

    fn head(what: &'static str, said: Fields<'static>, steps: Vec<(Input, &'static str)>) -> Self {
        Self { method: "HEAD", ..Self::get(what, said, steps) }
    }

    fn under(self, plan: Plan) -> Self {
        Self { plan, ..self }
    }

    /// Goes through all steps. What is left of it, and what was done last.
    fn run(self) -> (Exchange, Action) {
        let (mut exchange, mut action) =
            Exchange::start(cached(EDGE, self.plan), start(self.method, self.target, self.said), NOW);
        assert_eq!(word(&action), self.first, "{}: first", self.what);
        for (step, (input, expected)) in self.steps.into_iter().enumerate() {
            let told = format!("{input:?}");
            action = exchange.advance(input, NOW);
            assert_eq!(word(&action), expected, "{}: step {} after {told}", self.what, step + 1);
        }
        (exchange, action)
    }

    /// The same, of which the last step is an answer.
    fn answer(self) -> Reply {
        match self.run() {
            (_, Action::Respond(reply)) => reply,
            (_, action) => panic!("{action:?}"),
        }
    }
}

fn run(cases: Vec<Case>) {
    for case in cases {
        case.run();
    }
}

/// What an action is, in short.
fn word(action: &Action) -> String {
    match action {
        Action::Count(_) | Action::Delay(_) => "limit".to_owned(),
        Action::Lookup(key) => format!("look {}", short(key.as_str())),
        Action::Claim { key, seen: None } => format!("claim {}", short(key.as_str())),
        Action::Claim { key, seen: Some(seen) } => {
            format!("claim {} of -{}", short(key.as_str()), NOW.since(*seen).as_millis())
        }
        Action::Wait(time) => format!("wait {}", time.as_millis()),
        Action::Fetch(fetch) => {
            let how = if fetch.is_shared { "for all" } else { "alone" };
            let said = ["if-none-match", "if-modified-since", "range", "if-range", "accept-encoding"]
                .map(|name| (name, lines(&fetch.head.headers, name)));
            let said = said.iter().filter(|(_, value)| !value.is_empty());
            let said: String = said.map(|(name, value)| format!("; {name}: {value}")).collect();
            let method = Some(&fetch.head.method).filter(|method| **method != Method::GET);
            format!("fetch {how}{}{said}", method.map(|method| format!(" {method}")).unwrap_or_default())
        }
        Action::Respond(reply) => answered(reply),
        Action::Store(store) => format!("store{}", stores(store)),
        Action::Purge(purges) => {
            let purges: Vec<_> = purges.iter().map(|purge| short(&purge.to_string())).collect();
            format!("purge {}", purges.join(", "))
        }
        Action::Finish => "finish".to_owned(),
    }
}

fn answered(reply: &Reply) -> String {
    let body = match &reply.body {
        ReplyBody::Whole(bytes) if bytes.is_empty() => "empty".to_owned(),
        ReplyBody::Whole(_) => "problem".to_owned(),
        ReplyBody::Fetched => "fetched".to_owned(),
        ReplyBody::Stored => "stored".to_owned(),
        ReplyBody::Pieces(pieces) => pieces.iter().map(piece).collect::<Vec<_>>().join(" "),
    };
    let status = lines(&reply.head.headers, "cache-status");
    let said = match &*short(&status) {
        "" => "says nothing".to_owned(),
        said => said.strip_prefix("tidegate; ").unwrap_or(said).to_owned(),
    };
    let store = reply.store.as_ref().map(|store| format!(", stores{}", stores(store))).unwrap_or_default();
    format!("{} {body}, {said}{store}", reply.head.status.as_u16())
}

fn piece(piece: &Piece) -> String {
    match piece {
        Piece::Text(_) => "text".to_owned(),
        Piece::Range(range) => format!("{range:?}"),
    }
}

fn stores(store: &Store) -> String {
    let body = match &store.body {
        StoreBody::Fetched => String::new(),
        StoreBody::Found => " found".to_owned(),
        StoreBody::Spliced(splice) => format!(" {:?} new {:?}", splice.before, splice.after),
    };
    let coding = store.coding.map(|coding| format!(" as {}", coding.as_str())).unwrap_or_default();
    let marks = store.markers.iter().map(|(key, _)| format!(" marks {}", short(key.as_str())));
    format!("{body} {}{coding}{}", short(store.key.as_str()), marks.collect::<String>())
}

/// Without what all have, on one line.
fn short(text: &str) -> String {
    text.replace("http://shop.example", "").replace('\n', "|")
}

fn ago(milliseconds: u64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.as_unix_ms() - milliseconds)
}

/// What is stored of a response that came so many milliseconds ago.
fn response(age: u64, said: Fields) -> Stored {
    response_to(age, 200, &[], said)
}

/// The same, of this status, to a request with these fields.
fn response_to(age: u64, status: u16, asked: Fields, said: Fields) -> Stored {
    let at = ago(age);
    let (request, head) = (fields(asked), head(status, said));
    let url = "http://shop.example/a?b";
    let received =
        Received { method: &Method::GET, url, request: &request, head: &head, requested_at: at, received_at: at };
    store(&Plan::default(), &Wish::default(), received).unwrap_or_else(|why| panic!("{said:?}: {why:?}"))
}

fn fields(said: Fields) -> HeaderMap {
    head(200, said).headers
}

fn found(stored: Stored) -> Input {
    Input::Looked(Some(looked(stored)))
}

fn looked(stored: Stored) -> Looked {
    Looked { kept: Kept::Stored(Arc::new(stored)), length: Some(LENGTH), is_purged: false }
}

fn mark(marker: Marker) -> Input {
    Input::Looked(Some(Looked { kept: Kept::Marker(Arc::new(marker)), length: None, is_purged: false }))
}

fn vary(sets: &[&[&'static str]]) -> Input {
    let set = |names: &&[&'static str]| Vary::new(names.iter().map(|name| HeaderName::from_static(name)));
    mark(Marker { vary: sets.iter().map(set).collect(), search: None })
}

fn fetched(status: u16, said: Fields) -> Input {
    Input::Fetched(head(status, said))
}

const NOTHING: Input = Input::Looked(None);

fn fresh() -> Input {
    found(response(1_000, &[("cache-control", "max-age=60"), ("etag", "\"1\"")]))
}

/// Stale for five seconds, without a window in which it could be used so.
fn stale() -> Input {
    found(response(65_000, &[("cache-control", "max-age=60"), ("etag", "\"1\"")]))
}

fn good() -> Input {
    fetched(200, &[("cache-control", "max-age=60")])
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
