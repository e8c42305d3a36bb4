//! `[proxy]`.

use super::{ProxyConfig, headers};
use crate::reader::{Table, Value};
use crate::shape::{Field, Kind, Shape};

/// What `[proxy]` may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "proxy",
    "What the edge says about itself in the messages that it passes on.",
    &[&[
        Field::new(
            "name",
            Kind::Form(&headers::NAME),
            "The edge's name in Via, Forwarded and Proxy-Status. Give each edge of a chain its own.",
        )
        .or("tidegate"),
        Field::new("server_timing", Kind::Boolean, "Whether responses say in Server-Timing how long each stage took.")
            .or("false"),
        Field::new(
            "proxy_status",
            Kind::Boolean,
            "Whether responses say in Proxy-Status (RFC 9209) what went wrong with an upstream.",
        )
        .or("false"),
    ]],
);

pub(super) fn read(mut table: Table<'_>) -> ProxyConfig {
    let name = table.take("name").and_then(|value| read_name(&value));
    let config = ProxyConfig {
        name: name.unwrap_or("tidegate").into(),
        server_timing: table.boolean("server_timing"),
        proxy_status: table.boolean("proxy_status"),
    };
    table.finish();
    config
}

fn read_name<'t>(value: &Value<'t>) -> Option<&'t str> {
    let name = value.text()?;
    if !headers::is_token(name) {
        value.error(format!("bad name {name:?}. Write letters, digits and any of !#$%&'*+-.^_`|~, as in \"edge-1\""));
        return None;
    }
    Some(name)
}
