//! What the tests of edge.toml have outside of it: a folder of files, and a few variables.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::fs;
use std::path::{Component, Path, PathBuf};

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
            "API_TOKEN" => Some(SECRET.to_owned()),
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
