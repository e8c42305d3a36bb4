//! `--watch`: builds and reloads when files change. Looks at modification times, which works on every file system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use tidegate_edge_config::manifest::{Component, FileMount};

use super::build::build;
use super::reload::Reloader;
use crate::app::{Origin, read_edge};

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_millis(300);

/// Watches in a thread of its own for as long as the process lives.
///
/// # Errors
/// When there can be no thread.
pub fn start(reloader: Arc<Reloader>) -> anyhow::Result<()> {
    // Taken before anybody is told that the host serves: what changes from then on is seen.
    let mut seen = Snapshot::take(reloader.origin());
    let watch = move || {
        loop {
            std::thread::sleep(INTERVAL);
            let now = Snapshot::take(reloader.origin());
            if now != seen {
                let built = rebuild(&reloader, &seen, &now);
                // What the build wrote is loaded next; what changes from here on is seen the next time.
                seen = Snapshot { served: Snapshot::take(reloader.origin()).served, ..now };
                match built {
                    // What is wrong is in the log.
                    Ok(()) => drop(reloader.reload()),
                    Err(error) => reloader.keep(&format!("{error:#}")),
                }
            }
        }
    };
    std::thread::Builder::new().name("watch".to_owned()).spawn(watch).context("cannot start the watching thread")?;
    Ok(())
}

type Stamp = (SystemTime, u64);
type Files = BTreeMap<PathBuf, Stamp>;

/// What the watched files looked like.
#[derive(Clone, PartialEq)]
struct Snapshot {
    manifest: Option<Stamp>,
    /// The files of the edge's configuration.
    edge: Files,
    /// What each component is built from.
    sources: BTreeMap<String, Files>,
    /// What is served: binaries and mounted files.
    served: Files,
}

impl Snapshot {
    fn take(origin: &Origin) -> Self {
        let (path, folder) = (&origin.manifest, origin.folder());
        let edge = origin.edge().map_or_else(Files::new, |path| edge_files(&path));
        let mut snapshot = Self { manifest: stamp(path), edge, sources: BTreeMap::new(), served: Files::new() };
        if let Ok((manifest, _)) = origin.manifest() {
            for (id, component) in &manifest.components {
                snapshot.sources.insert(id.clone(), sources(component, folder));
                snapshot.served.extend(served(component, folder));
            }
        }
        snapshot
    }
}

/// Builds the components whose sources changed.
fn rebuild(reloader: &Reloader, before: &Snapshot, now: &Snapshot) -> anyhow::Result<()> {
    let has_changed = |id: &str| before.sources.get(id) != now.sources.get(id);
    if now.sources.keys().any(|id| has_changed(id)) {
        let (manifest, _) = reloader.origin().manifest()?;
        build(&manifest, reloader.origin().folder(), has_changed)?;
    }
    Ok(())
}

/// The file and those that it includes; of one with errors, the file itself.
fn edge_files(path: &Path) -> Files {
    let included = read_edge(path).map_or_else(|_| Vec::new(), |(edge, _)| edge.files);
    let paths = included.iter().map(PathBuf::from).chain([path.to_owned()]);
    paths.filter_map(|path| stamp(&path).map(|stamp| (path, stamp))).collect()
}

fn sources(component: &Component, folder: &Path) -> Files {
    let Some(build) = &component.build else { return Files::new() };
    let workdir = build.workdir.as_ref().map_or_else(|| folder.to_owned(), |workdir| folder.join(workdir));
    build.watch.iter().flat_map(|pattern| matching(&workdir.join(pattern))).collect()
}

fn served(component: &Component, folder: &Path) -> Files {
    let mut files: Files = matching(&folder.join(&component.source)).collect();
    for mount in &component.files {
        match mount {
            FileMount::Glob(pattern) => files.extend(matching(&folder.join(pattern))),
            FileMount::Directory { source, .. } => {
                files.extend(matching(&folder.join(source)));
                files.extend(matching(&folder.join(source).join("**/*")));
            }
        }
    }
    files
}

fn matching(pattern: &Path) -> impl Iterator<Item = (PathBuf, Stamp)> + use<> {
    let paths = glob::glob(&pattern.to_string_lossy()).ok();
    paths.into_iter().flatten().flatten().filter_map(|path| stamp(&path).map(|stamp| (path, stamp)))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    metadata.is_file().then_some(())?;
    Some((metadata.modified().ok()?, metadata.len()))
}
