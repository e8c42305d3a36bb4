//! The routes by their hosts.

use std::collections::HashMap;

use super::tree::Tree;
use crate::HostPattern;
use crate::hash::BuildStable;
use crate::host::{Kind, without_root};

/// A tree of paths for each host pattern.
#[derive(Default)]
pub(super) struct Hosts {
    exact: HashMap<Box<str>, Tree, BuildStable>,
    /// By what follows the star, from its dot on.
    wildcards: HashMap<Box<str>, Tree, BuildStable>,
    /// The length of the longest key of `wildcards`. A longer end of a host needs no look.
    wildcard_len_max: usize,
    any: Tree,
}

impl Hosts {
    /// The tree of a host pattern.
    pub(super) fn tree(&mut self, host: &HostPattern) -> &mut Tree {
        match host.kind() {
            Kind::Any => &mut self.any,
            Kind::Exact(host) => self.exact.entry(host.clone()).or_default(),
            Kind::Wildcard(suffix) => {
                self.wildcard_len_max = self.wildcard_len_max.max(suffix.len());
                self.wildcards.entry(suffix.clone()).or_default()
            }
        }
    }

    /// The most specific route for a host and path that is accepted.
    pub(super) fn find(&self, host: &str, path: &str, mut accept: impl FnMut(usize) -> bool) -> Option<usize> {
        let host = without_root(host);
        let wildcards = self.suffixes(host).filter_map(|suffix| self.wildcards.get(suffix));
        let mut trees = self.exact.get(host).into_iter().chain(wildcards).chain([&self.any]);
        trees.find_map(|tree| tree.find(path, &mut accept))
    }

    /// The ends of a host that wildcards may have, the longest first. Their number and length are bounded by the
    /// longest wildcard, whatever a client sends.
    fn suffixes<'h>(&self, host: &'h str) -> impl Iterator<Item = &'h str> {
        let from = host.len().saturating_sub(self.wildcard_len_max).max(1);
        host.match_indices('.').filter(move |(at, _)| *at >= from).map(|(at, _)| &host[at..])
    }

    /// Calls `each` with the routes of one host and path after the other, each in the order in which they are tried.
    pub(super) fn each_leaf(&self, each: &mut impl FnMut(&[usize])) {
        let trees = self.exact.values().chain(self.wildcards.values()).chain([&self.any]);
        trees.for_each(|tree| tree.each_leaf(each));
    }
}
