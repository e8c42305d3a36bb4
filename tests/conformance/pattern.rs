//! What a text must be: how cases say what they expect.

use std::fmt;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde::de::{self, Visitor};

/// What a field or a body must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// There is none: `false`.
    Absent,
    /// There is one, whatever it is: `true`.
    Present,
    /// Exactly this. Several lines of a field are compared as one, with `, ` between them.
    Exact(String),
    /// `~` and a text in which `*` stands for anything, and `{1..5}` for one of these numbers: `"~edge;dur=*"`.
    Glob(String),
}

impl Pattern {
    /// As it is written.
    pub fn parse(text: &str) -> Self {
        text.strip_prefix('~').map_or_else(|| Self::Exact(text.to_owned()), |glob| Self::Glob(glob.to_owned()))
    }

    /// What is wrong with what was found, if anything.
    pub fn miss(&self, found: Option<&str>) -> Option<String> {
        let fits = match (self, found) {
            (Self::Absent, found) => found.is_none(),
            (Self::Present, found) => found.is_some(),
            (_, None) => false,
            (Self::Exact(text), Some(found)) => text == found,
            (Self::Glob(glob), Some(found)) => glob_fits(glob, found),
        };
        let found = || found.map_or("there is none".to_owned(), |found| format!("it is {found:?}"));
        (!fits).then(|| format!("must be {self}, but {}", found()))
    }

    /// The same with something else in its text.
    pub fn map(&self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Exact(text) => Self::Exact(change(text)),
            Self::Glob(text) => Self::Glob(change(text)),
            other => other.clone(),
        }
    }
}

/// Whether a text is a glob's: what stands between its stars and ranges, in order, and both ends.
fn glob_fits(glob: &str, text: &str) -> bool {
    if let Some(rest) = glob.strip_prefix('*') {
        return text.char_indices().any(|(at, _)| glob_fits(rest, &text[at..])) || glob_fits(rest, "");
    }
    if let Some((range, rest)) = range(glob) {
        let is_digit = |c: char| c.is_ascii_digit() || c == '-';
        let end = text.find(|c| !is_digit(c)).unwrap_or(text.len());
        return text[..end].parse().is_ok_and(|number| range.contains(&number)) && glob_fits(rest, &text[end..]);
    }
    match (glob.chars().next(), text.chars().next()) {
        (Some(one), Some(other)) => one == other && glob_fits(&glob[one.len_utf8()..], &text[other.len_utf8()..]),
        (one, other) => one == other,
    }
}

/// The range that a glob begins with, and what is behind it.
fn range(glob: &str) -> Option<(RangeInclusive<i64>, &str)> {
    let (inside, rest) = glob.strip_prefix('{')?.split_once('}')?;
    let (first, last) = inside.split_once("..")?;
    Some((first.parse().ok()?..=last.parse().ok()?, rest))
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("absent"),
            Self::Present => formatter.write_str("there"),
            Self::Exact(text) => write!(formatter, "{text:?}"),
            Self::Glob(text) => write!(formatter, "like {text:?}"),
        }
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl Visitor<'_> for Reads {
            type Value = Pattern;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, \"~\" and a text with \"*\" in it, true or false")
            }

            fn visit_bool<E: de::Error>(self, there: bool) -> Result<Pattern, E> {
                Ok(if there { Pattern::Present } else { Pattern::Absent })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Pattern, E> {
                Ok(Pattern::parse(text))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// What this module must do itself: the suite has no other tests of its own tools.
pub fn check_self() {
    let table = [
        ("a*", "abc", true),
        ("a*", "ba", false),
        ("*c", "abc", true),
        ("a*c", "abc", true),
        ("a*c", "abcd", false),
        ("a*a", "a", false),
        ("*b*", "abc", true),
        ("a", "a", true),
        ("a", "ab", false),
        ("a*b*c", "a--b--c", true),
        ("a*b*c", "a--c--b", false),
        ("{1..3}", "3", true),
        ("{1..3}", "4", false),
        ("{1..3}", "", false),
        ("a; ttl={-5..-3}; b", "a; ttl=-4; b", true),
        ("a; ttl={-5..-3}; b", "a; ttl=4; b", false),
        ("*={1..3}", "a=b=2", true),
        ("{a}*", "{a}b", true),
    ];
    for (glob, text, fits) in table {
        assert_eq!(glob_fits(glob, text), fits, "{glob} {text}");
    }
}
