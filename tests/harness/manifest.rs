//! spin.toml files, written short.

use std::path::{Path, PathBuf};

/// What a manifest begins with.
const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"test\"\n";

/// A manifest with `text` behind its head. `guest:NAME` in it stands for the path of that guest's component.
pub fn manifest(text: &str) -> String {
    let mut pieces = text.split("guest:");
    let mut whole = HEAD.to_owned() + pieces.next().unwrap_or_default();
    for piece in pieces {
        let end = piece.find('"').expect("a guest's name ends where its string does");
        whole += &guest(&piece[..end]).display().to_string();
        whole += &piece[end..];
    }
    whole
}

/// A manifest with a component for each (route, guest), called like its guest, and with `more` behind them.
pub fn served(components: &[(&str, &str)], more: &str) -> String {
    let text = components.iter().map(|(route, guest)| component_at(route, guest, &format!("guest:{guest}")));
    manifest(&(text.collect::<String>() + more))
}

/// A trigger and its component: keys that are put behind them are the component's.
pub fn component_at(route: &str, name: &str, source: &str) -> String {
    format!(
        "[[trigger.http]]\nroute = \"{route}\"\ncomponent = \"{name}\"\n[component.{name}]\nsource = \"{source}\"\n"
    )
}

/// The file of the component that `make guests` builds from tests/guests/NAME.
pub fn guest(name: &str) -> PathBuf {
    guests_folder().join(format!("guest_{}.wasm", name.replace('-', "_")))
}

/// TIDEGATE_GUESTS, or where cargo puts components beside this test.
fn guests_folder() -> PathBuf {
    std::env::var_os("TIDEGATE_GUESTS").map_or_else(|| target_folder().join("wasm32-wasip2/release"), PathBuf::from)
}

/// The host's binary: TIDEGATE_BIN, or what cargo built in the profile of this test.
pub fn host_binary() -> PathBuf {
    std::env::var_os("TIDEGATE_BIN").map_or_else(|| profile_folder().join("tidegate"), PathBuf::from)
}

/// Where this repository is.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the repository").to_owned()
}

/// Where cargo builds.
pub fn target_folder() -> PathBuf {
    profile_folder().parent().expect("a profile's folder is in the target folder").to_owned()
}

/// Tests run from target/PROFILE/deps.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a file");
    test.parent().and_then(Path::parent).expect("tests are in target/PROFILE/deps").to_owned()
}
