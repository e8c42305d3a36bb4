//! `POST /purge`: forgetting what is stored.
//!
//! ```json
//! { "urls": ["https://shop.example/p/1"], "prefixes": [], "hosts": [], "tags": ["p1"], "everything": false, "soft": true }
//! ```

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
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
    fn orders() {
        let read = |text: &'static str| read(&Bytes::from_static(text.as_bytes())).map(|purges| purges.len());
        assert_eq!(read(r#"{"tags": ["a", "b"], "everything": true, "soft": true}"#).ok(), Some(3));
        for text in ["", "{}", "[]", r#"{"tags": [""]}"#, r#"{"url": ["http://a/"]}"#, r#"{"urls": ["a"]}"#] {
            assert_eq!(read(text).err().map(|response| response.status()), Some(StatusCode::BAD_REQUEST), "{text}");
        }
    }
}
