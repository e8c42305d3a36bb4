//! Templates: text with `{{ name }}` in it (Spin, `crates/expressions/src/template.rs`).

use std::fmt;

use crate::secret::Text;

/// A text with places for variables.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Variable(Box<str>),
}

/// Why a text is not a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{{{{\" without \"}}}}\". Write {{{{ name }}}}")]
pub struct TemplateError;

impl Template {
    /// Reads a template. There is no way to write a literal `{{`, as in Spin.
    ///
    /// # Errors
    /// When a `{{` is not closed. Whether the names are those of variables is not checked.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, opened)) = rest.split_once("{{") {
            let (name, after) = opened.split_once("}}").ok_or(TemplateError)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.into()));
            }
            parts.push(Part::Variable(name.trim().into()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.into()));
        }
        Ok(Self { parts })
    }

    /// The names of the variables in it, in order; one may appear more than once.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(&**name),
            Part::Literal(_) => None,
        })
    }

    /// Whether it has no variables.
    pub fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The text with the variables' values in it, or `None` when one has no value.
    pub fn resolve<'v>(&self, value: impl Fn(&str) -> Option<&'v Text>) -> Option<Text> {
        let mut text = Text::public("");
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push(literal),
                Part::Variable(name) => text.append(value(name)?),
            }
        }
        Some(text)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(literal) => f.write_str(literal),
            Part::Variable(name) => write!(f, "{{{{ {name} }}}}"),
        })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let literal = |text: &str| Part::Literal(text.into());
        let variable = |name: &str| Part::Variable(name.into());
        let table = [
            ("", vec![]),
            ("a", vec![literal("a")]),
            ("a-{{ expr }}-b", vec![literal("a-"), variable("expr"), literal("-b")]),
            ("{{ expr1 }}{{expr2}}", vec![variable("expr1"), variable("expr2")]),
            ("{ a } }}", vec![literal("{ a } }}")]),
            ("{{}}", vec![variable("")]),
            ("{{{ a }}}", vec![variable("{ a"), literal("}")]),
        ];
        for (text, parts) in table {
            assert_eq!(Template::parse(text).unwrap().parts, parts, "{text}");
        }
        for text in ["{{", "{{ matched }} {{ unmatched", "{{ a }"] {
            assert_eq!(Template::parse(text), Err(TemplateError), "{text}");
        }
        assert_eq!(TemplateError.to_string(), "\"{{\" without \"}}\". Write {{ name }}");
    }

    #[test]
    fn what_holds_a_secret_is_secret() {
        let (host, token) = (Text::public("example.com"), Text::secret("hunter2"));
        let value = |name: &str| match name {
            "host" => Some(&host),
            "token" => Some(&token),
            _ => None,
        };
        let resolve = |text: &str| Template::parse(text).unwrap().resolve(value);

        let public = resolve("https://{{ host }}/").unwrap();
        assert_eq!(format!("{public} {public:?}"), "https://example.com/ \"https://example.com/\"");

        let secret = resolve("{{ host }}?t={{ token }}").unwrap();
        assert!(secret.is_secret());
        assert_eq!(format!("{secret} {secret:?}"), "<secret> <secret>");
        assert_eq!(secret.expose(), "example.com?t=hunter2");

        assert_eq!(resolve("{{ other }}"), None);
    }
}
