//! What a table may hold, said once: the reader knows keys, ranges and defaults by it, and the JSON Schema is made from
//! it, so that the two cannot disagree.

/// What a table may hold.
pub struct Shape {
    /// Its name in the JSON Schema.
    pub name: &'static str,
    /// What it is for. Sentences.
    pub description: &'static str,
    /// Its keys, in groups, so that shapes can share some.
    pub groups: &'static [&'static [Field]],
    /// Exactly one of these keys must be there; empty: no such rule.
    pub one_of: &'static [&'static str],
    /// Keys that need another one beside them.
    pub needs: &'static [(&'static str, &'static str)],
}

/// One key of a table.
#[derive(Clone, Copy)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What it is for. Sentences.
    pub description: &'static str,
    /// What counts when it is not there, written as its value is, strings that stand alone without quotes.
    pub default: Option<&'static str>,
    /// Whether it must be there.
    pub is_required: bool,
    /// The table that says what counts when it is not there, such as `[defaults]`.
    pub inherited_from: Option<&'static str>,
}

/// What a value may be.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A string, even an empty one.
    String,
    /// A string with something in it.
    Text,
    /// A string of a form.
    Form(&'static Form),
    /// A whole number in a range, both ends included.
    Integer(u32, u32),
    /// `true` or `false`.
    Boolean,
    /// `false`, where `true` would say nothing.
    False,
    /// A duration in a range, both ends included.
    Duration(&'static str, &'static str),
    /// A size in a range, both ends included.
    Size(&'static str, &'static str),
    /// A rate.
    Rate,
    /// One of a few words.
    OneOf(&'static [&'static str]),
    /// A list.
    List(&'static Kind),
    /// A single one, or a list.
    OneOrMany(&'static Kind),
    /// A table whose keys are free to choose.
    Map(&'static Form, &'static Kind),
    /// A table.
    Table(&'static Shape),
    /// One of several kinds.
    AnyOf(&'static [Kind]),
}

/// What a string looks like, for editors; the reader is stricter, and says more.
pub struct Form {
    /// A regular expression for the whole string.
    pub pattern: &'static str,
    /// Good ones.
    pub examples: &'static [&'static str],
}

impl Shape {
    /// A table of these keys.
    pub const fn new(name: &'static str, description: &'static str, groups: &'static [&'static [Field]]) -> Self {
        Self { name, description, groups, one_of: &[], needs: &[] }
    }

    /// The same, of whose keys exactly one of these must be there.
    pub const fn one_of(self, keys: &'static [&'static str]) -> Self {
        Self { one_of: keys, ..self }
    }

    /// The same, where the first key of each pair needs the second.
    pub const fn needs(self, pairs: &'static [(&'static str, &'static str)]) -> Self {
        Self { needs: pairs, ..self }
    }

    /// All keys.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.groups.iter().copied().flatten()
    }

    /// One key.
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.key == key)
    }
}

impl Field {
    /// A key that may be left out.
    pub const fn new(key: &'static str, kind: Kind, description: &'static str) -> Self {
        Self { key, kind, description, default: None, is_required: false, inherited_from: None }
    }

    /// The same, with what counts when it is left out.
    pub const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// The same, which must be there.
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// The same key of a table that takes what counts without it from another one, such as `[defaults]`.
    pub const fn inherited(mut self, from: &'static str) -> Self {
        self.default = None;
        self.inherited_from = Some(from);
        self
    }
}

/// The same keys, [inherited](Field::inherited).
pub const fn inherited<const N: usize>(mut fields: [Field; N], from: &'static str) -> [Field; N] {
    let mut n = 0;
    while n < N {
        fields[n] = fields[n].inherited(from);
        n += 1;
    }
    fields
}
