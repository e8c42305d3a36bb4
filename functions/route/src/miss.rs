//! Why a request does not meet a route's conditions, for people.

use std::fmt;
use std::net::IpAddr;

use http::{HeaderName, HeaderValue, Method};
use ipnet::IpNet;
use tidegate_core::Country;

use crate::ValuePattern;

/// The condition that a request does not meet: what it is there, and what the route wants instead. Displays as `method
/// is POST, not GET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is said in a line, and `is` and `not` are the same in all")]
pub enum Miss<'a> {
    /// Another method.
    Method { is: &'a Method, not: &'a [Method] },
    /// A field that is missing or has other values, of which this is the first.
    Header { name: &'a HeaderName, is: Option<&'a HeaderValue>, not: &'a ValuePattern },
    /// A query parameter that is missing or has another value.
    Query { name: &'a str, is: Option<&'a str>, not: &'a ValuePattern },
    /// A cookie that is missing or has another value.
    Cookie { name: &'a str, is: Option<&'a str>, not: &'a ValuePattern },
    /// A client from another network.
    Client { is: IpAddr, not: &'a [IpNet] },
    /// A client in another country, or who knows where.
    Country { is: Option<Country>, not: &'a [Country] },
}

impl fmt::Display for Miss<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method { is, not } => write!(formatter, "method is {is}, not {}", Or(not)),
            Self::Header { name, is, not } => {
                write_value(formatter, "header", name.as_str(), is.map(HeaderValue::as_bytes), not)
            }
            Self::Query { name, is, not } => {
                write_value(formatter, "query parameter", name, is.map(str::as_bytes), not)
            }
            Self::Cookie { name, is, not } => write_value(formatter, "cookie", name, is.map(str::as_bytes), not),
            Self::Client { is, not } => write!(formatter, "client {is} is not in {}", Or(not)),
            Self::Country { is: Some(is), not } => write!(formatter, "country is {is}, not {}", Or(not)),
            Self::Country { is: None, not } => write!(formatter, "country is unknown, not {}", Or(not)),
        }
    }
}

fn write_value(
    formatter: &mut fmt::Formatter<'_>,
    what: &str,
    name: &str,
    is: Option<&[u8]>,
    not: &ValuePattern,
) -> fmt::Result {
    match is {
        Some(value) => write!(formatter, "{what} {name} is \"{}\", not \"{not}\"", value.escape_ascii()),
        None => write!(formatter, "{what} {name} is missing, not \"{not}\""),
    }
}

/// A list as in `a, b or c`.
struct Or<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Or<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            let separator = match index {
                0 => "",
                _ if index + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(formatter, "{separator}{item}")?;
        }
        Ok(())
    }
}
