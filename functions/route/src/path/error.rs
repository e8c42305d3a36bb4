//! What can be wrong with a path pattern.

use super::{PATH_PATTERN_LEN_MAX, SEGMENTS_MAX};

/// Why a text is not a path pattern. Each message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathPatternError {
    /// See [`PATH_PATTERN_LEN_MAX`].
    #[error("a path of {len} bytes is too long. At most {PATH_PATTERN_LEN_MAX} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// See [`SEGMENTS_MAX`].
    #[error("a path of {count} segments is too deep. At most {SEGMENTS_MAX} are allowed")]
    TooDeep {
        /// How many it has.
        count: usize,
    },
    /// No slash at the front.
    #[error("a path starts with \"/\". Write {write:?}")]
    NotAbsolute {
        /// What to write instead.
        write: String,
    },
    /// The syntax of another router.
    #[error("{segment:?} is how other routers write it. Write {write:?}")]
    OtherSyntax {
        /// The segment that is written so.
        segment: String,
        /// The whole pattern as it is written here.
        write: String,
    },
    /// `?` or `#`: a pattern sees the path only.
    #[error(
        "{0:?} is not part of a path, which is all that this matches. Parameters of the query have conditions of their own"
    )]
    NotPath(char),
    /// A character that no URL path contains.
    #[error("{0:?} never appears in the path of a URL. Write it percent-encoded")]
    NotInUrl(char),
    /// `.` or `..`, which clients resolve before they send a path (RFC 3986 section 5.2.4).
    #[error("{0:?} as a segment leads elsewhere. Write the path that it leads to")]
    DotSegment(String),
    /// A brace without its counterpart.
    #[error("bad segment {0:?}. Write names as in \"{{id}}\", and \"{{{{\" or \"}}}}\" for braces themselves")]
    Unbalanced(String),
    /// A name with other characters than letters, digits, `_` and `-`, or none at all.
    #[error("bad name {name:?} in {segment:?}. Names consist of letters, digits, \"_\" and \"-\", as in \"{{id}}\"")]
    BadName {
        /// The name.
        name: String,
        /// The segment that has it.
        segment: String,
    },
    /// Two names in one segment.
    #[error("two names in the segment {0:?}. There can be one, with something fixed before and behind it")]
    TwoNames(String),
    /// `{*name}` that is not the whole last segment.
    #[error("bad segment {0:?}. What takes the rest of a path is its whole last segment, as in \"/a/{{*rest}}\"")]
    MisplacedRest(String),
    /// The same name twice.
    #[error("the name {0:?} appears twice")]
    RepeatedName(String),
}
