//! Which route a request takes; [`Table`] says which one of several.

mod hosts;
mod tree;

use std::cmp::Reverse;
use std::fmt;

use tidegate_core::RequestView;

use crate::{Captured, Conditions, HostPattern, Miss, PathPattern};
use hosts::Hosts;

/// What a route asks of a request. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// The hosts that it is for.
    pub host: HostPattern,
    /// The paths that it is for.
    pub path: PathPattern,
    /// What else must hold.
    pub conditions: Conditions,
}

/// Routes, and which one a request takes: the most specific one that fits entirely. Of two that fit, the more specific
/// one is, in this order:
///
/// 1. the one whose **host** is said more exactly: a whole host, then a wildcard, the longer before the shorter, then
///    any host;
/// 2. the one whose **path** is said more exactly, in the first segment from the left where they differ: a literal,
///    then a parameter with something fixed around it (the longer that is, the better; of two as long, the one with the
///    longer front), then a plain parameter, then `{*rest}`; any path comes last;
/// 3. the one with **more conditions**, see [`Conditions::count`];
/// 4. the one that comes **first**.
///
/// A route whose conditions fail does not stand in the way of less specific ones: those are tried next, under less
/// specific hosts, too.
pub struct Table<T> {
    routes: Vec<(Matches, T)>,
    hosts: Hosts,
}

/// The route of a request.
#[derive(Debug)]
pub struct Found<'t, 'p, T> {
    /// Its place in the table.
    pub index: usize,
    /// What stands in the table for it.
    pub value: &'t T,
    /// What its path pattern captured.
    pub captures: Captured<'t, 'p>,
}

impl Matches {
    /// Whether a request fits entirely.
    pub fn fit(&self, request: &RequestView<'_>) -> bool {
        self.host.matches(request.host) && self.path.matches(request.path) && self.conditions.miss(request).is_none()
    }
}

impl<T> Table<T> {
    /// A table of these routes.
    pub fn new(routes: Vec<(Matches, T)>) -> Self {
        let mut order: Vec<_> = (0..routes.len()).collect();
        order.sort_by_key(|route| (Reverse(routes[*route].0.conditions.count()), *route));
        let mut hosts = Hosts::default();
        for route in order {
            let matches = &routes[route].0;
            hosts.tree(&matches.host).insert(&matches.path, route);
        }
        Self { routes, hosts }
    }

    /// The route that a request takes. It does not allocate.
    ///
    /// Takes time proportional to the path and to the number of routes whose host and path fit; see the comment in
    /// `tree.rs`.
    pub fn find<'t, 'p>(&'t self, request: &RequestView<'p>) -> Option<Found<'t, 'p, T>> {
        let accept = |route: usize| self.routes[route].0.conditions.miss(request).is_none();
        let index = self.hosts.find(request.host, request.path, accept)?;
        let (matches, value) = &self.routes[index];
        Some(Found { index, value, captures: matches.path.captures_of_match(request.path) })
    }

    /// The routes whose host and path fit a request and whose conditions do not, in the order in which they were tried
    /// before the one that it takes, if any; each with the condition that it misses.
    pub fn considered<'a>(&'a self, request: &RequestView<'a>) -> Vec<(usize, Miss<'a>)> {
        let mut considered = Vec::new();
        self.hosts.find(request.host, request.path, |route| {
            let miss = self.routes[route].0.conditions.miss(request);
            considered.extend(miss.map(|miss| (route, miss)));
            miss.is_none()
        });
        considered
    }

    /// Routes that no request takes, in their order, each with the one that always takes its requests.
    ///
    /// Such a one has the same host and the same path, less the names in it: any other that is tried before leaves some
    /// requests over. Routes that several others only take the requests of together are not found, nor are some whose
    /// conditions follow from each other in less obvious ways.
    pub fn unreachable(&self) -> Vec<(usize, usize)> {
        let mut unreachable = Vec::new();
        self.hosts.each_leaf(&mut |routes| {
            for (at, route) in routes.iter().enumerate() {
                let always_takes = |other: &&usize| self.conditions(*route).imply(self.conditions(**other));
                unreachable.extend(routes[..at].iter().find(always_takes).map(|other| (*route, *other)));
            }
        });
        unreachable.sort_unstable();
        unreachable
    }

    /// The routes, in the order in which they were given.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Matches, &T)> {
        self.routes.iter().map(|(matches, value)| (matches, value))
    }

    /// The route at a place.
    pub fn get(&self, index: usize) -> Option<(&Matches, &T)> {
        self.routes.get(index).map(|(matches, value)| (matches, value))
    }

    fn conditions(&self, route: usize) -> &Conditions {
        &self.routes[route].0.conditions
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<T: fmt::Debug> fmt::Debug for Table<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
