//! Which paths a route is for, and what it captures of them.

mod error;
mod parse;
mod segment;

use std::fmt;

pub use error::PathPatternError;
pub(crate) use segment::{Affixes, Segment, split};

/// The longest pattern accepted, in bytes.
pub const PATH_PATTERN_LEN_MAX: usize = 1024;

/// The most segments that a pattern may have. Matching recurses once per segment, so this bounds the stack that a
/// request can make us use.
pub const SEGMENTS_MAX: usize = 64;

/// The paths that a route is for, in the syntax of matchit (and so of axum):
///
/// | pattern | matches |
/// |---|---|
/// | `/a/b` | `/a/b` alone: `/a/b/` is another path, and so is `/A/b` |
/// | `/p/{id}` | `/p/` and one segment of at least one byte, captured as `id` |
/// | `/img/{name}.png`, `/@{user}` | the same with something fixed before or behind it |
/// | `/files/{*rest}` | everything below `/files/`, at least one byte of it, captured as `rest` |
/// | `/{{a}}` | `/{a}` |
///
/// Paths are compared byte by byte as they were sent; nothing is percent-decoded.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PathPattern {
    raw: Box<str>,
    /// Those between the slashes; none for every path.
    segments: Option<Box<[Segment]>>,
}

/// What the `{name}`s of a pattern stand for in a path.
#[derive(Clone, Copy)]
pub struct Captured<'t, 'p> {
    segments: &'t [Segment],
    /// The path behind its first slash.
    path: &'p str,
}

impl PathPattern {
    /// Every path, `*` of `OPTIONS *` too.
    pub fn any() -> Self {
        Self::default()
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// See [`PathPatternError`].
    pub fn parse(text: &str) -> Result<Self, PathPatternError> {
        Ok(Self { raw: text.into(), segments: Some(parse::segments(text)?) })
    }

    /// Whether it is every path.
    pub fn is_any(&self) -> bool {
        self.segments.is_none()
    }

    /// The names of its `{name}` and `{*name}`, from left to right. They differ from each other.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments().iter().filter_map(Segment::name)
    }

    /// Whether a path belongs to it.
    pub fn matches(&self, path: &str) -> bool {
        self.captures(path).is_some()
    }

    /// What its names stand for in a path; none if the path does not belong to it.
    pub fn captures<'t, 'p>(&'t self, path: &'p str) -> Option<Captured<'t, 'p>> {
        let Some(segments) = &self.segments else {
            return Some(Captured { segments: &[], path });
        };
        let path = path.strip_prefix('/')?;
        segment::is_match(segments, path).then_some(Captured { segments, path })
    }

    /// What its names stand for in a path that is known to belong to it.
    pub(crate) fn captures_of_match<'t, 'p>(&'t self, path: &'p str) -> Captured<'t, 'p> {
        Captured { segments: self.segments(), path: path.strip_prefix('/').unwrap_or("") }
    }

    /// Its segments; none for every path, which [`Self::is_any`] tells from `/`.
    pub(crate) fn segments(&self) -> &[Segment] {
        self.segments.as_deref().unwrap_or_default()
    }
}

impl<'t, 'p> Captured<'t, 'p> {
    /// The names and what they stand for, from left to right, as it was sent.
    pub fn iter(&self) -> impl Iterator<Item = (&'t str, &'p str)> + use<'t, 'p> {
        segment::values(self.segments, self.path)
    }

    /// What one name stands for, as it was sent.
    pub fn get(&self, name: &str) -> Option<&'p str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for Captured<'_, '_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_any() { "*" } else { &self.raw })
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests;
