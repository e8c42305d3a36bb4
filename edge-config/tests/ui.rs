//! Each good file beside what it says, each bad one beside its exact errors.
//!
//! `TIDEGATE_BLESS=1 cargo test -p tidegate-edge-config --test ui` writes what is there now; read
//! the diff before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use tidegate_edge_config::Manifest;

#[test]
fn good_manifests() {
    check("tests/ui/manifest/good", |file, text| {
        let (manifest, warnings) = match Manifest::parse(file, text) {
            Ok(parsed) => parsed,
            Err(errors) => panic!("{file} is meant to be good:\n{errors}"),
        };
        let mut shown: String = warnings.iter().map(|warning| format!("{warning}\n")).collect();
        shown.push_str(&format!("{manifest:#?}\n"));
        // Then with values for all variables, and with none.
        let value = |name: &str| match name {
            "SPIN_VARIABLE_PORT" => Some("8443".to_owned()),
            other => Some(format!("value-of-{other}")),
        };
        match manifest.resolve_variables(value) {
            Ok(resolved) => shown.push_str(&format!("\nwith values: {resolved:#?}\n")),
            Err(errors) => shown.push_str(&format!("\nwith values:\n{errors}\n")),
        }
        if let Err(errors) = manifest.resolve_variables(|_| None) {
            shown.push_str(&format!("\nwithout values:\n{errors}\n"));
        }
        shown
    });
}

#[test]
fn bad_manifests() {
    check("tests/ui/manifest/bad", |file, text| match Manifest::parse(file, text) {
        Ok(_) => panic!("{file} is meant to be bad"),
        Err(errors) => format!("{errors}\n"),
    });
}

/// Compares what `show` says of each `.toml` in the folder with the `.txt` beside it.
fn check(folder: &str, show: impl Fn(&str, &str) -> String) {
    let bless = std::env::var_os("TIDEGATE_BLESS").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = files(&folder, "toml");
    assert!(!files.is_empty(), "no files in {}", folder.display());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let text = fs::read_to_string(&path).expect("the file was just listed");
        let actual = show(&name, &text);
        let beside = path.with_extension("txt");
        if bless {
            fs::write(&beside, &actual).expect("the source tree can be written");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if actual != expected {
            wrong.push(format!("--- {name}: expected\n{expected}--- got\n{actual}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is in the source tree");
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|own| own == extension)).collect();
    files.sort();
    files
}
