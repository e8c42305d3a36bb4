//! Randomness that nobody can predict.

use std::fmt::Write;

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    crate::platform::fill_random(&mut bytes);
    bytes
}

/// A random name that cannot be guessed: 128 bits as 32 hexadecimal digits. Fit for sessions and tokens.
pub fn id() -> String {
    bytes::<16>().iter().fold(String::with_capacity(32), |mut id, byte| {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_long_and_differ() {
        let (a, b) = (super::id(), super::id());
        assert_eq!(a.len(), 32);
        assert_ne!(a, b);
    }
}
