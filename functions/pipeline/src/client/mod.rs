//! Who the client is, behind the proxies that are trusted.

mod chain;
pub(crate) mod forwarded;

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_core::{Client, Country};
use tidegate_edge_config::edge::{AddressFrom, ClientConfig};

use crate::hop;

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What is known of who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sender {
    /// Who it is.
    pub client: Client,
    /// Who is at the other end of the connection.
    pub peer: IpAddr,
    /// Whether that is a proxy whose word counts.
    pub is_trusted: bool,
    /// Whether the client spoke TLS.
    pub is_https: bool,
}

/// Finds out who sent a request, and removes what nobody but a trusted proxy, or the host of functions, may say.
pub(crate) fn identify(config: &ClientConfig, headers: &mut HeaderMap, connection: Connection) -> Sender {
    let peer = connection.peer.to_canonical();
    let is_trusted = trusts(config, peer);
    let mut sender = Sender {
        client: Client { address: peer, country: connection.country },
        peer,
        is_trusted,
        is_https: connection.is_https,
    };
    if is_trusted {
        let said = match config.address_from {
            AddressFrom::XForwardedFor => chain::x_forwarded(config, headers),
            AddressFrom::Forwarded => chain::forwarded(config, headers),
        };
        sender.client.address = said.address.unwrap_or(peer);
        sender.is_https = said.is_https.unwrap_or(sender.is_https);
        let said = config.country_from.as_ref().and_then(|name| country(headers, name));
        sender.client.country = said.or(sender.client.country);
    }
    hop::remove_all(headers, |name| {
        is_reserved(name) || !is_trusted && (speaks_of_client(name) || config.country_from.as_ref() == Some(name))
    });
    sender
}

/// What a shell knows of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub peer: IpAddr,
    pub is_https: bool,
    pub country: Option<Country>,
}

fn trusts(config: &ClientConfig, address: IpAddr) -> bool {
    config.trusted_proxies.iter().any(|network| network.contains(&address))
}

fn country(headers: &HeaderMap, name: &HeaderName) -> Option<Country> {
    headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| Country::parse(text.trim()))
}

/// Fields under Spin's names are for the host of functions to set.
fn is_reserved(name: &HeaderName) -> bool {
    name.as_str().starts_with("spin-")
}

/// What says who a client is, or what it asked for.
fn speaks_of_client(name: &HeaderName) -> bool {
    *name == http::header::FORWARDED || *name == X_REAL_IP || name.as_str().starts_with("x-forwarded-")
}

/// The text of all fields of a name, from left to right.
fn texts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'h str> + use<'h> {
    headers.get_all(name).iter().map(|value: &HeaderValue| value.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests;
