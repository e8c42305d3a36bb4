//! Instantiates each handler of an application over and over, and prints the CPU time of one such round.
//!
//! usage: bench-instantiate SPIN.TOML

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tidegate_host::app::{Loader, Origin};
use tidegate_host::capabilities::key_value;
use tidegate_host::engine::{CompiledCache, Linker, Places, new_engine};
use tidegate_host::server::core::Core;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WARM_UP: u32 = 2_000;
const ROUNDS: u32 = 20_000;
const INSTANCES_MAX: u32 = 100;

fn main() -> anyhow::Result<()> {
    let manifest = PathBuf::from(std::env::args().nth(1).context("usage: bench-instantiate SPIN.TOML")?);
    let data = tempfile::tempdir()?;
    let engine = new_engine(INSTANCES_MAX)?;
    let loader = Loader {
        linker: Linker::new(&engine).map_err(|error| anyhow!("{error:#}"))?,
        compiled: CompiledCache::open(data.path().join("compiled"))?,
        key_value: key_value::Engine::open(data.path())?,
        staging: data.path().to_owned(),
        engine,
    };
    let app = Arc::new(loader.load(&Origin { manifest, edge: None })?);
    let core = Core::new(&app, Places::new(INSTANCES_MAX as usize));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for target in core.app().targets() {
            for _ in 0..WARM_UP {
                target.instantiate_and_drop().await.map_err(|fault| anyhow!("{fault:?}"))?;
            }
            let before = cpu_time()?;
            for _ in 0..ROUNDS {
                target.instantiate_and_drop().await.map_err(|fault| anyhow!("{fault:?}"))?;
            }
            let each = (cpu_time()? - before) / ROUNDS;
            println!("instantiate + drop {:28} {:6.2} us of CPU", target.handler().name(), each.as_secs_f64() * 1e6);
        }
        Ok(())
    })
}

/// CPU time of this thread, which does all the work.
fn cpu_time() -> anyhow::Result<Duration> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").context("needs Linux with schedstat")?;
    let nanoseconds = schedstat.split(' ').next().context("an empty schedstat")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}
