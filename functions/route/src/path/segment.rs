//! One segment of a pattern, and which segments of paths it takes.

use std::cmp::Reverse;

/// What one segment of a pattern asks of one segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Exactly this text.
    Literal(Box<str>),
    /// At least one byte, remembered under this name.
    Parameter { name: Box<str>, affixes: Affixes },
    /// All that is left of the path, at least one byte, remembered under this name. Always the last segment.
    Rest(Box<str>),
}

/// What is fixed around a parameter; nothing around a plain one.
///
/// The order is that of specificity: what is fixed more comes first; of two that fix as much, the one that fixes more
/// at the front. Two that are equal in that never take the same text, unless they are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Affixes {
    pub(crate) prefix: Box<str>,
    pub(crate) suffix: Box<str>,
}

impl Segment {
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter { name, .. } | Self::Rest(name) => Some(name),
        }
    }
}

impl Affixes {
    pub(crate) fn is_empty(&self) -> bool {
        self.prefix.is_empty() && self.suffix.is_empty()
    }

    /// What a parameter between them stands for in a segment.
    pub(crate) fn capture<'p>(&self, text: &'p str) -> Option<&'p str> {
        let inner = text.strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)?;
        (!inner.is_empty()).then_some(inner)
    }

    pub(crate) fn key(&self) -> impl Ord + Copy {
        let len = self.prefix.len() + self.suffix.len();
        (Reverse(len), Reverse(self.prefix.len()), &*self.prefix, &*self.suffix)
    }
}

impl Ord for Affixes {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Affixes {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The first segment of a path without its first slash, and the path behind that segment's slash. A path that ends in a
/// slash ends in an empty segment.
pub(crate) fn split(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    }
}

/// Whether a path, without its first slash, fits segments: at least one.
pub(super) fn is_match(segments: &[Segment], path: &str) -> bool {
    let mut rest = Some(path);
    for segment in segments {
        let Some(path) = rest else { return false };
        let (text, below) = split(path);
        let fits = match segment {
            Segment::Literal(literal) => text == &**literal,
            Segment::Parameter { affixes, .. } => affixes.capture(text).is_some(),
            Segment::Rest(_) => return !path.is_empty(),
        };
        if !fits {
            return false;
        }
        rest = below;
    }
    rest.is_none()
}

/// The names in segments and what they stand for in a path, without its first slash, that fits them.
pub(super) fn values<'t, 'p>(
    segments: &'t [Segment],
    path: &'p str,
) -> impl Iterator<Item = (&'t str, &'p str)> + use<'t, 'p> {
    let mut rest = Some(path);
    segments.iter().filter_map(move |segment| {
        let path = rest?;
        let (text, below) = split(path);
        rest = below;
        match segment {
            Segment::Literal(_) => None,
            Segment::Parameter { name, affixes } => Some((&**name, affixes.capture(text)?)),
            Segment::Rest(name) => Some((&**name, path)),
        }
    })
}
