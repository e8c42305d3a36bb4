//! Content codings: which one a client gets, and what is compressed on the way in (RFC 9110 sections 8.4 and 12.5.3).

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, response};
use tidegate_core::members;

use crate::{Compress, content_length};

/// A content coding; the order is that of [`Coding::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coding {
    /// `zstd`
    Zstd,
    /// `br`
    Brotli,
    /// `gzip`
    Gzip,
}

impl Coding {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// The coding that a client likes best of those offered, by its q-values, and among equals the first one offered; none:
/// no coding. What it does not mention it does not take, and `identity` counts by its q-value too: it is taken if it is
/// liked better than every coding, and if it is not mentioned, any coding is better.
pub fn negotiate(headers: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    let weights = Weights::read(headers);
    let mut best = None;
    for coding in offered {
        let weight = weights.codings[*coding as usize].or(weights.any).unwrap_or(0);
        if weight > best.map_or(0, |(best, _)| best) {
            best = Some((weight, *coding));
        }
    }
    best.filter(|(weight, _)| *weight >= weights.identity.unwrap_or(0)).map(|(_, coding)| coding)
}

/// Whether a response is to be compressed for this request before it is stored, and into what. Its head is changed
/// accordingly: Content-Encoding, Vary, no Content-Length, no ranges, no digests of what was, and a validator that is
/// weak from then on (RFC 9110 section 8.8.1).
///
/// A response that would be compressed for another client gets its `Vary` all the same, and is otherwise left as it is.
pub fn compress(config: &Compress, request: &HeaderMap, head: &mut response::Parts) -> Option<Coding> {
    if !is_compressible(config, request, head) {
        return None;
    }
    if !varies_by_encoding(&head.headers) {
        head.headers.try_append(VARY, HeaderValue::from_static("Accept-Encoding")).ok()?;
    }
    let coding = negotiate(request, &config.codings)?;
    head.headers.try_insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str())).ok()?;
    let digests = ["content-md5", "content-digest", "repr-digest", "digest"].map(HeaderName::from_static);
    for name in [CONTENT_LENGTH, ACCEPT_RANGES].iter().chain(&digests) {
        head.headers.remove(name);
    }
    weaken(&mut head.headers);
    Some(coding)
}

/// What Accept-Encoding says of each coding; the first member that names it counts.
#[derive(Default)]
struct Weights {
    /// By their place in [`Coding::ALL`].
    codings: [Option<u16>; 3],
    identity: Option<u16>,
    /// `*`: of what is not named.
    any: Option<u16>,
}

impl Weights {
    fn read(headers: &HeaderMap) -> Self {
        let mut weights = Self::default();
        for (name, weight) in weighted(headers, &ACCEPT_ENCODING) {
            if let Some(slot) = weights.slot(name) {
                slot.get_or_insert(weight);
            }
        }
        weights
    }

    /// By its name (RFC 9110 section 8.4.1.3: `x-gzip` is gzip).
    fn slot(&mut self, name: &[u8]) -> Option<&mut Option<u16>> {
        let [zstd, brotli, gzip] = &mut self.codings;
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            1 if is("*") => Some(&mut self.any),
            2 if is("br") => Some(brotli),
            4 if is("gzip") => Some(gzip),
            4 if is("zstd") => Some(zstd),
            6 if is("x-gzip") => Some(gzip),
            8 if is("identity") => Some(&mut self.identity),
            _ => None,
        }
    }
}

/// The members of a field and their weights in thousandths (RFC 9110 section 12.4.2); 1,000 without a `q`, 0 for one
/// that is not valid.
pub(crate) fn weighted<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = (&'h [u8], u16)> {
    headers.get_all(name).iter().flat_map(members).map(|member| {
        let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let q = parts.find_map(|part| match part.iter().position(|byte| *byte == b'=') {
            Some(equals) if part[..equals].trim_ascii().eq_ignore_ascii_case(b"q") => Some(&part[equals + 1..]),
            _ => None,
        });
        (name, q.map_or(1_000, |q| thousandths(q.trim_ascii())))
    })
}

/// Of more than three decimals the rest does not count; more than 1 is 1.
fn thousandths(q: &[u8]) -> u16 {
    let (whole, fraction) = match q.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&q[..dot], &q[dot + 1..]),
        None => (q, &b""[..]),
    };
    let is_number = whole.len() + fraction.len() > 0 && whole.iter().chain(fraction).all(u8::is_ascii_digit);
    if !is_number {
        return 0;
    }
    if whole.iter().any(|digit| *digit != b'0') {
        return 1_000;
    }
    (0..3).fold(0, |sum, index| sum * 10 + u16::from(fraction.get(index).map_or(0, |digit| digit - b'0')))
}

fn is_compressible(config: &Compress, request: &HeaderMap, head: &response::Parts) -> bool {
    let is_whole = !head.status.is_informational()
        && !matches!(
            head.status,
            StatusCode::NO_CONTENT
                | StatusCode::RESET_CONTENT
                | StatusCode::PARTIAL_CONTENT
                | StatusCode::IM_USED
                | StatusCode::NOT_MODIFIED
        )
        && !head.headers.contains_key(CONTENT_RANGE);
    let is_large =
        !head.headers.contains_key(CONTENT_LENGTH) || content_length(&head.headers) >= Some(config.min_size.max(1));
    let mut codings = head.headers.get_all(CONTENT_ENCODING).iter().flat_map(members);
    is_whole
        && is_large
        && codings.all(|coding| coding.eq_ignore_ascii_case(b"identity"))
        && head.headers.get(CONTENT_TYPE).is_some_and(|media_type| has_type(config, media_type))
        && !forbids_transformation(&head.headers)
        && !forbids_transformation(request)
}

/// Whether a media type is in the list. Event streams (HTML section 9.2) are only if they are named: their clients wait
/// for each event, and a compressor holds it back.
fn has_type(config: &Compress, media_type: &HeaderValue) -> bool {
    let media_type = media_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_stream = media_type.eq_ignore_ascii_case(b"text/event-stream");
    config.types.iter().any(|listed| match listed.strip_suffix('*') {
        Some("*/") => !is_stream,
        Some(range) => {
            let begins =
                media_type.get(..range.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(range.as_bytes()));
            begins && !is_stream
        }
        None => media_type.eq_ignore_ascii_case(listed.as_bytes()),
    })
}

/// `no-transform` (RFC 9111 sections 5.2.1.6 and 5.2.2.6).
fn forbids_transformation(headers: &HeaderMap) -> bool {
    let mut directives = headers.get_all(CACHE_CONTROL).iter().flat_map(members);
    directives.any(|directive| {
        let name = directive.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"no-transform")
    })
}

fn varies_by_encoding(headers: &HeaderMap) -> bool {
    let mut names = headers.get_all(VARY).iter().flat_map(members);
    names.any(|name| name == b"*" || name.eq_ignore_ascii_case(ACCEPT_ENCODING.as_str().as_bytes()))
}

/// Makes a strong validator weak: the bytes it was of are no longer those that are sent. What is no entity-tag, and
/// could be taken for a strong one, goes.
fn weaken(headers: &mut HeaderMap) {
    let Some(etag) = headers.get(ETAG) else { return };
    let etag = etag.as_bytes().trim_ascii();
    if etag.starts_with(b"W/") {
        return;
    }
    let weak = etag.starts_with(b"\"").then(|| HeaderValue::from_bytes(&[b"W/", etag].concat()).ok()).flatten();
    match weak {
        Some(weak) => _ = headers.try_insert(ETAG, weak),
        None => _ = headers.remove(ETAG),
    }
}

#[cfg(test)]
mod tests;
