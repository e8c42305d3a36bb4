//! What components may do beside computing: each capability in a file, all of it granted by the manifest.

pub mod key_value;
pub mod outgoing;
mod output;
pub mod variables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use tidegate_edge_config::hosts::AllowedHosts;
use tidegate_edge_config::manifest::Limits;
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::engine::Surroundings;
use crate::server::core::CoreApp;
use key_value::KeyValueCtx;
use outgoing::{Client, Outgoing};
use output::Output;
use variables::VariablesCtx;

/// What the manifest grants to a component.
#[derive(Clone)]
pub struct Grants {
    /// Its name; that of a chain names all its components.
    pub component: Arc<str>,
    /// The component whose entry in the manifest grants all this.
    pub owner: Arc<str>,
    /// Its environment variables.
    pub environment: Arc<[(String, String)]>,
    /// The folder that it sees, read-only, as `/`.
    pub files: Option<PathBuf>,
    /// Where its outgoing requests may go.
    pub allowed_hosts: Arc<AllowedHosts>,
    /// Where key-value pairs are.
    pub key_value: key_value::Engine,
    /// The labels of the stores that it may open.
    pub key_value_stores: Arc<[String]>,
    /// Its variables.
    pub variables: Arc<BTreeMap<String, String>>,
}

/// The surroundings of one new instance.
///
/// # Errors
/// When its files cannot be opened.
pub fn surroundings(
    grants: &Grants,
    limits: &Limits,
    client: &Client,
    app: Weak<CoreApp>,
) -> wasmtime::Result<Surroundings> {
    let mut wasi = WasiCtx::builder();
    wasi.envs(&grants.environment)
        .stdout(Output::new(Arc::clone(&grants.component), output::Stream::Stdout))
        .stderr(Output::new(Arc::clone(&grants.component), output::Stream::Stderr))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    if let Some(files) = &grants.files {
        wasi.preopened_dir(files, "/", FsPerms::ReadOnly)?;
    }
    Ok(Surroundings {
        wasi: wasi.build(),
        outgoing: Outgoing::new(Arc::clone(&grants.owner), Arc::clone(&grants.allowed_hosts), client.clone(), app),
        key_value: KeyValueCtx::new(
            grants.key_value.clone(),
            Arc::clone(&grants.owner),
            Arc::clone(&grants.key_value_stores),
        ),
        variables: VariablesCtx::new(Arc::clone(&grants.variables)),
        memory_bytes_max: usize::try_from(limits.memory.bytes()).unwrap_or(usize::MAX),
    })
}
