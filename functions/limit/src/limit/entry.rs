//! Entries of the lists of a limit.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use tidegate_core::Country;

use crate::key::Part;

/// Whom an entry of a list means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Clients of a network.
    Network(IpNet),
    /// Clients in a country.
    Country(Country),
    /// Requests of which a part has this value, as [`Part::value`] gives it.
    Value(Part, Arc<str>),
}

/// Why a text is not an entry of a list. What follows an equals sign is never shown, for it may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// It looks like nothing that can be on a list.
    #[error(
        "{0:?} is neither an address, a network nor a value of a part. Write it as in \"10.0.0.0/8\", \"country:DE\" or \
         \"header:x-tenant=acme\""
    )]
    Unknown(String),
    /// Not an address or network where there must be one.
    #[error("{0:?} is neither an address nor a network. Write it as in \"10.0.0.0/8\" or \"::1\"")]
    Network(String),
    /// No country.
    #[error("{0:?} is no country. Write its ISO 3166 code of two letters, as in \"country:DE\"")]
    Country(String),
    /// There is no such part of requests.
    #[error("{0:?} is no part of a request. Write one of: {forms}", forms = Part::FORMS.join(", "))]
    Part(String),
    /// A part without a value.
    #[error("{0:?} says no value, and nobody's is empty. Write it as in \"{0}=VALUE\"")]
    NoValue(String),
}

impl Entry {
    /// Reads an entry: an address, a network (with or without bits set behind its prefix), `country:DE` or `PART=VALUE`.
    /// Of a value that is secret it keeps a digest.
    ///
    /// # Errors
    /// See [`EntryError`].
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        if let Some(code) = text.strip_prefix("country:") {
            return country(code);
        }
        let Some((name, value)) = text.split_once('=') else {
            return match (network(text), Part::parse(text)) {
                (Some(network), _) => Ok(Self::Network(network)),
                (None, Some(_)) => Err(EntryError::NoValue(text.to_owned())),
                (None, None) => Err(EntryError::Unknown(text.to_owned())),
            };
        };
        let (name, value) = (name.trim(), value.trim());
        let part = Part::parse(name).ok_or_else(|| EntryError::Part(name.to_owned()))?;
        match part {
            _ if value.is_empty() => Err(EntryError::NoValue(name.to_owned())),
            Part::Client => network(value).map(Self::Network).ok_or_else(|| EntryError::Network(value.to_owned())),
            Part::Country => country(value),
            // As hosts are in requests.
            Part::Host => Ok(Self::value_of(part, &value.to_ascii_lowercase())),
            _ => Ok(Self::value_of(part, value)),
        }
    }

    fn value_of(part: Part, value: &str) -> Self {
        let value = part.normalized(value.as_bytes());
        Self::Value(part, value)
    }
}

/// As it is written, but for secrets and what is percent-encoded in keys.
impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => network.addr().fmt(formatter),
            Self::Network(network) => network.fmt(formatter),
            Self::Country(country) => write!(formatter, "country:{country}"),
            Self::Value(part, value) => write!(formatter, "{part}={value}"),
        }
    }
}

fn country(code: &str) -> Result<Entry, EntryError> {
    Country::parse(code).map(Entry::Country).ok_or_else(|| EntryError::Country(code.to_owned()))
}

/// IPv4 mapped into IPv6 is IPv4, as it is in clients.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    let IpNet::V6(mapped) = network else { return Some(network) };
    let ipv4 = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    Some(ipv4.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4))
}
