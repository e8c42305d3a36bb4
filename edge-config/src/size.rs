//! Sizes as operators write them: `"64MiB"`, `"1MB"`, `"512B"`.

use std::fmt;

/// The units, in bytes; of two that fit, the first is the nicer one to show.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes. Displays with the unit that needs the fewest digits and no fraction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SizeError {
    /// Not a whole number and a unit.
    #[error("{0:?} is not a size. Write a whole number and B, kB, MB, GB, KiB, MiB or GiB, as in \"64MiB\"")]
    Syntax(String),
    /// More bytes than fit into 64 bits.
    #[error("{0:?} is too large a size")]
    TooLarge(String),
}

impl ByteSize {
    /// This many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// This many times 2^20 bytes.
    pub const fn from_mib(mib: u32) -> Self {
        Self((mib as u64) << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Reads a whole number directly followed by a unit: kB, MB and GB count in thousands, KiB, MiB
    /// and GiB in 1024s.
    ///
    /// # Errors
    /// See [`SizeError`].
    pub fn parse(text: &str) -> Result<Self, SizeError> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let (Some(factor), 1..) = (factor, digits) else {
            return Err(SizeError::Syntax(text.to_owned()));
        };
        let number: Option<u64> = number.parse().ok();
        match number.and_then(|number| number.checked_mul(factor)) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(SizeError::TooLarge(text.to_owned())),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().filter(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        match whole.min_by_key(|(_, factor)| self.0 / factor) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => f.write_str("0B"),
        }
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good() {
        let table = [
            ("64MiB", 64 << 20, "64MiB"),
            ("1MB", 1_000_000, "1MB"),
            ("1GiB", 1 << 30, "1GiB"),
            ("1024MiB", 1 << 30, "1GiB"),
            ("2GB", 2_000_000_000, "2GB"),
            ("10kB", 10_000, "10kB"),
            ("16KiB", 16_384, "16KiB"),
            ("512B", 512, "512B"),
            ("0B", 0, "0B"),
        ];
        for (text, bytes, shown) in table {
            let size = ByteSize::parse(text).unwrap();
            assert_eq!(size.bytes(), bytes, "{text}");
            assert_eq!(size.to_string(), shown);
        }
        assert_eq!(ByteSize::from_mib(64).to_string(), "64MiB");
    }

    #[test]
    fn bad() {
        for text in ["", "64", "MiB", "64mib", "64M", "1.5GiB", "64 MiB", "-1B", "1KB", "1TB"] {
            assert_eq!(ByteSize::parse(text), Err(SizeError::Syntax(text.to_owned())), "{text}");
        }
        for text in ["99999999999999999999B", "18446744073709551615GiB"] {
            assert_eq!(ByteSize::parse(text), Err(SizeError::TooLarge(text.to_owned())), "{text}");
        }
    }
}
