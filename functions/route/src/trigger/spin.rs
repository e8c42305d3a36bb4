//! The names and values of the request headers that Spin's HTTP trigger adds, so that a function
//! sees the same ones here (Spin, `crates/trigger-http/src/headers.rs`).
//!
//! | header | value |
//! |---|---|
//! | [`PATH_INFO`] | [`Match::trailing`](crate::Match::trailing) |
//! | [`FULL_URL`] | [`full_url`] |
//! | [`MATCHED_ROUTE`] | [`Pattern::matched_route`](crate::Pattern::matched_route) |
//! | [`RAW_COMPONENT_ROUTE`] | [`Pattern::as_str`](crate::Pattern::as_str) |
//! | [`COMPONENT_ROUTE`] | [`Pattern::component_route`](crate::Pattern::component_route) |
//! | [`BASE_PATH`] | [`BASE_PATH_VALUE`] |
//! | [`CLIENT_ADDR`] | the peer's `ip:port`, an IPv6 address in brackets |
//! | [`path_match_header`] | each of [`Match::captures`](crate::Match::captures) |

/// What the wildcard matched.
pub const PATH_INFO: &str = "spin-path-info";
/// The whole URL of the request.
pub const FULL_URL: &str = "spin-full-url";
/// The pattern that matched, made absolute.
pub const MATCHED_ROUTE: &str = "spin-matched-route";
/// The pattern that matched, as written.
pub const RAW_COMPONENT_ROUTE: &str = "spin-raw-component-route";
/// The pattern that matched, as written, without its wildcard.
pub const COMPONENT_ROUTE: &str = "spin-component-route";
/// The application's base path.
pub const BASE_PATH: &str = "spin-base-path";
/// The only base path: Spin 3 dropped the others.
pub const BASE_PATH_VALUE: &str = "/";
/// The client's address and port.
pub const CLIENT_ADDR: &str = "spin-client-addr";

/// Paths with this prefix are answered by the Spin runtime itself, so a route there is never
/// reached under Spin.
pub const RESERVED_PREFIX: &str = "/.well-known/spin/";

/// The header that carries what `:name` captured: `spin-path-match-` and the name in lower case,
/// with `-` for `_`. Meant to be computed once per route, not per request.
pub fn path_match_header(name: &str) -> String {
    format!("spin-path-match-{}", name.replace('_', "-").to_ascii_lowercase())
}

/// The value of [`FULL_URL`]. `host` is the request's Host field (or `:authority`);
/// `path_and_query` is taken as it came.
pub fn full_url(scheme: &str, host: Option<&str>, path_and_query: &str) -> String {
    let host = host.unwrap_or("localhost");
    format!("{scheme}://{host}{path_and_query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        assert_eq!(path_match_header("userid"), "spin-path-match-userid");
        assert_eq!(path_match_header("User_Id"), "spin-path-match-user-id");
        assert_eq!(
            full_url("https", Some("fermyon.dev"), "/foo/bar?key1=value1&key2=value2"),
            "https://fermyon.dev/foo/bar?key1=value1&key2=value2"
        );
        assert_eq!(full_url("http", None, "/"), "http://localhost/");
    }
}
