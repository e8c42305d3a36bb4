//! A configuration, and what can be worked out of it before requests come.

use std::sync::Arc;

use http::{HeaderValue, Version};
use tidegate_core::write_name;
use tidegate_edge_config::edge::{Edge, Route, Upstream};
use tidegate_limit::{Limit, LimitId};
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
        let mut proxy = String::new();
        // Writing into a string cannot fail.
        let _ = write_name(name, &mut proxy);
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

    pub(crate) fn limit(&self, id: LimitId) -> Option<&Limit> {
        self.edge.limits.get(id.0)
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
