//! Lines of a case:
//!
//! ```text
//! 60 GET /p | accept: a/b <- 200 | cache-control: max-age=60 | = body => miss | age: 5 | -x | > if-none-match: "1"
//! ```
//!
//! - the second at which the request is sent, `60..63` if its response comes later than that;
//! - the method, the target if it is not `/`, the fields;
//! - behind `<-` what the origin answers, or `fail`, if it is asked: fields, and a body if `=` says one. Otherwise it is
//!   the time of the request in words, `at 60`;
//! - behind `=>` what was done (`asked` is any of what asks the origin), and the status if it is not 200; then, in any order, fields that the response has, or has
//!   not (`-`), fields that were sent to the origin or not (`>`, `>-`), and the body that the client gets (`=`). An age is
//!   always compared: without one in the line there is none.
//!
//! In values, `@60` is the HTTP-date of that second, `@-60` one before all began.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::model::{Outcome, START_S};

/// A line, read.
#[derive(Debug)]
pub struct Step {
    pub sent_s: u64,
    pub received_s: u64,
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub origin: Origin,
    expected: Expected,
}

/// What the origin does if it is asked.
#[derive(Clone, Debug)]
pub enum Origin {
    Answers { status: StatusCode, headers: HeaderMap, body: String },
    Fails,
}

#[derive(Debug, Default)]
struct Expected {
    what: String,
    status: u16,
    has: HeaderMap,
    has_not: Vec<HeaderName>,
    sent: HeaderMap,
    not_sent: Vec<HeaderName>,
    body: Option<String>,
}

impl Step {
    /// Reads a line; one that cannot be read is the test's fault.
    pub fn parse(line: &str) -> Self {
        let (input, expected) = line.split_once("=>").expect("=>");
        let (request, origin) = input.split_once("<-").unwrap_or((input, "200"));
        let mut parts = parts(request);
        let mut words = parts.next().expect("a request").split(' ');
        let times = words.next().expect("a time");
        let (sent, received) = times.split_once("..").unwrap_or((times, times));
        let method = words.next().expect("a method").parse().expect("a method");
        let target = words.next().unwrap_or("/").to_owned();
        Self {
            sent_s: sent.parse().expect("a time"),
            received_s: received.parse().expect("a time"),
            method,
            target,
            headers: fields(parts),
            origin: Origin::parse(origin, sent),
            expected: Expected::parse(expected),
        }
    }

    /// What is not as it is expected.
    pub fn fault(&self, outcome: &Outcome) -> Option<String> {
        let Expected { what, status, has, has_not, sent, not_sent, body } = &self.expected;
        let lines =
            |headers: &HeaderMap, name: &HeaderName| -> Vec<_> { headers.get_all(name).iter().cloned().collect() };
        let differs = |are: &HeaderMap, name: &HeaderName, should: &HeaderMap| lines(are, name) != lines(should, name);
        let sent_fields = outcome.sent.clone().unwrap_or_default();
        let is_it = match what.as_str() {
            "asked" => matches!(outcome.what, "miss" | "check" | "changed"),
            what => outcome.what == what,
        };
        let is_wrong = !is_it
            || outcome.status != *status
            || has.keys().any(|name| differs(&outcome.headers, name, has))
            || (outcome.headers.contains_key("age") && !has.contains_key("age"))
            || has_not.iter().any(|name| outcome.headers.contains_key(name))
            || sent.keys().any(|name| differs(&sent_fields, name, sent))
            || not_sent.iter().any(|name| sent_fields.contains_key(name))
            || body.as_ref().is_some_and(|body| *body != outcome.body);
        is_wrong.then(|| format!("{outcome:?}"))
    }
}

impl Origin {
    fn parse(text: &str, sent: &str) -> Self {
        let mut parts = parts(text).peekable();
        let status = parts.next().expect("a status");
        if status == "fail" {
            return Self::Fails;
        }
        let all: Vec<_> = parts.collect();
        let body = all.iter().find_map(|part| part.strip_prefix("= ")).map_or(format!("at {sent}"), str::to_owned);
        let headers = fields(all.into_iter().filter(|part| !part.starts_with("= ")));
        Self::Answers { status: status.parse().expect("a status"), headers, body }
    }
}

impl Expected {
    fn parse(text: &str) -> Self {
        let mut parts = parts(text);
        let mut words = parts.next().expect("what is expected").split(' ');
        let what = words.next().expect("what is expected").to_owned();
        let status = words.next().map_or(200, |status| status.parse().expect("a status"));
        let mut expected = Self { what, status, ..Self::default() };
        for part in parts {
            let name = |name: &str| name.trim().parse::<HeaderName>().expect("a name");
            if let Some(body) = part.strip_prefix('=') {
                expected.body = Some(body.trim().to_owned());
            } else if let Some(absent) = part.strip_prefix(">-") {
                expected.not_sent.push(name(absent));
            } else if let Some(absent) = part.strip_prefix('-') {
                expected.has_not.push(name(absent));
            } else if let Some(sent) = part.strip_prefix('>') {
                add(&mut expected.sent, sent);
            } else {
                add(&mut expected.has, part);
            }
        }
        expected
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(" | ").map(str::trim)
}

fn fields<'a>(parts: impl Iterator<Item = &'a str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    parts.for_each(|part| add(&mut headers, part));
    headers
}

fn add(headers: &mut HeaderMap, field: &str) {
    let (name, value) = field.split_once(':').unwrap_or_else(|| panic!("no field: {field:?}"));
    let value = HeaderValue::from_bytes(with_dates(value.trim()).as_bytes()).expect("a value");
    headers.append(name.trim().parse::<HeaderName>().expect("a name"), value);
}

/// The value with its `@60` as dates.
fn with_dates(value: &str) -> String {
    let mut text = String::new();
    let mut parts = value.split('@');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(part.len());
        let (offset, rest) = part.split_at(end);
        if offset.is_empty() {
            text.extend(["@", rest]);
            continue;
        }
        let at = i64::try_from(START_S).expect("a time") + offset.parse::<i64>().expect("a second");
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(at).expect("a date"));
        text.push_str(&httpdate::fmt_http_date(at));
        text.push_str(rest);
    }
    text
}
