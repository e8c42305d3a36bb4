//! The self-hosted Tidegate runtime: a wasmtime host for the applications that spin.toml describes.
//!
//! [`server`] takes requests in, [`app`] knows whose they are, [`upstream`] sends them on, [`cache`] keeps responses,
//! [`limit`] counts, [`engine`] runs components, [`capabilities`] are what components may do, [`admin`] shows how it goes, [`command`] is
//! the command line over all of it.

pub mod admin;
pub mod app;
pub mod cache;
pub mod capabilities;
pub mod command;
pub mod engine;
pub mod limit;
pub mod redis;
pub mod server;
mod tls;
pub mod upstream;
