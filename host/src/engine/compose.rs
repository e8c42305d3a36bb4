//! Chains a component and its middlewares into one component (`dependencies.middleware`).
//!
//! Each layer's `wasi:http/handler` import is satisfied by the handler behind it; all other imports become those of
//! the chain. What a middleware does not inherit it must not reach: see [`deny`](super::deny).

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

/// The interface that layers hand requests on through; any 0.3 version.
const HANDLER: &str = "wasi:http/handler@0.3.";

/// Why components cannot be chained.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// It has no handler to put something in front of.
    #[error("{0:?} exports no wasi:http/handler@0.3, so no middleware can stand in front of it")]
    NoHandler(String),
    /// It does not hand requests on.
    #[error("{0:?} does not import and export wasi:http/handler@0.3, so it is no middleware")]
    NotMiddleware(String),
    /// wac's own words.
    #[error("{component:?} cannot be chained: {cause:#}")]
    Graph {
        /// The layer.
        component: String,
        /// What is wrong.
        cause: anyhow::Error,
    },
}

/// One layer of a chain.
pub struct Layer<'a> {
    /// Its name, for messages.
    pub name: &'a str,
    /// Its binary.
    pub wasm: Vec<u8>,
}

/// The component in which requests pass through `middlewares`, outermost first, on their way to `inner`.
///
/// # Errors
/// When one of them does not fit.
pub fn chain(inner: Layer<'_>, middlewares: Vec<Layer<'_>>) -> Result<Vec<u8>, ComposeError> {
    let mut graph = CompositionGraph::new();
    let (name, layers) = (inner.name.to_owned(), middlewares.len());
    let added = add(&mut graph, inner, layers)?;
    let export = added.export.ok_or(ComposeError::NoHandler(name.clone()))?;
    let mut handler = alias(&mut graph, added.instance, &export, &name)?;
    let mut outermost_export = export;
    for (index, layer) in middlewares.into_iter().enumerate().rev() {
        let name = layer.name.to_owned();
        let added = add(&mut graph, layer, index)?;
        let (Some(import), Some(export)) = (added.import, added.export) else {
            return Err(ComposeError::NotMiddleware(name));
        };
        graph.set_instantiation_argument(added.instance, &import, handler).map_err(|error| fault(&name, error))?;
        handler = alias(&mut graph, added.instance, &export, &name)?;
        outermost_export = export;
    }
    graph.export(handler, outermost_export).map_err(|error| fault(&name, error))?;
    graph.encode(EncodeOptions::default()).map_err(|error| fault(&name, error))
}

struct Added {
    instance: NodeId,
    import: Option<String>,
    export: Option<String>,
}

fn add(graph: &mut CompositionGraph, layer: Layer<'_>, index: usize) -> Result<Added, ComposeError> {
    // The same component may stand in a chain twice: the index keeps the packages apart.
    let package = Package::from_bytes(&format!("tidegate:layer-{index}"), None, layer.wasm, graph.types_mut())
        .map_err(|cause| ComposeError::Graph { component: layer.name.to_owned(), cause })?;
    let world = &graph.types()[package.ty()];
    let handler_in = |names: Vec<&String>| names.into_iter().find(|name| name.starts_with(HANDLER)).cloned();
    let import = handler_in(world.imports.keys().collect());
    let export = handler_in(world.exports.keys().collect());
    let package = graph.register_package(package).map_err(|error| fault(layer.name, error))?;
    Ok(Added { instance: graph.instantiate(package), import, export })
}

fn alias(graph: &mut CompositionGraph, instance: NodeId, export: &str, name: &str) -> Result<NodeId, ComposeError> {
    graph.alias_instance_export(instance, export).map_err(|error| fault(name, error))
}

fn fault(name: &str, error: impl Into<anyhow::Error>) -> ComposeError {
    ComposeError::Graph { component: name.to_owned(), cause: error.into() }
}
