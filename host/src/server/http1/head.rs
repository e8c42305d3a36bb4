//! Request heads, parsed strictly: what two parsers could read differently is refused (RFC 9112 section 11.2).

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Uri, Version};
use tidegate_core::members;

use super::Refusal;

/// Largest request head, request line included, in bytes. Beyond it: 431.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Longest request target in bytes. Beyond it: 414.
const TARGET_BYTES_MAX: usize = 16 * 1024;
/// Most header fields in a request. Beyond it: 431.
const FIELDS_MAX: usize = 128;

/// How the end of a request body is found (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body follows.
    None,
    /// Exactly that many bytes follow; never zero.
    Length(u64),
    /// Chunks follow, up to the last one and the trailer section.
    Chunked,
}

/// A request head and what it says about the connection.
#[derive(Debug)]
pub struct Head {
    /// Method, target, version and fields, as sent; framing fields are kept for the caller to read.
    pub request: Request<()>,
    /// How the body ends.
    pub framing: Framing,
    /// The client wants the connection kept open after the response.
    pub keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// The client takes trailer fields (`TE: trailers`).
    pub takes_trailers: bool,
}

/// Finds the end of a head as bytes arrive, looking at each byte once however slowly they come.
#[derive(Debug, Default)]
pub struct Scanner {
    line_start: usize,
    scanned: usize,
}

impl Scanner {
    /// Nothing of a head has been seen.
    pub fn is_fresh(&self) -> bool {
        self.scanned == 0
    }

    /// The length of the head at the front of `buffer`, its empty line included, or `None` while more must arrive.
    ///
    /// # Errors
    /// 400 for a line that ends in a bare LF, 431 for a head longer than [`HEAD_BYTES_MAX`].
    pub fn find_end(&mut self, buffer: &[u8]) -> Result<Option<usize>, Refusal> {
        while let Some(offset) = memchr::memchr(b'\n', &buffer[self.scanned..]) {
            let newline = self.scanned + offset;
            if newline == 0 || buffer[newline - 1] != b'\r' {
                return Err(Refusal::BadRequest("a line of the head ends in a bare LF"));
            }
            let is_empty_line = newline - 1 == self.line_start;
            self.scanned = newline + 1;
            self.line_start = newline + 1;
            if is_empty_line {
                *self = Self::default();
                return if newline < HEAD_BYTES_MAX { Ok(Some(newline + 1)) } else { Err(Refusal::HeadTooLarge) };
            }
        }
        self.scanned = buffer.len();
        if buffer.len() > HEAD_BYTES_MAX { Err(Refusal::HeadTooLarge) } else { Ok(None) }
    }
}

/// Drops the empty lines that some clients send after a body (RFC 9112 section 2.2).
pub fn skip_empty_lines(buffer: &mut BytesMut) {
    while buffer.starts_with(b"\r\n") {
        buffer.advance(2);
    }
}

/// Parses one complete head, as delimited by [`Scanner::find_end`].
///
/// # Errors
/// A [`Refusal`] with the status that RFC 9110 and RFC 9112 name for the fault.
pub fn parse(head: &Bytes) -> Result<Head, Refusal> {
    let mut fields = [const { std::mem::MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(head, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Refusal::BadRequest("the head is cut short")),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        Err(httparse::Error::Version) if names_a_version(head) => return Err(Refusal::VersionNotSupported),
        Err(_) => return Err(Refusal::BadRequest("the head is malformed")),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Refusal::BadRequest("the request line is incomplete"));
    };
    let version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Refusal::BadRequest("the method is malformed"))?;
    let headers = shared_headers(head, parsed.headers)?;
    let facts = Facts::read(&headers, version)?;

    let mut request = Request::new(());
    let authority = parse_target(head, target, &method, &mut request)?;
    *request.method_mut() = method;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    check_host(&mut request, authority)?;
    Ok(Head {
        request,
        framing: facts.framing,
        keep_alive: facts.keep_alive,
        expects_continue: facts.expects_continue,
        takes_trailers: facts.takes_trailers,
    })
}

/// Whether the third word of the request line is an HTTP version, if not one of ours.
fn names_a_version(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let version = line.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or_default();
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// The fields as a map whose values share the head's bytes.
pub fn shared_headers(head: &Bytes, fields: &[httparse::Header<'_>]) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::with_capacity(fields.len() + 12);
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| Refusal::BadRequest("a field name is malformed"))?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value))
            .map_err(|_| Refusal::BadRequest("a field value is malformed"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Sets the request's URI from its target (RFC 9112 section 3.2) and returns the authority of an absolute form.
fn parse_target(
    head: &Bytes,
    target: &str,
    method: &Method,
    request: &mut Request<()>,
) -> Result<Option<HeaderValue>, Refusal> {
    const MALFORMED: Refusal = Refusal::BadRequest("the request target is malformed");
    if target.len() > TARGET_BYTES_MAX {
        return Err(Refusal::TargetTooLong);
    }
    if method == Method::CONNECT {
        return Err(Refusal::MethodNotAllowed);
    }
    if target.contains('#') {
        return Err(MALFORMED);
    }
    let shared = head.slice_ref(target.as_bytes());
    if target.starts_with('/') || (target == "*" && method == Method::OPTIONS) {
        let path = PathAndQuery::from_maybe_shared(shared).map_err(|_| MALFORMED)?;
        *request.uri_mut() = Uri::from(path);
        return Ok(None);
    }
    let uri = Uri::from_maybe_shared(shared).map_err(|_| MALFORMED)?;
    let mut parts = uri.into_parts();
    let (Some("http" | "https"), Some(authority)) =
        (parts.scheme.as_ref().map(|scheme| scheme.as_str()), parts.authority.as_ref())
    else {
        return Err(MALFORMED);
    };
    let authority = HeaderValue::from_str(authority.as_str()).map_err(|_| MALFORMED)?;
    let path = match parts.path_and_query.take() {
        None => PathAndQuery::from_static("/"),
        Some(path) if path.as_str().starts_with('/') => path,
        // An empty path with a query (RFC 9112 section 3.2.1).
        Some(query) => PathAndQuery::try_from(format!("/{}", query.as_str())).map_err(|_| MALFORMED)?,
    };
    *request.uri_mut() = Uri::from(path);
    Ok(Some(authority))
}

/// RFC 9112 section 3.2: exactly one Host from HTTP/1.1 on; an absolute target's authority replaces it.
fn check_host(request: &mut Request<()>, authority: Option<HeaderValue>) -> Result<(), Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && request.version() == Version::HTTP_11) {
        return Err(Refusal::BadRequest("a request has exactly one Host field"));
    }
    if let Some(host) = host
        && !host.is_empty()
        && !http::uri::Authority::try_from(host.as_bytes()).is_ok_and(|host| !host.as_str().contains('@'))
    {
        return Err(Refusal::BadRequest("the Host field is malformed"));
    }
    if let Some(authority) = authority {
        request.headers_mut().insert(HOST, authority);
    }
    Ok(())
}

/// What the fields say about framing and the connection.
struct Facts {
    framing: Framing,
    keep_alive: bool,
    expects_continue: bool,
    takes_trailers: bool,
}

impl Facts {
    fn read(headers: &HeaderMap, version: Version) -> Result<Self, Refusal> {
        let is_1_1 = version == Version::HTTP_11;
        let mut keep_alive = is_1_1;
        for value in headers.get_all(CONNECTION) {
            for token in members(value) {
                if token.eq_ignore_ascii_case(b"close") {
                    keep_alive = false;
                } else if token.eq_ignore_ascii_case(b"keep-alive") && !is_1_1 {
                    keep_alive = true;
                }
            }
        }
        let expects_continue = match headers.get(EXPECT) {
            None => false,
            Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => is_1_1,
            Some(_) => return Err(Refusal::ExpectationFailed),
        };
        let takes_trailers =
            headers.get_all(TE).iter().any(|value| members(value).any(|token| token.eq_ignore_ascii_case(b"trailers")));
        Ok(Self { framing: framing(headers, is_1_1)?, keep_alive, expects_continue, takes_trailers })
    }
}

/// RFC 9112 section 6.3, without its leniencies: whatever an intermediary could read otherwise is refused.
fn framing(headers: &HeaderMap, is_1_1: bool) -> Result<Framing, Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (codings.next(), lengths.next()) {
        (None, None) => Ok(Framing::None),
        (Some(_), Some(_)) => Err(Refusal::BadRequest("Content-Length beside Transfer-Encoding")),
        (Some(coding), None) => {
            if !is_1_1 {
                return Err(Refusal::BadRequest("Transfer-Encoding needs HTTP/1.1"));
            }
            if codings.next().is_none() && coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Ok(Framing::Chunked);
            }
            let codings = headers.get_all(TRANSFER_ENCODING).iter().flat_map(members);
            let is_chunked = codings.map(|coding| coding.eq_ignore_ascii_case(b"chunked")).collect::<Vec<_>>();
            match is_chunked.split_last() {
                Some((true, others)) if !others.is_empty() && !others.contains(&true) => {
                    Err(Refusal::CodingNotImplemented)
                }
                // Not chunked at last, or twice, or among empty members: parsers differ about where that ends.
                _ => Err(Refusal::BadRequest("Transfer-Encoding is not plainly chunked")),
            }
        }
        (None, Some(length)) => {
            let digits = length.as_bytes();
            if lengths.next().is_some() || digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(Refusal::BadRequest("Content-Length is not one number"));
            }
            // A number that fits no u64 is a body that nobody can send.
            match length.to_str().ok().and_then(|digits| digits.parse().ok()) {
                Some(0) => Ok(Framing::None),
                Some(length) => Ok(Framing::Length(length)),
                None => Err(Refusal::BodyTooLarge),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Head, Refusal> {
        let mut scanner = Scanner::default();
        let end = scanner.find_end(text.as_bytes())?.expect("a complete head");
        parse(&Bytes::copy_from_slice(&text.as_bytes()[..end]))
    }

    #[test]
    fn framing_is_read_by_the_book() {
        let cases = [
            ("", Ok(Framing::None)),
            ("Content-Length: 0\r\n", Ok(Framing::None)),
            ("Content-Length: 12\r\n", Ok(Framing::Length(12))),
            ("Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked)),
            ("Transfer-Encoding: Chunked\r\n", Ok(Framing::Chunked)),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(400)),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(400)),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(400)),
            ("Content-Length: 5, 5\r\n", Err(400)),
            ("Content-Length: +5\r\n", Err(400)),
            ("Content-Length: -1\r\n", Err(400)),
            ("Content-Length: 0x10\r\n", Err(400)),
            ("Content-Length:\r\n", Err(400)),
            ("Content-Length: 99999999999999999999999\r\n", Err(413)),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", Err(501)),
            ("Transfer-Encoding: chunked, chunked\r\n", Err(400)),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(400)),
            ("Transfer-Encoding: identity\r\n", Err(400)),
            ("Transfer-Encoding: chunked, identity\r\n", Err(400)),
            ("Transfer-Encoding: chunked;a=b\r\n", Err(400)),
            ("Transfer-Encoding:\r\n", Err(400)),
            ("Transfer-Encoding: , chunked\r\n", Err(400)),
            ("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", Err(400)),
            ("Transfer-Encoding : chunked\r\n", Err(400)),
            ("Transfer-Encoding:\x0bchunked\r\n", Err(400)),
        ];
        for (fields, expected) in cases {
            let head = parse_text(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
            assert_eq!(
                head.map(|head| head.framing).map_err(|refusal| refusal.status().as_u16()),
                expected,
                "{fields:?}"
            );
        }
    }

    #[test]
    fn malformed_heads_are_refused() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(TARGET_BYTES_MAX));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_MAX));
        let cases = [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nx y: b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nx: b\0c\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nx: b\rc\r\n\r\n", 400),
            ("GET /#frag HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417),
            (&long, 414),
            (&many, 431),
        ];
        for (text, status) in cases {
            let refusal = parse_text(text).expect_err(&text[..text.len().min(80)]);
            assert_eq!(refusal.status().as_u16(), status, "{:?}", &text[..text.len().min(80)]);
        }
    }

    #[test]
    fn targets_and_connection_options() {
        let head = parse_text("GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n").unwrap();
        assert_eq!(head.request.uri(), "/x?y");
        assert_eq!(head.request.headers()[HOST], "b:81");
        assert!(!head.keep_alive);
        let head = parse_text("GET http://b?y HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(head.request.uri().to_string(), "/?y");
        let head = parse_text("OPTIONS * HTTP/1.1\r\nHost: a\r\nTE: deflate, trailers\r\n\r\n").unwrap();
        assert_eq!(head.request.uri().path(), "*");
        assert!(head.keep_alive && head.takes_trailers);
        let head = parse_text("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").unwrap();
        assert!(head.keep_alive);
        let head = parse_text("PUT / HTTP/1.1\r\nHost: \r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n").unwrap();
        assert!(head.expects_continue);
    }

    #[test]
    fn the_scanner_finds_the_same_end_however_the_bytes_arrive() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next";
        let mut scanner = Scanner::default();
        for cut in 0..27 {
            assert_eq!(scanner.find_end(&text[..cut]).unwrap(), None, "after {cut} bytes");
        }
        assert_eq!(scanner.find_end(text).unwrap(), Some(27));
        let endless = vec![b'a'; HEAD_BYTES_MAX + 1];
        assert_eq!(Scanner::default().find_end(&endless).unwrap_err().status().as_u16(), 431);
    }
}
