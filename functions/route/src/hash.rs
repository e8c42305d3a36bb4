//! One hash for all places and processes.

use std::hash::{BuildHasherDefault, Hasher};

/// FNV-1a with 64 bits (Fowler, Noll and Vo), then the finaliser of MurmurHash3, so that every bit of the result depends on every
/// byte. What clients are divided by follows from it: it may never change.
///
/// It has no secret: who knows it can choose values that collide. That gains nothing where we hash: a client may choose
/// its arm of a split anyway, and a table of routes has only the operator's keys in it.
pub(crate) fn stable(bytes: &[u8]) -> u64 {
    let mut hasher = Stable::default();
    hasher.write(bytes);
    hasher.finish()
}

/// The same for the keys of a map.
pub(crate) type BuildStable = BuildHasherDefault<Stable>;

pub(crate) struct Stable(u64);

impl Default for Stable {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Stable {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    }

    fn finish(&self) -> u64 {
        mix(self.0)
    }
}

/// MurmurHash3's fmix64 (Austin Appleby, public domain): a bijection.
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vectors of FNV-1a, before the finaliser; then what must stay as it is.
    #[test]
    fn vectors() {
        let table: &[(&[u8], u64)] =
            &[(b"", 0xcbf2_9ce4_8422_2325), (b"a", 0xaf63_dc4c_8601_ec8c), (b"foobar", 0x8594_4171_f739_67e8)];
        for (bytes, fnv) in table {
            let mut hasher = Stable::default();
            hasher.write(bytes);
            assert_eq!(hasher.0, *fnv, "{bytes:?}");
            assert_eq!(stable(bytes), mix(*fnv), "{bytes:?}");
        }
        assert_eq!(mix(0), 0);
        assert_eq!(mix(1), 0xb456_bcfc_34c2_cb2c);
    }
}
