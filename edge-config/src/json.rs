//! JSON as we write it: keys stay in the order in which they were said, so that a diff of two versions reads well.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// A value. Displays in lines of its own, indented by two spaces.
pub(crate) enum Json {
    Raw(Cow<'static, str>),
    Text(Cow<'static, str>),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    /// What is JSON already, such as a number.
    pub fn raw(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Raw(text.into())
    }

    pub fn boolean(value: bool) -> Self {
        Self::raw(if value { "true" } else { "false" })
    }

    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    pub fn list(items: impl IntoIterator<Item = Json>) -> Self {
        Self::List(items.into_iter().collect())
    }

    pub fn object(pairs: impl IntoIterator<Item = (&'static str, Json)>) -> Self {
        Self::Object(pairs.into_iter().collect())
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        match self {
            Self::Raw(text) => f.write_str(text),
            Self::Text(text) => write_text(f, text),
            Self::List(items) => {
                // Short lists of words stay in one line.
                let is_plain = items.iter().all(|item| !matches!(item, Self::List(_) | Self::Object(_)));
                lines(f, "[", "]", depth, items, is_plain, |f, item| item.write(f, depth + 1))
            }
            Self::Object(pairs) => lines(f, "{", "}", depth, pairs, pairs.is_empty(), |f, (key, value)| {
                write_text(f, key)?;
                f.write_str(": ")?;
                value.write(f, depth + 1)
            }),
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// Writes items with commas between them, each in a line of its own unless they are plain.
fn lines<T>(
    f: &mut fmt::Formatter<'_>,
    open: &str,
    close: &str,
    depth: usize,
    items: &[T],
    is_plain: bool,
    item: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    let line = |f: &mut fmt::Formatter<'_>, depth: usize| match is_plain {
        true => Ok(()),
        false => write!(f, "\n{:1$}", "", 2 * depth),
    };
    f.write_str(open)?;
    for (n, value) in items.iter().enumerate() {
        if n > 0 {
            f.write_str(if is_plain { ", " } else { "," })?;
        }
        line(f, depth + 1)?;
        item(f, value)?;
    }
    line(f, depth)?;
    f.write_str(close)
}

/// RFC 8259 section 7.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written() {
        let json = Json::object([
            ("b", Json::list([Json::raw("1"), Json::boolean(true)])),
            ("a", Json::list([Json::object([("\"\\\n", Json::text("é"))])])),
            ("c", Json::object([])),
        ]);
        let expected =
            "{\n  \"b\": [1, true],\n  \"a\": [\n    {\n      \"\\\"\\\\\\u000a\": \"é\"\n    }\n  ],\n  \"c\": {}\n}";
        assert_eq!(json.to_string(), expected);
    }
}
