//! `[client]`.

use ipnet::IpNet;

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
    ]],
);

/// An address or a network.
pub(super) const NETWORK: Kind =
    Kind::Form(&Form { pattern: "[0-9A-Fa-f.:]+(/[0-9]{1,3})?", examples: &["10.0.0.0/8", "127.0.0.1", "fd00::/8"] });

pub(super) fn read(mut table: Table<'_>) -> ClientConfig {
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
    table.finish();
    config
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
    if network.trunc() != network {
        value.warn(format!("an address inside of a network. The network is {}", network.trunc()));
    }
    Some(network.trunc())
}
