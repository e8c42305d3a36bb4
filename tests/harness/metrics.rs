//! Prometheus' text format, as far as tests read it.

use std::collections::BTreeMap;

/// Metrics as they were at one moment.
#[derive(Debug)]
pub struct Metrics {
    samples: Vec<Sample>,
    /// The type of each, by its name.
    types: BTreeMap<String, String>,
}

/// One line.
#[derive(Debug)]
pub struct Sample {
    /// Its name, with a histogram's suffix.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Metrics {
    /// Reads the text.
    ///
    /// # Panics
    /// When it does not follow the format.
    pub fn parse(text: &str) -> Self {
        let (mut samples, mut types) = (Vec::new(), BTreeMap::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix('#') {
                let mut words = comment.split_whitespace();
                if words.next() == Some("TYPE") {
                    let (name, kind) = (words.next().expect("a name"), words.next().expect("a type"));
                    assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} has two types");
                }
                continue;
            }
            samples.push(parse_sample(line).unwrap_or_else(|| panic!("not a sample: {line}")));
        }
        Self { samples, types }
    }

    /// The samples with this name and at least these labels.
    pub fn find<'m>(&'m self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &'m Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|it| it == value))
        })
    }

    /// The sum of the samples with this name and at least these labels; 0 if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).map(|sample| sample.value).sum()
    }

    /// The type of the metric with this name.
    pub fn type_of(&self, name: &str) -> Option<&str> {
        self.types.get(name).map(String::as_str)
    }

    /// All samples.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }
}

/// `name{label="value",…} number`
fn parse_sample(line: &str) -> Option<Sample> {
    let (front, value) = line.rsplit_once(' ')?;
    let (name, labels) = match front.split_once('{') {
        None => (front, BTreeMap::new()),
        Some((name, labels)) => (name, parse_labels(labels.strip_suffix('}')?)?),
    };
    Some(Sample { name: name.to_owned(), labels, value: value.parse().ok()? })
}

fn parse_labels(mut text: &str) -> Option<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"")?;
        let (value, length) = parse_value(rest)?;
        labels.insert(name.to_owned(), value);
        text = rest[length..].strip_prefix(',').unwrap_or(&rest[length..]);
    }
    Some(labels)
}

/// An escaped value up to its quote, and how long it was with that quote.
fn parse_value(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, index + 1)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            other => value.push(other),
        }
    }
    None
}
