//! From spin.toml to an application: everything is checked before anything is served.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Response, StatusCode};
use tidegate_edge_config::Errors;
use tidegate_edge_config::edge::Edge;
use tidegate_edge_config::manifest::{
    Capability, Component, HttpTrigger, Manifest, Middleware, Resolved, Route as TriggerRoute, StaticResponse, Target,
};
use tidegate_pipeline::Pipeline;
use tidegate_route::{Pattern, Router, spin};
use wasmtime::Engine;

use super::files::Staged;
use super::{Answer, App, Loaded, Route, edge};
use crate::capabilities::{Grants, key_value};
use crate::engine::{CompiledCache, Handler, Layer, Linker, Places, chain, deny};
use crate::upstream;

/// Why an application cannot be loaded: one line for each reason, each saying what and where.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct LoadError(pub Vec<String>);

impl From<Errors> for LoadError {
    fn from(errors: Errors) -> Self {
        Self(errors.iter().map(ToString::to_string).collect())
    }
}

/// What an application is loaded from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// spin.toml.
    pub manifest: PathBuf,
    /// edge.toml, if one was named. Otherwise the one beside the manifest is taken, if there is one.
    pub edge: Option<PathBuf>,
}

impl Origin {
    /// The folder that the manifest's paths are relative to.
    pub fn folder(&self) -> &Path {
        folder_of(&self.manifest)
    }

    /// The manifest, its variables resolved. Where an edge is named and no manifest is there, there are no functions.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn manifest(&self) -> Result<(Manifest, Resolved), LoadError> {
        match &self.edge {
            Some(edge) if !self.manifest.exists() => {
                let manifest = Manifest::without_functions(&edge.display().to_string());
                let resolved = manifest.resolve_variables(|_| None)?;
                Ok((manifest, resolved))
            }
            _ => read_manifest(&self.manifest),
        }
    }

    /// The folder that paths in the edge's configuration are relative to.
    pub fn edge_folder(&self) -> PathBuf {
        self.edge().map_or_else(|| self.folder().to_owned(), |edge| folder_of(&edge).to_owned())
    }

    /// The configuration of the edge, if there is any.
    pub fn edge(&self) -> Option<PathBuf> {
        self.edge.clone().or_else(|| edge::beside(self.folder()))
    }
}

/// The folder that a manifest's paths are relative to.
pub fn folder_of(manifest: &Path) -> &Path {
    match manifest.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// What applications are loaded with.
pub struct Loader {
    /// Compiles and runs.
    pub engine: Engine,
    /// All that components can be granted.
    pub linker: Linker,
    /// What was compiled before.
    pub compiled: CompiledCache,
    /// Where key-value pairs are.
    pub key_value: key_value::Engine,
    /// Where copies of mounted files are kept while they are in use.
    pub staging: PathBuf,
}

/// Handlers are shared by the triggers that have the same component behind the same middlewares, which inherit the same.
#[derive(Clone, Copy, PartialEq)]
struct Chain<'m> {
    component: &'m str,
    middleware: &'m [Middleware],
}

impl Chain<'_> {
    /// `outermost>…>component`
    fn name(&self) -> String {
        let layers = self.middleware.iter().map(|layer| layer.component.as_str());
        layers.chain([self.component]).collect::<Vec<_>>().join(">")
    }
}

/// The manifest at `path`, its variables resolved.
///
/// # Errors
/// All that is wrong with it.
fn read_manifest(path: &Path) -> Result<(Manifest, Resolved), LoadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| LoadError(vec![format!("{}: cannot read the manifest: {error}", path.display())]))?;
    let (manifest, warnings) = Manifest::parse(&path.display().to_string(), &text)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let resolved = manifest.resolve_variables(|name| std::env::var(name).ok())?;
    Ok((manifest, resolved))
}

impl Loader {
    /// Loads an application.
    ///
    /// # Errors
    /// All that is wrong with the manifest and the edge's configuration, or else with the components.
    pub fn load(&self, origin: &Origin) -> Result<App, LoadError> {
        let manifest = origin.manifest();
        let edge = read_edge(origin);
        let ((manifest, resolved), edge) = match (manifest, edge) {
            (Ok(manifest), Ok(edge)) => (manifest, edge),
            (manifest, edge) => {
                let errors = [manifest.err(), edge.err()].into_iter().flatten();
                return Err(LoadError(errors.flat_map(|error| error.0).collect()));
            }
        };
        edge::check_functions(&edge, &manifest)?;
        let loading = Loading { loader: self, manifest: &manifest, resolved: &resolved, folder: origin.folder() };
        loading.app(edge, origin)
    }
}

/// The edge's configuration; without one, all requests go to the functions.
fn read_edge(origin: &Origin) -> Result<Edge, LoadError> {
    let Some(path) = origin.edge() else { return Ok(Edge::default_for_functions()) };
    let (edge, warnings) = edge::read_edge(&path)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(edge)
}

/// One manifest being loaded.
struct Loading<'a> {
    loader: &'a Loader,
    manifest: &'a Manifest,
    resolved: &'a Resolved,
    folder: &'a Path,
}

impl Loading<'_> {
    fn app(&self, edge: Edge, origin: &Origin) -> Result<App, LoadError> {
        let mut problems = Vec::new();
        let upstreams = upstreams(&edge, origin, &mut problems);
        let staged = self.stage(&mut problems);
        let mut handlers: Vec<Loaded> = Vec::new();
        let mut chains: Vec<Chain<'_>> = Vec::new();
        let (mut router, mut by_component) = (Router::new(), BTreeMap::new());
        for trigger in &self.manifest.http_triggers {
            let answer = match &trigger.target {
                Target::Static(fixed) => static_response(fixed).map(Answer::Static),
                Target::Component(component) => {
                    let chain = Chain { component, middleware: &trigger.middleware };
                    let known = chains.iter().position(|known| *known == chain);
                    known.map_or_else(
                        || {
                            // Metrics tell handlers apart by name.
                            let twins = chains.iter().filter(|known| known.name() == chain.name()).count();
                            let suffix = if twins > 0 { format!("#{}", twins + 1) } else { String::new() };
                            handlers.push(self.handler(&chain, &(chain.name() + &suffix), staged.as_ref())?);
                            chains.push(chain);
                            Ok(Answer::Handler(handlers.len() - 1))
                        },
                        |index| Ok(Answer::Handler(index)),
                    )
                }
            };
            match answer {
                Ok(answer) => {
                    add_to_component(&mut by_component, trigger, &answer);
                    self.add_route(&mut router, trigger, answer, &mut problems);
                }
                Err(problem) if problems.contains(&problem) => {}
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            let (name, pipeline) = (self.manifest.application.name.clone(), Pipeline::new(edge));
            Ok(App { name, pipeline, upstreams, router, by_component, handlers, _files: staged })
        } else {
            Err(LoadError(problems))
        }
    }

    /// Copies of all mounted files, so that what a component sees changes only by a reload.
    fn stage(&self, problems: &mut Vec<String>) -> Option<Staged> {
        let components = self.manifest.components.iter().filter(|(_, component)| !component.files.is_empty());
        Staged::new(&self.loader.staging, self.folder, components)
            .map_err(|error| problems.extend(error.0.into_iter().map(|line| format!("{}: {line}", self.manifest.file))))
            .ok()
            .flatten()
    }

    fn add_route(&self, router: &mut Router<Route>, trigger: &HttpTrigger, answer: Answer, problems: &mut Vec<String>) {
        if let TriggerRoute::Public(pattern) = &trigger.route
            && let Err(conflict) = router.insert(pattern.clone(), route(pattern, answer))
        {
            let (line, with) = (trigger.position.line, conflict.with.as_str().to_owned());
            problems.push(format!("{}:{line}: the route {} equals {with}", self.manifest.file, pattern.as_str()));
        }
    }

    fn handler(&self, chain_of: &Chain<'_>, name: &str, staged: Option<&Staged>) -> Result<Loaded, String> {
        let component = &self.manifest.components[chain_of.component];
        let place = |id: &str| {
            let component = &self.manifest.components[id];
            format!("{}:{}: component.{id}: ", self.manifest.file, component.position.line)
        };
        let mut wasm = self.read_source(chain_of.component).map_err(|error| place(chain_of.component) + &error)?;
        if !chain_of.middleware.is_empty() {
            let mut layers = Vec::new();
            for layer in chain_of.middleware {
                let id = &layer.component;
                let wasm = self.read_source(id).map_err(|error| place(id) + &error)?;
                let wasm = deny(&wasm, &withheld(layer)).map_err(|error| place(id) + &error.to_string())?;
                layers.push(Layer { name: id, wasm });
            }
            wasm = chain(Layer { name: chain_of.component, wasm }, layers)
                .map_err(|error| place(chain_of.component) + &error.to_string())?;
        }
        let with_source = |error: String| format!("{}{}: {error}", place(chain_of.component), component.source);
        let compiled = self.loader.compiled.component(&self.loader.engine, &wasm);
        let compiled = compiled.map_err(|error| with_source(format!("not a component: {}", one_line(&error))))?;
        let grants = self.grants(chain_of.component, name, component, staged);
        let handler = Handler::new(&self.loader.linker, &compiled, grants, component.limits.clone())
            .map_err(|error| with_source(one_line(&error)))?;
        Ok(Loaded {
            component: Arc::from(chain_of.component),
            connections: Places::new(component.limits.max_outgoing_connections as usize),
            handler: Arc::new(handler),
        })
    }

    fn read_source(&self, id: &str) -> Result<Vec<u8>, String> {
        let component = &self.manifest.components[id];
        let path = self.folder.join(&component.source);
        std::fs::read(&path).map_err(|error| match (&component.build, error.kind()) {
            (Some(_), std::io::ErrorKind::NotFound) => {
                format!("{} does not exist: build it with `tidegate up --build`", path.display())
            }
            _ => format!("cannot read {}: {error}", path.display()),
        })
    }

    fn grants(&self, id: &str, name: &str, component: &Component, staged: Option<&Staged>) -> Grants {
        let resolved = &self.resolved.components[id];
        Grants {
            component: Arc::from(name),
            owner: Arc::from(id),
            environment: component.environment.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            files: staged.and_then(|staged| staged.folder_of(id)),
            allowed_hosts: Arc::new(resolved.allowed_outbound_hosts.clone()),
            key_value: self.loader.key_value.clone(),
            key_value_stores: component.key_value_stores.iter().cloned().collect(),
            variables: Arc::new(
                resolved.variables.iter().map(|(name, text)| (name.clone(), text.expose().to_owned())).collect(),
            ),
        }
    }
}

/// What connections to upstreams are made with.
fn upstreams(edge: &Edge, origin: &Origin, problems: &mut Vec<String>) -> Vec<Arc<upstream::Shared>> {
    let path = origin.edge().unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut upstreams = Vec::new();
    for config in &edge.upstreams {
        match upstream::Shared::new(config.clone(), folder) {
            Ok(shared) => upstreams.push(Arc::new(shared)),
            Err(problem) => problems.push(format!("{}: upstream {:?}: {problem}", config.source, config.name)),
        }
    }
    upstreams
}

/// The edge's routes name components, and their triggers say how a component sees a path.
fn add_to_component(by_component: &mut BTreeMap<String, Router<Route>>, trigger: &HttpTrigger, answer: &Answer) {
    let (Target::Component(component), Answer::Handler(index)) = (&trigger.target, answer) else { return };
    let pattern = match &trigger.route {
        TriggerRoute::Public(pattern) => Some(pattern.clone()),
        TriggerRoute::Private => Pattern::parse("/...").ok(),
    };
    if let Some(pattern) = pattern {
        let route = route(&pattern, Answer::Handler(*index));
        // Equal routes are reported where the public ones are; of private ones the first stands for all.
        let _ = by_component.entry(component.clone()).or_default().insert(pattern, route);
    }
}

/// What a middleware does not inherit.
fn withheld(layer: &Middleware) -> BTreeSet<Capability> {
    Capability::ALL.into_iter().map(|(_, capability)| capability).filter(|it| !layer.inherits.contains(it)).collect()
}

fn route(pattern: &Pattern, answer: Answer) -> Route {
    // A pattern comes from a manifest that was checked: it is ASCII or percent-encoded, a valid field value.
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    let name = HeaderName::from_static;
    Route {
        pattern: Arc::from(pattern.as_str()),
        answer,
        fixed_headers: vec![
            (name(spin::BASE_PATH), value(spin::BASE_PATH_VALUE)),
            (name(spin::MATCHED_ROUTE), value(pattern.matched_route())),
            (name(spin::RAW_COMPONENT_ROUTE), value(pattern.as_str())),
            (name(spin::COMPONENT_ROUTE), value(pattern.component_route())),
        ],
        capture_names: pattern.names().filter_map(|name| spin::path_match_header(name).parse().ok()).collect(),
    }
}

fn static_response(fixed: &StaticResponse) -> Result<Response<Bytes>, String> {
    let mut response = Response::new(Bytes::from(fixed.body.clone().unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(fixed.status).map_err(|error| error.to_string())?;
    for (name, value) in &fixed.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is no header name"))?;
        response.headers_mut().append(name, value.parse().map_err(|_| format!("{value:?} is no header value"))?);
    }
    Ok(response)
}

/// An error and its causes without line breaks.
fn one_line(error: &impl std::fmt::Display) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}
