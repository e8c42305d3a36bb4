//! `tidegate new`: a function that builds, is in spin.toml, and has a test.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::Args;
use tidegate_edge_config::manifest::Manifest;

/// The template's files and where they go in the new crate.
const FILES: [(&str, &str); 3] = [
    ("Cargo.toml", include_str!("../../../functions/sdk/template/Cargo.toml")),
    ("src/lib.rs", include_str!("../../../functions/sdk/template/src/lib.rs")),
    (".gitignore", "/target\n"),
];

/// Options of `tidegate new`.
#[derive(Debug, Args)]
pub struct Options {
    /// The function's name: lowercase words joined by hyphens. It is served under /NAME.
    name: String,
    /// The application manifest that the function joins; it is made if there is none.
    #[arg(short = 'f', long = "from", value_name = "FILE", default_value = "spin.toml")]
    manifest: PathBuf,
}

/// Makes the function.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let name = &options.name;
    ensure!(
        tidegate_edge_config::names::is_kebab(name),
        "{name:?} is no name for a function: use lowercase words joined by hyphens, such as price-list"
    );
    let folder = crate::app::folder_of(&options.manifest);
    let crate_folder = if folder.join("functions").is_dir() { format!("functions/{name}") } else { name.clone() };
    let target = folder.join(&crate_folder);
    ensure!(!target.exists(), "{} exists already", target.display());
    let manifest = extended_manifest(&options.manifest, name, &crate_folder)?;
    for (file, template) in FILES {
        let path = target.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        let text = template.replace("{{name}}", name).replace("{{tidegate}}", &sdk_dependency());
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    std::fs::write(&options.manifest, manifest)
        .with_context(|| format!("cannot write {}", options.manifest.display()))?;
    println!("{crate_folder} is ready, and in {}.", options.manifest.display());
    println!("  test it:   (cd {crate_folder} && cargo test)");
    println!("  serve it:  tidegate up --build --watch, then http://127.0.0.1:8080/{name}");
    Ok(())
}

/// The manifest's text with the function at its end, checked before anything is written.
fn extended_manifest(path: &Path, name: &str, crate_folder: &str) -> anyhow::Result<String> {
    let mut text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("spin_manifest_version = 2\n\n[application]\nname = \"{name}\"\nversion = \"0.1.0\"\n")
        }
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    };
    let crate_file = name.replace('-', "_");
    text.push_str(&format!(
        "\n[[trigger.http]]\nroute = \"/{name}/...\"\ncomponent = \"{name}\"\n\n\
         [component.{name}]\nsource = \"{crate_folder}/target/wasm32-wasip2/release/{crate_file}.wasm\"\n\
         key_value_stores = [\"default\"]\n\n\
         [component.{name}.build]\ncommand = \"cargo build --release --target wasm32-wasip2\"\n\
         workdir = \"{crate_folder}\"\nwatch = [\"src/**/*.rs\", \"Cargo.toml\"]\n"
    ));
    let (_, _) = Manifest::parse(&path.display().to_string(), &text)
        .map_err(|errors| anyhow::anyhow!("the function would not fit into the manifest:\n{errors}"))?;
    Ok(text)
}

/// The SDK beside this host's sources if they are there, its published version otherwise.
fn sdk_dependency() -> String {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/sdk");
    match sources.canonicalize() {
        Ok(path) => format!("{{ path = {:?} }}", path.display().to_string()),
        Err(_) => format!("{:?}", env!("CARGO_PKG_VERSION")),
    }
}
