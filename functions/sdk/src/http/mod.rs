//! Requests, responses and bodies.
//!
//! [`Request`] and [`Response`] are the `http` crate's own types, so whatever works with those works here.

pub(crate) mod body;
mod channel;
mod request;
mod response;

pub use body::{Body, MAX_BODY_BYTES};
pub use channel::Writer;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
pub use request::RequestExt;
pub use response::{Html, IntoResponse, Json, Redirect, escape};

/// An HTTP request.
pub type Request<T = Body> = http::Request<T>;

/// An HTTP response.
pub type Response<T = Body> = http::Response<T>;
