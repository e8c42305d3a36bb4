//! Files that components may read: copied when the application is loaded, so that they change only by a reload, and
//! so that each component sees one folder and nothing beside it.

use std::path::{Component as PathPart, Path, PathBuf};

use glob::{MatchOptions, Pattern};
use tidegate_edge_config::manifest::{Component, FileMount};

/// The copies for one application; they are deleted with it.
pub struct Staged {
    folder: tempfile::TempDir,
    components: Vec<String>,
}

/// What is wrong with mounted files, a line each.
#[derive(Debug)]
pub struct StageError(pub Vec<String>);

const GLOB: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

impl Staged {
    /// Copies what `components` mount, relative to `base`, into a new folder under `staging`. `None` if that is nothing.
    ///
    /// # Errors
    /// Each mount that does not exist or cannot be copied.
    pub fn new<'m>(
        staging: &Path,
        base: &Path,
        components: impl Iterator<Item = (&'m String, &'m Component)>,
    ) -> Result<Option<Self>, StageError> {
        let mut components = components.peekable();
        if components.peek().is_none() {
            return Ok(None);
        }
        let folder = tempfile::TempDir::new_in(staging)
            .map_err(|error| StageError(vec![format!("cannot write to {}: {error}", staging.display())]))?;
        let (mut names, mut problems) = (Vec::new(), Vec::new());
        for (index, (name, component)) in components.enumerate() {
            let copy = Copy { base, root: folder.path().join(index.to_string()), excluded: excluded(component) };
            for mount in &component.files {
                if let Err(problem) = copy.mount(mount) {
                    problems.push(format!("component.{name}.files: {problem}"));
                }
            }
            names.push(name.clone());
        }
        if problems.is_empty() { Ok(Some(Self { folder, components: names })) } else { Err(StageError(problems)) }
    }

    /// The folder that `component` sees, if it mounts anything.
    pub fn folder_of(&self, component: &str) -> Option<PathBuf> {
        let index = self.components.iter().position(|name| name == component)?;
        Some(self.folder.path().join(index.to_string()))
    }
}

/// The patterns were checked with the manifest; one that is no pattern excludes nothing.
fn excluded(component: &Component) -> Vec<Pattern> {
    component.exclude_files.iter().filter_map(|pattern| Pattern::new(pattern).ok()).collect()
}

struct Copy<'a> {
    base: &'a Path,
    root: PathBuf,
    excluded: Vec<Pattern>,
}

impl Copy<'_> {
    fn mount(&self, mount: &FileMount) -> Result<(), String> {
        std::fs::create_dir_all(&self.root).map_err(|error| format!("cannot make a copy: {error}"))?;
        match mount {
            FileMount::Glob(pattern) => self.mount_glob(pattern),
            FileMount::Directory { source, destination } => {
                let from = self.base.join(source);
                if !from.exists() {
                    return Err(format!("{} does not exist", from.display()));
                }
                let to = self.root.join(within(Path::new(destination))?);
                self.copy(&from, &to)
            }
        }
    }

    fn mount_glob(&self, pattern: &str) -> Result<(), String> {
        let absolute = self.base.join(pattern);
        let found =
            glob::glob_with(&absolute.to_string_lossy(), GLOB).map_err(|error| format!("{pattern:?}: {error}"))?;
        let mut found_any = false;
        for path in found {
            let path = path.map_err(|error| error.to_string())?;
            let relative = path.strip_prefix(self.base).unwrap_or(&path);
            self.copy(&path, &self.root.join(within(relative)?))?;
            found_any = true;
        }
        if found_any { Ok(()) } else { Err(format!("nothing matches {pattern:?}")) }
    }

    /// Copies a file, or a folder with all that is in it.
    fn copy(&self, from: &Path, to: &Path) -> Result<(), String> {
        let relative = from.strip_prefix(self.base).unwrap_or(from);
        if self.excluded.iter().any(|pattern| pattern.matches_path_with(relative, GLOB)) {
            return Ok(());
        }
        let failed = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
        if !from.is_dir() {
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent).map_err(failed)?;
            }
            return std::fs::copy(from, to).map(drop).map_err(failed);
        }
        std::fs::create_dir_all(to).map_err(failed)?;
        for entry in std::fs::read_dir(from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            self.copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        Ok(())
    }
}

/// `path` as seen from the component's root, which it must not leave.
fn within(path: &Path) -> Result<PathBuf, String> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            PathPart::Normal(name) => inside.push(name),
            PathPart::RootDir | PathPart::CurDir => {}
            PathPart::ParentDir | PathPart::Prefix(_) => return Err(format!("{} leaves its folder", path.display())),
        }
    }
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_edge_config::manifest::Manifest;

    fn stage(files: &str) -> Result<(tempfile::TempDir, Staged), StageError> {
        let base = tempfile::tempdir().unwrap();
        for (name, text) in
            [("a.txt", "a"), ("site/index.html", "i"), ("site/secret/key", "k"), ("site/deep/x.css", "x")]
        {
            let path = base.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let manifest = format!(
            "spin_manifest_version = 2\n[application]\nname = \"t\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = \"c\"\n\
             [component.c]\nsource = \"c.wasm\"\n{files}\n"
        );
        let (manifest, _) = Manifest::parse("spin.toml", &manifest).unwrap();
        let staged = Staged::new(base.path(), base.path(), manifest.components.iter())?;
        Ok((base, staged.unwrap()))
    }

    #[test]
    fn folders_files_and_globs_appear_where_asked_and_excluded_ones_do_not() {
        let (_base, staged) = stage(
            "files = [\"*.txt\", { source = \"site\", destination = \"/www\" }, { source = \"a.txt\", destination = \"/b.txt\" }]\n\
             exclude_files = [\"site/secret/*\"]",
        )
        .unwrap();
        let root = staged.folder_of("c").unwrap();
        for present in ["a.txt", "b.txt", "www/index.html", "www/deep/x.css"] {
            assert!(root.join(present).is_file(), "{present}");
        }
        assert!(!root.join("www/secret/key").exists());
        assert_eq!(staged.folder_of("other"), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = stage("files = [\"*.pdf\", { source = \"nowhere\", destination = \"/\" }]").err().unwrap();
        assert_eq!(error.0.len(), 2);
        assert!(error.0[0].contains("nothing matches \"*.pdf\""), "{error:?}");
        assert!(error.0[1].contains("nowhere does not exist"), "{error:?}");
    }

    #[test]
    fn nothing_leaves_the_folder() {
        assert!(within(Path::new("/a/../../etc")).is_err());
        assert_eq!(within(Path::new("/a/./b")).unwrap(), Path::new("a/b"));
    }
}
