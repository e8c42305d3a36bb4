//! What an operator writes: raw text in, checked types or every error at once out.
//!
//! Errors read like a good compiler's, one line each, in the order of the file:
//!
//! ```text
//! spin.toml:12:1: component.shop.sauce: unknown key. Did you mean "source"?
//! ```
//!
//! There is no IO in here. The caller reads the file and passes its name and text; environment
//! variables are looked up through a closure, and so are included files and secrets through
//! [`edge::Outside`].
//!
//! - [`manifest`]: `spin.toml`, the application manifest shared with Spin.
//! - [`edge`]: `edge.toml`, what the edge does with requests.
//! - [`diagnostics`], [`reader`] and [`shape`]: the foundation each file's module is built on.
//! - [`duration`], [`size`], [`rate`], [`hosts`], [`limits`], [`template`], [`secret`]: the kinds of values.

#![forbid(unsafe_code)]

pub mod diagnostics;
pub mod duration;
pub mod edge;
pub mod hosts;
mod json;
pub mod limits;
pub mod manifest;
pub mod names;
pub mod rate;
pub mod reader;
pub mod secret;
pub mod shape;
pub mod size;
mod suggest;
pub mod template;

pub use diagnostics::{Diagnostic, Errors, Position, Warning};
pub use edge::Edge;
pub use hosts::AllowedHosts;
pub use limits::Limits;
pub use manifest::Manifest;
pub use rate::Rate;
pub use secret::Text;
pub use size::ByteSize;
