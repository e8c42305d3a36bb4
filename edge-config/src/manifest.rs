//! `spin.toml`: the application manifest, version 2, which Spin and Tidegate both read.
//!
//! The schema is Spin's (`crates/manifest/src/schema/v2`, and `crates/http/src/config.rs` for the
//! HTTP trigger). What Spin knows and Tidegate does not do yet is an error that says so: nothing in
//! the file is ever silently left out. Only `tool` tables of other tools are skipped, as Spin asks
//! of every tool.
//!
//! Paths are kept as written; the caller resolves them against the manifest's folder.

mod application;
mod component;
mod resolve;
mod static_response;
mod trigger;
mod unsupported;

use std::collections::{BTreeMap, BTreeSet};

use tidegate_route::Pattern;

use crate::diagnostics::{Diagnostics, Errors, Position, Warning};
use crate::reader::{self, Table};
use crate::secret::Text;
use crate::template::Template;

pub use crate::limits::Limits;
pub use resolve::{Resolved, ResolvedComponent, variable_environment_name};

/// A checked application manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The file's name, for messages.
    pub file: String,
    /// `[application]`.
    pub application: Application,
    /// `[variables]`, by name.
    pub variables: BTreeMap<String, Variable>,
    /// `[[trigger.http]]`, in the order of the file. No two public routes are equal.
    pub http_triggers: Vec<HttpTrigger>,
    /// `[component.ID]` by ID, and those written inside triggers under the IDs Spin gives them.
    /// Triggers refer only to these.
    pub components: BTreeMap<String, Component>,
}

/// What the application is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Application {
    /// Never empty.
    pub name: String,
    /// Usually a semantic version; nobody checks.
    pub version: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// For people.
    pub authors: Vec<String>,
}

/// A variable of the application.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// The value when none is supplied; a variable without one is required.
    pub default: Option<Text>,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// For people.
    pub description: Option<String>,
    /// Where it is declared.
    pub position: Position,
}

/// What happens to requests on one route.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpTrigger {
    /// Given in the file, or made up as Spin does. Unique.
    pub id: String,
    /// Which requests.
    pub route: Route,
    /// Who answers.
    pub target: Target,
    /// What a request passes before it gets to the target, outermost first. Empty for a static
    /// response.
    pub middleware: Vec<Middleware>,
    /// Where the trigger is in the file.
    pub position: Position,
}

/// Which requests a trigger gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// Those for these paths.
    Public(Pattern),
    /// None from outside: only other components reach its component, as
    /// `http://COMPONENT.spin.internal`.
    Private,
}

/// Who answers the requests of a trigger.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A component, by its ID in [`Manifest::components`].
    Component(String),
    /// The host itself.
    Static(StaticResponse),
}

/// An answer that needs no component.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticResponse {
    /// From 200 to 599.
    pub status: u16,
    /// Valid names and values; none that has to do with framing.
    pub headers: Vec<(String, String)>,
    /// None: an empty body.
    pub body: Option<String>,
}

/// A component that requests pass on their way to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Middleware {
    /// Its ID in [`Manifest::components`].
    pub component: String,
    /// What it may use of the configuration of the component behind it; the rest is denied. It has
    /// none of its own.
    pub inherits: BTreeSet<Capability>,
}

/// A part of a component's configuration that a middleware can inherit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the keys of a component")]
pub enum Capability {
    AiModels,
    AllowedOutboundHosts,
    Environment,
    Files,
    KeyValueStores,
    SqliteDatabases,
    Variables,
}

/// A WebAssembly component and what it may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// The path of the wasm file, as written.
    pub source: String,
    /// For people.
    pub description: Option<String>,
    /// Environment variables it sees.
    pub environment: BTreeMap<String, String>,
    /// Files it may read.
    pub files: Vec<FileMount>,
    /// Glob patterns of files it may not read after all.
    pub exclude_files: Vec<String>,
    /// Its variables: each made from those of the application, all of which exist.
    pub variables: BTreeMap<String, Template>,
    /// Where it may connect to; see [`Manifest::resolve_variables`] for the checked form.
    pub allowed_outbound_hosts: Vec<HostTemplate>,
    /// Labels of the key-value stores it may open.
    pub key_value_stores: BTreeSet<String>,
    /// How to build it.
    pub build: Option<Build>,
    /// How much it may use: `[component.ID.tool.tidegate]`.
    pub limits: Limits,
    /// Where it is in the file.
    pub position: Position,
}

/// Files that a component may read.
#[derive(Clone, Debug, PartialEq)]
pub enum FileMount {
    /// Those that match a glob pattern, at the same relative path.
    Glob(String),
    /// A directory (Spin lets it be a single file too), put somewhere else.
    Directory {
        /// Its path on the host, as written.
        source: String,
        /// Its path in the guest: starts with a slash and has no `..` in it.
        destination: String,
    },
}

/// An entry of `allowed_outbound_hosts`, in which variables may stand.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTemplate {
    /// The entry. Without variables it is known to be a good one.
    pub template: Template,
    /// Where it is in the file.
    pub position: Position,
}

/// How to build a component.
#[derive(Clone, Debug, PartialEq)]
pub struct Build {
    /// Run one after the other by a shell. At least one.
    pub commands: Vec<String>,
    /// Where to run them, as written; the manifest's folder if not said.
    pub workdir: Option<String>,
    /// Paths and glob patterns, relative to `workdir`: a change in one calls for a new build.
    pub watch: Vec<String>,
}

impl Manifest {
    /// Reads a manifest. `file` is its name for messages.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the file. If the text is no TOML, only that.
    pub fn parse(file: &str, text: &str) -> Result<(Self, Vec<Warning>), Errors> {
        let diagnostics = Diagnostics::new(file, text);
        let document = reader::parse(text, &diagnostics);
        let manifest = match &document {
            Some(document) => read(file, Table::root(&diagnostics, document)),
            None => None,
        };
        let warnings = diagnostics.finish()?;
        let manifest = manifest.expect("reading fails only with an error reported");
        Ok((manifest, warnings))
    }
}

impl Manifest {
    /// The manifest of an application that has no functions: an edge before upstreams alone.
    pub fn without_functions(name: &str) -> Self {
        Self {
            file: name.to_owned(),
            application: Application { name: name.to_owned(), ..Application::default() },
            variables: BTreeMap::new(),
            http_triggers: Vec::new(),
            components: BTreeMap::new(),
        }
    }
}

impl Capability {
    /// Each with its name in `inherit_configuration`.
    pub const ALL: [(&'static str, Self); 7] = [
        ("ai_models", Self::AiModels),
        ("allowed_outbound_hosts", Self::AllowedOutboundHosts),
        ("environment", Self::Environment),
        ("files", Self::Files),
        ("key_value_stores", Self::KeyValueStores),
        ("sqlite_databases", Self::SqliteDatabases),
        ("variables", Self::Variables),
    ];
}

/// Reads the whole file. None only for a manifest of another version, whose keys mean other things.
fn read(file: &str, mut root: Table<'_>) -> Option<Manifest> {
    check_version(&mut root)?;
    let application = application::read(&mut root);
    let variables = application::read_variables(&mut root);
    let mut components = component::read_all(&mut root, &variables);
    let http_triggers = trigger::read_all(&mut root, &variables, &mut components);
    root.finish();
    Some(Manifest { file: file.to_owned(), application, variables, http_triggers, components })
}

fn check_version(root: &mut Table<'_>) -> Option<()> {
    // `spin_version` and a string: manifests of version 1.
    const ONLY_2: &str =
        "only version 2 is supported. Write spin_manifest_version = 2, or let `spin doctor` upgrade the file";
    let old = root.take("spin_version");
    match (old, root.take("spin_manifest_version")) {
        (None, Some(version)) if version.as_integer() == Some(2) => Some(()),
        (Some(version), _) | (None, Some(version)) => {
            version.error(ONLY_2);
            None
        }
        (None, None) => {
            root.error("missing key \"spin_manifest_version\". Write spin_manifest_version = 2 as the first line");
            None
        }
    }
}
