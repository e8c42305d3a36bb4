//! `tidegate new`: what it writes builds, is in spin.toml, has a test that passes, and is served.

use std::path::Path;
use std::process::{Command, Output};

use harness::manifest::{repository, target_folder};
use harness::setup::tidegate;
use harness::{Setup, Trial, tests};

pub fn tests() -> Vec<Trial> {
    tests!("new", needs [], a_scaffold_is_tested_built_and_served, a_scaffold_joins_a_manifest, what_cannot_be_is_refused)
}

fn new(folder: &Path, name: &str) -> Output {
    tidegate().args(["new", name]).current_dir(folder).output().expect("a command that can be run")
}

/// Builds with what the repository builds with: the same versions, nothing fetched.
fn prepare(function: &Path) {
    std::fs::copy(repository().join("Cargo.lock"), function.join("Cargo.lock")).unwrap();
    // Kept from run to run.
    let target = target_folder().join("scaffold");
    std::fs::create_dir_all(&target).unwrap();
    std::os::unix::fs::symlink(target, function.join("target")).unwrap();
}

fn cargo(function: &Path, arguments: &[&str]) -> Output {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(function).env("CARGO_NET_OFFLINE", "true").env_remove("CARGO_TARGET_DIR");
    let output = cargo.output().expect("cargo");
    assert!(output.status.success(), "{output:?}");
    output
}

fn a_scaffold_is_tested_built_and_served() {
    let setup = Setup::new("").environment("CARGO_NET_OFFLINE", "true").arguments(["--build"]);
    std::fs::remove_file(setup.manifest()).unwrap();
    let made = new(setup.folder(), "price-list");
    assert!(made.status.success(), "{made:?}");
    let function = setup.folder().join("price-list");
    prepare(&function);

    let tested = cargo(&function, &["test"]);
    assert!(String::from_utf8_lossy(&tested.stdout).contains("1 passed"), "{tested:?}");
    // As `up --build` does below, but that has no patience with the first time.
    cargo(&function, &["build", "--release", "--target", "wasm32-wasip2"]);

    let host = setup.start();
    for (path, expected) in [("/price-list", "Hello world!"), ("/price-list/Ada", "Hello Ada!"), ("/price-list/x", "3")]
    {
        let answer = host.get(path);
        assert!(answer.status == 200 && answer.text().contains(expected), "{answer:?}");
    }
}

fn a_scaffold_joins_a_manifest() {
    let setup =
        Setup::new(harness::manifest("[[trigger.http]]\nroute = \"/\"\nstatic_response = { body = \"old\" }\n"));
    std::fs::create_dir(setup.folder().join("functions")).unwrap();
    let made = new(setup.folder(), "price-list");
    assert!(made.status.success(), "{made:?}");
    assert!(setup.folder().join("functions/price-list/src/lib.rs").is_file());
    let text = std::fs::read_to_string(setup.manifest()).unwrap();
    assert!(text.contains("static_response = { body = \"old\" }") && text.contains("[component.price-list]"), "{text}");
}

fn what_cannot_be_is_refused() {
    let setup =
        Setup::new(harness::manifest("[[trigger.http]]\nroute = \"/\"\nstatic_response = { body = \"old\" }\n"));
    let before = std::fs::read_to_string(setup.manifest()).unwrap();
    std::fs::create_dir(setup.folder().join("taken")).unwrap();
    for (name, reason) in
        [("Price_List", "is no name for a function"), ("../up", "is no name"), ("taken", "exists already")]
    {
        let refused = new(setup.folder(), name);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(reason) && said.lines().count() == 1, "{name}: {said}");
    }
    assert_eq!(std::fs::read_to_string(setup.manifest()).unwrap(), before);
}
