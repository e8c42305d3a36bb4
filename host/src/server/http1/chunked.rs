//! The chunked transfer coding (RFC 9112 section 7.1), decoded without copying and without leniency.

use bytes::{Buf, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::Refusal;
use super::head::Scanner;

/// Longest chunk-size line with its extensions, in bytes.
const SIZE_LINE_BYTES_MAX: usize = 256;
/// Most bytes that all chunk extensions of one body may take together; they carry nothing that is used here.
const EXTENSION_BYTES_MAX: usize = 16 * 1024;
/// Most trailer fields.
const TRAILERS_MAX: usize = 64;

const BAD_SIZE: Refusal = Refusal::BadRequest("a chunk size is malformed");
const BAD_END: Refusal = Refusal::BadRequest("a chunk does not end where its size says");

/// What the bytes so far amount to.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Some of the body.
    Data(Bytes),
    /// The body is complete, with the trailer fields it had.
    End(Option<HeaderMap>),
    /// Nothing more until further bytes arrive.
    Incomplete,
}

/// The decoder's place in a body.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    extension_bytes: usize,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers(Scanner),
    Done,
}

impl Decoder {
    /// Takes what it can from the front of `buffer`.
    ///
    /// # Errors
    /// 400 for anything that RFC 9112 section 7.1 does not allow, 431 for too many or too large trailers.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Decoded, Refusal> {
        loop {
            match &mut self.state {
                State::Size => {
                    let Some(line) = take_size_line(buffer)? else { return Ok(Decoded::Incomplete) };
                    let (size, extension_bytes) = parse_size(&line)?;
                    self.extension_bytes += extension_bytes;
                    if self.extension_bytes > EXTENSION_BYTES_MAX {
                        return Err(BAD_SIZE);
                    }
                    self.state = if size == 0 { State::Trailers(Scanner::default()) } else { State::Data(size) };
                }
                State::Data(_) if buffer.is_empty() => return Ok(Decoded::Incomplete),
                State::Data(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    *left -= taken as u64;
                    if *left == 0 {
                        self.state = State::DataEnd;
                    }
                    return Ok(Decoded::Data(buffer.split_to(taken).freeze()));
                }
                State::DataEnd => match buffer.as_ref() {
                    [b'\r', b'\n', ..] => {
                        buffer.advance(2);
                        self.state = State::Size;
                    }
                    [] | [b'\r'] => return Ok(Decoded::Incomplete),
                    _ => return Err(BAD_END),
                },
                State::Trailers(scanner) => {
                    let Some(end) = scanner.find_end(buffer)? else { return Ok(Decoded::Incomplete) };
                    self.state = State::Done;
                    return parse_trailers(&buffer.split_to(end).freeze()).map(Decoded::End);
                }
                State::Done => return Ok(Decoded::End(None)),
            }
        }
    }
}

/// The next chunk-size line without its CRLF, or `None` while it is incomplete.
fn take_size_line(buffer: &mut BytesMut) -> Result<Option<Bytes>, Refusal> {
    let searched = &buffer[..buffer.len().min(SIZE_LINE_BYTES_MAX)];
    let Some(newline) = memchr::memchr(b'\n', searched) else {
        return if buffer.len() >= SIZE_LINE_BYTES_MAX { Err(BAD_SIZE) } else { Ok(None) };
    };
    if newline == 0 || buffer[newline - 1] != b'\r' {
        return Err(BAD_SIZE);
    }
    let mut line = buffer.split_to(newline + 1).freeze();
    line.truncate(newline - 1);
    Ok(Some(line))
}

/// The size that a chunk-size line gives, and how many bytes of extensions follow it.
fn parse_size(line: &[u8]) -> Result<(u64, usize), Refusal> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let extension = &line[digits..];
    let is_text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    let is_extension = extension.is_empty() || (extension[0] == b';' && extension.iter().all(is_text));
    if digits == 0 || digits > 16 || !is_extension {
        return Err(BAD_SIZE);
    }
    let digits = std::str::from_utf8(&line[..digits]).map_err(|_| BAD_SIZE)?;
    Ok((u64::from_str_radix(digits, 16).map_err(|_| BAD_SIZE)?, extension.len()))
}

fn parse_trailers(section: &Bytes) -> Result<Option<HeaderMap>, Refusal> {
    const MALFORMED: Refusal = Refusal::BadRequest("a trailer field is malformed");
    let mut fields = [httparse::EMPTY_HEADER; TRAILERS_MAX];
    let parsed = match httparse::parse_headers(section, &mut fields) {
        Ok(httparse::Status::Complete((_, parsed))) => parsed,
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        _ => return Err(MALFORMED),
    };
    let mut trailers = HeaderMap::new();
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| MALFORMED)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| MALFORMED)?;
        if is_allowed_trailer(&name) {
            trailers.append(name, value);
        }
    }
    Ok((!trailers.is_empty()).then_some(trailers))
}

/// RFC 9110 section 6.5.1: framing, routing, authentication and request modifiers mean nothing after the body.
pub fn is_allowed_trailer(name: &HeaderName) -> bool {
    !matches!(
        *name,
        header::TRANSFER_ENCODING
            | header::CONTENT_LENGTH
            | header::HOST
            | header::CONNECTION
            | header::TE
            | header::TRAILER
            | header::UPGRADE
            | header::AUTHORIZATION
            | header::PROXY_AUTHORIZATION
            | header::COOKIE
            | header::SET_COOKIE
            | header::CONTENT_ENCODING
            | header::CONTENT_TYPE
            | header::CONTENT_RANGE
            | header::CACHE_CONTROL
            | header::EXPECT
            | header::MAX_FORWARDS
            | header::RANGE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` in pieces of `step` bytes; the body, the trailers and what was left over.
    fn decode(text: &[u8], step: usize) -> Result<(Vec<u8>, Option<HeaderMap>, usize), Refusal> {
        let (mut decoder, mut buffer, mut body) = (Decoder::default(), BytesMut::new(), Vec::new());
        let mut pieces = text.chunks(step);
        loop {
            match decoder.decode(&mut buffer)? {
                Decoded::Data(data) => body.extend_from_slice(&data),
                Decoded::End(trailers) => {
                    return Ok((body, trailers, buffer.len() + pieces.map(<[u8]>::len).sum::<usize>()));
                }
                Decoded::Incomplete => buffer.extend_from_slice(pieces.next().expect("the text ends the body")),
            }
        }
    }

    #[test]
    fn bodies_decode_however_they_arrive() {
        let text = b"5\r\nhello\r\n6;name=\"v\"\r\n world\r\n0\r\nx-sum: 1\r\ncontent-length: 9\r\n\r\nGET";
        for step in 1..text.len() {
            let (body, trailers, left) = decode(text, step).unwrap();
            assert_eq!(body, b"hello world", "in pieces of {step}");
            let trailers = trailers.unwrap();
            assert_eq!((trailers.len(), trailers["x-sum"].as_bytes()), (1, &b"1"[..]));
            assert_eq!(left, 3);
        }
        assert_eq!(decode(b"0\r\n\r\n", 1).unwrap(), (Vec::new(), None, 0));
    }

    #[test]
    fn malformed_chunks_are_refused() {
        let extensions = [b"1;".as_slice(), &[b'a'; 200], b"\r\nx\r\n"].concat().repeat(100);
        let cases: [&[u8]; 16] = [
            b"\r\n",
            b"g\r\n",
            b"5 \r\nhello",
            b" 5\r\nhello",
            b"0x5\r\nhello",
            b"-1\r\n",
            b"5\nhello",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n",
            b"fffffffffffffffff\r\n",
            b"5;a\rb\r\n",
            b"5;a\0b\r\nhello\r\n0\r\n\r\n",
            &[b'1'; 300],
            b"0\r\nbad field\r\n\r\n",
            b"0\r\n\n",
            &extensions,
        ];
        for case in cases {
            assert!(decode(case, 1).is_err(), "{:?}", String::from_utf8_lossy(&case[..case.len().min(40)]));
        }
    }
}
