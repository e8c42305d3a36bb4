//! `[[upstream]]`.

use std::net::Ipv6Addr;

use http::header::HeaderValue;
use http::uri::{Scheme, Uri};

use super::defaults::{self, Timing};
use super::names::{self, Names};
use super::{Protocol, Tls, Upstream};
use crate::reader::{Table, Value};
use crate::shape::{Field, Form, Kind, Shape};

/// What `[[upstream]]` may hold.
pub(super) static SHAPE: Shape = Shape::new("upstream", "Where requests are sent over HTTP.", &[
    &[
        Field::new("name", names::NAME, "Its name, by which routes refer to it. Unique.").required(),
        Field::new(
            "url",
            Kind::Form(&Form {
                pattern: "[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+/?",
                examples: &["http://127.0.0.1:9000", "https://api.example.com"],
            }),
            "Its scheme, host and port. A path is the routes' business: see rewrite.",
        )
        .required(),
        Field::new(
            "protocol",
            Kind::OneOf(&["auto", "http1", "http2"]),
            "Which HTTP it speaks. \"auto\" is what TLS negotiates, and HTTP/1.1 without TLS; \"http2\" without TLS is \
             spoken by prior knowledge.",
        )
        .or("auto"),
        Field::new("tls", Kind::Table(&TLS), "What is special about its TLS. Only for https:// URLs."),
    ],
    defaults::OF_UPSTREAMS,
]);

static TLS: Shape = Shape::new(
    "tls",
    "What is special about the TLS to an upstream.",
    &[&[
        Field::new(
            "server_name",
            Kind::Text,
            "The name that its certificate must have, and that is asked for (SNI), if that is not the host of the URL.",
        ),
        Field::new(
            "ca_file",
            Kind::Text,
            "A PEM file with the certificate authorities to trust instead of the system's. Relative to the first file.",
        ),
    ]],
);

/// What an upstream's URL says.
struct Origin {
    is_tls: bool,
    host: String,
    port: u16,
    authority: HeaderValue,
}

/// Reads one upstream. Its name is claimed even if something else is wrong, so that routes find it.
pub(super) fn read<'t>(mut table: Table<'t>, defaults: Timing, names: &mut Names<'t>) -> Option<Upstream> {
    let source = table.place().source();
    let name = table.require("name", "name = \"...\", by which routes refer to it");
    let name = name.and_then(|value| names.claim(&value));
    let url = table.require("url", "url = \"http://HOST:PORT\"").and_then(|value| read_url(&value));
    let protocol = match table.word("protocol") {
        "http1" => Protocol::Http1,
        "http2" => Protocol::Http2,
        _ => Protocol::Auto,
    };
    let is_plain = url.as_ref().is_some_and(|url| !url.is_tls);
    let tls = table.take("tls").map(|value| read_tls(&value, is_plain)).unwrap_or_default();
    let timing = defaults.read_own(&mut table);
    table.finish();

    let Origin { is_tls, host, port, authority } = url?;
    Some(Upstream {
        name: name?.into(),
        is_tls,
        host: host.into(),
        port,
        authority,
        protocol,
        connect_timeout: timing.connect_timeout,
        first_byte_timeout: timing.first_byte_timeout,
        idle_timeout: timing.idle_timeout,
        max_connections: timing.max_connections,
        keepalive_connections: timing.keepalive_connections,
        keepalive_timeout: timing.keepalive_timeout,
        tls,
        source,
    })
}

fn read_tls(value: &Value<'_>, is_plain: bool) -> Tls {
    if is_plain {
        value.error("there is no TLS to an http:// URL. Write https:// in the URL, or remove this");
    }
    let Some(mut table) = value.table_of(&TLS) else {
        return Tls::default();
    };
    let server_name = table.take("server_name").and_then(|value| {
        let name = value.text()?;
        if !is_host(name) {
            value.error(format!("bad name {name:?}. Write it as in \"api.example.com\""));
        }
        Some(name.to_ascii_lowercase().into())
    });
    let tls = Tls { server_name, ca_file: table.text("ca_file").map(str::to_owned) };
    table.finish();
    tls
}

fn read_url(value: &Value<'_>) -> Option<Origin> {
    value.text()?;
    value.parsed(parse_url)
}

/// No message repeats the URL as a whole: there may be a password in it.
fn parse_url(text: &str) -> Result<Origin, String> {
    const LIKE: &str = "Write it as in \"http://127.0.0.1:9000\"";
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(format!("no scheme. {LIKE}"));
    };
    let is_tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        other => return Err(format!("unknown scheme {other:?}. Write http:// or https://")),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(
            "a user or password is not allowed here. Write request = { set = { authorization = { env = \"...\" \
                    } } } in the routes to it"
                .to_owned(),
        );
    }
    if !["", "/"].contains(&&rest[authority.len()..]) {
        return Err(
            "a path is not allowed here. Write rewrite = { path = \"/prefix{path}\" } in the routes to it".to_owned()
        );
    }
    let bad = || format!("bad host or port {authority:?}. {LIKE}");
    let uri: Uri =
        format!("{}://{authority}/", if is_tls { Scheme::HTTPS } else { Scheme::HTTP }).parse().map_err(|_| bad())?;
    let host = uri.host().filter(|host| is_host(host)).ok_or_else(bad)?.to_ascii_lowercase();
    let default_port = if is_tls { 443 } else { 80 };
    let port = match authority.rsplit_once(':').filter(|(before, _)| !before.contains('[') || before.ends_with(']')) {
        // http::Uri lets a port through that is none.
        Some((_, port)) => port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?,
        None => default_port,
    };
    let shown = if port == default_port { host.clone() } else { format!("{host}:{port}") };
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Origin { is_tls, host: bare, port, authority: HeaderValue::from_str(&shown).map_err(|_| bad())? })
}

/// Labels with dots between them, or an address (IPv6 in brackets).
pub(super) fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[') {
        return inner.strip_suffix(']').is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    }
    let in_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(in_label);
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let table = [
            ("http://127.0.0.1:9000", (false, "127.0.0.1", 9000, "127.0.0.1:9000")),
            ("http://127.0.0.1:9000/", (false, "127.0.0.1", 9000, "127.0.0.1:9000")),
            ("https://API.example.com", (true, "api.example.com", 443, "api.example.com")),
            ("HTTPS://api.example.com:443", (true, "api.example.com", 443, "api.example.com")),
            ("https://api.example.com:80", (true, "api.example.com", 80, "api.example.com:80")),
            ("http://[::1]:8080", (false, "::1", 8080, "[::1]:8080")),
            ("http://[2001:DB8::1]", (false, "2001:db8::1", 80, "[2001:db8::1]")),
            ("http://my_service", (false, "my_service", 80, "my_service")),
        ];
        for (text, (is_tls, host, port, authority)) in table {
            let origin = parse_url(text).unwrap();
            assert_eq!((origin.is_tls, &*origin.host, origin.port), (is_tls, host, port), "{text}");
            assert_eq!(origin.authority, authority, "{text}");
        }
    }

    #[test]
    fn no_urls() {
        let table = [
            ("127.0.0.1:9000", "no scheme"),
            ("ftp://a", "unknown scheme \"ftp\""),
            ("http://", "bad host or port \"\""),
            ("http://a:0", "bad host or port \"a:0\""),
            ("http://a:99999", "bad host or port \"a:99999\""),
            ("http://a:", "bad host or port \"a:\""),
            ("http://::1", "bad host or port \"::1\""),
            ("http://[::1", "bad host or port \"[::1\""),
            ("http://a b", "bad host or port \"a b\""),
            ("http://a..b", "bad host or port \"a..b\""),
            ("http://é", "bad host or port \"é\""),
            ("http://me:hunter2@a", "a user or password"),
            ("http://a/b", "a path is not allowed"),
            ("http://a?b", "a path is not allowed"),
            ("http://a/#b", "a path is not allowed"),
        ];
        for (text, start) in table {
            let error = parse_url(text).err().unwrap();
            assert!(error.starts_with(start), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
