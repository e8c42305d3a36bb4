//! `POST /purge`: forgetting what is stored.
//!
//! ```json
//! { "urls": ["https://shop.example/p/1"], "prefixes": [], "hosts": [], "tags": ["p1"], "everything": false, "soft": true }
//! ```

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Response, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidegate_cache::{Purge, PurgeError, What};

use super::json;
use crate::server::body::ResponseBody;
use crate::server::problem;

/// What is to be forgotten, as it is written in JSON.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Order {
    /// URLs, whole.
    pub urls: Vec<String>,
    /// How URLs begin.
    pub prefixes: Vec<String>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// All there is.
    pub everything: bool,
    /// It is only marked stale: it may be used while a newer one is fetched, or if none can be.
    pub soft: bool,
}

impl Order {
    /// The purges that it asks for.
    ///
    /// # Errors
    /// What is wrong with the first one that is none.
    pub fn purges(&self) -> Result<Vec<Purge>, PurgeError> {
        let urls = self.urls.iter().map(|url| What::url(url));
        let prefixes = self.prefixes.iter().map(|prefix| What::prefix(prefix));
        let hosts = self.hosts.iter().map(|host| What::host(host));
        let tags = self.tags.iter().map(|tag| What::tag(tag));
        let everything = self.everything.then_some(Ok(What::Everything));
        let all = urls.chain(prefixes).chain(hosts).chain(tags).chain(everything);
        all.map(|what| Ok(Purge { what: what?, is_soft: self.soft })).collect()
    }
}

/// Who may purge.
#[derive(Clone)]
pub enum Permission {
    /// Who knows the token, of which this is the digest: digests can be compared without telling how much is right.
    Token([u8; 32]),
    /// Whoever reaches the admin side, for that is this machine alone.
    Anybody,
    /// Nobody: there is no token, and others could reach the admin side.
    Nobody,
}

impl Permission {
    /// What is asked of callers.
    pub fn new(token: Option<&str>, is_loopback: bool) -> Self {
        match token.map(str::trim).filter(|token| !token.is_empty()) {
            Some(token) => Self::Token(Sha256::digest(token).into()),
            None if is_loopback => Self::Anybody,
            None => Self::Nobody,
        }
    }

    /// Whether a request may purge.
    ///
    /// # Errors
    /// The answer to one that may not.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Box<Response<ResponseBody>>> {
        match self {
            Self::Anybody => Ok(()),
            Self::Token(digest) => {
                let given = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
                let given = given.and_then(|given| given.split_at_checked(7)).filter(|(scheme, _)| is_bearer(scheme));
                let is_right = given.is_some_and(|(_, token)| <[u8; 32]>::from(Sha256::digest(token)) == *digest);
                if is_right {
                    return Ok(());
                }
                let mut refusal = problem::response(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
                refusal.headers_mut().insert(http::header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
                Err(refusal.into())
            }
            Self::Nobody => Err(Box::new(problem::response(
                StatusCode::FORBIDDEN,
                "the admin side is not on a loopback address: set TIDEGATE_ADMIN_TOKEN to allow this",
            ))),
        }
    }
}

fn is_bearer(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"bearer ")
}

/// The order in a request's body.
///
/// # Errors
/// The answer to what is none.
pub fn read(body: &Bytes) -> Result<Vec<Purge>, Box<Response<ResponseBody>>> {
    let bad = |detail: String| Box::new(problem::response(StatusCode::BAD_REQUEST, &detail));
    let order: Order = serde_json::from_slice(body).map_err(|error| bad(format!("not an order to purge: {error}")))?;
    let purges = order.purges().map_err(|error| bad(error.to_string()))?;
    if purges.is_empty() {
        return Err(bad("nothing is named that could be purged: urls, prefixes, hosts, tags, everything".to_owned()));
    }
    Ok(purges)
}

/// The answer to an order that was carried out.
pub fn done(count: usize) -> Response<ResponseBody> {
    json(StatusCode::OK, &serde_json::json!({ "purged": count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_alone_opens() {
        let headers =
            |value: &'static str| HeaderMap::from_iter([(AUTHORIZATION, http::HeaderValue::from_static(value))]);
        let permission = Permission::new(Some("secret\n"), true);
        for (value, is_right) in [
            ("Bearer secret", true),
            ("bearer secret", true),
            ("Bearer  secret", false),
            ("Bearer secre", false),
            ("Basic secret", false),
            ("Bearer", false),
            ("", false),
        ] {
            assert_eq!(permission.check(&headers(value)).is_ok(), is_right, "{value:?}");
        }
        assert!(permission.check(&HeaderMap::new()).is_err());
        assert!(Permission::new(Some(" "), true).check(&HeaderMap::new()).is_ok(), "an empty token is none");
        assert!(Permission::new(None, false).check(&HeaderMap::new()).is_err());
    }

    #[test]
    fn orders() {
        let read = |text: &'static str| read(&Bytes::from_static(text.as_bytes())).map(|purges| purges.len());
        assert_eq!(read(r#"{"tags": ["a", "b"], "everything": true, "soft": true}"#).ok(), Some(3));
        for text in ["", "{}", "[]", r#"{"tags": [""]}"#, r#"{"url": ["http://a/"]}"#, r#"{"urls": ["a"]}"#] {
            assert_eq!(read(text).err().map(|response| response.status()), Some(StatusCode::BAD_REQUEST), "{text}");
        }
    }
}
