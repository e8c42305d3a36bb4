//! `${VARIABLE}` and `${VARIABLE:-default}` in strings.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Outside;
use crate::diagnostics::Diagnostics;
use crate::reader::join;

/// Why a text has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum VariableError {
    #[error("\"${{\" without \"}}\". Write ${{VARIABLE}}, or $${{ for the two characters")]
    Unclosed,
    #[error(
        "{0:?} is no name of an environment variable. Write ${{VARIABLE}} or ${{VARIABLE:-default}}, or $${{ for ${{"
    )]
    Name(String),
    #[error("the environment variable {0} is not set. Set it, or write ${{{0}:-default}}")]
    Missing(String),
}

/// Puts the values of variables into all strings of a document. What cannot be is reported, and nothing else is said of
/// that string.
pub(super) fn expand_all(
    document: &mut Spanned<DeTable<'_>>,
    diagnostics: &Diagnostics<'_>,
    outside: &mut dyn Outside,
) {
    Expanding { diagnostics, outside }.table("", document.get_mut());
}

/// A text with the values of variables in it; none if it has no variables.
pub(super) fn expand(text: &str, outside: &mut dyn Outside) -> Result<Option<String>, VariableError> {
    const OPEN: &str = "${";
    if !text.contains(OPEN) {
        return Ok(None);
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(OPEN) {
        out.push_str(before);
        if before.ends_with('$') {
            // $${ is ${, and what follows is text.
            out.push('{');
            rest = after;
            continue;
        }
        let (inside, after) = after.split_once('}').ok_or(VariableError::Unclosed)?;
        out.push_str(&value(inside, outside)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(Some(out))
}

/// The value of `VARIABLE` or `VARIABLE:-default`. As in a shell, the default is for an empty variable too.
fn value(inside: &str, outside: &mut dyn Outside) -> Result<String, VariableError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        return Err(VariableError::Name(name.to_owned()));
    }
    match (outside.variable(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(VariableError::Missing(name.to_owned())),
    }
}

/// Whether a text names an environment variable: letters, digits and `_`, no digit first.
pub(super) fn is_name(text: &str) -> bool {
    let good = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    good && !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit())
}

struct Expanding<'e> {
    diagnostics: &'e Diagnostics<'e>,
    outside: &'e mut dyn Outside,
}

impl Expanding<'_> {
    fn table(&mut self, path: &str, table: &mut DeTable<'_>) {
        for (key, value) in table.iter_mut() {
            self.value(&join(path, key.get_ref()), value);
        }
    }

    fn value(&mut self, path: &str, value: &mut Spanned<DeValue<'_>>) {
        let span = value.span();
        match value.get_mut() {
            DeValue::String(text) => self.string(path, &span, text),
            DeValue::Table(table) => self.table(path, table),
            DeValue::Array(items) => {
                for (n, item) in items.iter_mut().enumerate() {
                    self.value(&format!("{path}[{n}]"), item);
                }
            }
            _ => {}
        }
    }

    fn string(&mut self, path: &str, span: &Range<usize>, text: &mut Cow<'_, str>) {
        match expand(text, self.outside) {
            Ok(Some(expanded)) => *text = Cow::Owned(expanded),
            Ok(None) => {}
            Err(error) => {
                self.diagnostics.error(span, path, error.to_string());
                self.diagnostics.hush(span);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Text;

    struct Two;

    impl Outside for Two {
        fn include(&mut self, _: &str, _: &str) -> Result<(String, String), String> {
            Err("none".into())
        }

        fn variable(&mut self, name: &str) -> Option<String> {
            match name {
                "SET" => Some("value".into()),
                "DOLLAR" => Some("$".into()),
                "EMPTY" => Some(String::new()),
                _ => None,
            }
        }

        fn secret_file(&mut self, _: &str) -> Result<Text, String> {
            Err("none".into())
        }
    }

    #[test]
    fn values_and_defaults() {
        let table = [
            ("plain {id} $5 $", None),
            ("${SET}", Some("value")),
            ("a${SET}b${SET}c", Some("avaluebvaluec")),
            ("${EMPTY}", Some("")),
            ("${EMPTY:-x}", Some("x")),
            ("${SET:-x}", Some("value")),
            ("${OTHER:-}", Some("")),
            ("${OTHER:-http://127.0.0.1:80}", Some("http://127.0.0.1:80")),
            ("$${SET}", Some("${SET}")),
            ("$${a}${SET}", Some("${a}value")),
            ("$${", Some("${")),
            ("${DOLLAR}${SET}", Some("$value")),
            ("é${SET}é", Some("évalueé")),
        ];
        for (text, expanded) in table {
            assert_eq!(expand(text, &mut Two).unwrap().as_deref(), expanded, "{text}");
        }
    }

    #[test]
    fn mistakes() {
        let table = [
            ("${SET", VariableError::Unclosed),
            ("${", VariableError::Unclosed),
            ("${}", VariableError::Name(String::new())),
            ("${A B}", VariableError::Name("A B".into())),
            ("${1A}", VariableError::Name("1A".into())),
            ("${OTHER}", VariableError::Missing("OTHER".into())),
        ];
        for (text, error) in table {
            assert_eq!(expand(text, &mut Two), Err(error), "{text}");
        }
    }
}
