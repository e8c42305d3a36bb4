//! `[[expect]]`.

use std::net::{IpAddr, Ipv4Addr};

use http::header::{self, HeaderName};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::reading::Reading;
use super::{Expect, Outcome, conditions, destination, headers, names};
use crate::reader::{Table, Value};
use crate::shape::{Field, Form, Kind, Shape};
use crate::suggest::{closest, did_you_mean};

/// What `[[expect]]` may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "expect",
    "A request, and what must come of it. `tidegate check` tries it, without a network.",
    &[
        &[
            Field::new(
                "request",
                Kind::Form(&Form {
                    pattern: "[^ ]+ [Hh][Tt][Tt][Pp][Ss]?://[^ ]+",
                    examples: &["GET https://shop.example/p/1"],
                }),
                "The method and the whole URL.",
            )
            .required(),
            Field::new("headers", ANY_VALUES, "The request's fields. Its host is that of the URL."),
            Field::new(
                "client",
                Kind::Form(&Form { pattern: "[0-9A-Fa-f.:]+", examples: &["192.0.2.7", "2001:db8::7"] }),
                "The address of the client.",
            )
            .or("192.0.2.1"),
            Field::new("country", conditions::COUNTRY, "The country of the client."),
            Field::new("answer", Kind::Table(&ANSWER), "What the upstream or function would answer, if it is asked."),
        ],
        OUTCOMES,
    ],
);

static OUTCOMES: &[Field] = &[
    Field::new(
        "route",
        Kind::AnyOf(&[names::NAME, Kind::False]),
        "The name of the route that the request takes; false: none.",
    ),
    Field::new("upstream", names::NAME, "The upstream that it is sent to."),
    Field::new("function", Kind::Text, "The function that it is handed to."),
    Field::new(
        "target",
        Kind::Form(&Form { pattern: "/.*|\\*", examples: &["/v2/1?page=2"] }),
        "The path and query that the upstream or function sees.",
    ),
    Field::new("sent", PRESENCE, "Fields that the upstream or function sees; false: that it does not see."),
    Field::new("key", Kind::Text, "The cache key."),
    Field::new("status", STATUS, "The status of the response."),
    Field::new("response", PRESENCE, "Fields of the response; false: that it does not have."),
];

static ANSWER: Shape = Shape::new(
    "answer",
    "What an upstream or function would answer.",
    &[&[Field::new("status", STATUS, "Its status.").or("200"), Field::new("headers", ANY_VALUES, "Its fields.")]],
);

const STATUS: Kind = Kind::Integer(100, 599);
const ANY_VALUES: Kind = Kind::Map(&headers::NAME, &Kind::OneOrMany(&Kind::String));
const PRESENCE: Kind = Kind::Map(&headers::NAME, &Kind::AnyOf(&[Kind::String, Kind::False]));

/// Of the addresses for documentation (RFC 5737).
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

impl<'t> Reading<'_, 't> {
    /// Reads one expectation. All upstreams and routes are known already.
    pub(super) fn expect(&mut self, mut table: Table<'t>) {
        let source = table.place().source();
        let request = table.require("request", "request = \"GET https://shop.example/\"");
        let request = request.and_then(|value| read_request(&value));
        let headers = table.take("headers").map(|value| read_headers(&value)).unwrap_or_default();
        let client = table.take("client").and_then(|value| read_address(&value)).unwrap_or(CLIENT);
        let country = table.take("country").and_then(|value| conditions::read_country(&value));
        let answer = table.take("answer").and_then(|value| value.table_of(&ANSWER)).and_then(read_answer);
        let says_nothing = OUTCOMES.iter().all(|field| !table.contains(field.key));
        let outcome = self.outcome(&mut table);
        if says_nothing {
            table.error("says nothing of what must come of it. Write route = \"...\", status = ... or the like");
        }
        table.finish();

        let answer = answer.unwrap_or_default();
        if let Some((method, url)) = request {
            self.expects.push(Expect { method, url, headers, client, country, answer, outcome, source });
        }
    }

    fn outcome(&mut self, table: &mut Table<'_>) -> Outcome {
        let route = table.take("route").and_then(|value| self.expected_route(&value));
        let upstream = table.take("upstream");
        let function = table.take("function");
        if let (Some(_), Some(function)) = (&upstream, &function) {
            function.error("there is upstream too, and a request goes to one. Remove one of the two");
        }
        Outcome {
            route,
            upstream: upstream.and_then(|value| self.expected_upstream(&value)),
            function: function.and_then(|value| self.expected_function(&value)),
            target: table.take("target").and_then(|value| read_target(&value)),
            sent: table.take("sent").map(|value| read_presence(&value)).unwrap_or_default(),
            key: table.text("key").map(str::to_owned),
            status: table.optional_integer("status").and_then(destination::status_code),
            headers: table.take("response").map(|value| read_presence(&value)).unwrap_or_default(),
        }
    }

    fn expected_route(&mut self, value: &Value<'_>) -> Option<Option<String>> {
        match value.as_boolean() {
            Some(false) => return Some(None),
            Some(true) => return value.expected("the name of a route, or false for none"),
            None => {}
        }
        self.routes.check(value)?;
        Some(value.string().map(str::to_owned))
    }

    fn expected_upstream(&mut self, value: &Value<'_>) -> Option<String> {
        self.upstreams.check(value)?;
        value.string().map(str::to_owned)
    }

    fn expected_function(&mut self, value: &Value<'_>) -> Option<String> {
        let name = value.text()?;
        if !self.any_function && self.is_complete && !self.functions.contains(name) {
            let hint = did_you_mean(closest(name, self.functions.iter().map(|name| &**name)));
            value.error(format!("no route leads to a function {name:?}{hint}"));
        }
        Some(name.to_owned())
    }
}

fn read_request(value: &Value<'_>) -> Option<(Method, Uri)> {
    const LIKE: &str = "Write the method and the whole URL, as in \"GET https://shop.example/p/1\"";
    let text = value.text()?;
    let Some((method, url)) = text.split_once(' ') else {
        value.error(format!("no method or no URL. {LIKE}"));
        return None;
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        value.error(format!("bad method {method:?}. {LIKE}"));
        return None;
    };
    let uri: Option<Uri> = url.parse().ok();
    let has_scheme = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    let uri = uri.filter(|uri| has_scheme(uri) && uri.host().is_some_and(|host| !host.is_empty()));
    if uri.is_none() {
        value.error(format!("bad URL {url:?}. {LIKE}"));
    }
    Some((method, uri?))
}

fn read_headers(value: &Value<'_>) -> HeaderMap {
    let headers = headers::any(value);
    if headers.contains_key(header::HOST) {
        value.error("the host is that of the URL. Write it there, and remove it here");
    }
    headers
}

fn read_address(value: &Value<'_>) -> Option<IpAddr> {
    let text = value.text()?;
    let address = text.parse().ok();
    if address.is_none() {
        value.error(format!("{text:?} is no address. Write it as in \"192.0.2.7\" or \"2001:db8::7\""));
    }
    address
}

fn read_answer(mut table: Table<'_>) -> Option<(StatusCode, HeaderMap)> {
    let status = destination::status_code(table.integer("status"));
    let headers = table.take("headers").map(|value| headers::any(&value)).unwrap_or_default();
    table.finish();
    Some((status?, headers))
}

fn read_target(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if text != "*" && !(text.starts_with('/') && text.parse::<PathAndQuery>().is_ok()) {
        value.error(format!("{text:?} is no path and query. Write it as in \"/v2/1?page=2\""));
        return None;
    }
    Some(text.to_owned())
}

/// Fields with the value that they must have, or `false`.
fn read_presence(value: &Value<'_>) -> Vec<(HeaderName, Option<String>)> {
    let entries = value.table().into_iter().flat_map(Table::entries);
    let pairs = entries.filter_map(|(key, value)| {
        let name = headers::name_of(&key);
        let expected = match (value.as_string(), value.as_boolean()) {
            (Some(text), _) => Some(text.to_owned()),
            (None, Some(false)) => None,
            _ => return value.expected("a string, or false for a field that is not there"),
        };
        Some((name?, expected))
    });
    pairs.collect()
}
