//! Cache-Status (RFC 9211).

use std::fmt::{self, Write};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use tidegate_core::{write_name, write_string};

/// Largest integer of a structured field (RFC 9651 section 3.3.1).
const INTEGER_MAX: i64 = 999_999_999_999_999;

/// What the cache did with a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus<'a> {
    /// `hit`
    pub is_hit: bool,
    /// `fwd`
    pub forward: Option<Forward>,
    /// `fwd-status`, if it differs from the status of the response.
    pub forward_status: Option<StatusCode>,
    /// `ttl`, in seconds; negative for what is stale.
    pub ttl_s: Option<i64>,
    /// `stored`
    pub is_stored: bool,
    /// `collapsed`
    pub is_collapsed: bool,
    /// `key`, when debugging.
    pub key: Option<&'a str>,
    /// `detail`
    pub detail: Option<&'a str>,
}

/// Why a request went forward (RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// `bypass`: the configuration says so.
    Bypass,
    /// `method`
    Method,
    /// `uri-miss`
    UriMiss,
    /// `vary-miss`
    VaryMiss,
    /// `request`: the client wants it.
    Request,
    /// `stale`
    Stale,
    /// `partial`
    Partial,
}

impl Forward {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

impl CacheStatus<'_> {
    /// As a member of the list, for a cache of this name.
    ///
    /// `hit` and `fwd` exclude each other: a hit did not go forward. `fwd-status`, `stored` and `collapsed` mean
    /// something beside `fwd` alone (RFC 9211 sections 2.1 to 2.6). Of a long key or detail the beginning is said. What
    /// no string may have is percent-encoded: lines of a key are parted by `%0A`.
    pub fn to_value(&self, cache: &str) -> HeaderValue {
        // Twice, first to count: then the text is allocated once, at its size, and becomes the value as it is.
        let mut length = Length(0);
        // Neither of the two can fail.
        let _ = self.write(cache, &mut length);
        let mut text = String::with_capacity(length.0);
        let _ = self.write(cache, &mut text);
        // Only visible ASCII and spaces were written.
        HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static("?"))
    }

    fn write(&self, cache: &str, to: &mut impl Write) -> fmt::Result {
        write_name(cache, to)?;
        match self.forward {
            _ if self.is_hit => to.write_str("; hit")?,
            Some(forward) => self.write_forward(forward, to)?,
            None => {}
        }
        if let Some(ttl_s) = self.ttl_s {
            write!(to, "; ttl={}", ttl_s.clamp(-INTEGER_MAX, INTEGER_MAX))?;
        }
        if self.writes_forward() {
            write_flag("; stored", self.is_stored, to)?;
            write_flag("; collapsed", self.is_collapsed, to)?;
        }
        if let Some(key) = self.key {
            to.write_str("; key=")?;
            write_string(key, to)?;
        }
        if let Some(detail) = self.detail {
            to.write_str("; detail=")?;
            write_name(detail, to)?;
        }
        Ok(())
    }

    fn writes_forward(&self) -> bool {
        !self.is_hit && self.forward.is_some()
    }

    fn write_forward(&self, forward: Forward, to: &mut impl Write) -> fmt::Result {
        to.write_str("; fwd=")?;
        to.write_str(forward.as_str())?;
        match self.forward_status {
            Some(status) => write!(to, "; fwd-status={}", status.as_u16()),
            None => Ok(()),
        }
    }
}

fn write_flag(flag: &str, is_set: bool, to: &mut impl Write) -> fmt::Result {
    if is_set { to.write_str(flag) } else { Ok(()) }
}

/// How long what is written is.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
