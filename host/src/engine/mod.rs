//! Components: compiled, chained, limited, instantiated and called.
//!
//! One wasmtime [`Engine`](wasmtime::Engine) serves all cores. Each core keeps warm instances of its own
//! ([`Target`]); an instance answers one request at a time, so a trap costs that request and no other.

mod call;
mod compiled;
mod compose;
mod deny;
mod fault;
mod handler;
mod instance;
mod linker;
mod permit;
mod single_use;
mod state;
mod target;

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Context;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

pub use call::ComponentBody;
pub use compiled::CompiledCache;
pub use compose::{Layer, chain};
pub use deny::deny;
pub use fault::Fault;
pub use handler::{Handler, HandlerError};
pub use linker::Linker;
pub use permit::{Permit, Places};
pub use state::{State, Surroundings};
pub use target::{Journey, Target};

/// How often running guests are made to yield, so that one that computes does not hold its core.
const EPOCH: Duration = Duration::from_millis(5);
/// Core instances, memories and tables that one instance may have: a component and its chain of middlewares.
const CORE_INSTANCES_PER_INSTANCE: u32 = 32;
const MEMORIES_PER_INSTANCE: u32 = 8;
const TABLES_PER_INSTANCE: u32 = 16;
/// Bytes of a used memory that stay mapped for its next user, instead of a system call for each.
const MEMORY_KEEP_RESIDENT_BYTES: usize = 2 << 20;
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 << 10;

/// The wasmtime engine, with room for `instances_max` instances at a time.
///
/// # Errors
/// When the machine has not the address space for that many.
pub fn new_engine(instances_max: u32) -> anyhow::Result<wasmtime::Engine> {
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        // A backtrace goes to the log of a trap; symbol names are enough for that.
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable)
        .memory_init_cow(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(instances_max)));
    let engine = wasmtime::Engine::new(&config)
        .map_err(|error| anyhow::anyhow!("{error:#}"))
        .with_context(|| format!("no room for {instances_max} instances: give fewer with --max-instances"))?;
    tick(&engine)?;
    Ok(engine)
}

fn pooling(instances_max: u32) -> PoolingAllocationConfig {
    // Most components have one memory, a few core instances and tables; chains have more. The totals are what a
    // host full of ordinary components needs; one full of long chains runs out earlier and says so with a 503.
    let mut pooling = PoolingAllocationConfig::default();
    pooling
        .total_component_instances(instances_max * 4)
        .max_component_instance_size(4 << 20)
        .total_core_instances(instances_max * 8)
        .max_core_instance_size(4 << 20)
        .total_memories(instances_max * 2)
        .total_tables(instances_max * 6)
        .table_elements(100_000)
        .total_stacks(instances_max * 2)
        .total_gc_heaps(instances_max)
        .max_core_instances_per_component(CORE_INSTANCES_PER_INSTANCE)
        .max_memories_per_component(MEMORIES_PER_INSTANCE)
        .max_tables_per_component(TABLES_PER_INSTANCE)
        .max_unused_warm_slots(256)
        .decommit_batch_size(64)
        .pagemap_scan(if relies_on_no_swap() { Enabled::Auto } else { Enabled::No })
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEEP_RESIDENT_BYTES);
    pooling
}

/// Whether instances' memories are cleared by a scan for dirty pages, decided once. The scan takes pages that were swapped
/// out for clean, so that the next instance would see what the last one wrote; without it a memory is cleared from its
/// start, which takes a third of a 0.2 request.
pub fn relies_on_no_swap() -> bool {
    static RELIES: LazyLock<bool> = LazyLock::new(|| !has_swap());
    *RELIES
}

/// Whether pages may be swapped out, now.
pub fn has_swap() -> bool {
    // One line is the table's head. Where it cannot be read there may be swap.
    std::fs::read_to_string("/proc/swaps").map_or(true, |table| table.lines().count() > 1)
}

/// Advances the engine's epoch for as long as it lives.
fn tick(engine: &wasmtime::Engine) -> anyhow::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(EPOCH);
            }
        })
        .context("cannot start the epoch thread")?;
    Ok(())
}
