//! The files of a configuration: the first one and all that are included.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Outside, variables};

/// How many files deep includes may nest.
const DEPTH_MAX: usize = 8;
/// How many files a configuration may have.
const FILES_MAX: usize = 256;

/// The files of a configuration, each before those that it includes.
#[derive(Default)]
pub(super) struct Sources {
    pub files: Vec<SourceFile>,
}

/// One file.
pub(super) struct SourceFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What is wrong with its includes: which one, and the message.
    pub problems: Vec<(usize, String)>,
    /// The file that includes it, by index.
    parent: Option<usize>,
}

impl Sources {
    /// Loads a file's includes, and theirs.
    pub fn load(file: &str, text: &str, outside: &mut dyn Outside) -> Self {
        let mut sources = Self::default();
        sources.add(file.to_owned(), text.to_owned(), None, outside);
        sources
    }

    fn add(&mut self, name: String, text: String, parent: Option<usize>, outside: &mut dyn Outside) {
        let index = self.files.len();
        let includes = includes(&text, outside);
        self.files.push(SourceFile { name, text, problems: Vec::new(), parent });
        for (n, include) in includes {
            match self.fetch(&include, index, outside) {
                Ok((name, text)) => self.add(name, text, Some(index), outside),
                Err(message) => self.files[index].problems.push((n, message)),
            }
        }
    }

    fn fetch(&self, include: &str, by: usize, outside: &mut dyn Outside) -> Result<(String, String), String> {
        let ancestors: Vec<_> = std::iter::successors(Some(by), |index| self.files[*index].parent).collect();
        if ancestors.len() > DEPTH_MAX {
            return Err(format!("includes nest more than {DEPTH_MAX} files deep"));
        }
        if self.files.len() >= FILES_MAX {
            return Err(format!("more than {FILES_MAX} files"));
        }
        let (name, text) = outside.include(include, &self.files[by].name)?;
        let Some(loaded) = self.files.iter().position(|file| file.name == name) else {
            return Ok((name, text));
        };
        let by = |index: usize| self.files[index].name.as_str();
        if ancestors.contains(&loaded) {
            let way = ancestors.iter().rev().skip_while(|index| **index != loaded).map(|index| by(*index));
            let way: Vec<_> = way.chain([name.as_str()]).collect();
            return Err(format!("the file includes itself: {}", way.join(" -> ")));
        }
        let parent = self.files[loaded].parent.map_or("", by);
        Err(format!("{name} is included by {parent} already. Remove one of the two"))
    }
}

/// The good items of `include`, with their places in the list. The others are reported when the file is read.
fn includes(text: &str, outside: &mut dyn Outside) -> Vec<(usize, String)> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let value = document.get_ref().get("include").map(Spanned::get_ref);
    let (true, Some(DeValue::Array(items))) = (errors.is_empty(), value) else {
        return Vec::new();
    };
    let mut includes = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let DeValue::String(text) = item.get_ref() else {
            continue;
        };
        match variables::expand(text, outside) {
            Ok(expanded) if !text.trim().is_empty() => includes.push((n, expanded.unwrap_or_else(|| text.to_string()))),
            _ => {}
        }
    }
    includes
}
