//! Text that may be a secret.

use std::fmt;

/// A text that shows itself only when it is not secret: `Debug` and `Display` of a secret one are
/// `<secret>`. What is put together from a secret is secret too.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    text: String,
    secret: bool,
}

impl Text {
    /// A text that anybody may see.
    pub fn public(text: impl Into<String>) -> Self {
        Self { text: text.into(), secret: false }
    }

    /// A text that must appear in no log, message or dump.
    pub fn secret(text: impl Into<String>) -> Self {
        Self { text: text.into(), secret: true }
    }

    /// The text itself, for handing it to whom it is meant for.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether it must not be shown.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Appends what anybody may see.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends another text, which makes this one secret if that one is.
    pub(crate) fn append(&mut self, other: &Text) {
        self.text.push_str(&other.text);
        self.secret |= other.secret;
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret { f.write_str("<secret>") } else { fmt::Debug::fmt(&self.text, f) }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secret { "<secret>" } else { &self.text })
    }
}
