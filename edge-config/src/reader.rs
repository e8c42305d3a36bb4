//! Reads a TOML document key by key: each key is taken and checked, and what nobody took is an
//! unknown key.
//!
//! Every accessor reports its own problem and then returns `None`, so a reader carries on with
//! whatever stands in for the value, and the next problem is found too.
//!
//! A table that has a [`Shape`] takes from it which keys there are, of which kind and with which default.
//!
//! The types here have no `Debug`: the text may hold secrets.

mod shaped;

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::sync::LazyLock;

use tidegate_core::Source;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostics::{Diagnostics, Position};
use crate::shape::Shape;
use crate::suggest::{closest, did_you_mean};

pub use shaped::Switch;

/// Syntax errors reported for one file. One missing quote can make every line after it wrong.
const SYNTAX_ERRORS_MAX: usize = 10;

/// Parses a TOML text. On a syntax error, reports it (and the others) and returns `None`: what was
/// recovered around an error would only lead to false alarms.
pub fn parse<'t>(text: &'t str, diagnostics: &Diagnostics<'_>) -> Option<Spanned<DeTable<'t>>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Some(table);
    }
    let mut found: Vec<_> = errors.iter().map(|error| (error.span().unwrap_or(0..0), error)).collect();
    found.sort_by_key(|(span, _)| span.start);
    // The first error of a line tells; the rest of that line is noise.
    found.dedup_by_key(|(span, _)| diagnostics.position(span.start).line);
    for (span, error) in found.iter().take(SYNTAX_ERRORS_MAX) {
        diagnostics.error(span, "", error.message());
    }
    None
}

/// Something in a file, to say something about.
#[derive(Clone)]
pub struct Place<'t> {
    diagnostics: &'t Diagnostics<'t>,
    /// Where it is from the root, such as `component.shop`.
    path: String,
    span: Range<usize>,
}

/// A table that is being read.
pub struct Table<'t> {
    place: Place<'t>,
    entries: &'t DeTable<'t>,
    shape: Option<&'static Shape>,
    /// The keys that were asked for, whether or not they are there.
    known: Vec<&'static str>,
    /// The keys that must be there and are not, each with what to say of it.
    missing: Vec<(&'static str, String)>,
}

/// A key as written.
#[derive(Clone)]
pub struct Key<'t> {
    place: Place<'t>,
    /// Its text.
    pub text: &'t str,
}

/// A value that is being read.
#[derive(Clone)]
pub struct Value<'t> {
    place: Place<'t>,
    value: &'t DeValue<'t>,
}

/// What stands in for a table that is not there.
static EMPTY: LazyLock<DeTable<'static>> = LazyLock::new(DeTable::new);

impl<'t> Place<'t> {
    /// Reports a problem here.
    pub fn error(&self, message: impl Into<String>) {
        self.diagnostics.error(&self.span, &self.path, message);
    }

    /// Reports something here that is hardly meant.
    pub fn warn(&self, message: impl Into<String>) {
        self.diagnostics.warn(&self.span, &self.path, message);
    }

    /// Where it starts.
    pub fn position(&self) -> Position {
        self.diagnostics.position(self.span.start)
    }

    /// The line it starts in, as checked types keep it.
    pub fn source(&self) -> Source {
        self.diagnostics.source(self.span.start)
    }

    /// Where it is from the root, such as `component.shop`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same as it stands between the brackets of a table: `limit.tier` of `limit[0].tier`.
    fn header(&self) -> String {
        let parts = self.path.split('.').map(|part| part.split('[').next().unwrap_or_default());
        parts.collect::<Vec<_>>().join(".")
    }
}

impl<'t> Table<'t> {
    /// The whole document.
    pub fn root(diagnostics: &'t Diagnostics<'t>, document: &'t Spanned<DeTable<'t>>) -> Self {
        let place = Place { diagnostics, path: String::new(), span: document.span() };
        Self::new(place, document.get_ref())
    }

    fn new(place: Place<'t>, entries: &'t DeTable<'t>) -> Self {
        Self { place, entries, shape: None, known: Vec::new(), missing: Vec::new() }
    }

    /// The value of a key, which from now on is a known one.
    pub fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        debug_assert!(self.shape.is_none_or(|shape| shape.field(key).is_some()), "{key} is not in its shape");
        self.take_foreign(key)
    }

    /// Like [`Table::take`], for a key that is known but not in the table's shape.
    pub fn take_foreign(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.known.push(key);
        let value = self.entries.get(key)?;
        Some(self.value(key, value))
    }

    /// Like [`Table::take`], but the key must be there, or [`Table::finish`] reports it. `what`
    /// finishes the sentence "Write ...".
    pub fn require(&mut self, key: &'static str, what: &str) -> Option<Value<'t>> {
        let is_required = |shape: &Shape| shape.field(key).is_some_and(|field| field.is_required);
        debug_assert!(self.shape.is_none_or(is_required), "{key} is not required by its shape");
        let value = self.take(key);
        if value.is_none() {
            self.lacks(key, what);
        }
        value
    }

    /// Has [`Table::finish`] report a key that must be there because of what others say. `what` is as for
    /// [`Table::require`].
    pub fn lacks(&mut self, key: &'static str, what: &str) {
        self.missing.push((key, format!("missing key \"{key}\". Write {what}")));
    }

    /// The keys and values of a table whose keys are free to choose.
    pub fn entries(self) -> impl Iterator<Item = (Key<'t>, Value<'t>)> {
        let entries = self.entries;
        entries.iter().map(move |(key, value)| {
            let value = self.value(key.get_ref(), value);
            let place = Place { span: key.span(), ..value.place.clone() };
            (Key { place, text: key.get_ref() }, value)
        })
    }

    /// Reports every key that was not asked for, with the known one that was likely meant, and every
    /// required key that is missing, unless it was likely meant by one of those.
    pub fn finish(mut self) {
        self.check_needs();
        let unread = |shape: &Shape| shape.fields().find(|field| !self.known.contains(&field.key));
        debug_assert_eq!(
            self.shape.and_then(unread).map(|field| field.key),
            None,
            "keys of the shape that nobody reads"
        );
        // A key can be meant if it is not there yet, or if there may be more of it.
        let list = |value: &Spanned<DeValue<'_>>| value.get_ref().is_array();
        let free = |known: &&'static str| self.entries.get(*known).is_none_or(list);
        let candidates: Vec<_> = self.known.iter().copied().filter(free).collect();
        for (key, _) in self.entries {
            let text: &str = key.get_ref();
            if self.known.contains(&text) {
                continue;
            }
            let meant = closest(text, candidates.iter().copied());
            self.missing.retain(|(missing, _)| Some(*missing) != meant);
            let message = format!("unknown key{}", did_you_mean(meant));
            self.place.diagnostics.error(&key.span(), &join(&self.place.path, text), message);
        }
        for (_, message) in &self.missing {
            self.place.error(message);
        }
    }

    /// Whether a key is there, without taking it.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reports a problem at a place remembered from before.
    pub fn error_at(&self, position: Position, path: &str, message: impl Into<String>) {
        self.place.diagnostics.error_at(position, path, message);
    }

    /// Reports something hardly meant at a place remembered from before.
    pub fn warn_at(&self, position: Position, path: &str, message: impl Into<String>) {
        self.place.diagnostics.warn_at(position, path, message);
    }

    /// Reports a problem with the table as a whole.
    pub fn error(&self, message: impl Into<String>) {
        self.place.error(message);
    }

    /// Where the table starts.
    pub fn position(&self) -> Position {
        self.place.position()
    }

    /// Where it is from the root, such as `component.shop`.
    pub fn path(&self) -> &str {
        &self.place.path
    }

    /// The table as a place, which outlives its reading.
    pub fn place(&self) -> &Place<'t> {
        &self.place
    }

    fn value(&self, key: &str, value: &'t Spanned<DeValue<'t>>) -> Value<'t> {
        let place =
            Place { diagnostics: self.place.diagnostics, path: join(&self.place.path, key), span: value.span() };
        Value { place, value: value.get_ref() }
    }
}

impl<'t> Key<'t> {
    /// Reports a problem with the key itself.
    pub fn error(&self, message: impl Into<String>) {
        self.place.error(message);
    }

    /// Where it starts.
    pub fn position(&self) -> Position {
        self.place.position()
    }

    /// Where it is from the root, such as `component.shop`.
    pub fn path(&self) -> &str {
        &self.place.path
    }
}

impl<'t> Value<'t> {
    /// A string.
    pub fn string(&self) -> Option<&'t str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => self.expected("a string"),
        }
    }

    /// A string with at least one character that is not a space.
    pub fn text(&self) -> Option<&'t str> {
        let text = self.string()?;
        if text.trim().is_empty() {
            self.error("must not be empty");
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.expected("true or false"),
        }
    }

    /// A whole number within `range`.
    pub fn integer(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let DeValue::Integer(integer) = self.value else {
            return self.expected("a whole number");
        };
        let within = self.as_integer().filter(|number| range.contains(number));
        if within.is_none() {
            let (min, max) = range.into_inner();
            self.error(format!("{integer} is out of range. Write a number from {min} to {max}"));
        }
        within
    }

    /// A table.
    pub fn table(&self) -> Option<Table<'t>> {
        match self.value {
            DeValue::Table(_) => self.as_table(),
            _ => self.expected("a table"),
        }
    }

    /// The items of a list.
    pub fn list(&self) -> Option<Vec<Value<'t>>> {
        self.as_list().or_else(|| self.expected("a list"))
    }

    /// The items if this is a list; says nothing otherwise.
    pub fn as_list(&self) -> Option<Vec<Value<'t>>> {
        let DeValue::Array(items) = self.value else {
            return None;
        };
        let place = |n, span| Place { path: format!("{}[{n}]", self.place.path), span, ..self.place.clone() };
        let items = items.iter().enumerate();
        Some(items.map(|(n, item)| Value { place: place(n, item.span()), value: item.get_ref() }).collect())
    }

    /// A list of strings; items that are none are reported and left out.
    pub fn strings(&self) -> Option<Vec<&'t str>> {
        Some(self.list()?.iter().filter_map(Value::string).collect())
    }

    /// A string that `parse` understands; its error is the message.
    pub fn parsed<T, E: fmt::Display>(&self, parse: impl FnOnce(&'t str) -> Result<T, E>) -> Option<T> {
        match parse(self.string()?) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.error(error.to_string());
                None
            }
        }
    }

    /// The text if this is a string; says nothing otherwise.
    pub fn as_string(&self) -> Option<&'t str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The table if this is one; says nothing otherwise.
    pub fn as_table(&self) -> Option<Table<'t>> {
        let DeValue::Table(entries) = self.value else {
            return None;
        };
        Some(Table::new(self.place.clone(), entries))
    }

    /// The boolean if this is one; says nothing otherwise.
    pub fn as_boolean(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The number if this is a whole one from 0 to 2^32 - 1; says nothing otherwise.
    pub fn as_integer(&self) -> Option<u32> {
        match self.value {
            DeValue::Integer(integer) => u32::from_str_radix(integer.as_str(), integer.radix()).ok(),
            _ => None,
        }
    }

    /// Whether this is a list or a table with nothing in it.
    pub fn is_empty(&self) -> bool {
        match self.value {
            DeValue::Array(items) => items.is_empty(),
            DeValue::Table(entries) => entries.is_empty(),
            _ => false,
        }
    }

    /// Reports that this is not `what`, and what it is instead. Always `None`.
    pub fn expected<T>(&self, what: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(true) => "true",
            DeValue::Boolean(false) => "false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("expected {what}, found {found}"));
        None
    }

    /// Reports a problem with the value.
    pub fn error(&self, message: impl Into<String>) {
        self.place.error(message);
    }

    /// Reports something about the value that is hardly meant.
    pub fn warn(&self, message: impl Into<String>) {
        self.place.warn(message);
    }

    /// Where it starts.
    pub fn position(&self) -> Position {
        self.place.position()
    }

    /// Where it is from the root, such as `trigger.http[0].route`.
    pub fn path(&self) -> &str {
        &self.place.path
    }

    /// The value as a place, which outlives its reading.
    pub fn place(&self) -> &Place<'t> {
        &self.place
    }
}

/// `key` below `path`, quoted when TOML would want it so.
pub(crate) fn join(path: &str, key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let dot = if path.is_empty() { "" } else { "." };
    if !key.is_empty() && key.chars().all(bare) { format!("{path}{dot}{key}") } else { format!("{path}{dot}{key:?}") }
}
