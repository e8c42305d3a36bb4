//! W3C Trace Context: a request's place in a trace, taken in, passed on and logged.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TEXT_BYTES: usize = 55;

/// The `traceparent` field, version 00 (W3C Trace Context section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceParent {
    /// The caller's trace with a span of our own, or a new trace if the caller sent none that is valid.
    pub fn take_in(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let sent = match (values.next(), values.next()) {
            (Some(value), None) => Self::parse(value.as_bytes()),
            _ => None,
        };
        let (trace_id, flags) = match sent {
            Some(sent) => (sent.trace_id, sent.flags),
            None => (fastrand::u128(1..), 0),
        };
        Self { trace_id, span_id: fastrand::u64(1..), flags }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let version = hex(text.get(..2)?)?;
        // A later version may have more behind what version 00 has.
        let is_shaped =
            text.len() == TEXT_BYTES || (version > 0 && text.len() > TEXT_BYTES && text[TEXT_BYTES] == b'-');
        if !is_shaped || version == 0xff || [2, 35, 52].iter().any(|dash| text[*dash] != b'-') {
            return None;
        }
        let sent = Self {
            trace_id: hex(&text[3..35])?,
            span_id: u64::try_from(hex(&text[36..52])?).ok()?,
            flags: u8::try_from(hex(&text[53..55])?).ok()?,
        };
        (sent.trace_id != 0 && sent.span_id != 0).then_some(sent)
    }

    /// Sets the field on a request that goes on from here.
    pub fn pass_on(&self, headers: &mut HeaderMap) {
        let mut text = [b'-'; TEXT_BYTES];
        text[..2].copy_from_slice(b"00");
        put_hex(&mut text[3..35], self.trace_id);
        put_hex(&mut text[36..52], u128::from(self.span_id));
        put_hex(&mut text[53..], u128::from(self.flags));
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// The trace's id, as it is logged.
    pub fn trace_id(&self) -> impl fmt::Display {
        struct Id(u128);
        impl fmt::Display for Id {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:032x}", self.0)
            }
        }
        Id(self.trace_id)
    }
}

/// The number that lowercase hexadecimal digits give; uppercase ones are not allowed here.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

fn put_hex(out: &mut [u8], mut number: u128) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn take_in(values: &[&str]) -> TraceParent {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        TraceParent::take_in(&headers)
    }

    #[test]
    fn a_valid_trace_goes_on_with_a_new_span() {
        for sent in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            let trace = take_in(&[sent]);
            assert_eq!(trace.trace_id().to_string(), TRACE, "{sent}");
            assert_ne!(trace.span_id, 0x00f0_67aa_0ba9_02b7);
            let mut headers = HeaderMap::new();
            trace.pass_on(&mut headers);
            let passed = headers[TRACEPARENT].to_str().unwrap();
            assert!(
                passed.starts_with(&format!("00-{TRACE}-")) && passed.ends_with("-01") && passed.len() == TEXT_BYTES
            );
        }
    }

    #[test]
    fn an_invalid_one_starts_anew() {
        for sent in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_ne!(take_in(&[sent]).trace_id().to_string(), TRACE, "{sent}");
        }
        let twice = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_ne!(take_in(&[twice, twice]).trace_id().to_string(), TRACE);
    }
}
