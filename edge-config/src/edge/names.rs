//! Names of upstreams and routes: each has one of its own, and references lead to one.

use std::collections::BTreeMap;

use crate::reader::{Place, Value};
use crate::shape::{Form, Kind};
use crate::suggest::{closest, did_you_mean};

/// What a name is. It labels metrics, so it is short and plain.
pub(super) const NAME: Kind = Kind::Form(&Form { pattern: "[a-z0-9._-]{1,64}", examples: &["shop", "api-v2"] });

const LEN_MAX: usize = 64;

/// The names of things of one kind.
pub(super) struct Names<'t> {
    /// What they name: `upstream`, `route`.
    what: &'static str,
    /// Whether all files could be read: only then is an unknown name really unknown.
    are_complete: bool,
    taken: BTreeMap<&'t str, Taken<'t>>,
}

struct Taken<'t> {
    index: usize,
    place: Place<'t>,
    is_used: bool,
}

impl<'t> Names<'t> {
    /// No names yet.
    pub fn new(what: &'static str, are_complete: bool) -> Self {
        Self { what, are_complete, taken: BTreeMap::new() }
    }

    /// Takes a name, which must be free.
    pub fn claim(&mut self, value: &Value<'t>) -> Option<&'t str> {
        let name = value.text()?;
        if name.len() > LEN_MAX || !name.bytes().all(is_in_name) {
            value.error(format!("bad name {name:?}. Write up to {LEN_MAX} of a-z, 0-9, \".\", \"_\" and \"-\""));
            // A variable without a value may be any name that is meant elsewhere.
            self.are_complete &= !name.contains("${");
        }
        if let Some(taken) = self.taken.get(name) {
            value.error(format!("the {} in {} has the name {name:?} too", self.what, taken.place.source()));
            return None;
        }
        let taken = Taken { index: self.taken.len(), place: value.place().clone(), is_used: false };
        self.taken.insert(name, taken);
        Some(name)
    }

    /// The place of a name among the others, in the order in which they were taken. From now on it is used.
    pub fn refer(&mut self, value: &Value<'_>) -> Option<usize> {
        self.check(value)?;
        let taken = self.taken.get_mut(value.as_string()?)?;
        taken.is_used = true;
        Some(taken.index)
    }

    /// Whether there is something of that name, which is not thereby used.
    pub fn check(&self, value: &Value<'_>) -> Option<()> {
        let name = value.text()?;
        let found = self.taken.get(name).map(|_| ());
        if found.is_none() && self.are_complete {
            let hint = did_you_mean(closest(name, self.taken.keys().copied()));
            value.error(format!("there is no {} {name:?}{hint}", self.what));
        }
        found
    }

    /// Warns of names that nothing refers to.
    pub fn warn_of_unused(&self, message: &str) {
        for taken in self.taken.values().filter(|taken| !taken.is_used) {
            taken.place.warn(message);
        }
    }
}

fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
}
