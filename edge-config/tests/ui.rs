//! Each good file beside what it says, each bad one beside its exact errors.
//!
//! `TIDEGATE_BLESS=1 cargo test -p tidegate-edge-config --test ui` writes what is there now; read
//! the diff before you commit it.

mod samples;

use std::fs;
use std::path::Path;

use samples::Folder;
use tidegate_edge_config::{Edge, Manifest};

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

#[test]
fn good_edges() {
    const FOLDER: &str = "tests/ui/edge/good";
    check(FOLDER, |file, text| match Edge::parse(file, text, &mut Folder::of_package(FOLDER)) {
        Ok((edge, warnings)) => {
            let warnings: String = warnings.iter().map(|warning| format!("{warning}\n")).collect();
            format!("{warnings}{edge:#?}\n")
        }
        Err(errors) => panic!("{file} is meant to be good:\n{errors}"),
    });
}

#[test]
fn bad_edges() {
    const FOLDER: &str = "tests/ui/edge/bad";
    check(FOLDER, |file, text| match Edge::parse(file, text, &mut Folder::of_package(FOLDER)) {
        Ok(_) => panic!("{file} is meant to be bad"),
        Err(errors) => format!("{errors}\n"),
    });
}

/// Compares what `show` says of each `.toml` in the folder with the `.txt` beside it.
fn check(folder: &str, show: impl Fn(&str, &str) -> String) {
    let bless = std::env::var_os("TIDEGATE_BLESS").is_some();
    let mut wrong = Vec::new();
    for (name, text) in Folder::of_package(folder).toml_files() {
        let actual = show(&name, &text);
        assert!(!actual.contains(samples::SECRET), "{name} shows a secret:\n{actual}");
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(&name).with_extension("txt");
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
