//! The envelope around a value that expires. The host reads this format too: it can only be changed in both.

use bytes::{Buf, Bytes};

const MAGIC: &[u8; 8] = b"\0TGTTL1\0";
const HEADER: usize = MAGIC.len() + size_of::<u64>();

/// What was in a stored value.
#[derive(Debug, PartialEq)]
pub(super) enum Opened {
    Value(Bytes),
    Expired,
}

/// Seals a value until `expires` (Unix milliseconds).
pub(super) fn seal(expires: u64, value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(HEADER + value.len());
    sealed.extend_from_slice(MAGIC);
    sealed.extend_from_slice(&expires.to_be_bytes());
    sealed.extend_from_slice(value);
    sealed
}

/// A value without an expiry is stored bare, unless it looks like an envelope itself: then it gets one that lasts.
pub(super) fn plain(value: Vec<u8>) -> Vec<u8> {
    if value.starts_with(MAGIC) { seal(u64::MAX, &value) } else { value }
}

/// Opens what was stored.
pub(super) fn open(mut stored: Bytes, now: u64) -> Opened {
    // Too short for an envelope: somebody else's value that happens to begin like one.
    if stored.len() < HEADER || !stored.starts_with(MAGIC) {
        return Opened::Value(stored);
    }
    stored.advance(MAGIC.len());
    if stored.get_u64() <= now { Opened::Expired } else { Opened::Value(stored) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_fixed() {
        assert_eq!(seal(0x0102, b"v"), b"\0TGTTL1\0\x00\x00\x00\x00\x00\x00\x01\x02v");
    }

    #[test]
    fn a_value_lives_until_its_moment_and_not_at_it() {
        let sealed = Bytes::from(seal(1000, b"v"));
        assert_eq!(open(sealed.clone(), 999), Opened::Value("v".into()));
        assert_eq!(open(sealed, 1000), Opened::Expired);
    }

    #[test]
    fn what_is_no_envelope_is_left_alone() {
        for value in [&b""[..], b"v", b"\0TGTTL1", b"\0TGTTL1\0short"] {
            assert_eq!(open(Bytes::copy_from_slice(value), u64::MAX), Opened::Value(Bytes::copy_from_slice(value)));
        }
    }
}
