//! Text with holes that a request fills.

use std::fmt;

use tidegate_core::RequestView;

use crate::Captured;
use crate::braces::text_before_name;

/// The longest template accepted, in bytes.
pub const TEMPLATE_LEN_MAX: usize = 2048;

/// The most names in a template. Each stands for as much as a client sends, so this bounds what a request can make us
/// write.
pub const TEMPLATE_NAMES_MAX: usize = 16;

/// Text with `{name}`s in it: those that the path pattern captures, and these:
///
/// | name | stands for |
/// |---|---|
/// | `{host}` | the host that the client asked for, without a port |
/// | `{path}` | the path as it was sent, from its slash on |
/// | `{query}` | the query as it was sent, without the question mark; nothing if there is none |
/// | `{scheme}` | `http` or `https` |
///
/// `{{` and `}}` are braces. A captured name hides one of these.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    raw: Box<str>,
    pieces: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Captured(Box<str>),
    Host,
    Path,
    Query,
    Scheme,
}

/// A piece of an expanded template: whose word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled<'a> {
    /// The operator's.
    Text(&'a str),
    /// The client's.
    Sent(&'a str),
    /// The client's, and a query.
    SentQuery(&'a str),
}

/// Why a text is not a template. Each message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// See [`TEMPLATE_LEN_MAX`].
    #[error("a template of {len} bytes is too long. At most {TEMPLATE_LEN_MAX} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// See [`TEMPLATE_NAMES_MAX`].
    #[error("too many names. At most {TEMPLATE_NAMES_MAX} are allowed")]
    TooManyNames,
    /// A brace without its counterpart.
    #[error("a brace stands alone. Write names as in \"{{id}}\", and \"{{{{\" or \"}}}}\" for braces themselves")]
    Unbalanced,
    /// A name that neither the path captures nor every request has.
    #[error("there is no {name:?} here. There is {known}")]
    UnknownName {
        /// The name, with its braces.
        name: String,
        /// The names that there are, with theirs.
        known: String,
    },
    /// A line break or the like.
    #[error("{0:?} cannot be sent. Write it percent-encoded")]
    Control(char),
    /// `?` or `#`, where the template makes a path.
    #[error("{0:?} is not part of a path. What is changed of the query is said on its own")]
    NotPath(char),
}

impl Template {
    /// Reads a template. `names` are those that may be captured.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_LEN_MAX {
            return Err(TemplateError::TooLong { len: text.len() });
        }
        if let Some(c) = text.chars().find(char::is_ascii_control) {
            return Err(TemplateError::Control(c));
        }
        let names: Vec<_> = names.into_iter().collect();
        let pieces = pieces(text, &names)?;
        let count = pieces.iter().filter(|piece| !matches!(piece, Piece::Text(_))).count();
        if count > TEMPLATE_NAMES_MAX {
            return Err(TemplateError::TooManyNames);
        }
        Ok(Self { raw: text.into(), pieces: pieces.into() })
    }

    /// The same for a template that makes a path: it may not contain `?` and `#`.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse_path<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Result<Self, TemplateError> {
        match text.chars().find(|c| matches!(c, '?' | '#')) {
            Some(c) => Err(TemplateError::NotPath(c)),
            None => Self::parse(text, names),
        }
    }

    /// The text for a request, with what it sent as it sent it. A captured name that `captured` lacks, because it is of
    /// another pattern, is nothing.
    pub fn expand(&self, request: &RequestView<'_>, captured: &Captured<'_, '_>) -> String {
        let text = |filled| match filled {
            Filled::Text(text) | Filled::Sent(text) | Filled::SentQuery(text) => text,
        };
        self.fill(request, captured).map(text).collect()
    }

    /// The pieces of the text for a request.
    pub(crate) fn fill<'a>(
        &'a self,
        request: &RequestView<'a>,
        captured: &Captured<'_, 'a>,
    ) -> impl Iterator<Item = Filled<'a>> {
        self.pieces.iter().map(move |piece| match piece {
            Piece::Text(text) => Filled::Text(text),
            Piece::Captured(name) => Filled::Sent(captured.get(name).unwrap_or("")),
            Piece::Host => Filled::Sent(request.host),
            Piece::Path => Filled::Sent(request.path),
            Piece::Query => Filled::SentQuery(request.query.unwrap_or("")),
            Piece::Scheme => Filled::Text(if request.is_https { "https" } else { "http" }),
        })
    }
}

fn pieces(text: &str, names: &[&str]) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let (plain, behind) = text_before_name(rest).ok_or(TemplateError::Unbalanced)?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.into()));
        }
        let Some(behind) = behind else { return Ok(pieces) };
        let (name, after) = behind.split_once('}').ok_or(TemplateError::Unbalanced)?;
        pieces.push(piece(name, names)?);
        rest = after;
    }
}

fn piece(name: &str, names: &[&str]) -> Result<Piece, TemplateError> {
    match name {
        captured if names.contains(&captured) => Ok(Piece::Captured(captured.into())),
        "host" => Ok(Piece::Host),
        "path" => Ok(Piece::Path),
        "query" => Ok(Piece::Query),
        "scheme" => Ok(Piece::Scheme),
        _ => Err(unknown(name, names)),
    }
}

fn unknown(name: &str, names: &[&str]) -> TemplateError {
    let built_in = ["host", "path", "query", "scheme"];
    let built_in = built_in.iter().filter(|name| !names.contains(name));
    let known: Vec<_> = names.iter().chain(built_in).map(|name| format!("\"{{{name}}}\"")).collect();
    TemplateError::UnknownName { name: format!("{{{name}}}"), known: known.join(", ") }
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.raw)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.raw, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PathPattern;
    use crate::sample::Sample;

    #[test]
    fn expansions() {
        // path pattern, template, request, text
        let table = [
            ("/", "plain", "GET http://h/", "plain"),
            ("/", "", "GET http://h/", ""),
            ("/p/{id}", "/q/{id}-{id}", "GET http://h/p/a%2Fb", "/q/a%2Fb-a%2Fb"),
            ("/{*rest}", "{scheme}://{host}{path}?{query}", "GET https://h.example/a?b=c", "https://h.example/a?b=c"),
            ("/{*rest}", "{scheme}:{query}.", "GET http://h/a", "http:."),
            ("/{*path}", "/new/{path}", "GET http://h/a/b", "/new/a/b"),
            ("/{x}", "{{x}}{{{x}}}", "GET http://h/1", "{x}{1}"),
        ];
        for (pattern, text, request, expected) in table {
            let (pattern, sample) = (PathPattern::parse(pattern).unwrap(), Sample::new(request));
            let template = Template::parse(text, pattern.names()).unwrap();
            assert_eq!(template.to_string(), text);
            let captured = pattern.captures(&sample.path).unwrap();
            assert_eq!(template.expand(&sample.view(), &captured), expected, "{text}");
        }
    }

    #[test]
    fn mistakes() {
        use TemplateError::*;
        let unknown = |name: &str, known: &str| UnknownName { name: name.into(), known: known.into() };
        let long = "a".repeat(TEMPLATE_LEN_MAX + 1);
        let many = "{id}".repeat(TEMPLATE_NAMES_MAX + 1);
        let table = [
            ("{", Unbalanced),
            ("}", Unbalanced),
            ("/{id", Unbalanced),
            ("/id}}}", Unbalanced),
            ("/{ID}", unknown("{ID}", r#""{id}", "{path}", "{host}", "{query}", "{scheme}""#)),
            ("/{}", unknown("{}", r#""{id}", "{path}", "{host}", "{query}", "{scheme}""#)),
            ("/{*path}", unknown("{*path}", r#""{id}", "{path}", "{host}", "{query}", "{scheme}""#)),
            ("/a\n", Control('\n')),
            (&long, TooLong { len: TEMPLATE_LEN_MAX + 1 }),
            (&many, TooManyNames),
        ];
        for (text, error) in table {
            assert_eq!(Template::parse(text, ["id", "path"]), Err(error), "{text}");
        }
        assert_eq!(Template::parse_path("/a?b", []), Err(NotPath('?')));
        assert_eq!(Template::parse_path("/a#b", []), Err(NotPath('#')));
        let message = Template::parse("/{idd}", ["id"]).unwrap_err().to_string();
        assert_eq!(message, r#"there is no "{idd}" here. There is "{id}", "{host}", "{path}", "{query}", "{scheme}""#);
    }
}
