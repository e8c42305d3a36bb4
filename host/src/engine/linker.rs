//! Everything the host offers to components, and what is said when that is not enough.

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Resource};
use wasmtime_wasi::{p2, p3};
use wasmtime_wasi_http::p3 as http_p3;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;

use super::deny::NAMESPACE;
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
        for name in imports.iter().filter(|name| name.starts_with(NAMESPACE)) {
            withhold(&mut linker, name).map_err(LinkError::Mismatch)?;
        }
        // What is withheld and has no gentler answer traps when it is called; everything else was found above.
        if imports.iter().any(|name| name.starts_with(NAMESPACE)) {
            linker.define_unknown_imports_as_traps(component).map_err(LinkError::Mismatch)?;
        }
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

/// Answers for what a middleware does not inherit: no environment, no files, every outgoing request denied.
fn withhold(linker: &mut wasmtime::component::Linker<State>, name: &str) -> wasmtime::Result<()> {
    let interface = name.trim_start_matches(NAMESPACE);
    if interface.starts_with("wasi-cli/environment@") {
        let mut instance = linker.instance(name)?;
        instance.func_wrap("get-environment", |_, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
        instance.func_wrap("get-arguments", |_, (): ()| Ok((Vec::<String>::new(),)))?;
        instance.func_wrap("initial-cwd", |_, (): ()| Ok((None::<String>,)))?;
        instance.func_wrap("get-initial-cwd", |_, (): ()| Ok((None::<String>,)))?;
    } else if interface.starts_with("wasi-filesystem/preopens@0.2") {
        type Descriptor = p2::bindings::filesystem::types::Descriptor;
        let none = |_: wasmtime::StoreContextMut<'_, State>, (): ()| Ok((Vec::<(Resource<Descriptor>, String)>::new(),));
        linker.instance(name)?.func_wrap("get-directories", none)?;
    } else if interface.starts_with("wasi-filesystem/preopens@0.3") {
        type Descriptor = p3::bindings::filesystem::types::Descriptor;
        let none = |_: wasmtime::StoreContextMut<'_, State>, (): ()| Ok((Vec::<(Resource<Descriptor>, String)>::new(),));
        linker.instance(name)?.func_wrap("get-directories", none)?;
    } else if interface.starts_with("wasi-http/client@0.3") {
        linker.instance(name)?.func_wrap_concurrent("send", |_, (_request,): (Resource<http_p3::Request>,)| {
            Box::pin(async { Ok((Err::<Resource<http_p3::Response>, _>(ErrorCode::HttpRequestDenied),)) })
        })?;
    }
    Ok(())
}
