//! What a text must be: how cases say what they expect.

use std::fmt;

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
    /// `~` and a text in which `*` stands for anything: `"~edge;dur=*"`.
    Glob(String),
}

impl Pattern {
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

/// Whether a text is a glob's: what stands between its stars, in order, and both ends.
fn glob_fits(glob: &str, text: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else { return glob == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match text.split_once(piece) {
            Some((_, behind)) => text = behind,
            None => return false,
        }
    }
    text.ends_with(last)
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
                Ok(match text.strip_prefix('~') {
                    Some(glob) => Pattern::Glob(glob.to_owned()),
                    None => Pattern::Exact(text.to_owned()),
                })
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
    ];
    for (glob, text, fits) in table {
        assert_eq!(glob_fits(glob, text), fits, "{glob} {text}");
    }
}
