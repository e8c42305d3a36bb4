//! `[client]`.

use ipnet::IpNet;
use tidegate_limit::{Part, REGISTERED_CLAIMS};

use super::{AddressFrom, ClientConfig, headers};
use crate::reader::{Table, Value};
use crate::shape::{Field, Form, Kind, Shape};

/// What `[client]` may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "client",
    "Who clients are: their address and country, when proxies stand before the edge.",
    &[&[
        Field::new(
            "trusted_proxies",
            Kind::List(&NETWORK),
            "Addresses and networks of the proxies whose word is taken for who is behind them. \
             What anybody else says about that is removed.",
        ),
        Field::new(
            "address_from",
            Kind::OneOf(&["x-forwarded-for", "forwarded"]),
            "The field in which trusted proxies say who their client is.",
        )
        .or("x-forwarded-for"),
        Field::new(
            "country_from",
            Kind::Form(&headers::NAME),
            "The field in which trusted proxies say the client's country, such as cf-ipcountry.",
        ),
        Field::new(
            "claims",
            Kind::List(&Kind::Form(&Form { pattern: "[^=]+", examples: &["plan", "tenant"] })),
            "Claims of your own in JSON Web Tokens that limits may name as claim:NAME. They know these without being \
             told: acr, azp, client_id, email, email_verified, iss, jti, phone_number, preferred_username, scope, sid \
             and sub.",
        )
        .or("[]"),
    ]],
);

/// Longest name of a claim, in bytes: it is part of every key that is made of it.
const CLAIM_BYTES_MAX: usize = 128;

/// An address or a network.
pub(super) const NETWORK: Kind =
    Kind::Form(&Form { pattern: "[0-9A-Fa-f.:]+(/[0-9]{1,3})?", examples: &["10.0.0.0/8", "127.0.0.1", "fd00::/8"] });

/// The claims of tokens that limits may name.
pub(super) struct Claims<'t> {
    /// Those that are not registered; none: nobody knows, for something is wrong with them.
    own: Option<Vec<&'t str>>,
}

impl Claims<'_> {
    /// Whether a claim is one of them.
    pub fn have(&self, name: &str) -> bool {
        REGISTERED_CLAIMS.contains(&name) || self.own.as_ref().is_none_or(|own| own.contains(&name))
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        REGISTERED_CLAIMS.iter().copied().chain(self.own.iter().flatten().copied())
    }
}

pub(super) fn read<'t>(mut table: Table<'t>) -> (ClientConfig, Claims<'t>) {
    let proxies = table.take("trusted_proxies").and_then(|value| value.list()).unwrap_or_default();
    let without_proxies = proxies.is_empty();
    for key in ["address_from", "country_from"] {
        if let Some(value) = table.take(key).filter(|_| without_proxies) {
            value.warn("has no effect without trusted_proxies: nobody else is believed");
        }
    }
    let config = ClientConfig {
        trusted_proxies: proxies.iter().filter_map(read_proxy).collect(),
        address_from: match table.word("address_from") {
            "forwarded" => AddressFrom::Forwarded,
            _ => AddressFrom::XForwardedFor,
        },
        country_from: table.take("country_from").and_then(|value| headers::name(&value)),
    };
    let claims = read_claims(table.take("claims"));
    table.finish();
    (config, claims)
}

fn read_claims<'t>(value: Option<Value<'t>>) -> Claims<'t> {
    let Some(value) = value else { return Claims { own: Some(Vec::new()) } };
    let Some(items) = value.list() else { return Claims { own: None } };
    let names: Vec<_> = headers::few(&value, items).into_iter().map(|item| (read_claim(&item), item)).collect();
    for (n, (name, item)) in names.iter().enumerate() {
        if name.is_some() && names[..n].iter().any(|(other, _)| other == name) {
            item.warn("is there twice");
        }
    }
    Claims { own: names.into_iter().map(|(name, _)| name).collect() }
}

fn read_claim<'t>(value: &Value<'t>) -> Option<&'t str> {
    let name = value.text()?;
    if name.len() > CLAIM_BYTES_MAX || Part::parse(&format!("claim:{name}")).is_none() {
        value.error(format!(
            "bad name of a claim. Write up to {CLAIM_BYTES_MAX} bytes, without = and control characters"
        ));
        return None;
    }
    if REGISTERED_CLAIMS.contains(&name) {
        value.warn("is known without being listed. Remove it");
    }
    Some(name)
}

fn read_proxy(value: &Value<'_>) -> Option<IpNet> {
    let network = read_network(value)?;
    if network.prefix_len() == 0 {
        value.warn("everybody is trusted: any client can claim any address");
    }
    Some(network)
}

/// An address, or a network such as `10.0.0.0/8`.
pub(super) fn read_network(value: &Value<'_>) -> Option<IpNet> {
    let text = value.string()?;
    let network: Option<IpNet> =
        text.parse().ok().or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)));
    let Some(network) = network else {
        value.error(format!("{text:?} is neither an address nor a network. Write it as in \"10.0.0.0/8\" or \"::1\""));
        return None;
    };
    Some(whole(value, network))
}

/// The network of an address that may be inside of it, which is hardly meant.
pub(super) fn whole(value: &Value<'_>, network: IpNet) -> IpNet {
    if network.trunc() != network {
        value.warn(format!("an address inside of a network. The network is {}", network.trunc()));
    }
    network.trunc()
}
