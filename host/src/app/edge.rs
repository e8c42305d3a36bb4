//! edge.toml: found, read, and checked against the components that there are.

use std::path::{Component, Path, PathBuf};

use tidegate_edge_config::edge::{Edge, Outside};
use tidegate_edge_config::manifest::{Manifest, Target};
use tidegate_edge_config::{Diagnostic, Errors, Position, Text, Warning};

use super::LoadError;

/// Where the edge's configuration is looked for, beside the manifest.
const DEFAULT: &str = "edge-config/edge.toml";
/// Largest file that a configuration may name, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The configuration that belongs to a manifest if none was named: the file `edge-config/edge.toml` in `folder`, if
/// there is one.
pub fn beside(folder: &Path) -> Option<PathBuf> {
    Some(without_detours(&folder.join(DEFAULT))).filter(|path| path.is_file())
}

/// The configuration at `path` and what is hardly meant in it.
///
/// # Errors
/// All that is wrong with it.
pub fn read_edge(path: &Path) -> Result<(Edge, Vec<Warning>), Errors> {
    let file = path.display().to_string();
    let text = read(path).map_err(|message| {
        let position = Position { line: 1, column: 1 };
        Errors::from(Diagnostic { file: file.clone(), position, path: String::new(), message })
    })?;
    Edge::parse(&file, &text, &mut Disk { folder: path.parent().unwrap_or(Path::new("")).to_owned() })
}

/// Every function that `edge` names must be a component with a trigger.
///
/// # Errors
/// One line for each that is not.
pub fn check_functions(edge: &Edge, manifest: &Manifest) -> Result<(), LoadError> {
    let problems: Vec<_> = edge
        .functions()
        .filter(|(name, _)| !has_trigger(manifest, name))
        .map(|(name, source)| {
            format!("{source}: function {name:?} is no component with a trigger in {}", manifest.file)
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(LoadError(problems)) }
}

fn has_trigger(manifest: &Manifest, component: &str) -> bool {
    manifest.http_triggers.iter().any(|trigger| matches!(&trigger.target, Target::Component(id) if id == component))
}

/// The files and the environment that a configuration may refer to.
struct Disk {
    /// Of the first file.
    folder: PathBuf,
}

impl Outside for Disk {
    fn include(&mut self, name: &str, from: &str) -> Result<(String, String), String> {
        let path = without_detours(&Path::new(from).parent().unwrap_or(Path::new("")).join(name));
        Ok((path.display().to_string(), read(&path)?))
    }

    fn variable(&mut self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn secret_file(&mut self, name: &str) -> Result<Text, String> {
        let text = read(&self.folder.join(name))?;
        Ok(Text::secret(text.trim_end_matches(['\r', '\n'])))
    }
}

/// The path without `.` and `..`, so that a file has one name however it is reached.
fn without_detours(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            component => short.push(component),
        }
    }
    short
}

fn read(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("{} has more than {FILE_BYTES_MAX} bytes", path.display()));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}
