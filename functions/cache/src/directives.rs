//! Cache-Control (RFC 9111 section 5.2), in requests and responses, and the fields that stand in for it (RFC 9213).

mod scan;
mod target;

use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, PRAGMA};

use crate::Plan;
use scan::{Argument, NAMES_MAX, Name, directives};

/// What a request says in Cache-Control. What it says twice counts as it was said first; a lifetime that is no number
/// counts as zero for `max-age` and not at all for the others; no number of seconds is larger than 2^31.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// `no-store`
    pub no_store: bool,
    /// `no-cache`, or `Pragma: no-cache` without Cache-Control.
    pub no_cache: bool,
    /// `only-if-cached`
    pub only_if_cached: bool,
    /// `max-age`
    pub max_age: Option<Duration>,
    /// `min-fresh`
    pub min_fresh: Option<Duration>,
    /// `max-stale`; without an argument: [`Duration::MAX`].
    pub max_stale: Option<Duration>,
    /// `stale-if-error` (RFC 5861 section 4)
    pub stale_if_error: Option<Duration>,
}

/// What a response says about caching: in Cache-Control, or in a field for us.
///
/// Of a lifetime that is said twice the first counts (RFC 9111 section 4.2.1); one that is no number counts as zero, so
/// that the response is stale (the same section); more than 2^31 seconds are 2^31 (section 1.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// `no-store`
    pub no_store: bool,
    /// `no-cache` without field names.
    pub no_cache: bool,
    /// `no-cache` with field names, in lower case.
    pub no_cache_fields: Vec<String>,
    /// `private` without field names.
    pub private: bool,
    /// `private` with field names, in lower case.
    pub private_fields: Vec<String>,
    /// `public`
    pub public: bool,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `must-understand`: stored only if its status is understood, then in spite of `no-store`.
    pub must_understand: bool,
    /// `no-transform`
    pub no_transform: bool,
    /// `immutable` (RFC 8246)
    pub immutable: bool,
    /// `max-age`
    pub max_age: Option<Duration>,
    /// `s-maxage`
    pub s_maxage: Option<Duration>,
    /// `stale-while-revalidate` (RFC 5861 section 3)
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error` (RFC 5861 section 4)
    pub stale_if_error: Option<Duration>,
    /// Whether it was said in a field for us, so that `Cache-Control` and `Expires` do not count.
    pub is_targeted: bool,
}

impl RequestDirectives {
    /// What a request says.
    pub fn read(headers: &HeaderMap) -> Self {
        let mut read = Self::default();
        if headers.contains_key(CACHE_CONTROL) {
            for line in headers.get_all(CACHE_CONTROL) {
                for directive in directives(line.as_bytes()) {
                    read.note(directive.lower_name(&mut Name::default()), directive.argument);
                }
            }
        } else if headers.contains_key(PRAGMA) {
            // RFC 9111 section 5.4: what clients of HTTP/1.0 said.
            let mut pragmas = headers.get_all(PRAGMA).iter().flat_map(|line| directives(line.as_bytes()));
            read.no_cache = pragmas.any(|directive| directive.lower_name(&mut Name::default()) == b"no-cache");
        }
        read
    }

    fn note(&mut self, name: &[u8], argument: Argument<'_>) {
        match name {
            b"no-store" => self.no_store = true,
            b"no-cache" => self.no_cache = true,
            b"only-if-cached" => self.only_if_cached = true,
            b"max-age" => first(&mut self.max_age, Some(argument.seconds().unwrap_or_default())),
            b"min-fresh" => first(&mut self.min_fresh, argument.seconds()),
            b"max-stale" if argument == Argument::None => first(&mut self.max_stale, Some(Duration::MAX)),
            b"max-stale" => first(&mut self.max_stale, argument.seconds()),
            b"stale-if-error" => first(&mut self.stale_if_error, argument.seconds()),
            _ => {}
        }
    }
}

impl ResponseDirectives {
    /// What a response says to this cache: in the first of the plan's targeted fields that is there and valid
    /// (RFC 9213 section 2.2), or else in Cache-Control.
    pub fn read(plan: &Plan, headers: &HeaderMap) -> Self {
        let mut targets = plan.targets.iter();
        targets.find_map(|field| target::read(field, headers.get_all(field))).unwrap_or_else(|| {
            let mut read = Self::default();
            for directive in headers.get_all(CACHE_CONTROL).iter().flat_map(|line| directives(line.as_bytes())) {
                read.note(directive.lower_name(&mut Name::default()), directive.argument);
            }
            read
        })
    }

    /// Notes a directive. Whether it is one that we know.
    fn note(&mut self, name: &[u8], argument: Argument<'_>) -> bool {
        let lifetime = || Some(argument.seconds().unwrap_or_default());
        match name {
            b"no-store" => self.no_store = true,
            b"no-cache" => self.note_no_cache(argument.names()),
            b"private" => self.note_private(argument.names()),
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"no-transform" => self.no_transform = true,
            b"public" => self.public |= argument.is_well_formed(),
            b"must-understand" => self.must_understand |= argument.is_well_formed(),
            b"immutable" => self.immutable |= argument.is_well_formed(),
            b"max-age" => first(&mut self.max_age, lifetime()),
            b"s-maxage" => first(&mut self.s_maxage, lifetime()),
            b"stale-while-revalidate" => first(&mut self.stale_while_revalidate, lifetime()),
            b"stale-if-error" => first(&mut self.stale_if_error, lifetime()),
            _ => return false,
        }
        true
    }

    fn note_no_cache(&mut self, names: Option<Vec<String>>) {
        self.no_cache |= !add(&mut self.no_cache_fields, names);
    }

    fn note_private(&mut self, names: Option<Vec<String>>) {
        self.private |= !add(&mut self.private_fields, names);
    }
}

/// Adds the names of fields, each once; not if there are none, or too many.
fn add(fields: &mut Vec<String>, names: Option<Vec<String>>) -> bool {
    let Some(names) = names else { return false };
    for name in names {
        if fields.contains(&name) {
            continue;
        }
        if fields.len() == NAMES_MAX {
            return false;
        }
        fields.push(name);
    }
    true
}

/// What was said first counts.
fn first(said: &mut Option<Duration>, now: Option<Duration>) {
    *said = said.or(now);
}

#[cfg(test)]
mod tests;
