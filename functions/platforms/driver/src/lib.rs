//! Performs an Exchange's actions over a platform: the same few lines in every place.
//!
//! A shell makes an [`Exchange`](tidegate_pipeline::Exchange) of each request, has [`run`] answer it, and gives
//! [`later`] the time to do what is left when the client has its answer, by whatever means it has: `tokio::spawn`,
//! `ctx.wait_until`. Nothing is spawned here, and no future here is `Send` unless the platform's are.
//!
//! ```ignore
//! let (mut exchange, action) = Exchange::start(pipeline, start, platform.now());
//! let response = tidegate_driver::run(&platform, &mut exchange, action, body).await;
//! if exchange.has_later() {
//!     spawn(async move { tidegate_driver::later(&platform, &mut exchange).await });
//! }
//! ```

#![forbid(unsafe_code)]

mod counters;
mod platform;
mod run;

pub use counters::Counters;
pub use platform::{Claimed, Found, Platform};
pub use run::{later, run};
