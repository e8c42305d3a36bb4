//! Images and styles: files mounted at /static, served from the top. Whatever is asked for, nothing else is reached.

use std::{cell::RefCell, collections::HashMap};

use bytes::Bytes;
use tidegate::{
    Error, Result,
    http::{Body, HeaderMap, IntoResponse, Request, RequestExt, Response, StatusCode, header},
};

use crate::catalogue::fingerprint;

const CACHE: &str = "public, max-age=3600, stale-while-revalidate=86400";

#[derive(Clone)]
struct Asset {
    bytes: Bytes,
    etag: String,
}

thread_local! {
    /// The mounted files are few and do not change while an instance lives. Only what exists gets in here.
    static AT_HAND: RefCell<HashMap<String, Asset>> = RefCell::default();
}

/// Whether the path is a file's: pages have no dot in their last segment.
pub fn is_asked_for(req: &Request) -> bool {
    req.segments().last().is_some_and(|last| last.contains('.'))
}

/// Answers with the file, or says that the visitor has it already.
pub async fn serve(req: &Request) -> Result<Response> {
    let (path, content_type) = locate(&req.segments()).ok_or_else(no_such_file)?;
    let asset = load(path).await?.ok_or_else(no_such_file)?;

    let unchanged = is_among(req.headers(), &asset.etag);
    let response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { Body::from(asset.bytes).into_response() };
    let response = response.with_header(header::ETAG, asset.etag).with_header(header::CACHE_CONTROL, CACHE);
    if unchanged {
        return Ok(response);
    }
    Ok(response.with_header(header::CONTENT_TYPE, content_type).with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

fn no_such_file() -> Error {
    Error::not_found("there is no such page")
}

/// The mounted file and its type: at most one folder deep, every part a plain lower-case name, of a type we serve.
fn locate(segments: &[&str]) -> Option<(String, &'static str)> {
    let plain = |part: &&str| {
        !part.starts_with('.') && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
    };
    if segments.len() > 2 || !segments.iter().all(plain) {
        return None;
    }
    let content_type = match segments.last()?.rsplit_once('.')?.1 {
        "svg" => "image/svg+xml",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    };
    Some((format!("/static/{}", segments.join("/")), content_type))
}

async fn load(path: String) -> Result<Option<Asset>> {
    if let Some(asset) = AT_HAND.with_borrow(|at_hand| at_hand.get(&path).cloned()) {
        return Ok(Some(asset));
    }
    let Some(bytes) = tidegate::files::read(&path).await? else { return Ok(None) };
    let asset = Asset { etag: format!("\"{}\"", fingerprint(&bytes)), bytes };
    AT_HAND.with_borrow_mut(|at_hand| at_hand.insert(path, asset.clone()));
    Ok(Some(asset))
}

/// Whether If-None-Match names this version. The comparison is the weak one (RFC 9110, section 13.1.2).
fn is_among(headers: &HeaderMap, etag: &str) -> bool {
    let named = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|tags| tags.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_of_known_types_are_files() {
        for (path, expected) in [
            ("style.css", Some("/static/style.css")),
            ("img/harbour-mug.svg", Some("/static/img/harbour-mug.svg")),
            ("img/..svg", None),
            ("../catalogue.css", None),
            ("img/%2e%2e/x.svg", None),
            ("img/../../x.svg", None),
            ("img\\x.svg", None),
            (".svg", None),
            ("catalogue.json", None),
            ("style", None),
            ("a/b/c.svg", None),
            ("", None),
        ] {
            let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            assert_eq!(locate(&segments).map(|(path, _)| path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn etags_compare_weakly_and_as_a_list() {
        for (value, expected) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
            assert_eq!(is_among(&headers, "\"a\""), expected, "{value}");
        }
    }
}
