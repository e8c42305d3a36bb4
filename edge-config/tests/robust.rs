//! Whatever the text, reading it ends with a manifest or with errors that point into it, and no
//! secret shows.

mod samples;

use std::sync::LazyLock;

use proptest::prelude::*;
use samples::Folder;
use tidegate_edge_config::{Edge, Errors, Manifest};

/// The good manifests, which the mutations start from.
static GOOD: LazyLock<Vec<String>> = LazyLock::new(|| {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/manifest/good");
    let entries = std::fs::read_dir(folder).expect("the folder is in the source tree");
    let paths = entries.map(|entry| entry.expect("the folder can be listed").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|own| own == "toml")).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).expect("the file was just listed")).collect()
});

const SECRET: &str = samples::SECRET;

/// Values of every kind and pieces of syntax, to put where others were.
const PIECES: [&str; 24] = [
    "5",
    "-1",
    "1.5",
    "true",
    "\"\"",
    "\"x\"",
    "[]",
    "{}",
    "[\"x\", 5]",
    "{ component = \"shop\" }",
    "1979-05-27",
    "{ private = true }",
    "\"{{ api_host }}\"",
    "\"{{\"",
    "\n",
    "=",
    "[",
    "]",
    "\"",
    "#",
    ".",
    "é",
    "\u{0}",
    "99999999999999999999",
];

/// One change to a text: at a place, take so many characters out and put this in.
fn change() -> impl Strategy<Value = (usize, usize, &'static str)> {
    let piece = prop::sample::select(PIECES.to_vec());
    (any::<usize>(), 0..20_usize, prop_oneof![Just(""), piece])
}

/// Changes the values of whole lines, which keeps the syntax good more often.
fn value_change() -> impl Strategy<Value = (usize, &'static str)> {
    (any::<usize>(), prop::sample::select(PIECES[..14].to_vec()))
}

fn good() -> impl Strategy<Value = String> {
    any::<prop::sample::Index>().prop_map(|index| index.get(&GOOD).clone())
}

fn apply(text: &str, changes: &[(usize, usize, &str)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (place, out, piece) in changes {
        let start = place % (characters.len() + 1);
        let end = (start + out).min(characters.len());
        characters.splice(start..end, piece.chars());
    }
    characters.into_iter().collect()
}

fn apply_to_values(text: &str, changes: &[(usize, &str)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (line, value) in changes {
        let count = lines.len();
        let line = &mut lines[line % count];
        if let Some((key, _)) = line.split_once(" = ") {
            *line = format!("{key} = {value}");
        }
    }
    lines.join("\n")
}

/// Reads an edge.toml; nothing of it may show what its secrets are.
fn check_edge(text: &str) -> Result<(), TestCaseError> {
    let shown = match Edge::parse("f.toml", text, &mut Folder::of_package("tests/ui/edge/good")) {
        Ok((edge, warnings)) => format!("{edge:?}{warnings:?}"),
        Err(errors) => {
            check_errors(text, &errors)?;
            errors.to_string()
        }
    };
    // ${API_TOKEN} is no reference to a secret: whoever writes that shows it.
    prop_assert!(text.contains("${API_TOKEN}") || !shown.contains(SECRET), "{}", shown);
    Ok(())
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let errors = match Manifest::parse("f.toml", text) {
        Ok((manifest, _)) => {
            for value in [None, Some(SECRET.to_owned()), Some("8080".to_owned())] {
                // Errors here are fine; only panics are not.
                drop(manifest.resolve_variables(|_| value.clone()));
            }
            return Ok(());
        }
        Err(errors) => errors,
    };
    check_errors(text, &errors)?;
    prop_assert!(!errors.to_string().contains(SECRET), "{}", errors);
    Ok(())
}

fn check_errors(text: &str, errors: &Errors) -> Result<(), TestCaseError> {
    prop_assert!(errors.iter().len() > 0);
    let lines = text.split('\n').collect::<Vec<_>>();
    let mut last = None;
    for error in errors.iter().filter(|error| error.file == "f.toml") {
        prop_assert!(last <= Some(error.position), "in file order: {}", errors);
        let line = lines.get(error.position.line - 1);
        let columns = line.map(|line| line.chars().count() + 1);
        prop_assert!(Some(error.position.column) <= columns, "{} is not in the file", error);
        prop_assert!(!error.message.is_empty());
        last = Some(error.position);
    }
    Ok(())
}

proptest! {
    #![proptest_config(samples::cases())]

    #[test]
    fn arbitrary_text(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn arbitrary_text_for_the_edge(text in any::<String>()) {
        check_edge(&text)?;
    }

    #[test]
    fn mutated_edges(text in samples::mutations()) {
        check_edge(&text)?;
    }

    #[test]
    fn mutations(text in good(), changes in prop::collection::vec(change(), 1..5)) {
        check(&apply(&text, &changes))?;
    }

    #[test]
    fn other_values(text in good(), changes in prop::collection::vec(value_change(), 1..6)) {
        check(&apply_to_values(&text, &changes))?;
    }

    /// The default of a secret variable goes to where it breaks things, and shows nowhere.
    #[test]
    fn secrets(changes in prop::collection::vec(value_change(), 0..4)) {
        let text = format!(r#"
spin_manifest_version = 2
[application]
name = "shop"
[variables]
key = {{ default = "{SECRET}", secret = true }}
plain = {{ default = "x" }}
[[trigger.http]]
route = "/..."
component = "shop"
[component.shop]
source = "shop.wasm"
variables = {{ token = "Bearer {{{{ key }}}}", other = "{{{{ plain }}}}" }}
allowed_outbound_hosts = ["https://{{{{ key }}}}.example.com", "https://{{{{ plain }}}}"]
key_value_stores = ["default"]
"#);
        // Not the lines that hold the secret and make it one.
        let (head, tail) = text.split_once("plain").expect("written above");
        let text = format!("{head}plain{}", apply_to_values(tail, &changes));
        check(&text)?;
        if let Ok((manifest, warnings)) = Manifest::parse("f.toml", &text) {
            let resolved = manifest.resolve_variables(|_| None);
            let shown = format!("{warnings:?}{manifest:?}{resolved:?}");
            prop_assert!(!shown.contains(SECRET), "{}", shown);
        }
    }
}

#[test]
fn a_secret_shows_in_no_message() {
    for hosts in ["https://{{ key }}:80 80", "{{ key }}", "https://example.com:{{ key }}", "{{ key }}://x"] {
        let text = format!(
            "spin_manifest_version = 2\napplication.name = \"a\"\nvariables.key = {{ required = true, secret = true }}\n\
             [[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\n\
             [component.a]\nsource = \"a.wasm\"\nallowed_outbound_hosts = [\"{hosts}\"]\n"
        );
        let (manifest, _) = Manifest::parse("f.toml", &text).expect("nothing to check without a value");
        let errors = manifest.resolve_variables(|_| Some(SECRET.to_owned())).expect_err(hosts);
        assert!(!format!("{errors} {errors:?}").contains(SECRET), "{errors}");
        // The same value as a default is checked when the file is read.
        let text = text.replace("required = true", &format!("default = \"{SECRET}\""));
        let errors = Manifest::parse("f.toml", &text).expect_err(hosts);
        assert!(!format!("{errors} {errors:?}").contains(SECRET), "{errors}");
    }
}

/// Nesting is bounded, however it is written: reading recurses.
#[test]
fn depth_is_bounded() {
    for text in [
        format!("{}a = 1", "a.".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a = {}1{}", "{ a = ".repeat(100_000), " }".repeat(100_000)),
    ] {
        let shown = |errors: Errors| errors.to_string().chars().take(80).collect::<String>();
        let edge = Edge::parse("f.toml", &text, &mut Folder::of_package("")).map_err(shown);
        assert!(edge.is_err());
        assert!(Manifest::parse("f.toml", &text).is_err());
    }
}
