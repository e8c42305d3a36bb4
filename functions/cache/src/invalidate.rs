//! What unsafe requests invalidate (RFC 9111 section 4.4).

mod reference;

use http::header::{CONTENT_LOCATION, LOCATION};
use http::{HeaderMap, Method, StatusCode};

use crate::{Purge, Received, What, groups_of};
use reference::resolve;

/// What is no longer valid after this response: its URL, `Location` and `Content-Location` on the same origin, and the
/// groups that it names (RFC 9875). Empty for safe methods and for errors.
pub fn invalidated(received: Received<'_>) -> Vec<Purge> {
    if is_safe(received.method) || !is_non_error(received.head.status) {
        return Vec::new();
    }
    let headers = &received.head.headers;
    let mut what = Vec::new();
    for url in urls(received.url, headers) {
        if let Ok(url) = What::url(&url)
            && !what.contains(&url)
        {
            what.push(url);
        }
    }
    what.extend(groups_of(headers, received.url).into_iter().map(What::Tag));
    what.into_iter().map(|what| Purge { what, is_soft: false }).collect()
}

/// Whether a method is known to change nothing (RFC 9110 section 9.2.1; the others are those of the registry that
/// section 16.1.1 makes, of WebDAV: RFC 3253, 4918 and 5323). One that is not known may change anything.
fn is_safe(method: &Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PROPFIND" | "REPORT" | "SEARCH")
}

fn is_non_error(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection()
}

/// The target, and what the response points to on its origin.
fn urls(target: &str, headers: &HeaderMap) -> Vec<String> {
    let pointers = [LOCATION, CONTENT_LOCATION].into_iter().filter_map(|name| headers.get(name)?.to_str().ok());
    let pointed = pointers.filter_map(|pointer| resolve(target, pointer.trim()));
    std::iter::once(target.to_owned()).chain(pointed).collect()
}

#[cfg(test)]
mod tests;
