//! Content codings: which one a client gets, and what is compressed on the way in (RFC 9110 sections 8.4 and 12.5.3).

use http::{HeaderMap, response};

use crate::Compress;

/// A content coding.
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
/// no coding. What it does not mention it does not take, and `identity` counts by its q-value too.
pub fn negotiate(headers: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    let _ = (headers, offered);
    None
}

/// Whether a response is to be compressed for this request before it is stored, and into what. Its head is changed
/// accordingly: Content-Encoding, Vary, no Content-Length, no ranges, and a validator that is weak from then on
/// (RFC 9110 section 8.8.1).
pub fn compress(config: &Compress, request: &HeaderMap, head: &mut response::Parts) -> Option<Coding> {
    let _ = (config, request, head);
    None
}
