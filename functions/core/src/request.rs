//! A request as policies see it.

use http::{HeaderMap, Method};

use crate::Client;

/// The parts of a request that decisions are made from. Nothing is decoded; the body is not among them.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// The method.
    pub method: &'a Method,
    /// Whether the client speaks TLS, to us or to a trusted proxy.
    pub is_https: bool,
    /// The host that the client asked for, without a port, in lower case. Empty if it named none.
    pub host: &'a str,
    /// The path of the target as it was sent, `*` for `OPTIONS *`.
    pub path: &'a str,
    /// The query of the target as it was sent, without the question mark.
    pub query: Option<&'a str>,
    /// The fields.
    pub headers: &'a HeaderMap,
    /// Who sent it.
    pub client: &'a Client,
}

impl<'a> RequestView<'a> {
    /// The value of a cookie, the first of that name, without quotes around it.
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        let fields = self.headers.get_all(http::header::COOKIE).iter().filter_map(|field| field.to_str().ok());
        let mut pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| key.trim() == name)?;
        let value = value.trim();
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
    }

    /// The value of a query parameter as it was sent, the first of that name; empty for one without a value.
    pub fn query_parameter(&self, name: &str) -> Option<&'a str> {
        let pairs = self.query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_and_parameters_are_found_by_name() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=1; b=\"two\";c = 3 ; a=4".parse().unwrap());
        headers.append("cookie", "d=5".parse().unwrap());
        let client = Client::new([192, 0, 2, 1].into());
        let view = RequestView {
            method: &Method::GET,
            is_https: false,
            host: "a",
            path: "/",
            query: Some("x=1&flag&y=&x=2&z=a=b"),
            headers: &headers,
            client: &client,
        };
        for (name, value) in [("a", Some("1")), ("b", Some("two")), ("c", Some("3")), ("d", Some("5")), ("e", None)] {
            assert_eq!(view.cookie(name), value, "{name}");
        }
        for (name, value) in [("x", Some("1")), ("flag", Some("")), ("y", Some("")), ("z", Some("a=b")), ("w", None)] {
            assert_eq!(view.query_parameter(name), value, "{name}");
        }
    }
}
