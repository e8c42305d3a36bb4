//! Answers that send the client elsewhere, but nowhere that the client chooses.

use http::{HeaderValue, StatusCode};
use tidegate_core::RequestView;

use crate::percent::{is_in_path, is_in_query, push_encoded};
use crate::template::Filled;
use crate::{Captured, Template};

/// An answer that sends the client elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// One of [`Redirect::STATUSES`].
    pub status: StatusCode,
    /// Where to: a URL with `http://` or `https://` and a host, such as `https://{host}{path}`, or a path on the same
    /// host.
    pub to: Template,
    /// Whether the query of the request goes along.
    pub keep_query: bool,
}

impl Redirect {
    /// The statuses that send a client elsewhere (RFC 9110 section 15.4).
    pub const STATUSES: [StatusCode; 5] = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];

    /// The Location field of the answer to a request (RFC 9110 section 10.2.2).
    ///
    /// Where the template names no host, it is a path with one slash at its front, whatever was captured: two would
    /// lead to another host. What the client sent is percent-encoded where it would end the part of the URL that it
    /// stands in.
    ///
    /// None where it stands for a host, or a part of one, and cannot be that, or where the client named no host.
    pub fn location(&self, request: &RequestView<'_>, captured: &Captured<'_, '_>) -> Option<HeaderValue> {
        let names_host = self.names_host(request, captured);
        let mut url = String::new();
        for piece in self.to.fill(request, captured) {
            match (piece, part_at_end(&url, names_host)) {
                (Filled::Text(text), _) => push_encoded(&mut url, text, |byte| byte == b'#' || is_in_query(byte)),
                (Filled::Sent(sent), Part::Host) => push_after_host(&mut url, sent)?,
                (Filled::Sent(sent), Part::Path) => push_encoded(&mut url, sent, is_in_path),
                (Filled::Sent(sent), Part::Query) => push_encoded(&mut url, sent, is_in_parameter),
                (Filled::SentQuery(_), Part::Host) => return None,
                (Filled::SentQuery(sent), Part::Path) => push_encoded(&mut url, sent, is_in_parameter),
                (Filled::SentQuery(sent), Part::Query) => push_encoded(&mut url, sent, is_in_query),
            }
        }
        if self.keep_query {
            keep_query(&mut url, request.query);
        }
        if !names_host {
            url = format!("/{}", url.trim_start_matches('/'));
        }
        HeaderValue::try_from(url).ok()
    }

    /// Whether the template says, before anything of the client's, that a host follows.
    fn names_host(&self, request: &RequestView<'_>, captured: &Captured<'_, '_>) -> bool {
        let text = |piece| if let Filled::Text(text) = piece { Some(text) } else { None };
        let front: String = self.to.fill(request, captured).map_while(text).collect();
        front.starts_with("http://") || front.starts_with("https://") || front.starts_with("//")
    }
}

/// The part of a URL that what comes next belongs to.
enum Part {
    Host,
    Path,
    /// Or the fragment.
    Query,
}

fn part_at_end(url: &str, names_host: bool) -> Part {
    if url.contains(['?', '#']) {
        return Part::Query;
    }
    // A URL with a host has two slashes before it and one behind.
    let is_in_host = names_host && url.matches('/').count() == 2;
    if is_in_host { Part::Host } else { Part::Path }
}

/// Goes on in the host of a URL with what can be part of one, or with a path that ends it.
fn push_after_host(url: &mut String, sent: &str) -> Option<()> {
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    let (host, path) = sent.split_at(sent.find('/').unwrap_or(sent.len()));
    let is_host = !host.is_empty() && host.bytes().all(in_host);
    let ends_host = host.is_empty() && !path.is_empty() && !url.ends_with("//");
    if !is_host && !ends_host {
        return None;
    }
    url.push_str(host);
    push_encoded(url, path, is_in_path);
    Some(())
}

/// What stands for itself in the value of a parameter: not what would begin the next one, nor what forms take for a
/// space.
fn is_in_parameter(byte: u8) -> bool {
    is_in_path(byte) && !matches!(byte, b'&' | b'+' | b'=')
}

/// Puts the query of the request behind that of the URL, before its fragment.
fn keep_query(url: &mut String, query: Option<&str>) {
    let Some(query) = query.filter(|query| !query.is_empty()) else { return };
    let fragment = url.find('#').map_or(String::new(), |at| url.split_off(at));
    url.push(if url.contains('?') { '&' } else { '?' });
    push_encoded(url, query, is_in_query);
    url.push_str(&fragment);
}

#[cfg(test)]
mod tests;
