//! `static_response` of a trigger.

use super::StaticResponse;
use super::application::owned;
use crate::reader::{Table, Value};

/// Response fields that only the server can set (RFC 9110 section 7.6.1, RFC 9112 section 6).
const FRAMING_FIELDS: [&str; 6] = ["connection", "content-length", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// Responses without content (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5).
const NO_CONTENT: [u16; 3] = [204, 205, 304];

pub(super) fn read(value: &Value<'_>) -> Option<StaticResponse> {
    let mut table = value.table()?;
    let status = table.take("status_code");
    let status = match status {
        // 1xx are not final, and 600 and more mean nothing (RFC 9110 section 15).
        Some(value) => u16::try_from(value.integer(200..=599)?).ok()?,
        None => 200,
    };
    let headers = table.take("headers").map(|value| read_headers(&value)).unwrap_or_default();
    let body = owned(&mut table, "body");
    if body.as_deref().is_some_and(|body| !body.is_empty()) && NO_CONTENT.contains(&status) {
        table.error(format!("a response with status {status} has no body. Remove one of the two"));
    }
    table.finish();
    Some(StaticResponse { status, headers, body })
}

fn read_headers(value: &Value<'_>) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (key, value) in value.table().into_iter().flat_map(Table::entries) {
        let name = key.text;
        if !is_token(name) {
            key.error(format!("bad header name {name:?}"));
        } else if FRAMING_FIELDS.contains(&name.to_ascii_lowercase().as_str()) {
            key.error("the server sets this header itself. Remove it");
        }
        let Some(text) = value.string() else {
            continue;
        };
        if !text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
            value.error("bad header value. Only printable ASCII characters are allowed");
        }
        headers.push((name.to_owned(), text.to_owned()));
    }
    headers
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(in_token)
}
