//! Heads of messages: between the `http` crate's types and WASI's.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE},
    uri::{Authority, PathAndQuery, Scheme},
};
use wasip3::http::types::{self as wasi, ErrorCode, Fields};

use crate::{Error, Result};

/// Fields as a host gives them. What the `http` crate does not take (the host would have refused it) is left out.
pub(super) fn headers_from(fields: Fields) -> HeaderMap {
    let fields = fields.copy_all();
    let mut headers = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_maybe_shared(Bytes::from(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// Fields for the host. `length` is the body's, where it is known: it overrides what the headers say.
pub(super) fn fields_from(headers: &HeaderMap, length: Option<u64>) -> Result<Fields> {
    let mut fields = Vec::with_capacity(headers.len() + 1);
    for (name, value) in headers {
        if length.is_none() || name != CONTENT_LENGTH {
            fields.push((name.as_str().to_owned(), value.as_bytes().to_vec()));
        }
    }
    if let Some(length) = length {
        fields.push((CONTENT_LENGTH.as_str().to_owned(), length.to_string().into_bytes()));
    }
    Fields::from_list(&fields).or_else(|_| {
        // Those of one connection belong to the host, which refuses them. They come with a message handed on.
        fields.retain(|(name, _)| !of_one_connection(name));
        Fields::from_list(&fields).map_err(|error| Error::internal(format!("headers: {error:?}")))
    })
}

/// RFC 9110, section 7.6.1; `host` travels as the authority.
fn of_one_connection(name: &str) -> bool {
    [CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE].iter().any(|own| own == name)
        || matches!(name, "keep-alive" | "proxy-connection" | "http2-settings")
}

pub(super) fn method_from(method: wasi::Method) -> Result<Method, ErrorCode> {
    use wasi::Method as M;
    Ok(match method {
        M::Get => Method::GET,
        M::Head => Method::HEAD,
        M::Post => Method::POST,
        M::Put => Method::PUT,
        M::Delete => Method::DELETE,
        M::Connect => Method::CONNECT,
        M::Options => Method::OPTIONS,
        M::Trace => Method::TRACE,
        M::Patch => Method::PATCH,
        M::Other(name) => Method::from_bytes(name.as_bytes()).map_err(|_| ErrorCode::HttpRequestMethodInvalid)?,
    })
}

pub(super) fn wasi_method(method: &Method) -> wasi::Method {
    use wasi::Method as M;
    match method.as_str() {
        "GET" => M::Get,
        "HEAD" => M::Head,
        "POST" => M::Post,
        "PUT" => M::Put,
        "DELETE" => M::Delete,
        "CONNECT" => M::Connect,
        "OPTIONS" => M::Options,
        "TRACE" => M::Trace,
        "PATCH" => M::Patch,
        other => M::Other(other.to_owned()),
    }
}

pub(super) fn uri_from(request: &wasi::Request) -> Result<Uri, ErrorCode> {
    let mut parts = http::uri::Parts::default();
    let path = request.get_path_with_query().filter(|path| !path.is_empty());
    let path =
        path.map_or(Ok(PathAndQuery::from_static("/")), |path| PathAndQuery::from_maybe_shared(Bytes::from(path)));
    parts.path_and_query = Some(path.map_err(|_| ErrorCode::HttpRequestUriInvalid)?);
    if let Some(authority) = request.get_authority() {
        let authority = Authority::from_maybe_shared(Bytes::from(authority));
        parts.authority = Some(authority.map_err(|_| ErrorCode::HttpRequestUriInvalid)?);
        parts.scheme = Some(match request.get_scheme() {
            Some(wasi::Scheme::Https) => Scheme::HTTPS,
            Some(wasi::Scheme::Other(name)) => name.parse().map_err(|_| ErrorCode::HttpRequestUriInvalid)?,
            Some(wasi::Scheme::Http) | None => Scheme::HTTP,
        });
    }
    Uri::from_parts(parts).map_err(|_| ErrorCode::HttpRequestUriInvalid)
}

pub(super) fn wasi_scheme(scheme: &Scheme) -> wasi::Scheme {
    match scheme.as_str() {
        "http" => wasi::Scheme::Http,
        "https" => wasi::Scheme::Https,
        other => wasi::Scheme::Other(other.to_owned()),
    }
}
