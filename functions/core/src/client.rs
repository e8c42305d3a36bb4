//! Who sent a request, as far as the platform knows.

use std::fmt;
use std::net::IpAddr;

/// The client of a request: not the proxies that are trusted, but who is behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address. An IPv4 address mapped into IPv6 is written as IPv4.
    pub address: IpAddr,
    /// Where it is, if the platform or a trusted proxy said so.
    pub country: Option<Country>,
}

impl Client {
    /// A client at an address of which nothing else is known.
    pub fn new(address: IpAddr) -> Self {
        Self { address: address.to_canonical(), country: None }
    }
}

/// A country by its ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads two ASCII letters, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    /// The code, in capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_two_letters() {
        assert_eq!(Country::parse("de").map(|country| country.to_string()), Some("DE".to_owned()));
        for text in ["", "d", "deu", "d1", "ü"] {
            assert_eq!(Country::parse(text), None, "{text}");
        }
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let client = Client::new("::ffff:192.0.2.1".parse().unwrap());
        assert_eq!(client.address, "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
