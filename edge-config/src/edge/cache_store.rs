//! `[cache_store]`.

use super::{CacheStore, Disk, Redis, upstream};
use crate::reader::{Table, Value};
use crate::secret::Text;
use crate::shape::{Field, Form, Kind, Shape};

/// What `[cache_store]` may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "cache_store",
    "Where cached responses are kept: in memory, and also on disk and in Redis, if it is said how.",
    &[&[
        Field::new(
            "memory",
            Kind::Size("1MiB", "1024GiB"),
            "How much is kept in memory, of all cores together. What is used least makes room.",
        )
        .or("256MiB"),
        Field::new(
            "disk",
            Kind::Table(&DISK),
            "What does not fit into memory, and survives a restart. Without this nothing is on disk.",
        ),
        Field::new(
            "redis",
            Kind::Table(&REDIS),
            "A tier behind the others that several edges share. While it does not answer, the edge does without it.",
        ),
    ]],
);

static DISK: Shape = Shape::new(
    "disk",
    "The part of the store that survives a restart.",
    &[&[
        Field::new(
            "path",
            Kind::Text,
            "A folder of its own, which one edge at a time uses. Relative to the first file. It is made if it is not \
             there.",
        )
        .required(),
        Field::new("size", Kind::Size("64MiB", "65536GiB"), "How much is kept there. The disk must have room for it.")
            .required(),
    ]],
);

static REDIS: Shape = Shape::new(
    "redis",
    "The part of the store that several edges share.",
    &[&[
        Field::new(
            "url",
            Kind::Form(&Form {
                pattern: "[Rr][Ee][Dd][Ii][Ss][Ss]?://[^/?#]+(/[0-9]*)?",
                examples: &["redis://127.0.0.1:6379", "rediss://cache.internal/1", "${REDIS_URL}"],
            }),
            "Where it is: redis://HOST:PORT/DATABASE, or rediss:// over TLS. A password belongs into a variable of the \
             environment; the URL appears in no message and in no log.",
        )
        .required(),
        Field::new(
            "timeout",
            Kind::Duration("1ms", "1s"),
            "How long an answer of it is waited for, before the request goes on without it.",
        )
        .or("20ms"),
        Field::new(
            "prefix",
            Kind::Form(&Form { pattern: "[!-~]{1,64}", examples: &["tidegate:"] }),
            "What its keys begin with. Edges with the same prefix share what they store, so edges with other routes \
             need another one.",
        )
        .or("tidegate:"),
        Field::new(
            "max_body",
            Kind::Size("1B", "512MiB"),
            "The largest body that is kept there. Larger ones stay with the edge that fetched them.",
        )
        .or("1MiB"),
    ]],
);

/// Longest prefix, in bytes: it is sent with every key.
const PREFIX_BYTES_MAX: usize = 64;

pub(super) fn read(mut table: Table<'_>) -> CacheStore {
    let store = CacheStore {
        memory: table.size("memory").bytes(),
        disk: table.table("disk").and_then(read_disk),
        redis: table.table("redis").and_then(read_redis),
    };
    table.finish();
    store
}

impl CacheStore {
    /// The largest body for which there is room in it.
    pub(super) fn capacity(&self) -> u64 {
        self.memory.max(self.disk.as_ref().map_or(0, |disk| disk.size))
    }
}

fn read_disk(mut table: Table<'_>) -> Option<Disk> {
    let path = table.require("path", "path = \"FOLDER\"").and_then(|value| value.text());
    let size = table.required_size("size", "size = \"10GiB\", or how much may be kept there");
    table.finish();
    Some(Disk { path: path?.to_owned(), size: size?.bytes() })
}

fn read_redis(mut table: Table<'_>) -> Option<Redis> {
    let url = table.require("url", "url = \"${REDIS_URL}\", or url = \"redis://HOST:PORT\"");
    let url = url.and_then(|value| read_url(&value));
    let timeout = table.duration("timeout");
    let prefix = table.take("prefix").map_or(Some("tidegate:"), |value| read_prefix(&value));
    let max_body = table.size("max_body").bytes();
    table.finish();
    Some(Redis { url: url?, timeout, prefix: prefix?.to_owned(), max_body })
}

fn read_prefix<'t>(value: &Value<'t>) -> Option<&'t str> {
    let text = value.text()?;
    let is_good = text.len() <= PREFIX_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_good {
        value.error(format!("bad prefix. Write up to {PREFIX_BYTES_MAX} printable ASCII characters without spaces"));
    }
    is_good.then_some(text)
}

fn read_url(value: &Value<'_>) -> Option<Text> {
    let text = value.text()?;
    value.parsed(|_| check_url(text))?;
    Some(Text::secret(text))
}

/// Whether a text is the URL of a Redis. No message repeats any of it: there may be a password anywhere in it.
fn check_url(text: &str) -> Result<(), &'static str> {
    let (scheme, rest) =
        text.split_once("://").ok_or("no scheme. Write it as in \"redis://127.0.0.1:6379\", or rediss:// for TLS")?;
    if !["redis", "rediss"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err("unknown scheme. Write redis://, or rediss:// for TLS");
    }
    if rest.contains(['?', '#']) {
        return Err("a query or fragment is not allowed here. Remove it; in a password, write ? as %3F and # as %23");
    }
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a URL has only printable ASCII characters. Write others, and spaces, percent-encoded");
    }
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    if !database.is_empty() && number(database).is_none() {
        return Err("after the host comes the number of a database or nothing. In a password, write / as %2F");
    }
    let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
    // The colons of an IPv6 address are in brackets.
    let (host, port) = match address.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        Some((host, port)) => (host, number(port)),
        None => (address, Some(6379)),
    };
    let is_good = upstream::is_host(host) && port.is_some_and(|port| port != 0);
    if is_good { Ok(()) } else { Err("bad host or port. Write it as in \"redis://127.0.0.1:6379\"") }
}

/// A number without a sign.
fn number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let good = [
            "redis://127.0.0.1",
            "redis://127.0.0.1:6379",
            "redis://127.0.0.1:6379/",
            "rediss://cache.internal/15",
            "REDIS://cache.internal",
            "redis://[::1]:6379/0",
            "redis://[::1]",
            "redis://:p%40ss@cache.internal:6380",
            "redis://user:p@ss@cache.internal",
        ];
        for text in good {
            assert_eq!(check_url(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn no_urls() {
        let table = [
            ("", "no scheme"),
            ("127.0.0.1:6379", "no scheme"),
            ("redis:127.0.0.1", "no scheme"),
            ("http://127.0.0.1", "unknown scheme"),
            ("redis+unix:///run/hunter2.sock", "unknown scheme"),
            ("redis://", "bad host or port"),
            ("redis:///0", "bad host or port"),
            ("redis://a:0", "bad host or port"),
            ("redis://a:65536", "bad host or port"),
            ("redis://a:+1", "bad host or port"),
            ("redis://a:", "bad host or port"),
            ("redis://::1", "bad host or port"),
            ("redis://[::1", "bad host or port"),
            ("redis://a b", "a URL has only printable"),
            ("redis://:hunter2é@a", "a URL has only printable"),
            ("redis://:hunter2@", "bad host or port"),
            ("redis://:hunter2", "bad host or port"),
            ("redis://:hunter2/x@a", "after the host"),
            ("redis://a/x", "after the host"),
            ("redis://a/-1", "after the host"),
            ("redis://a/1/2", "after the host"),
            ("redis://a/65536", "after the host"),
            ("rediss://a/#insecure", "a query or fragment"),
            ("redis://:hunter2?x@a", "a query or fragment"),
        ];
        for (text, start) in table {
            let error = check_url(text).expect_err(text);
            assert!(error.starts_with(start), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
