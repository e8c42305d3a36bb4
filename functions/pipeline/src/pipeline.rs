//! A configuration, and what can be worked out of it before requests come.

use std::sync::Arc;

use http::{HeaderValue, Version};
use tidegate_edge_config::edge::{Edge, Route, Upstream};
use tidegate_route::UpstreamId;

/// A configuration that requests are answered by. A reload makes another one.
#[derive(Debug)]
pub struct Pipeline {
    edge: Edge,
    via: Via,
    /// Our name in `Proxy-Status`.
    proxy: String,
    /// Whether any route has a cache.
    caches: bool,
}

/// Our part of `Via` for each version of HTTP (RFC 9110 section 7.6.3).
#[derive(Debug)]
struct Via {
    http_1_0: HeaderValue,
    http_1_1: HeaderValue,
    http_2: HeaderValue,
    http_3: HeaderValue,
}

impl Pipeline {
    /// The pipeline of a configuration.
    pub fn new(edge: Edge) -> Arc<Self> {
        let name = &*edge.proxy.name;
        let via = |version: &str| {
            // A name that no field may hold does not pass the configuration's checks.
            HeaderValue::from_str(&format!("{version} {name}")).unwrap_or(HeaderValue::from_static("1.1 tidegate"))
        };
        let via = Via { http_1_0: via("1.0"), http_1_1: via("1.1"), http_2: via("2.0"), http_3: via("3.0") };
        let proxy = structured_name(name);
        let caches = edge.routes.iter().any(|(_, route)| route.cache.is_some());
        Arc::new(Self { edge, via, proxy, caches })
    }

    /// The configuration.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    pub(crate) fn upstream(&self, id: UpstreamId) -> Option<&Upstream> {
        self.edge.upstreams.get(id.0)
    }

    pub(crate) fn route(&self, index: usize) -> Option<&Route> {
        self.edge.routes.get(index).map(|(_, route)| route)
    }

    /// Our part of `Via` for a message that came in this version.
    pub(crate) fn via(&self, version: Version) -> &HeaderValue {
        match version {
            Version::HTTP_09 | Version::HTTP_10 => &self.via.http_1_0,
            Version::HTTP_2 => &self.via.http_2,
            Version::HTTP_3 => &self.via.http_3,
            _ => &self.via.http_1_1,
        }
    }

    /// Whether any route has a cache.
    pub(crate) fn caches(&self) -> bool {
        self.caches
    }

    pub(crate) fn name(&self) -> &str {
        &self.edge.proxy.name
    }

    /// Our name as a list member of `Proxy-Status`: a token or a string (RFC 9209 section 2).
    pub(crate) fn proxy(&self) -> &str {
        &self.proxy
    }
}

/// A name as a structured field has it: a token where it can be one (RFC 8941 section 3.3.4), or else a string.
fn structured_name(name: &str) -> String {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'*';
    let is_rest = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(byte);
    if name.as_bytes().first().is_some_and(is_first) && name.as_bytes().iter().all(is_rest) {
        return name.to_owned();
    }
    let mut string = String::with_capacity(name.len() + 2);
    string.push('"');
    for character in name.chars().filter(|character| matches!(character, ' '..='~')) {
        if matches!(character, '"' | '\\') {
            string.push('\\');
        }
        string.push(character);
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_or_strings() {
        for (name, expected) in
            [("tidegate", "tidegate"), ("edge-1.example", "edge-1.example"), ("1st", "\"1st\""), ("a\"b", "\"a\\\"b\"")]
        {
            assert_eq!(structured_name(name), expected);
        }
    }
}
