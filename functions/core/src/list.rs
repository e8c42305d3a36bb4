//! Fields whose value is a list (RFC 9110 section 5.6.1).

use http::HeaderValue;

/// The members of a comma-separated field value, trimmed, empty ones left out. Commas inside quoted strings part, too:
/// for lists of tokens.
pub fn members(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_members_do_not_count() {
        let of = |text: &'static str| members(&HeaderValue::from_static(text)).map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert_eq!(of("a, ,b\t,, c d"), [b"a".to_vec(), b"b".to_vec(), b"c d".to_vec()]);
        assert!(of(" , ").is_empty());
    }
}
