//! Reading by a [`Shape`]: which keys there are, of which kind, and what counts without them.
//!
//! That every key is in the shape, that its kind is the one it is read as, and that every key of a shape is read, are
//! assertions: wrong ones are mistakes of this crate, and each test that reads such a table finds them.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{EMPTY, Table, Value};
use crate::duration;
use crate::rate::Rate;
use crate::shape::{Field, Kind, Shape};
use crate::size::ByteSize;
use crate::suggest::{closest, did_you_mean};

/// `true`, `false`, or a table that says more.
pub enum Switch<'t> {
    /// `false`
    Off,
    /// `true`
    On,
    /// `{ ... }`
    With(Table<'t>),
}

impl<'t> Table<'t> {
    /// The same table, which has this shape.
    pub fn of(mut self, shape: &'static Shape) -> Self {
        self.shape = Some(shape);
        self
    }

    /// `true` or `false`, or the default.
    pub fn boolean(&mut self, key: &'static str) -> bool {
        self.optional_boolean(key).unwrap_or_else(|| self.field(key).default == Some("true"))
    }

    /// `true` or `false`.
    pub fn optional_boolean(&mut self, key: &'static str) -> Option<bool> {
        self.take(key)?.boolean()
    }

    /// A whole number, or the default.
    pub fn integer(&mut self, key: &'static str) -> u32 {
        self.optional_integer(key).unwrap_or_else(|| parsed_default(self.field(key), |text| text.parse().ok()))
    }

    /// A whole number.
    pub fn optional_integer(&mut self, key: &'static str) -> Option<u32> {
        let Kind::Integer(min, max) = self.field(key).kind else { unreachable!("{key} is read as an integer") };
        self.take(key)?.integer(min..=max)
    }

    /// A whole number that must be there. `what` is as for [`Table::require`].
    pub fn required_integer(&mut self, key: &'static str, what: &str) -> Option<u32> {
        let Kind::Integer(min, max) = self.field(key).kind else { unreachable!("{key} is read as an integer") };
        self.require(key, what)?.integer(min..=max)
    }

    /// A duration, or the default.
    pub fn duration(&mut self, key: &'static str) -> Duration {
        let given = self.optional_duration(key);
        given.unwrap_or_else(|| parsed_default(self.field(key), |text| duration::parse(text).ok()))
    }

    /// A duration.
    pub fn optional_duration(&mut self, key: &'static str) -> Option<Duration> {
        let kind = self.kind(key);
        self.take(key)?.duration_of(kind)
    }

    /// A size, or the default.
    pub fn size(&mut self, key: &'static str) -> ByteSize {
        self.optional_size(key).unwrap_or_else(|| parsed_default(self.field(key), |text| ByteSize::parse(text).ok()))
    }

    /// A size.
    pub fn optional_size(&mut self, key: &'static str) -> Option<ByteSize> {
        let kind = self.kind(key);
        self.take(key)?.size_of(kind)
    }

    /// A size that must be there. `what` is as for [`Table::require`].
    pub fn required_size(&mut self, key: &'static str, what: &str) -> Option<ByteSize> {
        let kind = self.kind(key);
        self.require(key, what)?.size_of(kind)
    }

    /// One of a few words, or the default.
    pub fn word(&mut self, key: &'static str) -> &'static str {
        let default = self.field(key).default;
        self.optional_word(key).or(default).expect("words in shapes have a default")
    }

    /// One of a few words.
    pub fn optional_word(&mut self, key: &'static str) -> Option<&'static str> {
        let Kind::OneOf(words) = self.field(key).kind else { unreachable!("{key} is read as a word") };
        self.take(key)?.word(words)
    }

    /// A string with something in it.
    pub fn text(&mut self, key: &'static str) -> Option<&'t str> {
        self.take(key)?.text()
    }

    /// A table of the shape that the key has; if it is not there, an empty one.
    pub fn table_or_empty(&mut self, key: &'static str) -> Table<'t> {
        let Kind::Table(shape) = self.field(key).kind else { unreachable!("{key} is read as a table") };
        let table = self.take(key).and_then(|value| value.table());
        table.unwrap_or_else(|| Table::new(self.place.clone(), &EMPTY)).of(shape)
    }

    /// A table of the shape that the key has.
    pub fn table(&mut self, key: &'static str) -> Option<Table<'t>> {
        let Kind::Table(shape) = self.field(key).kind else { unreachable!("{key} is read as a table") };
        Some(self.take(key)?.table()?.of(shape))
    }

    /// The tables `[[key]]`, of the shape that the key has.
    pub fn tables(&mut self, key: &'static str) -> Vec<Table<'t>> {
        let Kind::List(Kind::Table(shape)) = self.field(key).kind else { unreachable!("{key} is read as tables") };
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        if value.as_table().is_some() {
            value.error(format!("there may be many. Write [[{}]], with two brackets", value.place.header()));
            return Vec::new();
        }
        let items = value.list().unwrap_or_default();
        items.iter().filter_map(Value::table).map(|table| table.of(shape)).collect()
    }

    /// The one of the keys of which the shape wants exactly one; reports none and several. All are known keys then.
    pub fn exactly_one(&mut self, if_none: &str) -> Option<(&'static str, Value<'t>)> {
        let keys = self.shape.map_or(&[][..], |shape| shape.one_of);
        let found: Vec<_> = keys.iter().filter_map(|key| Some((*key, self.take(key)?))).collect();
        match found.as_slice() {
            [] => {
                self.none_of(keys, if_none);
                None
            }
            [one] => Some(one.clone()),
            [(first, _), others @ ..] => {
                for (key, value) in others {
                    value.error(format!("there is {first} already. Remove {key} or {first}"));
                }
                None
            }
        }
    }

    /// Reports that none of these keys is there, unless a mistyped one is, which says as much.
    fn none_of(&mut self, keys: &'static [&'static str], message: &str) {
        let known = |key: &str| self.shape.is_some_and(|shape| shape.field(key).is_some());
        let mut unknown = self.entries.keys().map(|key| &**key.get_ref()).filter(|key| !known(key));
        if !unknown.any(|key| closest(key, keys.iter().copied()).is_some()) {
            self.error(message);
        }
    }

    /// Reports keys that lack the one they need.
    pub(super) fn check_needs(&self) {
        for (key, needed) in self.shape.iter().flat_map(|shape| shape.needs) {
            if let (Some(value), false) = (self.entries.get(*key), self.contains(needed)) {
                let message = format!("does nothing without {needed}. Remove it, or write {needed} too");
                self.value(key, value).error(message);
            }
        }
    }

    /// What the value of a key may be.
    pub fn kind(&self, key: &str) -> &'static Kind {
        &self.field(key).kind
    }

    fn field(&self, key: &str) -> &'static Field {
        let field = self.shape.and_then(|shape| shape.field(key));
        field.unwrap_or_else(|| unreachable!("{key} is not in its shape"))
    }
}

impl<'t> Value<'t> {
    /// A table of a shape.
    pub fn table_of(&self, shape: &'static Shape) -> Option<Table<'t>> {
        Some(self.table()?.of(shape))
    }

    /// A whole number within the range of its kind.
    pub fn integer_of(&self, kind: &Kind) -> Option<u32> {
        let Kind::Integer(min, max) = kind else { unreachable!("it is read as an integer") };
        self.integer(*min..=*max)
    }

    /// A rate.
    pub fn rate(&self) -> Option<Rate> {
        if self.as_string().is_none() {
            return self.expected("a rate, as in \"100/m\"");
        }
        self.parsed(Rate::parse)
    }

    /// A duration within a range.
    pub fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        if self.as_string().is_none() {
            return self.expected("a duration, as in \"30s\"");
        }
        let time = self.parsed(duration::parse)?;
        if range.contains(&time) {
            return Some(time);
        }
        let [time, min, max] = [time, *range.start(), *range.end()].map(duration::display);
        self.error(format!("{time} is out of range. Write a duration from {min} to {max}"));
        None
    }

    /// A duration within the range of its kind; or of the one beside `false`.
    pub fn duration_of(&self, kind: &Kind) -> Option<Duration> {
        let (Kind::Duration(min, max) | Kind::AnyOf([Kind::False, Kind::Duration(min, max)])) = kind else {
            unreachable!("it is read as a duration")
        };
        let [min, max] = [min, max].map(|end| duration::parse(end).expect("the ranges of shapes are durations"));
        self.duration(min..=max)
    }

    /// `true`, `false`, or a table that says more.
    pub fn switch(&self, kind: &Kind) -> Option<Switch<'t>> {
        let Kind::AnyOf([Kind::Boolean, Kind::Table(shape)]) = kind else { unreachable!("it is read as a switch") };
        match (self.as_boolean(), self.as_table()) {
            (Some(true), _) => Some(Switch::On),
            (Some(false), _) => Some(Switch::Off),
            (None, Some(table)) => Some(Switch::With(table.of(shape))),
            (None, None) => self.expected("true, false or a table"),
        }
    }

    /// A size within a range.
    pub fn size(&self, range: RangeInclusive<ByteSize>) -> Option<ByteSize> {
        if self.as_string().is_none() {
            return self.expected("a size, as in \"10MiB\"");
        }
        let size = self.parsed(ByteSize::parse)?;
        if range.contains(&size) {
            return Some(size);
        }
        let (min, max) = range.into_inner();
        self.error(format!("{size} is out of range. Write a size from {min} to {max}"));
        None
    }

    /// A size within the range of its kind.
    pub fn size_of(&self, kind: &Kind) -> Option<ByteSize> {
        let Kind::Size(min, max) = kind else { unreachable!("it is read as a size") };
        let [min, max] = [min, max].map(|end| ByteSize::parse(end).expect("the ranges of shapes are sizes"));
        self.size(min..=max)
    }

    /// One of a few words.
    pub fn word(&self, words: &'static [&'static str]) -> Option<&'static str> {
        let text = self.string()?;
        let found = words.iter().copied().find(|word| *word == text);
        if found.is_none() {
            let hint = did_you_mean(closest(text, words.iter().copied()));
            let words: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
            self.error(format!("{text:?} is none of {}{hint}", words.join(", ")));
        }
        found
    }

    /// A single value as a list of one, or the items of a list, of which there must be one.
    pub fn one_or_many(&self) -> Vec<Value<'t>> {
        let items = self.as_list().unwrap_or_else(|| vec![self.clone()]);
        if items.is_empty() {
            self.error("an empty list. Write at least one, or remove it");
        }
        items
    }
}

fn parsed_default<T>(field: &Field, parse: impl FnOnce(&'static str) -> Option<T>) -> T {
    let parsed = field.default.and_then(parse);
    parsed.unwrap_or_else(|| unreachable!("{} is read with a default, but its shape has none", field.key))
}
