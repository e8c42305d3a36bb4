//! `No-Vary-Search`: which query parameters do not matter (draft-ietf-httpbis-no-vary-search).

use std::convert::Infallible;

use http::HeaderMap;
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use crate::Key;
use crate::key::decode;

/// Which parts of a query matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Whether the order of parameters does not matter: `key-order`.
    pub ignores_order: bool,
    /// Which parameters do not matter: `params`.
    pub ignores: Ignores,
}

/// Which parameters do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignores {
    /// These, decoded.
    These(Vec<String>),
    /// All but these, decoded: `params` with `except`.
    AllBut(Vec<String>),
}

impl Default for Ignores {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Search {
    /// What a response says; none if it says nothing, or nothing that is valid: then everything matters (section 5.1 of
    /// the draft). Lines of the field are one dictionary, of which unknown keys do not count.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let lines: Vec<_> = headers.get_all("no-vary-search").iter().map(|line| line.as_bytes()).collect();
        let entries = Parser::new(&lines.join(&b", "[..])).parse_dictionary_with_visitor(Entries::default()).ok()?;
        let ignores_order = match entries.key_order {
            None => false,
            Some(Entry::Is(ignores)) => ignores,
            Some(_) => return None,
        };
        let ignores = match (entries.params, entries.except) {
            (None | Some(Entry::Is(false)), None) => Ignores::default(),
            (Some(Entry::Names(names)), None) => Ignores::These(decoded(names)),
            (Some(Entry::Is(true)), None) => Ignores::AllBut(Vec::new()),
            (Some(Entry::Is(true)), Some(Entry::Names(names))) => Ignores::AllBut(decoded(names)),
            _ => return None,
        };
        Some(Self { ignores_order, ignores }).filter(|search| *search != Self::default())
    }

    /// The key of requests that differ from this one only in what does not matter.
    ///
    /// The query stands in a line of its own behind the rest, together with what it was made by, so that it is the key of
    /// no request, and not what another `No-Vary-Search` made:
    ///
    /// ```text
    /// https://shop.example/p
    /// country=DE
    /// search key-order params=utm_source ?a=1&b=
    /// ```
    pub fn key(&self, key: &Key) -> Key {
        let (before, query, behind) = split(key);
        let mut text = String::with_capacity(key.as_str().len() + 64);
        text.extend([before, behind, "\nsearch "]);
        self.push_form(&mut text);
        for (index, (name, value)) in self.matter(query).iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            push_encoded(&mut text, name);
            text.push('=');
            push_encoded(&mut text, value);
        }
        Key::of(&text)
    }

    /// The parameters that matter, read as HTML forms are (section 6 of the draft).
    fn matter(&self, query: &str) -> Vec<(String, String)> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let pairs = pairs.map(|(name, value)| (text_of(name), text_of(value)));
        let mut pairs: Vec<_> = pairs.filter(|(name, _)| !self.ignores.contains(name)).collect();
        if self.ignores_order {
            // Stable: the order of several values of one name matters still.
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        pairs
    }

    fn push_form(&self, text: &mut String) {
        if self.ignores_order {
            text.push_str("key-order ");
        }
        let (form, names) = match &self.ignores {
            Ignores::These(names) => ("params=", names),
            Ignores::AllBut(names) => ("except=", names),
        };
        let mut names: Vec<_> = names.iter().collect();
        names.sort();
        names.dedup();
        text.push_str(form);
        for (index, name) in names.into_iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "," });
            push_encoded(text, name);
        }
        text.push(' ');
    }
}

impl Ignores {
    fn contains(&self, name: &String) -> bool {
        match self {
            Self::These(names) => names.contains(name),
            Self::AllBut(names) => !names.contains(name),
        }
    }
}

/// The key under which the marker of `No-Vary-Search` is for requests that differ from this one only in the query; none
/// for a key without a query.
pub fn search_key(key: &Key) -> Option<Key> {
    let (before, query, behind) = split(key);
    let is_query = before.len() + query.len() + behind.len() < key.as_str().len();
    is_query.then(|| Key::of(&[before, behind, "\nsearch"].concat()))
}

/// A key's URL up to the query, the query, and what stands behind the URL.
fn split(key: &Key) -> (&str, &str, &str) {
    let (url, behind) = key.as_str().split_at(key.url().len());
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    (before, query, behind)
}

fn text_of(encoded: &str) -> String {
    String::from_utf8_lossy(&decode(encoded)).into_owned()
}

fn decoded(names: Vec<String>) -> Vec<String> {
    names.iter().map(|name| text_of(name)).collect()
}

fn push_encoded(text: &mut String, name: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.extend(['%', char::from(HEX[usize::from(byte >> 4)]), char::from(HEX[usize::from(byte & 15)])]);
        }
    }
}

/// The members of the dictionary. Of several of one name the last counts (RFC 9651 section 4.2.2), so what is wrong with
/// one is known only at the end.
#[derive(Default)]
struct Entries {
    key_order: Option<Entry>,
    params: Option<Entry>,
    except: Option<Entry>,
}

enum Entry {
    Is(bool),
    Names(Vec<String>),
    Wrong,
}

/// Where a member of the dictionary goes.
struct Slot<'e>(&'e mut Option<Entry>);

/// Where a member of an inner list goes.
struct Name<'e>(&'e mut Option<Entry>);

impl<'de> DictionaryVisitor<'de> for Entries {
    type Out = Self;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(match key.as_str() {
            "key-order" => Some(Slot(&mut self.key_order)),
            "params" => Some(Slot(&mut self.params)),
            "except" => Some(Slot(&mut self.except)),
            _ => None,
        })
    }

    fn finish(self) -> Result<Self, Infallible> {
        Ok(self)
    }
}

impl<'de> EntryVisitor<'de> for Slot<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        *self.0 = Some(Entry::Names(Vec::new()));
        Ok(self)
    }
}

impl<'de> ItemVisitor<'de> for Slot<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(self, item: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        *self.0 = Some(match item {
            BareItemFromInput::Boolean(is) => Entry::Is(is),
            _ => Entry::Wrong,
        });
        Ok(Ignored)
    }
}

impl<'de> InnerListVisitor<'de> for Slot<'_> {
    type Error = Infallible;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(Name(self.0))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for Name<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(self, item: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        match (self.0, item) {
            (Some(Entry::Names(names)), BareItemFromInput::String(name)) => names.push(name.as_str().to_owned()),
            (entry, _) => *entry = Some(Entry::Wrong),
        }
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests;
