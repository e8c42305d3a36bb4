//! Reads path patterns.

use crate::braces::text_before_name;

use super::{Affixes, PATH_PATTERN_LEN_MAX, PathPattern, PathPatternError, SEGMENTS_MAX, Segment};

/// The segments of a pattern.
pub(super) fn segments(text: &str) -> Result<Box<[Segment]>, PathPatternError> {
    if text.len() > PATH_PATTERN_LEN_MAX {
        return Err(PathPatternError::TooLong { len: text.len() });
    }
    check_characters(text)?;
    let Some(path) = text.strip_prefix('/') else {
        return Err(PathPatternError::NotAbsolute { write: absolute(text) });
    };
    if let Some(error) = other_syntax(path) {
        return Err(error);
    }
    let segments = path.split('/').map(segment).collect::<Result<Box<[_]>, _>>()?;
    check_whole(&segments, path)?;
    Ok(segments)
}

fn check_characters(text: &str) -> Result<(), PathPatternError> {
    if let Some(c) = text.chars().find(|c| matches!(c, '?' | '#')) {
        return Err(PathPatternError::NotPath(c));
    }
    // RFC 3986 section 3.3, as loosely as the http crate reads it: bytes over 0x7F pass.
    let excluded = |c: &char| c.is_ascii_control() || matches!(c, ' ' | '"' | '<' | '>' | '`' | '\\');
    match text.chars().find(excluded) {
        Some(c) => Err(PathPatternError::NotInUrl(c)),
        None => Ok(()),
    }
}

/// A pattern that lacks its first slash, with it. A lone star is every path that is sent to a server.
fn absolute(text: &str) -> String {
    if text == "*" { "/{*rest}".to_owned() } else { format!("/{text}") }
}

/// The error for `:id`, `*rest`, `...` and the like, with the same pattern as it is written here.
fn other_syntax(path: &str) -> Option<PathPatternError> {
    let count = path.split('/').count();
    let written = |(index, segment)| translated(segment, index + 1 == count).unwrap_or(segment.to_owned());
    let mut others = path.split('/').enumerate().filter(|(index, text)| translated(text, index + 1 == count).is_some());
    let (_, segment) = others.next()?;
    let write = format!("/{}", path.split('/').enumerate().map(written).collect::<Vec<_>>().join("/"));
    Some(PathPatternError::OtherSyntax { segment: segment.to_owned(), write })
}

/// A segment in the syntax of Spin, Express, older matchit, or with a type as in Rocket and Flask; as it is written
/// here.
fn translated(segment: &str, is_last: bool) -> Option<String> {
    if let Some(name) = segment.strip_prefix(':') {
        return Some(format!("{{{}}}", or_name(name, "name")));
    }
    let inside = segment.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    if let Some(name) = inside.and_then(|inside| inside.strip_prefix("...").or(inside.strip_suffix("..."))) {
        return Some(format!("{{*{}}}", or_name(name, "rest")));
    }
    match segment.strip_prefix("...").or(segment.strip_prefix("**")).or(segment.strip_prefix('*')) {
        Some(name) if is_last => Some(format!("{{*{}}}", or_name(name, "rest"))),
        Some(name) => Some(format!("{{{}}}", or_name(name, "name"))),
        None => None,
    }
}

fn or_name<'n>(name: &'n str, default: &'n str) -> &'n str {
    if !name.is_empty() && name.chars().all(is_in_name) { name } else { default }
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn segment(text: &str) -> Result<Segment, PathPatternError> {
    let unbalanced = || PathPatternError::Unbalanced(text.to_owned());
    if text == "." || text == ".." {
        return Err(PathPatternError::DotSegment(text.to_owned()));
    }
    let (prefix, inside) = text_before_name(text).ok_or_else(unbalanced)?;
    let Some(inside) = inside else {
        return Ok(Segment::Literal(prefix.into()));
    };
    let (name, rest) = inside.split_once('}').ok_or_else(unbalanced)?;
    let (suffix, second) = text_before_name(rest).ok_or_else(unbalanced)?;
    if second.is_some() {
        return Err(PathPatternError::TwoNames(text.to_owned()));
    }
    let affixes = Affixes { prefix: prefix.into(), suffix: suffix.into() };
    match name.strip_prefix('*') {
        None => Ok(Segment::Parameter { name: checked(name, text)?, affixes }),
        Some(name) if affixes.is_empty() => Ok(Segment::Rest(checked(name, text)?)),
        Some(_) => Err(PathPatternError::MisplacedRest(text.to_owned())),
    }
}

fn checked(name: &str, segment: &str) -> Result<Box<str>, PathPatternError> {
    if name.is_empty() || !name.chars().all(is_in_name) {
        return Err(PathPatternError::BadName { name: name.to_owned(), segment: segment.to_owned() });
    }
    Ok(name.into())
}

/// What only all segments together show.
fn check_whole(segments: &[Segment], path: &str) -> Result<(), PathPatternError> {
    if segments.len() > SEGMENTS_MAX {
        return Err(PathPatternError::TooDeep { count: segments.len() });
    }
    let mut inner = segments.iter().zip(path.split('/')).take(segments.len() - 1);
    if let Some((_, text)) = inner.find(|(segment, _)| matches!(segment, Segment::Rest(_))) {
        return Err(PathPatternError::MisplacedRest(text.to_owned()));
    }
    let names: Vec<_> = segments.iter().filter_map(Segment::name).collect();
    let repeated = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name));
    match repeated {
        Some((_, name)) => Err(PathPatternError::RepeatedName((*name).to_owned())),
        None => Ok(()),
    }
}

impl std::str::FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
