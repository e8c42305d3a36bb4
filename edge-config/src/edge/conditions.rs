//! What a route asks of a request: host, path, method and the rest.

use http::Method;
use tidegate_core::Country;
use tidegate_route::{Conditions, HostPattern, Matches, PathPattern, ValuePattern};

use super::{client, headers};
use crate::reader::{Key, Table, Value};
use crate::shape::{Field, Form, Kind};
use crate::suggest::{closest, did_you_mean};

/// The keys of a route that say which requests it is for.
pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "host",
        Kind::OneOrMany(&Kind::Form(&Form {
            pattern: "(\\*\\.)?[^/*]+|\\*",
            examples: &["shop.example", "*.shop.example"],
        })),
        "The hosts that it is for, without a port. \"*.shop.example\" is every host below shop.example, but not that \
         itself. Without this, every host.",
    ),
    Field::new(
        "path",
        Kind::OneOrMany(&Kind::Form(&Form { pattern: "/.*", examples: &["/", "/p/{id}", "/assets/{*rest}"] })),
        "The paths that it is for. {name} is one segment, and {*name} at the end is all that follows. Without this, \
         every path.",
    ),
    Field::new(
        "method",
        Kind::OneOrMany(&Kind::Form(&Form { pattern: "[A-Z0-9!#$%&'*+.^_`|~-]+", examples: &["GET", "POST"] })),
        "The methods that it is for. GET is HEAD too. Without this, every method.",
    ),
    Field::new(
        "header",
        Kind::Map(&headers::NAME, &PATTERN),
        "Fields that a request must have, each with a value: \"abc\" exactly, \"abc*\" at its start, \"*abc\" at its \
         end, \"*\" any.",
    ),
    Field::new(
        "query",
        Kind::Map(&ANY_NAME, &PATTERN),
        "Query parameters that a request must have, with values as for fields. Compared as they were sent.",
    ),
    Field::new(
        "cookie",
        Kind::Map(&headers::NAME, &PATTERN),
        "Cookies that a request must have, with values as for fields.",
    ),
    Field::new(
        "client",
        Kind::OneOrMany(&client::NETWORK),
        "Addresses and networks, in one of which the client must be.",
    ),
    Field::new(
        "country",
        Kind::OneOrMany(&COUNTRY),
        "Countries, in one of which the client must be: ISO 3166 codes of two letters.",
    ),
];

/// A country.
pub(super) const COUNTRY: Kind = Kind::Form(&Form { pattern: "[A-Za-z]{2}", examples: &["DE", "AT"] });

/// A name of a query parameter.
pub(super) static ANY_NAME: Form = Form { pattern: "[\\s\\S]+", examples: &["page"] };

const PATTERN: Kind = Kind::Form(&Form { pattern: "\\*?[^*]*|[^*]*\\*?", examples: &["*", "beta", "en-*"] });

/// One route can be for so many pairs of a host and a path.
const PLACES_MAX: usize = 1000;

/// What a route is for.
pub(super) struct Places {
    hosts: Vec<HostPattern>,
    pub paths: Vec<PathPattern>,
    conditions: Conditions,
}

/// Reads what a route is for.
pub(super) fn read(table: &mut Table<'_>) -> Places {
    let hosts = patterns(table, "host", HostPattern::parse).unwrap_or_else(|| vec![HostPattern::any()]);
    let paths = patterns(table, "path", PathPattern::parse).unwrap_or_else(|| vec![PathPattern::any()]);
    if hosts.len() * paths.len() > PLACES_MAX {
        table.error(format!(
            "{} hosts times {} paths are too many for one route. Make several of it",
            hosts.len(),
            paths.len()
        ));
    }
    let conditions = Conditions {
        methods: many(table, "method", read_method),
        headers: map(table, "header", headers::name_of),
        query: map(table, "query", parameter_name),
        cookies: map(table, "cookie", cookie_name),
        clients: many(table, "client", client::read_network),
        countries: many(table, "country", read_country),
    };
    Places { hosts, paths, conditions }
}

impl Places {
    /// One entry of the table for each host and path.
    pub fn matches(&self) -> impl Iterator<Item = Matches> {
        self.hosts.iter().flat_map(move |host| {
            self.paths.iter().map(move |path| {
                let (host, path) = (host.clone(), path.clone());
                Matches { host, path, conditions: self.conditions.clone() }
            })
        })
    }

    /// The names that a template can use: those that all paths capture.
    pub fn names(&self) -> Vec<&str> {
        let Some((first, others)) = self.paths.split_first() else {
            return Vec::new();
        };
        first.names().filter(|name| others.iter().all(|path| path.names().any(|other| other == *name))).collect()
    }
}

/// One or more patterns, all different; none if the key is not there.
fn patterns<T: PartialEq, E: std::fmt::Display>(
    table: &mut Table<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<Vec<T>> {
    let value = table.take(key)?;
    let mut patterns = Vec::new();
    for item in value.one_or_many() {
        match item.parsed(&parse) {
            Some(pattern) if patterns.contains(&pattern) => item.warn("is there twice"),
            Some(pattern) => patterns.push(pattern),
            None => {}
        }
    }
    Some(patterns)
}

fn many<T>(table: &mut Table<'_>, key: &'static str, read: impl Fn(&Value<'_>) -> Option<T>) -> Vec<T> {
    let items = table.take(key).map(|value| value.one_or_many()).unwrap_or_default();
    items.iter().filter_map(read).collect()
}

fn map<K>(table: &mut Table<'_>, key: &'static str, name: impl Fn(&Key<'_>) -> Option<K>) -> Vec<(K, ValuePattern)> {
    let entries = table.take(key).and_then(|value| value.table()).into_iter().flat_map(Table::entries);
    let pairs = entries.filter_map(|(key, value)| {
        let (name, pattern) = (name(&key), value.parsed(ValuePattern::parse));
        Some((name?, pattern?))
    });
    pairs.collect()
}

/// The name of a query parameter.
pub(super) fn parameter_name(key: &Key<'_>) -> Option<Box<str>> {
    if key.text.is_empty() {
        key.error("a parameter without a name");
        return None;
    }
    Some(key.text.into())
}

/// The name of a cookie.
pub(super) fn cookie_name(key: &Key<'_>) -> Option<Box<str>> {
    headers::cookie_name(key.text).map_err(|message| key.error(message)).ok().map(Into::into)
}

/// A method (RFC 9110 section 9): case counts, and those that nobody knows pass too.
fn read_method(value: &Value<'_>) -> Option<Method> {
    const KNOWN: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];
    let text = value.text()?;
    let hint = || did_you_mean(closest(text, KNOWN));
    match Method::from_bytes(text.as_bytes()) {
        Ok(Method::CONNECT) => value.error("CONNECT is refused before any route"),
        Ok(_) if text.contains(|c: char| c.is_ascii_lowercase()) => {
            value.error(format!("{text:?}: methods are written in capitals{}", hint()));
        }
        Ok(method) => {
            if !KNOWN.contains(&text) && closest(text, KNOWN).is_some() {
                value.warn(format!("no method of HTTP{}", hint()));
            }
            return Some(method);
        }
        Err(_) => value.error(format!("bad method {text:?}. Write it as in \"GET\"")),
    }
    None
}

/// A country.
pub(super) fn read_country(value: &Value<'_>) -> Option<Country> {
    let text = value.text()?;
    let country = Country::parse(text);
    if country.is_none() {
        value.error(format!("{text:?} is no country. Write its ISO 3166 code of two letters, as in \"DE\""));
    }
    country
}
