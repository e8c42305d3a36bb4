//! What the tests of edge.toml have outside of it: a folder of files, and a few variables.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::fs;
use std::path::{Component, Path, PathBuf};

use proptest::prelude::*;
use tidegate_edge_config::Text;
use tidegate_edge_config::edge::Outside;

/// Shown by no test.
pub const SECRET: &str = "hunter2-never-show-this";

/// A folder. Names of files are relative to it.
pub struct Folder(PathBuf);

impl Folder {
    /// A folder of this package.
    pub fn of_package(name: &str) -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
    }

    /// Its `.toml` files by name, with their texts; not those in folders inside.
    pub fn toml_files(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(&self.0).expect("the folder is in the source tree");
        let paths = entries.map(|entry| entry.expect("the folder can be listed").path());
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|own| own == "toml")).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no files in {}", self.0.display());
        let name = |path: &Path| path.file_name().expect("it has an extension").to_string_lossy().into_owned();
        paths.iter().map(|path| (name(path), fs::read_to_string(path).expect("it was just listed"))).collect()
    }
}

impl Outside for Folder {
    fn include(&mut self, name: &str, from: &str) -> Result<(String, String), String> {
        let beside = Path::new(from).with_file_name(name);
        let mut parts: Vec<&str> = Vec::new();
        for component in beside.components() {
            match component {
                Component::ParentDir => drop(parts.pop()),
                Component::Normal(part) => parts.push(part.to_str().expect("names are UTF-8")),
                _ => {}
            }
        }
        let name = parts.join("/");
        let text = fs::read_to_string(self.0.join(&name)).map_err(|_| "there is no such file".to_owned())?;
        Ok((name, text))
    }

    fn variable(&mut self, name: &str) -> Option<String> {
        match name {
            "HOST" => Some("api.example".to_owned()),
            "PORT" => Some("9000".to_owned()),
            "EMPTY" => Some(String::new()),
            "API_TOKEN" | "GOLD_KEY" => Some(SECRET.to_owned()),
            "REDIS_URL" => Some(format!("redis://:{SECRET}@cache.internal:6379/1")),
            "BROKEN_TOKEN" => Some(format!("{SECRET}\n{SECRET}")),
            _ => None,
        }
    }

    fn secret_file(&mut self, name: &str) -> Result<Text, String> {
        match name {
            "/run/secrets/token" => Ok(Text::secret(format!("{SECRET}\n"))),
            "/run/secrets/empty" => Ok(Text::secret("\n")),
            _ => Err("there is no such file".to_owned()),
        }
    }
}

/// All good files of edge.toml, by name.
pub fn good() -> Vec<(String, String)> {
    let folders = ["tests/ui/edge/good", "examples"];
    let files = folders.into_iter().flat_map(|folder| Folder::of_package(folder).toml_files());
    files.chain([("edge.toml".to_owned(), include_str!("../../edge.toml").to_owned())]).collect()
}

/// Values of every kind and pieces of syntax, to put where others were.
const PIECES: [&str; 34] = [
    "5",
    "-1",
    "1.5",
    "true",
    "false",
    "\"\"",
    "\"x\"",
    "\"/x/{id}\"",
    "\"*\"",
    "\"HTTPS://A.example:443\"",
    "\"5s\"",
    "\"7MiB\"",
    "\"${API_TOKEN}\"",
    "\"${HOST}\"",
    "\"${NOTHING:-x}\"",
    "\"$${\"",
    "[]",
    "{}",
    "[\"x\", 5]",
    "[\"x\", \"y\"]",
    "{ env = \"API_TOKEN\" }",
    "{ set = { authorization = { file = \"/run/secrets/token\", prefix = \"é\" } } }",
    "{ to = \"/{path}\", status = 301 }",
    "[{ weight = 1, function = \"*\" }]",
    "1979-05-27",
    "\n",
    "=",
    "[",
    "]",
    "\"",
    "#",
    "é",
    "\u{0}",
    "99999999999999999999",
];

/// Of those, how many are values.
const VALUES: usize = 25;

/// Good files with a few changes: to values of whole lines, which keeps the syntax good more often, and anywhere.
pub fn mutations() -> impl Strategy<Value = String> {
    let good: Vec<_> = good().into_iter().map(|(_, text)| text).collect();
    let value = (any::<usize>(), prop::sample::select(PIECES[..VALUES].to_vec()));
    let piece = prop_oneof![Just(""), prop::sample::select(PIECES.to_vec())];
    let anywhere = (any::<usize>(), 0..20_usize, piece);
    let changes = (prop::collection::vec(value, 0..4), prop::collection::vec(anywhere, 0..2));
    (prop::sample::select(good), changes).prop_map(|(text, (values, anywhere))| {
        let text = values.iter().fold(text, |text, (line, value)| with_value(&text, *line, value));
        anywhere.iter().fold(text, |text, (place, out, piece)| with_piece(&text, *place, *out, piece))
    })
}

/// The text with another value in one of its lines, if that has one.
fn with_value(text: &str, line: usize, value: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let count = lines.len().max(1);
    if let Some(line) = lines.get_mut(line % count)
        && let Some((key, _)) = line.split_once(" = ")
    {
        *line = format!("{key} = {value}");
    }
    lines.join("\n")
}

/// The text with a few characters taken out somewhere, and a piece put in.
fn with_piece(text: &str, place: usize, out: usize, piece: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let start = place % (characters.len() + 1);
    let end = (start + out).min(characters.len());
    characters.splice(start..end, piece.chars());
    characters.into_iter().collect()
}

/// More cases than proptest tries by itself, and more still where `PROPTEST_CASES` says so.
pub fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(2000), ..default }
}
