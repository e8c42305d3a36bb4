//! HTTP/1.1 to an upstream (RFC 9112), from the client's side. Our own for the reason that the server's is: no task, no
//! channel and no copy between the two connections of a request.

mod body;
mod connection;
mod exchange;
#[cfg(test)]
mod properties;
mod request;
mod response;

pub use body::UpstreamBody;
pub use connection::Connection;
pub use exchange::{SendError, exchange};
