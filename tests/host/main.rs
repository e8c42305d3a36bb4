//! The host, seen from outside. One file for each theme of the issue that it was built for.

mod admin;
mod bad_input;
mod capabilities;
mod faults;
mod files;
mod http2;
mod key_value;
mod lifecycle;
mod manifests;
mod middleware;
mod outgoing;
mod reload;
mod routing;
mod serving;
mod streaming;

use std::process::ExitCode;

fn main() -> ExitCode {
    let themes = [
        admin::tests(),
        bad_input::tests(),
        capabilities::tests(),
        faults::tests(),
        files::tests(),
        http2::tests(),
        key_value::tests(),
        lifecycle::tests(),
        manifests::tests(),
        middleware::tests(),
        outgoing::tests(),
        reload::tests(),
        routing::tests(),
        serving::tests(),
        streaming::tests(),
    ];
    harness::trial::run(themes.into_iter().flatten().collect())
}
