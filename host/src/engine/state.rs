//! What belongs to one instance: its WASI contexts, its resources, its limits.

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::capabilities::key_value::{KeyValueCtx, KeyValueCtxView, KeyValueView};
use crate::capabilities::outgoing::Outgoing;
use crate::capabilities::variables::{VariablesCtx, VariablesView};

/// Most resources (streams, fields, bodies, …) that an instance may hold at a time.
const RESOURCES_MAX: usize = 10_000;
/// Most bytes of header fields in one request or response that a component makes.
const FIELDS_BYTES_MAX: usize = 128 * 1024;

/// A store's data.
pub struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    /// How outgoing requests leave.
    pub outgoing: Outgoing,
    key_value: KeyValueCtx,
    variables: VariablesCtx,
    /// Memory that the instance has and may have.
    pub memory: MemoryLimit,
}

/// What a component is given; each instance gets its own.
pub struct Surroundings {
    /// Environment, files, output.
    pub wasi: WasiCtx,
    /// Outgoing requests.
    pub outgoing: Outgoing,
    /// Key-value stores.
    pub key_value: KeyValueCtx,
    /// Variables.
    pub variables: VariablesCtx,
    /// Bytes that its memories may have together.
    pub memory_bytes_max: usize,
}

impl State {
    /// The state of a new instance.
    pub fn new(surroundings: Surroundings) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_BYTES_MAX);
        Self {
            table,
            wasi: surroundings.wasi,
            http,
            outgoing: surroundings.outgoing,
            key_value: surroundings.key_value,
            variables: surroundings.variables,
            memory: MemoryLimit { bytes: 0, bytes_max: surroundings.memory_bytes_max, was_refused: false },
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}

impl KeyValueView for State {
    fn key_value(&mut self) -> KeyValueCtxView<'_> {
        KeyValueCtxView { ctx: &mut self.key_value, table: &mut self.table }
    }
}

impl VariablesView for State {
    fn variables(&mut self) -> &mut VariablesCtx {
        &mut self.variables
    }
}

/// One bound for all the memories of an instance together.
#[derive(Debug)]
pub struct MemoryLimit {
    bytes: usize,
    bytes_max: usize,
    /// The instance asked for more than it may have: the likely cause if it traps.
    pub was_refused: bool,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = self.bytes + desired.saturating_sub(current);
        if bytes > self.bytes_max {
            self.was_refused = true;
            return Ok(false);
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // The pool bounds tables; this keeps a declared maximum.
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
}
