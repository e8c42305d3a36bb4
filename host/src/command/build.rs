//! Runs the build commands of an application's components.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use tidegate_edge_config::manifest::{Build, Manifest};

/// Builds those components for which `is_wanted` says so, in the order of their names. Equal commands run once.
///
/// # Errors
/// At the first command that fails.
pub fn build(manifest: &Manifest, folder: &Path, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let mut done: Vec<(&str, Option<&str>)> = Vec::new();
    for (id, component) in manifest.components.iter().filter(|(id, _)| is_wanted(id)) {
        let Some(build) = &component.build else { continue };
        for command in &build.commands {
            let key = (command.as_str(), build.workdir.as_deref());
            if !done.contains(&key) {
                run(id, build, command, folder)?;
                done.push(key);
            }
        }
    }
    Ok(())
}

fn run(id: &str, build: &Build, command: &str, folder: &Path) -> anyhow::Result<()> {
    tracing::info!(component = id, "building: {command}");
    let workdir = build.workdir.as_ref().map_or_else(|| folder.to_owned(), |workdir| folder.join(workdir));
    let status = Command::new("sh")
        .args(["-c", command])
        .current_dir(&workdir)
        .status()
        .with_context(|| format!("component.{id}.build: cannot run {command:?} in {}", workdir.display()))?;
    ensure!(status.success(), "component.{id}.build: {command:?} failed ({status})");
    Ok(())
}
