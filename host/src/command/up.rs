//! `tidegate up`: from options to a host that serves, and to its orderly end.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use arc_swap::ArcSwap;
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::reload::Reloader;
use super::{build, logs, watch};
use crate::admin::permission::Permission;
use crate::admin::{Admin, Status};
use crate::app::{Loader, Origin};
use crate::cache::Cache;
use crate::capabilities::key_value;
use crate::engine::{self, CompiledCache, Linker, Places};
use crate::limit::Limits;
use crate::server::core::{Core, Shared};
use crate::server::{self, Drain, Server};

/// How often expired key-value pairs are deleted, and how many at a time.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
const SWEEP_MAX: usize = 1_000;

/// Options of `tidegate up`.
#[derive(Debug, Args)]
pub struct Options {
    /// The application manifest, or the folder it is in.
    #[arg(short = 'f', long = "from", value_name = "FILE", default_value = "spin.toml")]
    manifest: PathBuf,
    /// The edge's configuration; edge-config/edge.toml beside the manifest if not given.
    #[arg(long, value_name = "FILE")]
    edge: Option<PathBuf>,
    /// Where to take requests. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where health and metrics are. Nothing there is meant for the public.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    admin: SocketAddr,
    /// What purges and questions about limits have to show, as `Authorization: Bearer TOKEN`. Without it they are taken
    /// on a loopback address alone.
    #[arg(long, value_name = "TOKEN", env = "TIDEGATE_ADMIN_TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// The folder for key-value pairs and compiled components.
    #[arg(long, value_name = "DIR", default_value = ".tidegate")]
    data: PathBuf,
    /// Run the components' build commands first.
    #[arg(long)]
    build: bool,
    /// Build and reload when a file changes. A failed reload keeps the old version serving.
    #[arg(long)]
    watch: bool,
    /// Threads that serve; each has a listener of its own. By default one for each core there is.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    cores: Option<u16>,
    /// Component instances alive at a time. One more request is answered with 503.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    max_instances: u32,
    /// Connections open at a time. One more is answered with 503.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_connections: usize,
    /// How long requests in flight may take to finish after SIGTERM or SIGINT.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = tidegate_edge_config::duration::parse)]
    drain_timeout: Duration,
    /// What is logged: target=level, comma-separated. Requests are the target "access".
    #[arg(long, value_name = "FILTER", env = "TIDEGATE_LOG", default_value = "info")]
    log: String,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = logs::Format::Auto)]
    log_format: logs::Format,
}

/// Serves until a signal says to stop.
pub fn run(options: Options) -> anyhow::Result<()> {
    logs::start(options.log_format, &options.log)?;
    raise_file_limit();
    let origin = Origin { manifest: manifest_path(&options.manifest), edge: options.edge.clone() };
    if options.build {
        let (parsed, _) = origin.manifest()?;
        build::build(&parsed, origin.folder(), |_| true)?;
    }
    let loader = loader(&options)?;
    let key_value = loader.key_value.clone();
    let outcome = serve(options, loader, origin);
    key_value.close();
    outcome
}

/// Loads, listens, and serves until a signal says to stop.
fn serve(options: Options, loader: Loader, origin: Origin) -> anyhow::Result<()> {
    let key_value = loader.key_value.clone();
    let instances = Places::new(options.max_instances as usize);
    let connections = Places::new(options.max_connections);
    let app = Arc::new(loader.load(&origin)?);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let cache = runtime.block_on(Cache::open(&app.pipeline().edge().cache_store, &origin.edge_folder()))?;

    let cores = options.cores.map_or_else(available_cores, usize::from);
    let limits = Limits::open(&app.pipeline().edge().limit_store)?;
    let shared = Shared { instances: instances.clone(), cache: Arc::clone(&cache), limits: Arc::clone(&limits) };
    let core = |_| Arc::new(Core::new(&app, shared.clone()));
    let cores: Vec<_> = (0..cores).map(core).collect();
    let status = Arc::new(Status {
        cores: cores.clone(),
        app: ArcSwap::new(app),
        instances,
        connections: connections.clone(),
        cache: Arc::clone(&cache),
        limits,
        is_ready: AtomicBool::new(false),
        reloads: AtomicU64::new(0),
        failed_reloads: AtomicU64::new(0),
    });
    let reloader = Arc::new(Reloader::new(loader, origin, Arc::clone(&status)));
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let admin = TcpListener::bind(options.admin).await;
        let admin = admin.with_context(|| format!("cannot listen on {} (--admin)", options.admin))?;
        let admin_address = admin.local_addr().context("the admin listener has no address")?;
        let server = Server::start(options.listen, cores, &connections)?;
        if options.watch {
            watch::start(Arc::clone(&reloader))?;
        }
        let permission = Permission::new(options.admin_token.as_deref(), admin_address.ip().is_loopback());
        tokio::spawn(serve_admin(admin, admin_side(&status, &reloader, permission)));
        tokio::spawn(sweep(key_value.clone()));
        tokio::spawn(watch_swap());
        status.is_ready.store(true, Ordering::Relaxed);
        // Programs that start the host read this line; it is the only one on stdout.
        println!("{} is served on http://{} (admin: http://{admin_address})", status.app.load().name, server.address);
        until_stopped(&reloader, &mut signals).await;
        status.is_ready.store(false, Ordering::Relaxed);
        drain(&server, options.drain_timeout, &mut signals).await;
        cache.close().await;
        Ok(())
    })
}

/// A folder stands for the manifest in it.
pub fn manifest_path(given: &Path) -> PathBuf {
    if given.is_dir() { given.join("spin.toml") } else { given.to_owned() }
}

fn loader(options: &Options) -> anyhow::Result<Loader> {
    let data = &options.data;
    let unwritable = || format!("cannot write to the data folder {}", data.display());
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).with_context(unwritable)?;
    let key_value = key_value::Engine::open(data)?;
    // The key-value engine locks the folder: what is staged there now belongs to a host that is gone.
    let staging = data.join("files");
    let _ = std::fs::remove_dir_all(&staging);
    std::fs::create_dir_all(&staging).with_context(unwritable)?;
    let compiled = CompiledCache::open(data.join("compiled")).with_context(unwritable)?;
    let engine = engine::new_engine(options.max_instances)?;
    let linker = Linker::new(&engine).map_err(|error| anyhow::anyhow!("{error:#}"))?;
    Ok(Loader { engine, linker, compiled, key_value, staging })
}

fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// As many file descriptors as the system allows: each connection is one.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

fn admin_side(status: &Arc<Status>, reloader: &Arc<Reloader>, permission: Permission) -> Admin {
    let reloader = Arc::clone(reloader);
    Admin::new(Arc::clone(status), Arc::new(move || reloader.reload()), permission)
}

async fn serve_admin(listener: TcpListener, admin: Admin) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (_switch, drain) = Drain::new();
                let admin = admin.clone();
                tokio::spawn(async move {
                    server::serve_connection(stream, admin, drain).await;
                    drop(_switch);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept an admin connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Says so when swap is turned on while the engine relies on there being none.
async fn watch_swap() {
    if !engine::relies_on_no_swap() {
        return;
    }
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    while !engine::has_swap() {
        interval.tick().await;
    }
    tracing::error!("swap was turned on, and instances could see what others left in memory: restart tidegate");
}

async fn sweep(key_value: key_value::Engine) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        // In pieces, so that writes of components get their turn in between.
        loop {
            match key_value.sweep(now_ms, SWEEP_MAX).await {
                Ok(SWEEP_MAX..) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "cannot delete expired key-value pairs");
                    break;
                }
            }
        }
    }
}

/// The signals that are listened to, from before anybody is told that the host serves.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
            hang_up: signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits until the host is told to stop; SIGHUP reloads meanwhile.
async fn until_stopped(reloader: &Arc<Reloader>, signals: &mut Signals) {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hang_up.recv() => {
                let reloader = Arc::clone(reloader);
                // What is wrong is in the log.
                tokio::task::spawn_blocking(move || drop(reloader.reload()));
            }
        }
    }
}

/// Takes nothing new and waits for what is in flight, for as long as it may take.
async fn drain(server: &Server, timeout: Duration, signals: &mut Signals) {
    tracing::info!(?timeout, "stopping: no new requests; those in flight may finish");
    server.drain();
    let ended = async {
        while !server.has_ended() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = ended => tracing::info!("stopped"),
        () = tokio::time::sleep(timeout) => tracing::warn!("stopped: some requests did not finish in time"),
        () = signals.stop() => tracing::warn!("stopped at once"),
    }
}
