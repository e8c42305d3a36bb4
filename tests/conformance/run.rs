//! Runs a case on a shell, and says all that is not as it must be.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::case::{Exchange, FieldPatterns, Fields, InterimPattern, Origin, Request, Response, Sent, SentRequest};
use crate::json;
use crate::load::Loaded;
use crate::pattern::Pattern;
use crate::shell::{Flight, Running, Script, Seen, SeenRequest, SeenResponse, Shell, joined};
use crate::texts::Texts;

/// Runs a case.
///
/// # Errors
/// Everything that is not as the case says.
pub fn run(shell: &dyn Shell, case: &Loaded) -> Result<(), String> {
    let running = shell.start(case);
    let texts = Texts::new(running.variables(), running.beginning_s());
    let mut run = Run { running, texts, cookies: Cookies::default(), bodies: Vec::new(), misses: Vec::new() };
    for exchange in &case.case.exchanges {
        for _ in 0..exchange.repeat {
            run.exchange(exchange);
        }
    }
    let Run { misses, .. } = run;
    if misses.is_empty() { Ok(()) } else { Err(format!("{}\n{}", case.file, misses.join("\n"))) }
}

struct Run {
    running: Box<dyn Running>,
    texts: Texts,
    cookies: Cookies,
    /// The bodies of the responses so far.
    bodies: Vec<Bytes>,
    misses: Vec<String>,
}

impl Run {
    fn exchange(&mut self, exchange: &Exchange) {
        let flight = self.begin(exchange);
        if exchange.origin.iter().any(|origin| origin.in_halves) {
            self.running.settle();
        }
        for other in &exchange.meanwhile {
            self.exchange(other);
        }
        let again = |other: &'_ Exchange| 0..other.repeat;
        let others = exchange.waiting.iter().flat_map(|other| again(other).map(move |_| other));
        let waiting: Vec<_> = others.map(|other| (other, self.begin(other))).collect();
        if !waiting.is_empty() {
            self.running.settle();
        }
        self.end(exchange, flight);
        for (other, flight) in waiting {
            self.end(other, flight);
        }
    }

    fn begin(&mut self, exchange: &Exchange) -> Box<dyn Flight> {
        if !exchange.advance.is_zero() {
            self.running.advance(exchange.advance);
        }
        if let Some(purge) = &exchange.purge {
            self.running.purge(purge);
        }
        let request = self.prepare(&exchange.request);
        let fill =
            |origins: &[Origin]| origins.iter().map(|origin| origin.map(&|text| self.texts.fill(text))).collect();
        let (origin, later) = (fill(&exchange.origin), fill(&exchange.later));
        let script = Script { origin, later, is_held: exchange.has_others() };
        self.running.begin(&request, script)
    }

    fn end(&mut self, exchange: &Exchange, flight: Box<dyn Flight>) {
        let seen = flight.finish();
        let mut misses = Misses { texts: &self.texts, found: Vec::new() };
        misses.sent(exchange, &seen);
        match &seen.response {
            Ok(_) if exchange.request.leaves => misses.add("response", "the client is gone"),
            Err(_) if exchange.request.leaves => {}
            Err(error) => misses.add("response", error),
            Ok(response) => {
                misses.response(&exchange.expect.response, response);
                misses.same_body(&exchange.expect.response, response, &self.bodies);
                self.cookies.keep(&response.fields);
            }
        }
        let found = misses.found;
        if !found.is_empty() {
            let Request { method, target, .. } = &exchange.request;
            let (number, found) = (self.bodies.len() + 1, found.join("\n    "));
            self.misses.push(format!("  exchange {number}, {method} {target}\n    {found}\n    seen: {seen:?}"));
        }
        self.bodies.push(seen.response.map(|response| response.body).unwrap_or_default());
    }

    /// The request with everything in it that is only known now.
    fn prepare(&self, request: &Request) -> Request {
        let mut request = request.map(&|text| self.texts.fill(text));
        let cookies = Some(self.cookies.to_string()).filter(|cookies| request.cookies && !cookies.is_empty());
        request.fields.extend(cookies.map(|cookies| ("cookie".to_owned(), cookies)));
        request
    }
}

/// The cookies that a client has.
#[derive(Default)]
struct Cookies(BTreeMap<String, String>);

impl Cookies {
    fn keep(&mut self, fields: &Fields) {
        for (_, value) in fields.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = value.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.0.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

impl std::fmt::Display for Cookies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        formatter.write_str(&pairs.join("; "))
    }
}

/// What is not as it must be.
struct Misses<'m> {
    texts: &'m Texts,
    found: Vec<String>,
}

impl Misses<'_> {
    fn add(&mut self, what: &str, miss: &str) {
        self.found.push(format!("{what}: {miss}"));
    }

    fn text(&mut self, what: &str, pattern: Option<&Pattern>, found: Option<&str>) {
        let Some(pattern) = pattern else { return };
        let pattern = pattern.map(|text| self.texts.fill(text));
        if let Some(miss) = pattern.miss(found) {
            self.add(what, &miss);
        }
    }

    fn bytes(&mut self, what: &str, pattern: Option<&Pattern>, found: &[u8]) {
        let found = String::from_utf8_lossy(found);
        self.text(what, pattern, Some(&*found).filter(|found| !found.is_empty() || pattern.is_some_and(is_text)));
    }

    fn fields(&mut self, what: &str, patterns: &FieldPatterns, fields: &Fields) {
        for (name, pattern) in patterns {
            self.text(&format!("{what}.{name}"), Some(pattern), joined(fields, name).as_deref());
        }
    }

    fn sent(&mut self, exchange: &Exchange, seen: &Seen) {
        let expected = &exchange.expect.sent;
        if *expected == Sent::BrokenOff {
            if seen.sent.iter().any(|request| !request.is_truncated) {
                self.add("sent", "the upstream must not get a whole request");
            }
            return;
        }
        let reached = exchange.origin.iter().filter(|origin| origin.is_up()).count();
        if seen.sent.len() != reached {
            self.add("sent", &format!("the upstream must get {reached} requests, but it gets {}", seen.sent.len()));
        }
        if seen.later.len() != exchange.later.len() {
            let (wanted, found) = (exchange.later.len(), seen.later.len());
            self.add("later", &format!("then the upstream must get {wanted} requests, but it gets {found}"));
        }
        for request in seen.sent.iter().chain(&seen.later) {
            let fault = request.fault.as_deref().or(request.is_truncated.then_some("the request breaks off"));
            if let Some(fault) = fault {
                self.add("sent", fault);
            }
        }
        if let Sent::Request(expected) = expected {
            seen.sent.iter().for_each(|request| self.sent_request(expected, request));
        }
        seen.later.iter().for_each(|request| self.sent_request(&exchange.expect.later, request));
    }

    fn sent_request(&mut self, expected: &SentRequest, request: &SeenRequest) {
        let exact = |text: &Option<String>| text.clone().map(Pattern::Exact);
        self.text("sent.method", exact(&expected.method).as_ref(), Some(&request.method));
        self.text("sent.target", exact(&expected.target).as_ref(), Some(&request.target));
        self.fields("sent.fields", &expected.fields, &request.fields);
        if let Some(kept) = expected.kept.filter(|kept| *kept != request.is_kept) {
            self.add("sent.kept", &format!("must be {kept}, but it is {}", request.is_kept));
        }
        self.bytes("sent.body", expected.body.as_ref(), &request.body);
        self.fields("sent.trailers", &expected.trailers, &request.trailers);
        self.bytes("sent.tunnel", expected.tunnel.as_ref(), &request.tunnel);
    }

    fn response(&mut self, expected: &Response, response: &SeenResponse) {
        if let Some(status) = expected.status.filter(|status| *status != response.status) {
            self.add("response.status", &format!("must be {status}, but it is {}", response.status));
        }
        self.fields("response.fields", &expected.fields, &response.fields);
        self.bytes("response.body", expected.body.as_ref(), &response.body);
        for miss in json::misses(&expected.json, &response.body) {
            self.add("response.json", &miss);
        }
        self.fields("response.trailers", &expected.trailers, &response.trailers);
        self.bytes("response.tunnel", expected.tunnel.as_ref(), &response.tunnel);
        if let Some(interims) = &expected.informational {
            self.interims(interims, &response.informational);
        }
        if expected.truncated != response.is_truncated {
            let is = if response.is_truncated { "breaks off" } else { "is whole" };
            self.add("response.truncated", &format!("must be {}, but the body {is}", expected.truncated));
        }
    }

    fn interims(&mut self, expected: &[InterimPattern], found: &[(u16, Fields)]) {
        let statuses = |list: Vec<u16>| format!("{list:?}");
        let must = statuses(expected.iter().map(|interim| interim.status).collect());
        let are = statuses(found.iter().map(|(status, _)| *status).collect());
        if must != are {
            return self.add("response.informational", &format!("must be {must}, but they are {are}"));
        }
        for (interim, (_, fields)) in expected.iter().zip(found) {
            self.fields("response.informational.fields", &interim.fields, fields);
        }
    }

    fn same_body(&mut self, expected: &Response, response: &SeenResponse, bodies: &[Bytes]) {
        let Some(number) = expected.body_as else { return };
        if number.checked_sub(1).and_then(|index| bodies.get(index)) != Some(&response.body) {
            self.add("response.body_as", &format!("the body is not that of exchange {number}"));
        }
    }
}

fn is_text(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Exact(_) | Pattern::Glob(_))
}
