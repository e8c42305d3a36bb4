//! The chain of proxies that a request came through, as they tell it: each adds who it heard it from at the right end.
//!
//! So it is walked from the right, over those that are trusted. The first other one is the client: what stands to its
//! left is the client's own word.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::FORWARDED;
use tidegate_edge_config::edge::ClientConfig;

use super::{X_FORWARDED_FOR, X_FORWARDED_PROTO, forwarded, texts, trusts};

/// What trusted proxies say of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub address: Option<IpAddr>,
    pub is_https: Option<bool>,
}

/// By `X-Forwarded-For` and `X-Forwarded-Proto`.
pub(super) fn x_forwarded(config: &ClientConfig, headers: &HeaderMap) -> Said {
    let fields = texts(headers, &X_FORWARDED_FOR).rev();
    let hops = fields.flat_map(|field| field.rsplit(',')).map(|text| address(text.trim()));
    let (address, steps) = walk(config, hops);
    // The word of the proxy that named the client. One that did not say lets the word of the one before it stand.
    let fields = texts(headers, &X_FORWARDED_PROTO).rev();
    let schemes = fields.flat_map(|field| field.rsplit(','));
    let scheme = schemes.take(steps.max(1)).last();
    Said { address, is_https: scheme.and_then(is_https) }
}

/// By `Forwarded` (RFC 7239). An element says it all at once.
pub(super) fn forwarded(config: &ClientConfig, headers: &HeaderMap) -> Said {
    let elements: Vec<_> = texts(headers, &FORWARDED).flat_map(forwarded::elements).collect();
    let hops = elements.iter().rev().map(|element| element.address.as_deref().and_then(address));
    let (address, steps) = walk(config, hops);
    let element = steps.checked_sub(1).and_then(|step| elements.iter().rev().nth(step));
    Said { address, is_https: element.and_then(|element| element.scheme.as_deref()).and_then(is_https) }
}

/// The address of the client, and which hop named it, from 1. A hop that is no address (`unknown`, a name that hides
/// one) ends the walk: the one before it is as far as anybody knows.
fn walk(config: &ClientConfig, hops: impl Iterator<Item = Option<IpAddr>>) -> (Option<IpAddr>, usize) {
    let mut found = None;
    let mut steps = 0;
    for hop in hops {
        let Some(address) = hop else { break };
        found = Some(address);
        steps += 1;
        if !trusts(config, address) {
            break;
        }
    }
    (found, steps)
}

/// An address with or without a port: `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse().ok();
    let address = plain.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    let address = address.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    address.map(|address| address.to_canonical())
}

fn is_https(scheme: &str) -> Option<bool> {
    let scheme = scheme.trim();
    let is = |other: &str| scheme.eq_ignore_ascii_case(other);
    if is("https") || is("wss") { Some(true) } else { (is("http") || is("ws")).then_some(false) }
}
