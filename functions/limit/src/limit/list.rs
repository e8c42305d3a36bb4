//! Lists of clients, in which nobody is looked for one entry after the other.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tidegate_core::{Country, RequestView};

use super::entry::Entry;
use crate::key::Part;

/// Whom a list means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Networks by their size, each by its first address: one for IPv4, one for IPv6.
    networks: Vec<(u8, BTreeSet<IpAddr>)>,
    countries: BTreeSet<Country>,
    values: Vec<(Part, BTreeSet<Arc<str>>)>,
}

impl FromIterator<Entry> for List {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let mut list = Self::default();
        for entry in entries {
            match entry {
                Entry::Network(network) => {
                    group(&mut list.networks, network.prefix_len()).insert(network.network());
                }
                Entry::Country(country) => drop(list.countries.insert(country)),
                Entry::Value(part, value) => drop(group(&mut list.values, part).insert(value)),
            }
        }
        list
    }
}

/// Those of a kind.
fn group<K: PartialEq, V>(groups: &mut Vec<(K, BTreeSet<V>)>, kind: K) -> &mut BTreeSet<V> {
    let index = groups.iter().position(|(other, _)| *other == kind).unwrap_or_else(|| {
        groups.push((kind, BTreeSet::new()));
        groups.len() - 1
    });
    &mut groups[index].1
}

impl List {
    fn has_network_of(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|(prefix, networks)| {
            IpNet::new(address, *prefix).is_ok_and(|network| networks.contains(&network.network()))
        })
    }
}

/// What the lists of a limit are looked through with. Lists often name the same part, so the last value is remembered.
pub(super) struct Lists<'a> {
    view: &'a RequestView<'a>,
    route: &'a str,
    last: Option<(&'a Part, Option<Arc<str>>)>,
}

impl<'a> Lists<'a> {
    pub fn new(view: &'a RequestView<'a>, route: &'a str) -> Self {
        Self { view, route, last: None }
    }

    /// Whether the request is on a list.
    pub fn is_on(&mut self, list: &'a List) -> bool {
        let client = self.view.client;
        list.has_network_of(client.address)
            || client.country.is_some_and(|country| list.countries.contains(&country))
            || list.values.iter().any(|(part, values)| self.value(part).is_some_and(|value| values.contains(value)))
    }

    fn value(&mut self, part: &'a Part) -> Option<&Arc<str>> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != part) {
            self.last = Some((part, part.value(self.view, self.route)));
        }
        self.last.as_ref()?.1.as_ref()
    }
}
