//! Where a component may connect to: `allowed_outbound_hosts`
//! (Spin, `crates/outbound-networking-config/src/allowed_hosts.rs`).
//!
//! An entry is `scheme://host:port`:
//! - the scheme is lower-case letters, or `*` for any;
//! - the host is a name, an IP address (IPv6 in brackets), a network such as `10.0.0.0/8`,
//!   `*.example.com` for the names below one, `*` for any, or `self` for the application itself;
//! - the port is a number, a range such as `8000..9000` (without its end), or `*` for any. It may be
//!   left out when the scheme has a default.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// The hosts that components of the application are reached at: `http://shop.spin.internal`.
pub const SERVICE_CHAINING_SUFFIX: &str = ".spin.internal";

/// A checked list of allowed hosts. Empty allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<AllowedHost>);

/// One allowed host.
#[derive(Clone, PartialEq, Eq)]
pub struct AllowedHost {
    text: String,
    /// None: any.
    scheme: Option<String>,
    host: Host,
    /// None: any.
    ports: Option<Range<u32>>,
}

#[derive(Clone, PartialEq, Eq)]
enum Host {
    Any,
    /// `self`: the application, addressed without a host.
    Itself,
    /// With the dot in front, in lower case.
    Below(String),
    /// In lower case.
    Name(String),
    Network(Network),
}

/// The addresses that agree with `address` where `mask` has ones. An IPv4 address is in the lower
/// 32 bits; it is never in an IPv6 network.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Network {
    v4: bool,
    address: u128,
    mask: u128,
}

/// Why a text is not an allowed host. The messages say what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// No `://`.
    #[error("no scheme. Write it as in \"https://example.com\" (\"*://*:*\" allows everything)")]
    NoScheme,
    /// Something else than lower-case letters.
    #[error("bad scheme {0:?}. A scheme is lower-case letters, or * for any")]
    Scheme(String),
    /// No port, and none is the default.
    #[error("no port, and scheme {0:?} has no default one. Write it as in \":8080\", or :* for any")]
    NoPort(String),
    /// Not a port.
    #[error("bad port {0:?}. Write a number from 1 to 65535, a range such as 8000..9000, or * for any")]
    Port(String),
    /// A range without a port in it.
    #[error("port range {0:?} is empty: its end is not part of it")]
    EmptyRange(String),
    /// Something after the host and port.
    #[error("a path is not allowed: permission is for a whole host")]
    Path,
    /// An address, but no good number of bits behind the `/`.
    #[error("bad network {0:?}. Write it as in \"10.0.0.0/8\"")]
    Network(String),
    /// Not a host.
    #[error("bad host {0:?}")]
    Host(String),
    /// Letters outside ASCII.
    #[error("bad host {0:?}. Write it in ASCII, as in \"xn--caf-dma.example\"")]
    NotAscii(String),
    /// `*` in the wrong place.
    #[error("bad host {0:?}. A wildcard stands for a whole host (*) or its first labels (*.example.com)")]
    Wildcard(String),
    /// An IPv6 address needs a port to be told from it.
    #[error("no port behind an IPv6 address. Write it as in \"[::1]:80\"")]
    Ipv6Port,
    /// Spin's old spelling.
    #[error("'insecure:allow-all' is gone. Write \"*://*:*\" to allow everything")]
    AllowAll,
    /// Lists of alternatives, which Spin reserves.
    #[error("lists in {{}} are not supported. Write one entry for each")]
    List,
}

impl AllowedHosts {
    /// From checked entries.
    pub fn new(hosts: Vec<AllowedHost>) -> Self {
        Self(hosts)
    }

    /// Whether a connection may be made. `host` is as in a URL (IPv6 with or without brackets, any
    /// case); without a port, the scheme's default counts, and there may be none.
    pub fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        self.0.iter().any(|allowed| allowed.allows(scheme, host, port))
    }

    /// Whether the application may call itself without naming a host, with this scheme.
    pub fn allows_self(&self, scheme: &str) -> bool {
        let any_or_self = |host: &Host| matches!(host, Host::Any | Host::Itself);
        self.0.iter().any(|allowed| allowed.allows_scheme(scheme) && any_or_self(&allowed.host))
    }

    /// The entry that would allow a connection, for the message about one that was not.
    pub fn entry_for(scheme: &str, host: &str, port: Option<u16>) -> String {
        let v6 = host.parse::<Ipv6Addr>().is_ok() || host.starts_with('[');
        let inner = host.trim_start_matches('[').trim_end_matches(']');
        let host = if v6 { format!("[{inner}]") } else { host.to_ascii_lowercase() };
        let scheme = scheme.to_ascii_lowercase();
        let default = default_port(&scheme);
        match port.or(default) {
            // Behind an IPv6 address the port is needed.
            port if port == default && port.is_some() && !v6 => format!("{scheme}://{host}"),
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}:*"),
        }
    }

    /// The entries.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &AllowedHost> {
        self.0.iter()
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AllowedHost {
    /// Reads one entry.
    ///
    /// # Errors
    /// See [`HostError`]. Besides what Spin refuses: what could never match.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        let text = text.trim();
        if text == "insecure:allow-all" {
            return Err(HostError::AllowAll);
        }
        let (scheme, authority) = text.split_once("://").ok_or(HostError::NoScheme)?;
        if text.contains(['{', '}']) {
            return Err(HostError::List);
        }
        let (host, port) = split_port(authority)?;
        Ok(Self {
            text: text.to_owned(),
            scheme: parse_scheme(scheme)?,
            host: Host::parse(host)?,
            ports: parse_ports(port, scheme)?,
        })
    }

    /// The same permission, shown as `text`.
    pub(crate) fn with_text(self, text: String) -> Self {
        Self { text, ..self }
    }

    /// Whether it names another component of the application: `http://shop.spin.internal`, or all
    /// of them.
    pub fn is_service_chaining(&self) -> bool {
        match &self.host {
            Host::Name(name) => name.ends_with(SERVICE_CHAINING_SUFFIX),
            Host::Below(suffix) => suffix == SERVICE_CHAINING_SUFFIX,
            _ => false,
        }
    }

    fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        self.allows_scheme(scheme) && self.host.allows(host) && self.allows_port(scheme, port)
    }

    fn allows_scheme(&self, scheme: &str) -> bool {
        let same = |own: &String| own.eq_ignore_ascii_case(scheme);
        self.scheme.as_ref().is_none_or(same)
    }

    fn allows_port(&self, scheme: &str, port: Option<u16>) -> bool {
        let Some(ports) = &self.ports else {
            return true;
        };
        let port = port.or_else(|| default_port(&scheme.to_ascii_lowercase()));
        port.is_some_and(|port| ports.contains(&port.into()))
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, HostError> {
        match text {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Itself),
            _ => {}
        }
        if let Some(network) = Network::parse(text) {
            return Ok(Self::Network(network));
        }
        if let Some((address, _)) = text.split_once('/') {
            let error = parse_address(address).map(|_| HostError::Network(text.to_owned()));
            return Err(error.unwrap_or(HostError::Path));
        }
        if !text.is_ascii() {
            return Err(HostError::NotAscii(text.to_owned()));
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        if name.contains('*') {
            return Err(HostError::Wildcard(text.to_owned()));
        }
        if !is_host_name(name) {
            return Err(HostError::Host(text.to_owned()));
        }
        let name = name.to_ascii_lowercase();
        Ok(if below { Self::Below(format!(".{name}")) } else { Self::Name(name) })
    }

    fn allows(&self, host: &str) -> bool {
        let address = parse_address(host);
        match self {
            Self::Any => true,
            // Asked for by AllowedHosts::allows_self.
            Self::Itself => false,
            Self::Name(name) => host.eq_ignore_ascii_case(name),
            Self::Below(suffix) => {
                let start = host.len().checked_sub(suffix.len());
                let end = start.and_then(|start| host.get(start..));
                address.is_none() && end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
            }
            Self::Network(network) => address.is_some_and(|address| network.contains(address)),
        }
    }
}

impl Network {
    /// `10.0.0.0/8`, `ff00::/8`, or an address: the network of one.
    fn parse(text: &str) -> Option<Self> {
        let Some((address, length)) = text.split_once('/') else {
            return Self::new(parse_address(text)?, None);
        };
        Self::new(parse_address(address)?, Some(length.parse().ok()?))
    }

    fn new(address: IpAddr, length: Option<u32>) -> Option<Self> {
        let (v4, width, bits) = match address {
            IpAddr::V4(address) => (true, 32, u128::from(u32::from(address))),
            IpAddr::V6(address) => (false, 128, u128::from(address)),
        };
        let host_bits = width - length.unwrap_or(width).min(width);
        if length.is_some_and(|length| length > width) {
            return None;
        }
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Some(Self { v4, address: bits & mask, mask })
    }

    fn contains(&self, address: IpAddr) -> bool {
        Self::new(address, None).is_some_and(|one| one.v4 == self.v4 && one.address & self.mask == self.address)
    }
}

/// An address as in a URL: an IPv6 one may be in brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match inner {
        Some(v6) => v6.parse().ok().map(|v6: Ipv6Addr| IpAddr::V6(v6)),
        None => text
            .parse()
            .map(|v4: Ipv4Addr| IpAddr::V4(v4))
            .or_else(|_| text.parse().map(|v6: Ipv6Addr| IpAddr::V6(v6)))
            .ok(),
    }
}

/// Splits `host:port`, `host:port/` and `host/`; the port is empty when there is none.
fn split_port(authority: &str) -> Result<(&str, &str), HostError> {
    // Spin tells an IPv6 address and a port apart by the last colon alone.
    if authority.starts_with('[') && authority.trim_end_matches('/').ends_with(']') {
        return Err(HostError::Ipv6Port);
    }
    let Some((host, port)) = authority.rsplit_once(':') else {
        return Ok((authority.strip_suffix('/').unwrap_or(authority), ""));
    };
    match port.split_once('/') {
        Some((port, "")) => Ok((host, port)),
        Some(_) => Err(HostError::Path),
        None => Ok((host, port)),
    }
}

fn parse_scheme(text: &str) -> Result<Option<String>, HostError> {
    if text == "*" {
        return Ok(None);
    }
    let good = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    if good { Ok(Some(text.to_owned())) } else { Err(HostError::Scheme(text.to_owned())) }
}

fn parse_ports(text: &str, scheme: &str) -> Result<Option<Range<u32>>, HostError> {
    let bad = || HostError::Port(text.to_owned());
    let number = |text: &str| match text.parse::<u16>() {
        Ok(number) if number > 0 => Ok(u32::from(number)),
        _ => Err(bad()),
    };
    if text == "*" {
        return Ok(None);
    }
    if text.is_empty() {
        let port = default_port(scheme).ok_or_else(|| HostError::NoPort(scheme.to_owned()))?;
        return Ok(Some(port.into()..u32::from(port) + 1));
    }
    let Some((start, end)) = text.split_once("..") else {
        let port = number(text)?;
        return Ok(Some(port..port + 1));
    };
    let range = number(start)?..number(end)?;
    if range.is_empty() { Err(HostError::EmptyRange(text.to_owned())) } else { Ok(Some(range)) }
}

/// The ports that Spin knows (`well_known_port`).
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Labels of letters, digits, `-` and `_`, with dots between them.
fn is_host_name(name: &str) -> bool {
    let in_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.split('.').all(|label| !label.is_empty() && label.bytes().all(in_label))
}

#[cfg(test)]
mod tests;
