//! Responses of an upstream, parsed as strictly as requests: what two parsers could read differently is no response.

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode, Version, response};
use tidegate_core::members;
use tidegate_pipeline::Failure;

use crate::server::http1::head::{Scanner, shared_headers};

/// Most header fields in a response.
const FIELDS_MAX: usize = 128;

/// How the end of a response's body is found (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// It has none.
    None,
    /// So many bytes; never zero.
    Length(u64),
    /// Chunks.
    Chunked,
    /// It ends with the connection.
    UntilClose,
}

/// A response's head and what it says about the connection.
#[derive(Debug)]
pub struct Head {
    pub parts: response::Parts,
    pub framing: Framing,
    pub keep_alive: bool,
}

/// The head at the front of `buffer`, or `None` while more of it must arrive.
///
/// # Errors
/// What makes it none that can be trusted.
pub fn take(scanner: &mut Scanner, buffer: &mut BytesMut, method: &Method) -> Result<Option<Head>, Failure> {
    let end = scanner.find_end(buffer).map_err(|refusal| match refusal.status() {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Failure::ResponseHeadTooLarge,
        _ => Failure::InvalidResponse,
    })?;
    match end {
        Some(end) => parse(&buffer.split_to(end).freeze(), method).map(Some),
        None => Ok(None),
    }
}

fn parse(head: &Bytes, method: &Method) -> Result<Head, Failure> {
    let mut fields = [const { std::mem::MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    match httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, head, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Failure::ResponseHeadTooLarge),
        _ => return Err(Failure::InvalidResponse),
    }
    let (Some(minor), Some(code)) = (parsed.version, parsed.code) else { return Err(Failure::InvalidResponse) };
    let status = StatusCode::from_u16(code).map_err(|_| Failure::InvalidResponse)?;
    let headers = shared_headers(head, parsed.headers).map_err(|_| Failure::InvalidResponse)?;
    let is_1_1 = minor == 1;
    let framing = framing(method, status, &headers, is_1_1)?;
    let keep_alive = framing != Framing::UntilClose && keeps_alive(&headers, is_1_1);
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    parts.version = if is_1_1 { Version::HTTP_11 } else { Version::HTTP_10 };
    parts.headers = headers;
    Ok(Head { parts, framing, keep_alive })
}

fn framing(method: &Method, status: StatusCode, headers: &HeaderMap, is_1_1: bool) -> Result<Framing, Failure> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let announced = match (codings.next(), lengths.next()) {
        (None, None) => Framing::UntilClose,
        (Some(_), Some(_)) => return Err(Failure::InvalidResponse),
        (Some(coding), None) => {
            let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
            if !is_1_1 || !is_chunked || codings.next().is_some() {
                return Err(Failure::InvalidResponse);
            }
            Framing::Chunked
        }
        (None, Some(length)) => {
            let digits = length.as_bytes();
            if lengths.next().is_some() || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(Failure::InvalidResponse);
            }
            match length.to_str().ok().and_then(|digits| digits.parse().ok()) {
                Some(0) => Framing::None,
                Some(length) => Framing::Length(length),
                None => return Err(Failure::InvalidResponse),
            }
        }
    };
    let has_none = method == Method::HEAD
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    Ok(if has_none { Framing::None } else { announced })
}

fn keeps_alive(headers: &HeaderMap, is_1_1: bool) -> bool {
    let has = |option: &[u8]| {
        headers.get_all(CONNECTION).iter().any(|value| members(value).any(|token| token.eq_ignore_ascii_case(option)))
    };
    !has(b"close") && (is_1_1 || has(b"keep-alive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str, method: &Method) -> Result<(Framing, bool), Failure> {
        let mut buffer = BytesMut::from(text);
        let head = take(&mut Scanner::default(), &mut buffer, method)?.expect("a complete head");
        Ok((head.framing, head.keep_alive))
    }

    #[test]
    fn framing_is_read_by_the_book() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Method::GET, Some((Framing::Length(5), true))),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", Method::GET, Some((Framing::None, true))),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", Method::HEAD, Some((Framing::None, true))),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", Method::GET, Some((Framing::None, true))),
            ("HTTP/1.1 204 No Content\r\n", Method::GET, Some((Framing::None, true))),
            ("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n", Method::GET, Some((Framing::Chunked, true))),
            ("HTTP/1.1 200 OK\r\n", Method::GET, Some((Framing::UntilClose, false))),
            (
                "HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 1\r\n",
                Method::GET,
                Some((Framing::Length(1), false)),
            ),
            ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n", Method::GET, Some((Framing::Length(1), false))),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n",
                Method::GET,
                Some((Framing::Length(1), true)),
            ),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", Method::GET, None),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n", Method::GET, None),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", Method::GET, None),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n", Method::GET, None),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n", Method::GET, None),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", Method::GET, None),
            ("HTTP/2.0 200 OK\r\n", Method::GET, None),
            ("HTTP/1.1 99 Low\r\n", Method::GET, None),
            ("HTTP/1.1 200 OK\r\nbad field: x\r\n", Method::GET, None),
            ("HTTP/1.1 200 OK\r\nx: a\r\n folded\r\n", Method::GET, None),
        ];
        for (text, method, expected) in cases {
            assert_eq!(parse_text(&format!("{text}\r\n"), &method).ok(), expected, "{text:?}");
        }
    }
}
