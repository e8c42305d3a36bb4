//! What handlers ask of a request, beyond what the `http` crate answers.

use std::net::IpAddr;

use http::header::COOKIE;
use serde::de::DeserializeOwned;

use crate::{Error, Result, platform::CLIENT_ADDRESS};

/// Questions to a request (or to anything with the same head).
pub trait RequestExt {
    /// The path's segments, empty ones left out: `/p/42/` is `["p", "42"]`. Match on them to route:
    ///
    /// ```
    /// # use tidegate::{Error, http::{Method, Request, RequestExt, Response, IntoResponse}};
    /// # fn list() -> Response { "".into_response() }
    /// # fn product(_: &str) -> Response { "".into_response() }
    /// # fn f(req: Request) -> tidegate::Result<Response> {
    /// match (req.method(), req.segments().as_slice()) {
    ///     (&Method::GET, []) => Ok(list()),
    ///     (&Method::GET, ["p", id]) => Ok(product(id)),
    ///     _ => Err(Error::not_found("no such page")),
    /// }
    /// # }
    /// ```
    ///
    /// They are as the visitor sent them: percent-encoding is left alone.
    fn segments(&self) -> Vec<&str>;

    /// The query string as a `T`; a 400 that says why if it is none.
    fn query<T: DeserializeOwned>(&self) -> Result<T>;

    /// The value of a cookie.
    fn cookie(&self, name: &str) -> Option<&str>;

    /// The visitor's address, as the host saw it. What a client claims about itself is not asked.
    fn client_ip(&self) -> Option<IpAddr>;
}

impl<B> RequestExt for http::Request<B> {
    fn segments(&self) -> Vec<&str> {
        self.uri().path().split('/').filter(|segment| !segment.is_empty()).collect()
    }

    fn query<T: DeserializeOwned>(&self) -> Result<T> {
        serde_urlencoded::from_str(self.uri().query().unwrap_or_default())
            .map_err(|error| Error::bad_request(format!("the query string is not the one expected: {error}")))
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        self.headers()
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    fn client_ip(&self) -> Option<IpAddr> {
        // Hosts append what they saw to what the client may have sent: only the last value counts.
        let address = self.headers().get_all(CLIENT_ADDRESS).iter().next_back()?.to_str().ok()?;
        let ip = address.parse::<std::net::SocketAddr>().map(|address| address.ip());
        ip.or_else(|_| address.parse()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::Body, test};

    #[crate::test]
    async fn segments_skip_what_is_empty() {
        for (path, expected) in [("/", &[][..]), ("/p/42/", &["p", "42"]), ("//a//b?q=/c", &["a", "b"])] {
            assert_eq!(test::get(path).segments(), expected, "{path}");
        }
    }

    #[crate::test]
    async fn query_reads_fields_and_refuses_others() {
        #[derive(serde::Deserialize)]
        struct Page {
            q: String,
            #[serde(default)]
            page: u32,
        }
        let page: Page = test::get("/search?q=sea+salt%21").query().unwrap();
        assert_eq!((page.q.as_str(), page.page), ("sea salt!", 0));
        for bad in ["/search", "/search?q=a&page=minus"] {
            assert_eq!(test::get(bad).query::<Page>().map(|_| ()).unwrap_err().status_code(), 400, "{bad}");
        }
    }

    #[crate::test]
    async fn cookies_are_found_by_their_whole_name() {
        let req = http::Request::get("/").header("cookie", "xsid=1; sid=abc").header("cookie", "theme=dark");
        let req = req.body(Body::empty()).unwrap();
        assert_eq!(req.cookie("sid"), Some("abc"));
        assert_eq!(req.cookie("theme"), Some("dark"));
        assert_eq!(req.cookie("id"), None);
    }

    #[crate::test]
    async fn only_the_hosts_own_word_on_the_address_counts() {
        let with = |values: &[&str]| {
            let req = values.iter().fold(http::Request::get("/"), |req, value| req.header(CLIENT_ADDRESS, *value));
            req.body(Body::empty()).unwrap().client_ip().map(|ip| ip.to_string())
        };
        assert_eq!(with(&["6.6.6.6:1", "192.0.2.7:5123"]).as_deref(), Some("192.0.2.7"));
        assert_eq!(with(&["[2001:db8::1]:80"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(with(&["2001:db8::1"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(with(&["nonsense"]), None);
    }
}
