//! Everything the host offers to components, and what is said when that is not enough.

use wasmtime::Engine;
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Component, InstancePre, LinkerInstance, Resource, ResourceType};
use wasmtime_wasi::{p2, p3};
use wasmtime_wasi_http::p3 as http_p3;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;

use super::deny::{NAMESPACE, hint};
use super::state::State;
use crate::capabilities::{key_value, variables};

/// The interfaces that [`Linker`] provides, by the beginnings of their names.
const PROVIDED: [&str; 16] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
    "wasi:http/types@",
    "wasi:http/outgoing-handler@0.2",
    "wasi:http/client@0.3",
    "spin:key-value/key-value@3",
    "spin:variables/variables@3",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    NAMESPACE,
];

/// Why a component cannot be linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It needs interfaces that the host does not offer.
    #[error("nothing here provides what it imports: {}", .0.join(", "))]
    UnknownImports(Vec<String>),
    /// It needs an interface in a shape that the host does not offer.
    #[error("{0:#}")]
    Mismatch(wasmtime::Error),
}

/// What components are linked against.
pub struct Linker(wasmtime::component::Linker<State>);

impl Linker {
    /// A linker with all that the host offers.
    ///
    /// # Errors
    /// Only if two offers have the same name.
    pub fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let mut linker = wasmtime::component::Linker::new(engine);
        p2::add_to_linker_async(&mut linker)?;
        p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        http_p3::add_to_linker(&mut linker)?;
        key_value::add_to_linker(&mut linker)?;
        variables::add_to_linker(&mut linker)?;
        Ok(Self(linker))
    }

    /// Links a component.
    ///
    /// # Errors
    /// Names every interface that it imports and nothing provides.
    pub fn link(&self, component: &Component) -> Result<InstancePre<State>, LinkError> {
        let imports = imports(component);
        let unknown: Vec<_> = imports.iter().filter(|name| !is_provided(name)).cloned().collect();
        if !unknown.is_empty() {
            return Err(LinkError::UnknownImports(unknown));
        }
        let mut linker = self.0.clone();
        withhold(&mut linker, component).map_err(LinkError::Mismatch)?;
        linker.instantiate_pre(component).map_err(LinkError::Mismatch)
    }
}

fn is_provided(name: &str) -> bool {
    PROVIDED.iter().any(|provided| name.starts_with(provided))
}

fn imports(component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(component.engine())
        // A type alone needs nobody to provide it.
        .filter(|(_, import)| !matches!(import.ty, ComponentItem::Type(_)))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Answers for what a middleware does not inherit: no environment, no files, outgoing requests denied, and a trap for
/// what has no gentler answer.
fn withhold(linker: &mut wasmtime::component::Linker<State>, component: &Component) -> wasmtime::Result<()> {
    let ty = component.component_type();
    for (name, import) in ty.imports(component.engine()) {
        let Some(interface) = name.strip_prefix(NAMESPACE) else { continue };
        let mut instance = linker.instance(name)?;
        if interface.starts_with("wasi-cli/environment@") {
            instance.func_wrap("get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
            instance.func_wrap("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
            instance.func_wrap("initial-cwd", |_, (): ()| Ok((None::<String>,)))?;
            instance.func_wrap("get-initial-cwd", |_, (): ()| Ok((None::<String>,)))?;
        } else if interface.starts_with("wasi-filesystem/preopens@0.2") {
            no_directories::<p2::bindings::filesystem::types::Descriptor>(&mut instance)?;
        } else if interface.starts_with("wasi-filesystem/preopens@0.3") {
            no_directories::<p3::bindings::filesystem::types::Descriptor>(&mut instance)?;
        } else if interface.starts_with("wasi-http/client@0.3") {
            let hint = hint(name).unwrap_or_default();
            instance.func_wrap_concurrent("send", move |_, (_request,): (Resource<http_p3::Request>,)| {
                tracing::warn!("{hint}");
                Box::pin(async { Ok((Err::<Resource<http_p3::Response>, _>(ErrorCode::HttpRequestDenied),)) })
            })?;
        } else if let ComponentItem::ComponentInstance(import) = import.ty {
            trap_all(&mut instance, name, &import, component.engine())?;
        }
    }
    Ok(())
}

fn no_directories<D: 'static>(instance: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    instance.func_wrap("get-directories", |_, (): ()| Ok((Vec::<(Resource<D>, String)>::new(),)))
}

fn trap_all(
    instance: &mut LinkerInstance<'_, State>,
    name: &str,
    import: &ComponentInstance,
    engine: &Engine,
) -> wasmtime::Result<()> {
    for (item, export) in import.exports(engine) {
        let withheld = format!("{name}#{item} is withheld");
        match export.ty {
            ComponentItem::ComponentFunc(function) if function.async_() => {
                instance.func_new_concurrent(item, move |_, _, _, _| {
                    let withheld = withheld.clone();
                    Box::pin(async move { Err(wasmtime::Error::msg(withheld)) })
                })?;
            }
            ComponentItem::ComponentFunc(_) => {
                instance.func_new(item, move |_, _, _, _| Err(wasmtime::Error::msg(withheld.clone())))?;
            }
            ComponentItem::Resource(_) => {
                instance.resource(item, ResourceType::host::<()>(), |_, _| Ok(()))?;
            }
            _ => {}
        }
    }
    Ok(())
}
