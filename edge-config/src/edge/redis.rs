//! A Redis that several edges share: where it is, and what is asked of it.

use std::time::Duration;

use super::upstream;
use crate::reader::{Table, Value};
use crate::secret::Text;
use crate::shape::{Field, Form, Kind};

/// The key `url`.
pub(super) const URL: Field = Field::new(
    "url",
    Kind::Form(&Form {
        pattern: "[Rr][Ee][Dd][Ii][Ss][Ss]?://[^/?#]+(/[0-9]*)?",
        examples: &["redis://127.0.0.1:6379", "rediss://cache.internal/1", "${REDIS_URL}"],
    }),
    "Where it is: redis://HOST:PORT/DATABASE, or rediss:// over TLS. A password belongs into a variable of the \
     environment; the URL appears in no message and in no log.",
)
.required();

/// What stands before keys, if nothing else is said.
const PREFIX: &str = "tidegate:";

/// Longest prefix, in bytes: it is sent with every key.
const PREFIX_BYTES_MAX: usize = 64;

/// What is said of every Redis.
pub(super) struct Common {
    /// Where it is. Secret.
    pub url: Text,
    /// How long an answer of it is waited for.
    pub timeout: Duration,
    /// What its keys begin with.
    pub prefix: String,
}

/// The key `timeout`.
pub(super) const fn timeout(description: &'static str) -> Field {
    Field::new("timeout", Kind::Duration("1ms", "1s"), description).or("20ms")
}

/// The key `prefix`.
pub(super) const fn prefix(description: &'static str) -> Field {
    let kind = Kind::Form(&Form { pattern: "[!-~]{1,64}", examples: &[PREFIX] });
    Field::new("prefix", kind, description).or(PREFIX)
}

/// Reads these keys of a table that has others too.
pub(super) fn read(table: &mut Table<'_>) -> Option<Common> {
    let url = table.require("url", "url = \"${REDIS_URL}\", or url = \"redis://HOST:PORT\"");
    let url = url.and_then(|value| read_url(&value));
    let timeout = table.duration("timeout");
    let prefix = table.take("prefix").map_or(Some(PREFIX), |value| read_prefix(&value));
    Some(Common { url: url?, timeout, prefix: prefix?.to_owned() })
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
