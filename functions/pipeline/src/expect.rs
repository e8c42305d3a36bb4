//! Expectations of the configuration: `[[expect]]`, checked without a network, as [`crate::explain`] runs a request.

use std::fmt;
use std::sync::Arc;

use http::header::HeaderMap;
use http::{HeaderName, Method};
use tidegate_core::Source;
use tidegate_edge_config::edge::Expect;
use tidegate_route::Function;

use crate::Pipeline;
use crate::action::Target;
use crate::explain::{Explanation, Question, Sent, explain, text};

/// An expectation that was not met. Displays as ``edge.toml:40: route: expected "shop", got "all"``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where the expectation is said.
    pub source: Source,
    /// The request that it is about: `GET https://shop.example/`.
    pub request: String,
    /// What of the outcome: `route`, `status`, `response.location`.
    pub what: String,
    /// What was expected of it; none: that it is not there.
    pub expected: Option<String>,
    /// What came; none: nothing.
    pub found: Option<String>,
}

/// Runs all expectations of a configuration, in the order of the file.
pub fn run_all(pipeline: &Arc<Pipeline>) -> Vec<Mismatch> {
    pipeline.edge().expects.iter().flat_map(|expect| run(pipeline, expect)).collect()
}

/// Runs one expectation: all that is not as expected.
pub fn run(pipeline: &Arc<Pipeline>, expect: &Expect) -> Vec<Mismatch> {
    let question = Question {
        method: expect.method.clone(),
        url: expect.url.clone(),
        headers: expect.headers.clone(),
        peer: expect.client,
        country: expect.country,
        answer: expect.answer.clone(),
        counted: None,
    };
    let explanation = explain(pipeline, &question);
    let mut check = Check { expect, mismatches: Vec::new() };
    check.outcome(&explanation);
    check.mismatches
}

struct Check<'e> {
    expect: &'e Expect,
    mismatches: Vec<Mismatch>,
}

impl Check<'_> {
    fn outcome(&mut self, found: &Explanation) {
        let expected = &self.expect.outcome;
        let sent = found.sent.as_ref();
        if let Some(route) = &expected.route {
            self.compare("route", route.clone(), found.route.as_deref().map(str::to_owned));
        }
        let upstream = sent.and_then(|sent| sent.upstream.as_deref());
        self.compare_if("upstream", expected.upstream.as_deref(), upstream);
        self.compare_if("function", expected.function.as_deref(), sent.and_then(function));
        let target = sent.map(|sent| sent.head.uri.to_string());
        self.compare_if("target", expected.target.as_deref(), target.as_deref());
        self.compare_if("key", expected.key.as_deref(), found.key.as_ref().map(tidegate_cache::Key::as_str));
        let status = expected.status.map(|status| status.as_u16().to_string());
        self.compare_if("status", status.as_deref(), Some(found.response.status.as_str()));
        let none = HeaderMap::new();
        self.fields("sent", &expected.sent, sent.map_or(&none, |sent| &sent.head.headers));
        self.fields("response", &expected.headers, &found.response.headers);
    }

    fn fields(&mut self, what: &str, expected: &[(HeaderName, Option<String>)], found: &HeaderMap) {
        for (name, expected) in expected {
            let lines: Vec<_> =
                found.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            // As a list field is one with several lines (RFC 9110 section 5.3).
            let joined = (!lines.is_empty()).then(|| lines.join(", "));
            if *expected != joined {
                let shown: Vec<_> = found.get_all(name).iter().map(text).collect();
                let shown = joined.map(|_| shown.join(", "));
                self.mismatch(&format!("{what}.{name}"), expected.clone(), shown);
            }
        }
    }

    fn compare_if(&mut self, what: &str, expected: Option<&str>, found: Option<&str>) {
        if let Some(expected) = expected {
            self.compare(what, Some(expected.to_owned()), found.map(str::to_owned));
        }
    }

    fn compare(&mut self, what: &str, expected: Option<String>, found: Option<String>) {
        if expected != found {
            self.mismatch(what, expected, found);
        }
    }

    fn mismatch(&mut self, what: &str, expected: Option<String>, found: Option<String>) {
        let Expect { method, url, source, .. } = self.expect;
        let (source, request) = (source.clone(), request(method, url));
        self.mismatches.push(Mismatch { source, request, what: what.to_owned(), expected, found });
    }
}

/// The function's name; `*` is whichever `spin.toml` names.
fn function(sent: &Sent) -> Option<&str> {
    match &sent.to {
        Target::Upstream(_) => None,
        Target::Function(Function::Any) => Some("*"),
        Target::Function(Function::Named(name)) => Some(name),
    }
}

fn request(method: &Method, url: &http::Uri) -> String {
    format!("{method} {url}")
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &Option<String>| text.as_ref().map_or("none".to_owned(), |text| format!("{text:?}"));
        let Self { source, request, what, expected, found } = self;
        write!(formatter, "{source}: {request}: {what}: expected {}, got {}", quoted(expected), quoted(found))
    }
}
