//! Who answers: `upstream`, `function`, `redirect`, `respond` and `split`.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use tidegate_route::{Arm, Destination, Fixed, Function, Redirect, Split, Sticky, Template, UpstreamId};

use super::To;
use super::headers::{self, Message};
use super::names;
use super::reading::Reading;
use crate::names::is_kebab;
use crate::reader::{Table, Value};
use crate::shape::{Field, Form, Kind, Shape};

/// The keys that name a destination.
pub(super) static FIELDS: &[Field] = &[
    Field::new("upstream", names::NAME, "The name of an upstream."),
    Field::new(
        "function",
        Kind::Form(&Form { pattern: "\\*|[A-Za-z][A-Za-z0-9:-]*", examples: &["shop", "*"] }),
        "The ID of a component in spin.toml; \"*\" is whichever has the trigger that matches.",
    ),
    Field::new(
        "redirect",
        Kind::AnyOf(&[LOCATION, Kind::Table(&REDIRECT)]),
        "An answer that sends the client elsewhere: where to, or a table.",
    ),
    Field::new("respond", Kind::Table(&RESPOND), "An answer that is always the same."),
];

/// The keys of a route with several destinations.
pub(super) static SPLIT_FIELDS: &[Field] = &[
    Field::new(
        "split",
        Kind::List(&Kind::Table(&ARM)),
        "Several destinations, each with its share of the requests, as for a canary.",
    ),
    Field::new("sticky", Kind::Table(&STICKY), "What makes a client come to the same destination of the split again."),
];

/// The keys of a route of which there is exactly one.
pub(super) const ONE_OF: &[&str] = &["upstream", "function", "redirect", "respond", "split"];

const LOCATION: Kind = Kind::Form(&Form {
    pattern: "(https?://|\\{scheme\\}://|/).*",
    examples: &["https://www.shop.example{path}", "/p/{id}"],
});

static REDIRECT: Shape = Shape::new(
    "redirect",
    "An answer that sends the client elsewhere.",
    &[&[
        Field::new(
            "to",
            LOCATION,
            "Where to: a URL or a path, with {name}s that the path captures, and {scheme}, {host}, {path} and {query}.",
        )
        .required(),
        Field::new(
            "status",
            Kind::AnyOf(&[Kind::Integer(301, 303), Kind::Integer(307, 308)]),
            "301, 302, 303, 307 or 308. A permanent one (301, 308) is remembered by browsers, mistakes included.",
        )
        .or("307"),
        Field::new("keep_query", Kind::Boolean, "Whether the query of the request goes along.").or("true"),
    ]],
);

static RESPOND: Shape = Shape::new(
    "respond",
    "An answer that is always the same.",
    &[&[
        Field::new("status", Kind::Integer(200, 599), "Its status.").or("200"),
        Field::new(
            "headers",
            headers::VALUES,
            "Its fields. A body without a content-type is text/plain; charset=utf-8.",
        ),
        Field::new("body", Kind::String, "Its body.").or(""),
    ]],
);

static ARM: Shape = Shape::new(
    "arm",
    "A destination and its share.",
    &[
        &[Field::new(
            "weight",
            Kind::Integer(0, 1_000_000),
            "Its share, of the sum of all weights of the split. With 0 it gets nothing.",
        )
        .required()],
        FIELDS,
    ],
)
.one_of(&["upstream", "function", "redirect", "respond"]);

static STICKY: Shape = Shape::new(
    "sticky",
    "What makes a client come to the same destination again.",
    &[&[
        Field::new("cookie", Kind::Form(&headers::NAME), "The name of a cookie that the edge sets for it."),
        Field::new(
            "header",
            Kind::Form(&headers::NAME),
            "A field of the request; where it is missing, the client's address.",
        ),
    ]],
)
.one_of(&["cookie", "header"]);

/// Arms of one split.
const ARMS_MAX: usize = 100;

/// Responses without content (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5).
const NO_CONTENT: [u16; 3] = [204, 205, 304];

impl<'t> Reading<'_, 't> {
    /// Reads the destination of a route. `captured` are the names that templates can use.
    pub(super) fn destination(&mut self, table: &mut Table<'t>, captured: &[&str]) -> Option<To> {
        let sticky = table.take("sticky").map(|value| read_sticky(&value));
        let (key, value) = table.exactly_one(
            "nobody answers. Write upstream = \"...\", function = \"...\", redirect = \"...\", respond = { ... } or \
             split = [...]",
        )?;
        if key == "split" {
            let arms = self.arms(&value, captured)?;
            return Some(To::Split(Split { arms, sticky: sticky.flatten() }));
        }
        self.one(key, &value, captured).map(To::One)
    }

    fn one(&mut self, key: &str, value: &Value<'_>, captured: &[&str]) -> Option<Destination> {
        match key {
            "upstream" => self.upstreams.refer(value).map(|index| Destination::Upstream(UpstreamId(index))),
            "function" => read_function(value).map(Destination::Function),
            "redirect" => read_redirect(value, captured).map(Destination::Redirect),
            _ => self.respond(value).map(Destination::Fixed),
        }
    }

    fn arms(&mut self, value: &Value<'_>, captured: &[&str]) -> Option<Vec<Arm>> {
        let items = value.list()?;
        if items.is_empty() || items.len() > ARMS_MAX {
            value.error(format!("{} destinations. Write from 1 to {ARMS_MAX}", items.len()));
            return None;
        }
        let arms: Vec<_> = items.iter().map(|item| self.arm(item, captured)).collect();
        let arms: Vec<_> = arms.into_iter().collect::<Option<_>>()?;
        if arms.iter().all(|arm| arm.weight == 0) {
            value.error("all weights are 0, so nobody answers. Write a weight from 1 on");
        }
        Some(arms)
    }

    fn arm(&mut self, value: &Value<'_>, captured: &[&str]) -> Option<Arm> {
        let mut table = value.table_of(&ARM)?;
        let weight = table.required_integer("weight", "weight = NUMBER, its share");
        let to = table.exactly_one(
            "nobody answers. Write upstream = \"...\", function = \"...\", redirect = \"...\" or respond = { ... }",
        );
        let to = to.and_then(|(key, value)| self.one(key, &value, captured));
        table.finish();
        Some(Arm { weight: weight?, to: to?, source: value.place().source() })
    }

    fn respond(&mut self, value: &Value<'_>) -> Option<Fixed> {
        let mut table = value.table_of(&RESPOND)?;
        let status = table.integer("status");
        let pairs = table.take("headers").map(|value| headers::values(&value, Message::Response, self.outside));
        let mut headers: HeaderMap = pairs.unwrap_or_default().into_iter().collect();
        let body = table.take("body").and_then(|value| value.string()).unwrap_or_default();
        if !body.is_empty() {
            if NO_CONTENT.iter().any(|none| u32::from(*none) == status) {
                table.error(format!("a response with status {status} has no body. Remove one of the two"));
            }
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            headers.entry(header::CONTENT_TYPE).or_insert(plain);
        }
        table.finish();
        Some(Fixed { status: status_code(status)?, headers, body: Bytes::copy_from_slice(body.as_bytes()) })
    }
}

/// A status in the range that was checked.
pub(super) fn status_code(number: u32) -> Option<StatusCode> {
    StatusCode::from_u16(u16::try_from(number).ok()?).ok()
}

fn read_function(value: &Value<'_>) -> Option<Function> {
    let name = value.text()?;
    if name == "*" {
        return Some(Function::Any);
    }
    if !is_kebab(name) {
        value.error(format!("{name:?} is no component's ID. Write the ID of a [component.ID] of spin.toml, or \"*\""));
        return None;
    }
    Some(Function::Named(name.into()))
}

fn read_redirect(value: &Value<'_>, captured: &[&str]) -> Option<Redirect> {
    if value.as_string().is_some() {
        let to = read_location(value, captured)?;
        return Some(Redirect { status: StatusCode::TEMPORARY_REDIRECT, to, keep_query: true });
    }
    if value.as_table().is_none() {
        return value.expected("where to, as in \"https://www.shop.example{path}\", or { to = ..., status = ... }");
    }
    let mut table = value.table_of(&REDIRECT)?;
    let location = table.require("to", "to = \"https://...\" or to = \"/...\"");
    let to = location.as_ref().and_then(|value| read_location(value, captured));
    let status =
        table.take("status").map_or(Some(StatusCode::TEMPORARY_REDIRECT), |value| read_redirect_status(&value));
    let keep_query = table.boolean("keep_query");
    if let Some(value) =
        location.filter(|value| keep_query && value.as_string().is_some_and(|to| to.contains("{query}")))
    {
        value.warn("the query is there twice. Remove {query}, or write keep_query = false");
    }
    table.finish();
    Some(Redirect { status: status?, to: to?, keep_query })
}

fn read_redirect_status(value: &Value<'_>) -> Option<StatusCode> {
    let status = value.as_integer().and_then(status_code).filter(|status| Redirect::STATUSES.contains(status));
    if status.is_none() {
        value.error("not a redirect's status. Write 301, 302, 303, 307 or 308");
    }
    status
}

fn read_location(value: &Value<'_>, captured: &[&str]) -> Option<Template> {
    let text = value.text()?;
    let is_path = text.starts_with('/') && !text.starts_with("//");
    let is_url = ["http://", "https://", "{scheme}://"].iter().any(|start| text.starts_with(start));
    if !is_path && !is_url {
        value.error(format!("{text:?} leads nowhere. Write a URL, as in \"https://www.shop.example{{path}}\", or a path, as in \"/p/{{id}}\""));
        return None;
    }
    if let Some(c) = text.chars().find(|c| !c.is_ascii_graphic()) {
        value.error(format!("{c:?} never appears in a URL. Write it percent-encoded"));
        return None;
    }
    if let Some(name) = end_of_host(text).filter(|name| captured.contains(name)) {
        value.error(format!("whoever sends the request would choose the host by {{{name}}}. Write a slash before it, or the rest of the host behind it"));
        return None;
    }
    value.parsed(|text| Template::parse(text, captured.iter().copied()))
}

/// The name whose text a URL's host would end with.
fn end_of_host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (_, name) = authority.strip_suffix('}')?.rsplit_once('{')?;
    Some(name)
}

fn read_sticky(value: &Value<'_>) -> Option<Sticky> {
    let mut table = value.table_of(&STICKY)?;
    let by = table.exactly_one("by what? Write cookie = \"NAME\" or header = \"NAME\"");
    table.finish();
    let (key, value) = by?;
    if key == "header" {
        return headers::name(&value).map(Sticky::Header);
    }
    value.text()?;
    value.parsed(headers::cookie_name).map(|name| Sticky::Cookie(name.into()))
}
