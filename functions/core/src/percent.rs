//! Percent-decoding (RFC 3986 section 2.1).

/// The bytes that a name or value in a query stands for, as HTML forms have it: `+` is a space.
pub fn decode_query(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (byte, behind) = next_decoded(rest)?;
        let byte = if rest[0] == b'+' { b' ' } else { byte };
        rest = behind;
        Some(byte)
    })
}

/// The first byte that a text stands for, and what is behind it. A `%` without two digits is itself.
pub fn next_decoded(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            Some((digit(*high) << 4 | digit(*low), rest))
        }
        [byte, rest @ ..] => Some((*byte, rest)),
        [] => None,
    }
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => hex.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding() {
        let table = [
            ("a+b%20c", "a b c"),
            ("%c3%A9", "é"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%2B", "+"),
            ("", ""),
        ];
        for (text, decoded) in table {
            assert_eq!(decode_query(text).collect::<Vec<_>>(), decoded.as_bytes(), "{text}");
        }
    }
}
