//! Validators: what tells the representations of a resource apart (RFC 9110 section 8.8).

use http::header::ETAG;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::freshness::field_date;

/// An entity tag (RFC 9110 section 8.8.3). One without quotes is none by the grammar. There are origins that send such,
/// so it is taken for a weak one: it can be compared, and nothing is cut or joined by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag<'a> {
    /// What stands between the quotes.
    opaque: &'a [u8],
    is_weak: bool,
}

impl<'a> EntityTag<'a> {
    /// The entity tag of a response: its `ETag`, the first if there are several.
    pub(crate) fn of(headers: &'a HeaderMap) -> Option<Self> {
        Self::list(headers.get(ETAG)?).next()
    }

    /// The entity tags in a list. Commas may stand in them, backslashes escape nothing, and where one has no end, the
    /// list ends.
    pub(crate) fn list(value: &'a HeaderValue) -> impl Iterator<Item = Self> {
        let mut rest = value.as_bytes();
        std::iter::from_fn(move || {
            let (tag, behind) = Self::split(rest)?;
            rest = behind;
            Some(tag)
        })
    }

    fn split(list: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let begin = list.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        let list = &list[begin..];
        let (is_weak, quoted) = match list.strip_prefix(b"W/\"") {
            Some(quoted) => (true, Some(quoted)),
            None => (false, list.strip_prefix(b"\"")),
        };
        if let Some(quoted) = quoted {
            let end = quoted.iter().position(|byte| *byte == b'"')?;
            return Some((Self { opaque: &quoted[..end], is_weak }, &quoted[end + 1..]));
        }
        let end = list.iter().position(|byte| *byte == b',').unwrap_or(list.len());
        Some((Self { opaque: list[..end].trim_ascii_end(), is_weak: true }, &list[end..]))
    }

    /// Whether it is a strong validator (RFC 9110 section 8.8.1).
    pub(crate) fn is_strong(self) -> bool {
        !self.is_weak
    }

    /// The strong comparison (RFC 9110 section 8.8.3.2).
    pub(crate) fn is_strongly(self, other: Self) -> bool {
        self.is_strong() && other.is_strong() && self.is_weakly(other)
    }

    /// The weak comparison (RFC 9110 section 8.8.3.2).
    pub(crate) fn is_weakly(self, other: Self) -> bool {
        self.opaque == other.opaque
    }
}

/// A date, in seconds since the Unix epoch. None: it is not there, not valid, or there more than once.
pub(crate) fn date(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    only(headers, &name)?;
    field_date(headers, name)
}

/// The value of a field that is there once.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).into_iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110 section 8.8.3.2 has the first four rows.
    #[test]
    fn comparison() {
        let table = [
            (r#"W/"1""#, r#"W/"1""#, false, true),
            (r#"W/"1""#, r#"W/"2""#, false, false),
            (r#"W/"1""#, r#""1""#, false, true),
            (r#""1""#, r#""1""#, true, true),
            (r#""""#, r#""""#, true, true),
            ("1", r#""1""#, false, true),
            ("1", "1", false, true),
            ("w/1", r#"W/"1""#, false, false),
        ];
        for (one, other, strongly, weakly) in table {
            let (one, other) = (HeaderValue::from_static(one), HeaderValue::from_static(other));
            let tags = (EntityTag::list(&one).next().unwrap(), EntityTag::list(&other).next().unwrap());
            assert_eq!((tags.0.is_strongly(tags.1), tags.0.is_weakly(tags.1)), (strongly, weakly), "{one:?} {other:?}");
        }
    }

    /// RFC 9110 sections 5.6.1.2 (empty members) and 8.8.3 (what may stand in a tag).
    #[test]
    fn lists() {
        let table: [(&str, &[&str]); 8] = [
            (r#""a""#, &["a"]),
            (r#""a", W/"b","c""#, &["a", "b", "c"]),
            (r#" , "a,b" ,, "c\" "#, &["a,b", "c\\"]),
            (r#"a, "b""#, &["a", "b"]),
            (r#""a" "b""#, &["a", "b"]),
            (r#""a", "b"#, &["a"]),
            ("", &[]),
            (" ,\t,", &[]),
        ];
        for (text, expected) in table {
            let value = HeaderValue::from_static(text);
            let tags: Vec<_> = EntityTag::list(&value).map(|tag| tag.opaque).collect();
            assert_eq!(tags, expected.iter().map(|tag| tag.as_bytes()).collect::<Vec<_>>(), "{text}");
        }
    }
}
