//! One pattern: parsed once, then only compared.

use std::fmt;

/// The longest pattern accepted, in bytes. Matching recurses once per segment, so the length of a
/// pattern bounds the stack a request can make us use.
pub const PATTERN_LEN_MAX: usize = 1024;

/// A checked path pattern, such as `/users/:id/...`.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    raw: String,
    /// `raw` made absolute and without its last slash, as Spin reports it.
    based: String,
    segments: Vec<Segment>,
    wildcard: bool,
}

/// What one segment of a pattern asks of one segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Exactly this text.
    Literal(Box<str>),
    /// Any text, even empty, remembered under this name.
    Named(Box<str>),
}

/// Why a text is not a path pattern. Each message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// See [`PATTERN_LEN_MAX`].
    #[error("a route of {len} bytes is too long. At most {PATTERN_LEN_MAX} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// `?` or `#`: a pattern sees the path only.
    #[error("{0:?} is not part of a path, which is all that a route matches")]
    NotPath(char),
    /// A character that no URL path contains.
    #[error("{0:?} never appears in the path of a URL. Write it percent-encoded")]
    NotInUrl(char),
    /// `...` or `*` that is not the last segment, or only part of one.
    #[error("bad segment {0:?}. The wildcard is the whole last segment, as in \"/a/...\"")]
    MisplacedWildcard(String),
    /// `:` with nothing behind it.
    #[error("\":\" without a name. Write it as in \":id\"")]
    Unnamed,
    /// A name that could not become the end of a header name.
    #[error("bad name \":{0}\". It takes a whole segment and consists of letters, digits, \"_\" and \"-\"")]
    BadName(String),
    /// The same name twice, compared as header names are: without case, `_` and `-` alike.
    #[error("the name \":{0}\" appears twice in one route")]
    RepeatedName(String),
    /// `.:`, which Spin's matcher gives a meaning that nobody documents.
    #[error("bad segment {0:?}. A name takes a whole segment, as in \"/:name\"")]
    NameInsideSegment(String),
}

impl Pattern {
    /// Reads a pattern as Spin does: a missing first slash is added, a last one and doubled ones
    /// are ignored, and `/*` at the end is another way to write `/...`.
    ///
    /// # Errors
    /// See [`PatternError`]. Spin itself accepts some of those and then never matches them, or
    /// fails on the first request; here they are errors while somebody is watching.
    pub fn parse(raw: &str) -> Result<Self, PatternError> {
        if raw.len() > PATTERN_LEN_MAX {
            return Err(PatternError::TooLong { len: raw.len() });
        }
        check_characters(raw)?;

        let based = based(raw);
        let prefix = based.strip_suffix("/...").or(based.strip_suffix("/*"));
        let segments = prefix
            .unwrap_or(&based)
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(Segment::parse)
            .collect::<Result<Vec<_>, _>>()?;
        check_names(&segments)?;

        Ok(Self { raw: raw.to_owned(), wildcard: prefix.is_some(), segments, based })
    }

    /// The pattern as it was written. Spin's header `spin-raw-component-route`.
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// The pattern as it was written, without `/...`. Spin's header `spin-component-route`.
    pub fn component_route(&self) -> &str {
        // Only `/...`, not `/*`: so does Spin (http-routes, `raw_route_or_prefix`).
        self.raw.strip_suffix("/...").unwrap_or(&self.raw)
    }

    /// The pattern with a slash in front and none at the end: `/` is the empty text. Spin's header
    /// `spin-matched-route`.
    pub fn matched_route(&self) -> &str {
        &self.based
    }

    /// The names of its `:name` segments, from left to right. They differ from each other even as
    /// header names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Named(name) => Some(&**name),
            Segment::Literal(_) => None,
        })
    }

    /// Whether it ends in `/...`.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.raw, f)
    }
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        Self::parse(raw)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, PatternError> {
        if let Some(name) = text.strip_prefix(':') {
            return Self::parse_name(name);
        }
        if text.contains(".:") {
            return Err(PatternError::NameInsideSegment(text.to_owned()));
        }
        // A `*` inside a segment is an ordinary character of a URL, except where Spin's matcher
        // would take it for a wildcard: at the start, or behind a dot.
        if text.starts_with('*') || text.contains(".*") || text.ends_with("...") {
            return Err(PatternError::MisplacedWildcard(text.to_owned()));
        }
        Ok(Self::Literal(text.into()))
    }

    fn parse_name(name: &str) -> Result<Self, PatternError> {
        if name.is_empty() {
            return Err(PatternError::Unnamed);
        }
        let in_header = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !name.chars().all(in_header) {
            return Err(PatternError::BadName(name.to_owned()));
        }
        Ok(Self::Named(name.into()))
    }
}

/// Spin's `sanitize_with_base("/", raw)`: one slash in front, one slash less at the end.
fn based(raw: &str) -> String {
    let absolute = if raw.starts_with('/') { raw.to_owned() } else { format!("/{raw}") };
    match absolute.strip_suffix('/') {
        Some(shorter) => shorter.to_owned(),
        None => absolute,
    }
}

fn check_characters(raw: &str) -> Result<(), PatternError> {
    if let Some(c) = raw.chars().find(|c| matches!(c, '?' | '#')) {
        return Err(PatternError::NotPath(c));
    }
    // RFC 3986 section 3.3, as loosely as the http crate reads it: bytes over 0x7F pass.
    let excluded = |c: &char| c.is_ascii_control() || matches!(c, ' ' | '"' | '<' | '>' | '`' | '\\');
    match raw.chars().find(excluded) {
        Some(c) => Err(PatternError::NotInUrl(c)),
        None => Ok(()),
    }
}

fn check_names(segments: &[Segment]) -> Result<(), PatternError> {
    let mut seen = Vec::new();
    for segment in segments {
        if let Segment::Named(name) = segment {
            let header = crate::spin::path_match_header(name);
            if seen.contains(&header) {
                return Err(PatternError::RepeatedName(name.to_string()));
            }
            seen.push(header);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        // raw, component_route, matched_route, names, is_wildcard
        let table: &[(&str, &str, &str, &[&str], bool)] = &[
            ("/", "/", "", &[], false),
            ("", "", "", &[], false),
            ("/...", "", "/...", &[], true),
            ("/a/b", "/a/b", "/a/b", &[], false),
            ("/a/b/", "/a/b/", "/a/b", &[], false),
            ("a", "a", "/a", &[], false),
            ("/foo/...", "/foo", "/foo/...", &[], true),
            ("/foo/*", "/foo/*", "/foo/*", &[], true),
            ("/foo/:userid/...", "/foo/:userid", "/foo/:userid/...", &["userid"], true),
            ("/:a/x/:B-c_1", "/:a/x/:B-c_1", "/:a/x/:B-c_1", &["a", "B-c_1"], false),
            ("/a:b/c.d/caf%C3%A9", "/a:b/c.d/caf%C3%A9", "/a:b/c.d/caf%C3%A9", &[], false),
            ("/{id}", "/{id}", "/{id}", &[], false),
        ];
        for (raw, component_route, matched_route, names, wildcard) in table {
            let pattern = Pattern::parse(raw).unwrap();
            assert_eq!(pattern.as_str(), *raw);
            assert_eq!(pattern.component_route(), *component_route, "{raw}");
            assert_eq!(pattern.matched_route(), *matched_route, "{raw}");
            assert_eq!(pattern.names().collect::<Vec<_>>(), *names, "{raw}");
            assert_eq!(pattern.is_wildcard(), *wildcard, "{raw}");
        }
    }

    #[test]
    fn mistakes() {
        use PatternError::*;
        let long = "/a".repeat(600);
        let table = [
            ("/a?b", NotPath('?')),
            ("/a#b", NotPath('#')),
            ("/a b", NotInUrl(' ')),
            ("/a\n", NotInUrl('\n')),
            ("/.../b", MisplacedWildcard("...".into())),
            ("/a...", MisplacedWildcard("a...".into())),
            ("/*/b", MisplacedWildcard("*".into())),
            ("/*rest", MisplacedWildcard("*rest".into())),
            ("/a.*", MisplacedWildcard("a.*".into())),
            ("/:/b", Unnamed),
            ("/:name.json", BadName("name.json".into())),
            ("/:na:me", BadName("na:me".into())),
            ("/v1.:x", NameInsideSegment("v1.:x".into())),
            ("/:id/:id", RepeatedName("id".into())),
            ("/:user_id/:USER-ID", RepeatedName("USER-ID".into())),
            (&long, TooLong { len: 1200 }),
        ];
        for (raw, error) in table {
            assert_eq!(Pattern::parse(raw), Err(error), "{raw}");
        }
    }
}
