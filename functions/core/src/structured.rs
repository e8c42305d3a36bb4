//! Names and strings in structured fields (RFC 9651).

use std::fmt::{self, Write};

/// Longest text that is said, in bytes of what it is made from.
const TEXT_MAX: usize = 1024;

/// Writes a name: a token if it can be one, else a string.
///
/// # Errors
/// Those of what is written to.
pub fn write_name(name: &str, to: &mut impl Write) -> fmt::Result {
    if is_token(name) { to.write_str(name) } else { write_string(name, to) }
}

/// RFC 9651 section 3.3.4.
fn is_token(text: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
    text.len() <= TEXT_MAX
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*')
        && text.bytes().all(is_of_token)
}

/// Writes a string (RFC 9651 section 3.3.3): of a long text the beginning. What no string may have is percent-encoded.
///
/// # Errors
/// Those of what is written to.
pub fn write_string(text: &str, to: &mut impl Write) -> fmt::Result {
    to.write_char('"')?;
    for byte in text.bytes().take(TEXT_MAX) {
        match byte {
            b'"' | b'\\' => write!(to, "\\{}", char::from(byte))?,
            b' '..=b'~' => to.write_char(char::from(byte))?,
            _ => write!(to, "%{byte:02X}")?,
        }
    }
    to.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_or_strings() {
        for (name, expected) in
            [("tidegate", "tidegate"), ("edge-1.example", "edge-1.example"), ("1st", "\"1st\""), ("a\"b", "\"a\\\"b\"")]
        {
            let mut text = String::new();
            write_name(name, &mut text).unwrap();
            assert_eq!(text, expected);
        }
    }
}
