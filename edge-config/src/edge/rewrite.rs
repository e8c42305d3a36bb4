//! `rewrite`, `request` and `response`: what is changed on the way.

use http::header::HeaderValue;
use tidegate_route::{Destination, HostRewrite, QueryRewrite, Rewrite, Template};

use super::headers::{self, Message};
use super::reading::Reading;
use super::{To, conditions, upstream};
use crate::reader::{Table, Value};
use crate::shape::{Field, Form, Kind, Shape};

/// The keys of a route that say what is changed.
pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "rewrite",
        Kind::Table(&SHAPE),
        "What is changed of the target and host of a request that is passed on.",
    ),
    Field::new(
        "request",
        Kind::Table(&headers::REWRITE),
        "What is changed of the fields of a request that is passed on.",
    ),
    Field::new("response", Kind::Table(&headers::REWRITE), "What is changed of the fields of the response."),
];

static SHAPE: Shape = Shape::new("rewrite", "What is changed of the target and host of a request that is passed on.", &[&[
    Field::new(
        "path",
        Kind::Form(&Form { pattern: "[/{][^?#]*", examples: &["/v2/{id}", "/prefix{path}"] }),
        "The path, with {name}s that the route's path captures, and {path}, {host}, {scheme}.",
    ),
    Field::new(
        "strip_prefix",
        Kind::Form(&Form { pattern: "/[^?#]*", examples: &["/api"] }),
        "What is taken off the front of the path, whole segments, if it is there.",
    ),
    Field::new(
        "host",
        Kind::AnyOf(&[Kind::OneOf(&["client", "upstream"]), Kind::Form(&Form { pattern: "[^/@]+", examples: &["api.example.com"] })]),
        "The host: \"client\" is the one that the client asked for, \"upstream\" the upstream's own, anything else is it.",
    )
    .or("client"),
    Field::new("query", Kind::Table(&QUERY), "What is changed of the query: parameters are removed first, then set."),
]]);

static QUERY: Shape = Shape::new(
    "query",
    "What is changed of the query: parameters are removed first, then set.",
    &[&[
        Field::new(
            "set",
            Kind::Map(&conditions::ANY_NAME, &Kind::String),
            "Parameters that replace those of the same name. Written as plain text, and sent percent-encoded.",
        ),
        Field::new("remove", NAMES, "Parameters that are removed."),
        Field::new("keep", NAMES, "The only parameters that are not removed."),
    ]],
);

const NAMES: Kind = Kind::List(&Kind::Text);

impl Reading<'_, '_> {
    /// Reads what a route changes.
    pub(super) fn rewrite(&mut self, table: &mut Table<'_>, to: Option<&To>, captured: &[&str]) -> Rewrite {
        let keys = ["rewrite", "request", "response"];
        let [rewrite, request, response] = keys.map(|key| table.take(key));
        for (key, value) in keys.iter().zip([&rewrite, &request]) {
            if let (Some(value), Some(to)) = (value, to.filter(|to| !to.passes_on())) {
                let what = to.name();
                value.error(format!("no request is passed on from a {what}, so there is none to change. Remove {key}"));
            }
        }
        let mut result = rewrite.map(|value| read_target(&value, to, captured)).unwrap_or_default();
        let mut fields = |value: Option<Value<'_>>, message| {
            let table = value.and_then(|value| value.table_of(&headers::REWRITE));
            table.map(|table| headers::rewrite(table, message, self.outside)).unwrap_or_default()
        };
        result.request = fields(request, Message::Request);
        result.response = fields(response, Message::Response);
        result
    }
}

impl To {
    /// Whether a request can get to somebody else than the edge.
    pub(super) fn passes_on(&self) -> bool {
        self.destinations().any(|to| matches!(to, Destination::Upstream(_) | Destination::Function(_)))
    }

    fn has_upstream(&self) -> bool {
        self.destinations().any(|to| matches!(to, Destination::Upstream(_)))
    }

    /// What it is, if it does not pass on.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::One(Destination::Redirect(_)) => "redirect",
            Self::One(_) => "fixed response",
            Self::Split(_) => "split of redirects and fixed responses",
        }
    }
}

fn read_target(value: &Value<'_>, to: Option<&To>, captured: &[&str]) -> Rewrite {
    let Some(mut table) = value.table_of(&SHAPE) else {
        return Rewrite::default();
    };
    let path = table.take("path");
    let strip_prefix = table.take("strip_prefix");
    if let (Some(_), Some(strip)) = (&path, &strip_prefix) {
        strip.error("there is path too, which says all of the path. Remove one of the two");
    }
    let host = table.take("host").and_then(|value| read_host(&value, to));
    let query = table.take("query").and_then(|value| value.table_of(&QUERY)).map(read_query);
    table.finish();
    Rewrite {
        path: path.and_then(|value| read_path(&value, captured)),
        strip_prefix: strip_prefix.and_then(|value| read_prefix(&value)),
        query: query.unwrap_or_default(),
        host: host.unwrap_or_default(),
        ..Rewrite::default()
    }
}

fn read_path(value: &Value<'_>, captured: &[&str]) -> Option<Template> {
    let text = value.text()?;
    if !text.starts_with('/') && !text.starts_with("{path}") {
        value.error(format!(
            "{text:?} does not start with a slash. Write it as in \"/v2/{{id}}\" or \"/prefix{{path}}\""
        ));
        return None;
    }
    is_in_path(value, text).then(|| value.parsed(|text| Template::parse_path(text, captured.iter().copied())))?
}

fn read_prefix(value: &Value<'_>) -> Option<Box<str>> {
    let text = value.text()?;
    if !text.starts_with('/') || text.len() == 1 || text.contains(['?', '#', '{', '}']) {
        value.error(format!("{text:?} is no start of a path. Write it as in \"/api\""));
        return None;
    }
    is_in_path(value, text).then(|| text.trim_end_matches('/').into())
}

/// Whether a text has no characters that no URL has; reports one.
fn is_in_path(value: &Value<'_>, text: &str) -> bool {
    let bad = text.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '|'));
    if let Some(c) = bad {
        value.error(format!("{c:?} never appears in the path of a URL. Write it percent-encoded"));
    }
    bad.is_none()
}

fn read_host(value: &Value<'_>, to: Option<&To>) -> Option<HostRewrite> {
    match value.text()? {
        "client" => Some(HostRewrite::Client),
        "upstream" => {
            if to.is_some_and(|to| !to.has_upstream()) {
                value.error("the route has no upstream. Write \"client\", or the host itself");
            }
            Some(HostRewrite::Upstream)
        }
        host => {
            let (name, port) = match host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
                Some((name, port)) => (name, port.parse().ok().filter(|port: &u16| *port != 0)),
                None => (host, Some(0)),
            };
            let value_of = HeaderValue::from_str(&host.to_ascii_lowercase()).ok();
            let good = value_of.filter(|_| upstream::is_host(name) && port.is_some());
            if good.is_none() {
                value.error(format!(
                    "bad host {host:?}. Write \"client\", \"upstream\", or a host as in \"api.example.com\""
                ));
            }
            good.map(HostRewrite::Set)
        }
    }
}

fn read_query(mut table: Table<'_>) -> QueryRewrite {
    let pairs = table.take("set").and_then(|value| value.table()).into_iter().flat_map(Table::entries);
    let set =
        pairs.filter_map(|(key, value)| Some((conditions::parameter_name(&key)?, value.string()?.into()))).collect();
    let remove = names(&mut table, "remove").unwrap_or_default();
    let keep = names(&mut table, "keep");
    if let Some(both) = remove.iter().find(|name| keep.iter().flatten().any(|kept| kept == *name)) {
        table.error(format!("{both:?} is removed and kept. Remove it from one of the two"));
    }
    table.finish();
    QueryRewrite { remove, keep, set }
}

fn names(table: &mut Table<'_>, key: &'static str) -> Option<Vec<Box<str>>> {
    let items = table.take(key)?.list()?;
    Some(items.iter().filter_map(|item| item.text().map(Into::into)).collect())
}
