//! Write functions for Tidegate: small HTTP handlers that run as WebAssembly.
//!
//! ```
//! use tidegate::http::{Html, IntoResponse, Request, RequestExt};
//!
//! #[tidegate::http]
//! async fn handle(req: Request) -> tidegate::Result<impl IntoResponse> {
//!     let store = tidegate::kv::open("default").await?;
//!     let visits = store.increment("visits", 1).await?;
//!     let name = req.segments().first().copied().unwrap_or("world").to_owned();
//!     Ok(Html(format!("<p>Hello {}, visitor {visits}</p>", tidegate::http::escape(&name))))
//! }
//! # fn main() {}
//! ```
//!
//! The public API names no platform. In a `wasm32-wasip2` build it is carried out by WASI 0.3 and Spin's interfaces,
//! so a function runs under Tidegate, `spin up` and hosts alike. In a native build there are in-memory stand-ins
//! ([`test`](mod@test)), so that `cargo test` tests a function without a host.
//!
//! An instance serves several requests, some at the same time, on one thread. So a `thread_local!` is a cache between
//! requests, as short-lived as the instance; what must last goes into [`kv`]. What requests share must be plain data: a
//! request cannot wait for another one (by an async lock or channel in a static), and traps if it tries.

// The attributes say `::tidegate`, in our own tests too.
extern crate self as tidegate;

mod error;
mod fetch;
mod log;
mod spawn;

pub mod config;
pub mod files;
pub mod http;
pub mod kv;
pub mod random;
pub mod time;

#[cfg(target_os = "wasi")]
#[path = "wasi/mod.rs"]
mod platform;
#[cfg(not(target_os = "wasi"))]
#[path = "native/mod.rs"]
mod platform;

#[cfg(not(target_os = "wasi"))]
pub use platform::test;

pub use error::{Error, Result};
pub use fetch::{Fetch, IntoRequest, fetch};
pub use spawn::spawn;
pub use tidegate_macros::{http, test};

/// What the macros expand to. Not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::log::write as log;
    pub use crate::platform::export::*;
}
