//! The `Forwarded` field (RFC 7239).

use std::borrow::Cow;

/// What one proxy says. What is not valid is as if it were not there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'f> {
    /// `for`, with brackets and port if it has them.
    pub address: Option<Cow<'f, str>>,
    /// `proto`
    pub scheme: Option<Cow<'f, str>>,
}

/// The elements of a field, from left to right.
pub(super) fn elements(field: &str) -> impl Iterator<Item = Element<'_>> {
    split(field, b',').filter(|text| !text.trim().is_empty()).map(|text| {
        let mut element = Element::default();
        for (name, value) in split(text, b';').filter_map(|pair| pair.split_once('=')) {
            let name = name.trim();
            if name.eq_ignore_ascii_case("for") {
                element.address = unquoted(value.trim());
            } else if name.eq_ignore_ascii_case("proto") {
                element.scheme = unquoted(value.trim());
            }
        }
        element
    })
}

/// The pieces of a text between separators that are not in quotes.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = end_of_piece(text.as_bytes(), separator);
        rest = text.get(end + 1..);
        text.get(..end)
    })
}

fn end_of_piece(text: &[u8], separator: u8) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (index, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            byte if *byte == separator && !is_quoted => return index,
            _ => {}
        }
    }
    text.len()
}

/// A token, or what a quoted string says (RFC 9110 section 5.6.4).
fn unquoted(value: &str) -> Option<Cow<'_, str>> {
    let Some(inside) = value.strip_prefix('"') else { return Some(Cow::Borrowed(value)) };
    let inside = inside.strip_suffix('"')?;
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    let mut text = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next()? } else { character });
    }
    Some(Cow::Owned(text))
}

/// Our element: who we heard it from, which host was asked for, how. Which of our addresses it came to (`by`) is
/// nobody's business. An IPv6 address is in brackets, and what has a colon in quotes (RFC 7239 section 6).
pub(crate) fn write(into: &mut String, peer: &str, host: &str, is_https: bool) {
    let (open, close) = if peer.contains(':') { ("\"[", "]\"") } else { ("", "") };
    for piece in ["for=", open, peer, close] {
        into.push_str(piece);
    }
    if !host.is_empty() {
        let quote = if host.contains(':') { "\"" } else { "" };
        for piece in [";host=", quote, host, quote] {
            into.push_str(piece);
        }
    }
    into.push_str(if is_https { ";proto=https" } else { ";proto=http" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read() {
        type Row<'a> = (&'a str, &'a [(Option<&'a str>, Option<&'a str>)]);
        let table: &[Row] = &[
            ("for=192.0.2.43", &[(Some("192.0.2.43"), None)]),
            ("For=\"[2001:db8:cafe::17]:4711\"", &[(Some("[2001:db8:cafe::17]:4711"), None)]),
            ("for=192.0.2.60; proto=http;by=203.0.113.43", &[(Some("192.0.2.60"), Some("http"))]),
            ("for=192.0.2.43, for=198.51.100.17", &[(Some("192.0.2.43"), None), (Some("198.51.100.17"), None)]),
            ("for=\"_a,b;c\";proto=https", &[(Some("_a,b;c"), Some("https"))]),
            ("for=\"a\\\"b\"", &[(Some("a\"b"), None)]),
            ("for=\"open, for=1.2.3.4", &[(None, None)]),
            (" , by=x", &[(None, None)]),
            ("", &[]),
        ];
        for (field, expected) in table {
            let found: Vec<_> = elements(field).collect();
            let found: Vec<_> =
                found.iter().map(|element| (element.address.as_deref(), element.scheme.as_deref())).collect();
            assert_eq!(found, *expected, "{field}");
        }
    }

    #[test]
    fn our_element_is_valid() {
        let table = [
            ("192.0.2.1", "shop.example", true, "for=192.0.2.1;host=shop.example;proto=https"),
            ("2001:db8::1", "a:8080", false, "for=\"[2001:db8::1]\";host=\"a:8080\";proto=http"),
            ("192.0.2.1", "[::1]", false, "for=192.0.2.1;host=\"[::1]\";proto=http"),
            ("192.0.2.1", "", false, "for=192.0.2.1;proto=http"),
        ];
        for (peer, host, is_https, expected) in table {
            let mut text = String::new();
            write(&mut text, peer, host, is_https);
            assert_eq!(text, expected);
        }
    }
}
