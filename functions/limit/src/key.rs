//! Who is counted.

mod part;
mod text;

use std::fmt;
use std::sync::Arc;

use tidegate_core::RequestView;

pub use part::Part;
use text::Text;

/// Who is counted, in words: `client=192.0.2.1`, `client=2001:db8::/64|route=api`, `api-key=#5f3c...`. It holds no
/// secrets: of those there is only a digest. The empty one is everybody.
///
/// It is printable ASCII. What else is in names and values is percent-encoded, and so are `|`, `=`, `%` and `#`: those
/// who differ in a part have different keys. A part that is missing has no `=`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

/// Which parts tell who is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The parts; none: everybody is counted together.
    pub parts: Vec<Part>,
    /// How many bits of an IPv4 address count: 32.
    pub ipv4_prefix: u8,
    /// How many bits of an IPv6 address count: 64.
    pub ipv6_prefix: u8,
}

/// The client's network alone.
impl Default for Recipe {
    fn default() -> Self {
        Self { parts: vec![Part::Client], ipv4_prefix: 32, ipv6_prefix: 64 }
    }
}

impl Key {
    /// Longest value of a part as it stands in a key, in bytes: of a longer one there is a digest.
    pub const VALUE_MAX: usize = 64;

    /// A key in words, as it is shown.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The same in words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Recipe {
    /// Who is counted for a request. Where a part is missing, `Err` with the key of all who lack the same.
    ///
    /// # Errors
    /// When a part is missing.
    pub fn key(&self, view: &RequestView<'_>, route: &str, plan: Option<&str>) -> Result<Key, Key> {
        let mut text = Text::new();
        if let Some(plan) = plan {
            text.push("plan=");
            text.push_value(plan.as_bytes(), false);
        }
        let mut is_whole = true;
        for part in &self.parts {
            if !text.is_empty() {
                text.push("|");
            }
            is_whole &= self.push(part, view, route, &mut text).is_some();
        }
        let key = Key::from_text(text.as_str());
        if is_whole { Ok(key) } else { Err(key) }
    }

    /// None: the part is missing, so that its name stands alone.
    fn push(&self, part: &Part, view: &RequestView<'_>, route: &str, text: &mut Text) -> Option<()> {
        if *part == Part::Client {
            text.push("client=");
            text.push_network(view.client.address, self.ipv4_prefix, self.ipv6_prefix);
            return Some(());
        }
        part.push_label(text);
        let value = part.raw(view, route)?;
        text.push("=");
        text.push_value(&value, part.is_secret());
        Some(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
