//! What a value of a field, query parameter or cookie must be.

use std::fmt;

/// What a value must be, byte by byte: nothing is decoded and case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValuePattern {
    /// Exactly this.
    Exact(Box<str>),
    /// This and whatever follows: `abc*`.
    Prefix(Box<str>),
    /// Whatever precedes, and this: `*abc`.
    Suffix(Box<str>),
    /// Anything, even nothing: `*`.
    Present,
}

/// Why a text is not a value pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValuePatternError {
    /// A `*` that is not at one end, or one of several.
    #[error("{0:?} has a \"*\" too many. One can stand at one end, as in \"abc*\" or \"*abc\", or alone for any value")]
    MisplacedStar(String),
}

impl ValuePattern {
    /// Reads `abc`, `abc*`, `*abc` or `*`. Other values with a star in them, such as `*/*`, cannot be written.
    ///
    /// # Errors
    /// See [`ValuePatternError`].
    pub fn parse(text: &str) -> Result<Self, ValuePatternError> {
        let (pattern, fixed) = match (text.strip_suffix('*'), text.strip_prefix('*')) {
            (Some(""), _) => (Self::Present, ""),
            (Some(prefix), _) => (Self::Prefix(prefix.into()), prefix),
            (None, Some(suffix)) => (Self::Suffix(suffix.into()), suffix),
            (None, None) => (Self::Exact(text.into()), text),
        };
        if fixed.contains('*') { Err(ValuePatternError::MisplacedStar(text.to_owned())) } else { Ok(pattern) }
    }

    /// Whether a value fits.
    pub fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(text) => value == text.as_bytes(),
            Self::Prefix(text) => value.starts_with(text.as_bytes()),
            Self::Suffix(text) => value.ends_with(text.as_bytes()),
            Self::Present => true,
        }
    }

    /// Whether every value that fits `other` fits this.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Present, _) => true,
            (pattern, Self::Exact(text)) => pattern.matches(text.as_bytes()),
            (Self::Prefix(shorter), Self::Prefix(longer)) => longer.starts_with(&**shorter),
            (Self::Suffix(shorter), Self::Suffix(longer)) => longer.ends_with(&**shorter),
            _ => false,
        }
    }
}

impl fmt::Display for ValuePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => formatter.write_str(text),
            Self::Prefix(text) => write!(formatter, "{text}*"),
            Self::Suffix(text) => write!(formatter, "*{text}"),
            Self::Present => formatter.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which() {
        // pattern, values that fit, values that do not
        let table: &[(&str, &[&str], &[&str])] = &[
            ("abc", &["abc"], &["", "ab", "abcd", "Abc"]),
            ("abc*", &["abc", "abcd"], &["", "ab", "xabc"]),
            ("*abc", &["abc", "xabc"], &["", "bc", "abcx"]),
            ("*", &["", "a"], &[]),
            ("", &[""], &["a"]),
        ];
        for (text, members, others) in table {
            let pattern = ValuePattern::parse(text).unwrap();
            assert_eq!(pattern.to_string(), *text);
            assert!(members.iter().all(|value| pattern.matches(value.as_bytes())), "{text}");
            assert!(!others.iter().any(|value| pattern.matches(value.as_bytes())), "{text}");
        }
        assert!(ValuePattern::Suffix("b".into()).matches(b"\xffb"));
    }

    #[test]
    fn mistakes() {
        for text in ["**", "a*b", "*/*", "*a*", "***"] {
            assert_eq!(ValuePattern::parse(text), Err(ValuePatternError::MisplacedStar(text.into())), "{text}");
        }
    }

    #[test]
    fn containment() {
        // pattern, patterns within it, patterns that are not
        let table: &[(&str, &[&str], &[&str])] = &[
            ("*", &["*", "a", "a*", "*a", ""], &[]),
            ("ab", &["ab"], &["a", "ab*", "*ab", "*"]),
            ("ab*", &["ab", "abc", "ab*", "abc*"], &["a*", "*ab", "*", "b"]),
            ("*ab", &["ab", "cab", "*ab", "*cab"], &["*b", "ab*", "*", "a"]),
        ];
        for (text, within, others) in table {
            let pattern = ValuePattern::parse(text).unwrap();
            let contains = |text: &&str| pattern.contains(&ValuePattern::parse(text).unwrap());
            assert!(within.iter().all(contains), "{text}");
            assert!(!others.iter().any(contains), "{text}");
        }
    }
}
