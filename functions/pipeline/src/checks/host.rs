//! The host that a request is for.

use std::borrow::Cow;

use http::header::HOST;
use http::{HeaderMap, Version, request};

use crate::Refusal;

/// The host that a request is for, as a client wrote it in Host: checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Host<'a> {
    text: &'a str,
    /// Where its port begins, with the colon.
    port_at: usize,
}

impl<'a> Host<'a> {
    /// The host in the fields of a request that was checked; empty if it names none.
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        let text = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let port_at = text.rfind(':').filter(|colon| !text[*colon..].contains(']'));
        Self { text, port_at: port_at.unwrap_or(text.len()) }
    }

    /// A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port.
    ///
    /// Of what RFC 3986 section 3.2.2 allows in names, only what names have: no `,` that would be a list's in
    /// X-Forwarded-Host, no percent-encoding that readers could decode differently, no user.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let end = if text.first() == Some(&b'[') {
            let closing = text.iter().position(|byte| *byte == b']')?;
            if !is_ipv6(&text[1..closing]) {
                return None;
            }
            closing + 1
        } else {
            let end = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            if end == 0 || !text[..end].iter().all(is_name) {
                return None;
            }
            end
        };
        if !is_port(&text[end..]) {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        Some(Self { text, port_at: end })
    }

    /// The host and port as they were sent.
    pub(crate) fn as_str(&self) -> &'a str {
        self.text
    }

    /// The host without its port, in lower case.
    pub(crate) fn name(&self) -> Cow<'a, str> {
        lower(&self.text[..self.port_at])
    }

    /// Host and port in lower case, the port only where it is not the scheme's own (RFC 9110 section 4.2.3).
    pub(crate) fn normal(&self, is_https: bool) -> Cow<'a, str> {
        let own = if is_https { "443" } else { "80" };
        let port = self.text[self.port_at..].strip_prefix(':').unwrap_or_default();
        if port.is_empty() || port == own { self.name() } else { lower(self.text) }
    }
}

/// One host, and one that could exist. HTTP/1.0 may come without, and a target that has no authority comes with an
/// empty one (RFC 9112 section 3.2).
pub(super) fn check(request: &request::Parts) -> Result<(), Refusal> {
    let mut hosts = request.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version < Version::HTTP_11 => Ok(()),
        (Some(host), None) if host.is_empty() || Host::parse(host.as_bytes()).is_some() => Ok(()),
        _ => Err(Refusal::Host),
    }
}

fn lower(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    }
}

fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Nothing, or a colon and a number, which may be missing (RFC 3986 section 3.2.3).
fn is_port(text: &[u8]) -> bool {
    match text {
        [] | [b':'] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
                && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        // text, name, normal form over http
        let table = [
            ("shop.example", "shop.example", "shop.example"),
            ("SHOP.example:80", "shop.example", "shop.example"),
            ("shop.example:", "shop.example", "shop.example"),
            ("Shop.Example:8080", "shop.example", "shop.example:8080"),
            ("192.0.2.1:443", "192.0.2.1", "192.0.2.1:443"),
            ("[2001:DB8::1]:8080", "[2001:db8::1]", "[2001:db8::1]:8080"),
            ("[::1]", "[::1]", "[::1]"),
            ("a_b-c~d.", "a_b-c~d.", "a_b-c~d."),
        ];
        for (text, name, normal) in table {
            let host = Host::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((&*host.name(), &*host.normal(false)), (name, normal), "{text}");
            let headers = [(HOST, text.parse().unwrap())].into_iter().collect();
            assert_eq!(Host::of(&headers), host);
        }
        assert!(matches!(Host::parse(b"a.example").unwrap().name(), Cow::Borrowed(_)));
    }

    #[test]
    fn no_hosts() {
        let table = [
            "",
            ":80",
            "a b",
            "a,b",
            "user@a",
            "a/b",
            "a?b",
            "a:b",
            "a:1:2",
            "a:65536",
            "a:-1",
            "a:+1",
            "[::1",
            "[]",
            "[::1]a",
            "[1.2.3.4]",
            "[::1%25eth0]",
            "::1",
            "a%2eb",
            "\u{e9}",
        ];
        for text in table {
            assert_eq!(Host::parse(text.as_bytes()), None, "{text}");
        }
    }
}
