//! Which hosts a route is for.

use std::fmt;
use std::net::Ipv6Addr;

/// The hosts that a route is for: all, one, or all below one.
///
/// Hosts are compared as [`tidegate_core::RequestView::host`] gives them, in lower case and without a port; one dot at
/// their end, the root of the DNS, does not count (`shop.example.` is `shop.example`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPattern(Kind);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Any,
    /// In lower case.
    Exact(Box<str>),
    /// What follows the star, from its dot on and in lower case: `.shop.example`.
    Wildcard(Box<str>),
}

/// Why a text is not a host pattern. Each message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostPatternError {
    /// Nothing at all.
    #[error("the host is empty. Write \"shop.example\", \"*.shop.example\", or \"*\" for any host")]
    Empty,
    /// A scheme, a port or a path.
    #[error("{0:?} is more than a host. Write {1:?}")]
    NotAlone(String, String),
    /// A star that does not stand for whole labels at the front.
    #[error("{0:?} has a \"*\" where none can be. It stands in front of a dot and a host, as in \"*.shop.example\"")]
    MisplacedStar(String),
    /// A character that no host has on the wire.
    #[error("{0:?} is not part of a host. Hosts are written as they are sent, such as \"xn--bcher-kva.example\"")]
    NotInHost(char),
    /// A label that the DNS does not know (RFC 1035 section 2.3.4).
    #[error("{0:?} has a part that is empty or longer than 63 bytes, or is longer than 253 itself")]
    BadLength(String),
    /// A dot at the end.
    #[error("{0:?} ends in a dot. Write it without: it is for both")]
    TrailingDot(String),
    /// Brackets around something else.
    #[error("{0:?} is not an IPv6 address in brackets, such as \"[2001:db8::1]\"")]
    NotIpv6(String),
}

impl HostPattern {
    /// Every host, even none.
    pub const fn any() -> Self {
        Self(Kind::Any)
    }

    /// Reads `shop.example`, `*.shop.example` (one or more labels in front of it), `[2001:db8::1]` or `*`.
    ///
    /// # Errors
    /// See [`HostPatternError`].
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        match text {
            "" => return Err(HostPatternError::Empty),
            "*" => return Ok(Self::any()),
            _ => check_alone(text)?,
        }
        if text.starts_with('[') {
            return parse_ipv6(text);
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        check_name(text, name)?;
        let lower = text.to_ascii_lowercase();
        Ok(Self(match lower.strip_prefix('*') {
            Some(suffix) => Kind::Wildcard(suffix.into()),
            None => Kind::Exact(lower.into()),
        }))
    }

    /// Whether it is every host.
    pub fn is_any(&self) -> bool {
        self.0 == Kind::Any
    }

    /// Whether it is for `host`.
    pub fn matches(&self, host: &str) -> bool {
        let host = without_root(host);
        match &self.0 {
            Kind::Any => true,
            Kind::Exact(exact) => host == &**exact,
            Kind::Wildcard(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
        }
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.0
    }
}

/// A host without the dot of the DNS's root: it names the same server.
pub(crate) fn without_root(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// Refuses what surrounds a host in a URL, and says what is left without it.
fn check_alone(text: &str) -> Result<(), HostPatternError> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or("");
    let bracket = rest.rfind(']').unwrap_or(0);
    let host = rest[bracket..].find(':').map_or(rest, |colon| &rest[..bracket + colon]);
    // An IPv6 address without its brackets has colons, too.
    let host = if text.parse::<Ipv6Addr>().is_ok() { format!("[{text}]") } else { host.to_owned() };
    match host == text {
        true => Ok(()),
        false => Err(HostPatternError::NotAlone(text.to_owned(), host)),
    }
}

fn parse_ipv6(text: &str) -> Result<HostPattern, HostPatternError> {
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or("");
    match inside.parse::<Ipv6Addr>() {
        // As clients write it (RFC 5952), whichever way it is written here.
        Ok(address) => Ok(HostPattern(Kind::Exact(format!("[{address}]").into()))),
        Err(_) => Err(HostPatternError::NotIpv6(text.to_owned())),
    }
}

fn check_name(text: &str, name: &str) -> Result<(), HostPatternError> {
    if name.contains('*') {
        return Err(HostPatternError::MisplacedStar(text.to_owned()));
    }
    let in_name = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some(c) = name.chars().find(|c| !in_name(c)) {
        return Err(HostPatternError::NotInHost(c));
    }
    if name.len() > 1 && name.ends_with('.') {
        return Err(HostPatternError::TrailingDot(text.to_owned()));
    }
    let is_bad = name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63);
    if is_bad { Err(HostPatternError::BadLength(text.to_owned())) } else { Ok(()) }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Any => formatter.write_str("*"),
            Kind::Exact(host) => formatter.write_str(host),
            Kind::Wildcard(suffix) => write!(formatter, "*{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which() {
        // pattern, as it displays, hosts that belong to it, others
        let table: &[(&str, &str, &[&str], &[&str])] = &[
            ("*", "*", &["", "a", "a.b.c", "[::1]"], &[]),
            ("Shop.Example", "shop.example", &["shop.example", "shop.example."], &["example", "a.shop.example", ""]),
            (
                "*.Shop.example",
                "*.shop.example",
                &["a.shop.example", "a.b.shop.example", "a.shop.example."],
                &["shop.example", ".shop.example", "ashop.example", "a.shop.example..", ""],
            ),
            ("*.example", "*.example", &["a.example", "a.b.example"], &["example"]),
            ("localhost", "localhost", &["localhost"], &["localhos"]),
            ("192.0.2.1", "192.0.2.1", &["192.0.2.1"], &["192.0.2.10"]),
            ("[2001:DB8:0::1]", "[2001:db8::1]", &["[2001:db8::1]"], &["2001:db8::1", "[2001:db8::2]"]),
            ("a_b.example", "a_b.example", &["a_b.example"], &[]),
        ];
        for (text, display, members, others) in table {
            let pattern = HostPattern::parse(text).unwrap();
            assert_eq!(pattern.to_string(), *display);
            assert_eq!(HostPattern::parse(display).as_ref(), Ok(&pattern), "{text}");
            for host in *members {
                assert!(pattern.matches(host), "{host} of {text}");
            }
            for host in *others {
                assert!(!pattern.matches(host), "{host} not of {text}");
            }
        }
        assert_eq!(HostPattern::default(), HostPattern::any());
        assert!(HostPattern::any().is_any());
    }

    #[test]
    fn mistakes() {
        use HostPatternError::*;
        let alone = |text: &str, host: &str| NotAlone(text.into(), host.into());
        let long_label = format!("{}.example", "a".repeat(64));
        let long = "abc.".repeat(64) + "example";
        let table = [
            ("", Empty),
            ("https://shop.example", alone("https://shop.example", "shop.example")),
            ("https://shop.example/a?b", alone("https://shop.example/a?b", "shop.example")),
            ("shop.example:8080", alone("shop.example:8080", "shop.example")),
            ("*.shop.example:443", alone("*.shop.example:443", "*.shop.example")),
            ("shop.example/", alone("shop.example/", "shop.example")),
            ("[::1]:80", alone("[::1]:80", "[::1]")),
            ("::1", alone("::1", "[::1]")),
            ("*shop.example", MisplacedStar("*shop.example".into())),
            ("a.*.example", MisplacedStar("a.*.example".into())),
            ("*.*.example", MisplacedStar("*.*.example".into())),
            ("shop.*", MisplacedStar("shop.*".into())),
            ("bücher.example", NotInHost('ü')),
            ("shop example", NotInHost(' ')),
            ("shop..example", BadLength("shop..example".into())),
            (".shop.example", BadLength(".shop.example".into())),
            ("*.", BadLength("*.".into())),
            (".", BadLength(".".into())),
            (&long_label, BadLength(long_label.clone())),
            (&long, BadLength(long.clone())),
            ("shop.example.", TrailingDot("shop.example.".into())),
            ("[::g]", NotIpv6("[::g]".into())),
            ("[shop]", NotIpv6("[shop]".into())),
        ];
        for (text, error) in table {
            assert_eq!(HostPattern::parse(text), Err(error), "{text}");
        }
    }
}
