//! Percent-encoding (RFC 3986 section 2.1).

/// Appends text with every byte that is not `kept` percent-encoded. What is encoded already stays so if `%` is kept.
pub(crate) fn push_encoded(out: &mut String, text: &str, kept: impl Fn(u8) -> bool) {
    for c in text.chars() {
        let mut buffer = [0; 4];
        let bytes = c.encode_utf8(&mut buffer).as_bytes();
        if bytes.iter().all(|byte| kept(*byte)) {
            out.push(c);
        } else {
            bytes.iter().for_each(|byte| push_byte(out, *byte));
        }
    }
}

fn push_byte(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend(['%', char::from(HEX[usize::from(byte >> 4)]), char::from(HEX[usize::from(byte & 15)])]);
}

/// What may stand in a path without ending it. Laxer than RFC 3986 section 3.3, so that what clients send stays as they
/// send it, but for what would be taken for something else: a backslash, which browsers take for a slash.
pub(crate) fn is_in_path(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'?' | b'\\' | b'`')
}

/// What may stand in a query without ending it.
pub(crate) fn is_in_query(byte: u8) -> bool {
    byte == b'?' || is_in_path(byte)
}

/// What stands for itself in a name or value of a query, for all that read it (RFC 3986 section 2.3).
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding() {
        let table = [
            ("/a%2Fb;c=d,e", "/a%2Fb;c=d,e"),
            ("a b\"#<>?`\\", "a%20b%22%23%3C%3E%3F%60%5C"),
            ("é\u{1F600}\n", "%C3%A9%F0%9F%98%80%0A"),
            ("[{|}]^", "[{|}]^"),
        ];
        for (text, encoded) in table {
            let mut out = String::new();
            push_encoded(&mut out, text, is_in_path);
            assert_eq!(out, encoded);
        }
        let mut out = String::new();
        push_encoded(&mut out, "a&b=c+d %?~", is_unreserved);
        assert_eq!(out, "a%26b%3Dc%2Bd%20%25%3F~");
    }
}
