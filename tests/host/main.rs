//! The host, seen from outside. One file for each theme of the issue that it was built for.

mod admin;
mod bad_input;
mod capabilities;
mod edge_bodies;
mod edge_cache;
mod edge_check;
mod edge_connections;
mod edge_explain;
mod edge_reload;
mod edge_smuggling;
mod edge_tls;
mod edge_websocket;
mod example;
mod faults;
mod files;
mod http2;
mod key_value;
mod lifecycle;
mod limit;
mod manifests;
mod middleware;
mod new;
mod outgoing;
mod reload;
mod routing;
mod serving;
mod streaming;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The slowest first, so that they do not end up alone.
    let themes = [
        new::tests(),
        edge_bodies::tests(),
        edge_cache::tests(),
        limit::tests(),
        edge_smuggling::tests(),
        streaming::tests(),
        bad_input::tests(),
        faults::tests(),
        reload::tests(),
        lifecycle::tests(),
        key_value::tests(),
        outgoing::tests(),
        serving::tests(),
        http2::tests(),
        middleware::tests(),
        manifests::tests(),
        capabilities::tests(),
        edge_check::tests(),
        edge_connections::tests(),
        edge_explain::tests(),
        edge_reload::tests(),
        edge_tls::tests(),
        edge_websocket::tests(),
        example::tests(),
        files::tests(),
        routing::tests(),
        admin::tests(),
    ];
    harness::trial::run(themes.into_iter().flatten().collect())
}
