//! The routes of one host by their paths: a tree with one level per segment.
//!
//! Looking for a path goes depth first, the more specific child first, and back up where nothing is accepted. That is
//! the order that comparing patterns segment by segment gives. It takes no more than linear time: a node belongs to one
//! depth and has one parent, so one search comes to it at most once, with the one segment at that depth, and asks about
//! each route at most once. What is not visited at all are nodes whose segments differ from those of the path, so the
//! usual search visits one node per segment. Only the children with something fixed around a parameter are gone through
//! one by one.

use std::collections::{BTreeMap, HashMap};

use crate::PathPattern;
use crate::hash::BuildStable;
use crate::path::{Affixes, Segment, split};

/// The routes of one host. Leaves are indices of routes in the order in which those are tried.
#[derive(Default)]
pub(super) struct Tree {
    root: Node,
    /// Those of any path.
    any: Vec<usize>,
}

/// What may stand in one segment.
#[derive(Default)]
struct Node {
    literals: HashMap<Box<str>, Node, BuildStable>,
    /// Parameters with something fixed around them, the most specific first.
    affixed: BTreeMap<Affixes, Node>,
    /// A plain parameter.
    parameter: Option<Box<Node>>,
    /// The routes that take the rest from here.
    rest: Vec<usize>,
    /// The routes that end here.
    end: Vec<usize>,
}

impl Tree {
    /// Adds a route, after those that have the same path.
    pub(super) fn insert(&mut self, path: &PathPattern, route: usize) {
        if path.is_any() {
            self.any.push(route);
            return;
        }
        let mut node = &mut self.root;
        for segment in path.segments() {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Parameter { affixes, .. } if affixes.is_empty() => node.parameter.get_or_insert_default(),
                Segment::Parameter { affixes, .. } => node.affixed.entry(affixes.clone()).or_default(),
                Segment::Rest(_) => return node.rest.push(route),
            };
        }
        node.end.push(route);
    }

    /// The most specific route for a path that is accepted.
    pub(super) fn find(&self, path: &str, accept: &mut impl FnMut(usize) -> bool) -> Option<usize> {
        let by_segments = path.strip_prefix('/').and_then(|path| self.root.find(Some(path), accept));
        by_segments.or_else(|| first(&self.any, accept))
    }

    /// Calls `each` with the routes of one path after the other.
    pub(super) fn each_leaf(&self, each: &mut impl FnMut(&[usize])) {
        each(&self.any);
        self.root.each_leaf(each);
    }
}

impl Node {
    /// The route for what is left of a path; None: nothing is left, its last segment was that of the parent.
    fn find(&self, path: Option<&str>, accept: &mut impl FnMut(usize) -> bool) -> Option<usize> {
        let Some(path) = path else {
            return first(&self.end, accept);
        };
        let (text, below) = split(path);
        let literal = self.literals.get(text);
        let affixed = self.affixed.iter().filter(|(affixes, _)| affixes.capture(text).is_some());
        let parameter = self.parameter.as_deref().filter(|_| !text.is_empty());
        let mut children = literal.into_iter().chain(affixed.map(|(_, node)| node)).chain(parameter);
        let found = children.find_map(|node| node.find(below, accept));
        found.or_else(|| if path.is_empty() { None } else { first(&self.rest, accept) })
    }

    fn each_leaf(&self, each: &mut impl FnMut(&[usize])) {
        each(&self.end);
        each(&self.rest);
        let children = self.literals.values().chain(self.affixed.values()).chain(self.parameter.as_deref());
        children.for_each(|node| node.each_leaf(each));
    }
}

fn first(routes: &[usize], mut accept: impl FnMut(usize) -> bool) -> Option<usize> {
    routes.iter().copied().find(|route| accept(*route))
}
