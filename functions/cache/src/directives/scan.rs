//! The list of a Cache-Control line, read as tolerantly as it is safe (RFC 9111 section 5.2): what restricts counts
//! even where it is badly written, and what allows does not.

use std::time::Duration;

use http::HeaderName;

/// More seconds than this are no more (RFC 9111 section 1.2.2).
pub(super) const SECONDS_MAX: u64 = 1 << 31;
/// A directive that names more fields than this is meant to be about all of them.
pub(super) const NAMES_MAX: usize = 64;
/// Longer than the name of any directive that we know.
const NAME_BYTES: usize = 24;

/// A member of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directive<'a> {
    name: &'a [u8],
    pub argument: Argument<'a>,
}

/// What stands behind a directive's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument<'a> {
    /// Nothing.
    None,
    /// `=` and a token.
    Token(&'a [u8]),
    /// `=` and a quoted string; this is what is in the quotes, escapes and all.
    Quoted(&'a [u8]),
    /// What the grammar does not know: spaces around `=`, no argument behind it, a quote without an end.
    Bad(&'a [u8]),
}

/// The directives of a line, without what has no name. A quote without an end is none.
pub(super) fn directives(line: &[u8]) -> impl Iterator<Item = Directive<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let directive = next(&mut rest);
            if !directive.name.is_empty() {
                return Some(directive);
            }
        }
        None
    })
}

/// Takes a member off the list, and the comma behind it.
fn next<'a>(rest: &mut &'a [u8]) -> Directive<'a> {
    let member = rest.trim_ascii_start();
    let (name, behind) = member.split_at(until(member, |byte| !is_token_byte(byte)));
    if let Some(quoted) = behind.strip_prefix(b"=\"")
        && let Some(end) = closing_quote(quoted)
    {
        let (tail, others) = split_at_comma(&quoted[end + 1..]);
        *rest = others;
        let argument = if tail.is_empty() { Argument::Quoted(&quoted[..end]) } else { Argument::Bad(tail) };
        return Directive { name, argument };
    }
    let (behind, others) = split_at_comma(behind);
    *rest = others;
    let argument = match behind.strip_prefix(b"=") {
        None if behind.is_empty() => Argument::None,
        Some(token) if !token.is_empty() && token.iter().copied().all(is_token_byte) => Argument::Token(token),
        _ => Argument::Bad(behind),
    };
    Directive { name, argument }
}

/// What is before the first comma, less the space at its end, and what is behind the comma.
fn split_at_comma(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = until(bytes, |byte| byte == b',');
    (bytes[..end].trim_ascii_end(), bytes.get(end + 1..).unwrap_or_default())
}

fn until(bytes: &[u8], is_end: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| is_end(*byte)).unwrap_or(bytes.len())
}

/// Where a quoted string ends whose opening quote was before (RFC 9110 section 5.6.4).
fn closing_quote(bytes: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    bytes.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl Directive<'_> {
    /// Its name in lower case; empty if it is too long for one that we know.
    pub(super) fn lower_name<'b>(&self, buffer: &'b mut Name) -> &'b [u8] {
        let Some(lower) = buffer.0.get_mut(..self.name.len()) else { return &[] };
        lower.copy_from_slice(self.name);
        lower.make_ascii_lowercase();
        lower
    }
}

/// Room for a name.
#[derive(Default)]
pub(super) struct Name([u8; NAME_BYTES]);

impl Argument<'_> {
    /// Whether it is written as the grammar says.
    pub(super) fn is_well_formed(self) -> bool {
        !matches!(self, Self::Bad(_))
    }

    /// `delta-seconds` (RFC 9111 section 1.2.2), also in quotes (section 5.2); none: it is no number.
    pub(super) fn seconds(self) -> Option<Duration> {
        match self {
            Self::Token(digits) => seconds(digits.iter().copied()),
            Self::Quoted(text) => seconds(unescaped(text)),
            Self::None | Self::Bad(_) => None,
        }
    }

    /// The fields that it names, in lower case; none: it names none, or not only fields, so it is about all of them.
    pub(super) fn names(self) -> Option<Vec<String>> {
        match self {
            Self::Token(text) | Self::Quoted(text) => names(text),
            Self::None | Self::Bad(_) => None,
        }
    }
}

/// A number of seconds in digits.
pub(super) fn seconds(digits: impl Iterator<Item = u8>) -> Option<Duration> {
    let mut seconds = None;
    for digit in digits {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        seconds = Some((seconds.unwrap_or(0) * 10 + value).min(SECONDS_MAX));
    }
    seconds.map(Duration::from_secs)
}

/// The content of a quoted string.
fn unescaped(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut bytes = text.iter().copied();
    std::iter::from_fn(move || match bytes.next() {
        Some(b'\\') => bytes.next(),
        byte => byte,
    })
}

/// The names of fields in a list, in lower case.
pub(super) fn names(list: &[u8]) -> Option<Vec<String>> {
    let members = list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty());
    let mut names = Vec::new();
    for member in members {
        if names.len() == NAMES_MAX {
            return None;
        }
        names.push(HeaderName::from_bytes(member).ok()?.as_str().to_owned());
    }
    (!names.is_empty()).then_some(names)
}
