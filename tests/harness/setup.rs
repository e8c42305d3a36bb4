//! What a host is started with.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::manifest::host_binary;
use crate::{Ended, Host, wait_for};

/// A manifest in a folder of its own, with arguments and an environment. Cheap to clone: clones share the folder,
/// so that a host can be started again where another one ended.
#[derive(Clone)]
pub struct Setup {
    folder: Arc<TempDir>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    data: PathBuf,
    listen: String,
    admin: String,
    /// What `-f` names.
    from: PathBuf,
}

impl Setup {
    /// A host that serves `manifest`.
    pub fn new(manifest: impl AsRef<str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("spin.toml"), manifest.as_ref()).expect("a manifest");
        let data = folder.path().join("data");
        let (listen, admin) = ("127.0.0.1:0".to_owned(), "127.0.0.1:0".to_owned());
        let from = folder.path().join("spin.toml");
        Self { folder: Arc::new(folder), arguments: Vec::new(), environment: Vec::new(), data, listen, admin, from }
    }

    /// A host that serves `edge` alone: there is no manifest, and so no function.
    pub fn edge(edge: impl AsRef<[u8]>) -> Self {
        let setup = Self::new("").file("edge.toml", edge);
        std::fs::remove_file(setup.manifest()).expect("it was just written");
        let edge = setup.folder().join("edge.toml").display().to_string();
        setup.arguments(["--edge", &edge])
    }

    /// With more arguments.
    pub fn arguments<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.arguments.extend(arguments.map(OsString::from));
        self
    }

    /// With a variable in its environment.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a file beside the manifest.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder().join(name);
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// With another data folder.
    pub fn data(mut self, data: PathBuf) -> Self {
        self.data = data;
        self
    }

    /// On another address than a free one.
    pub fn listen(mut self, address: impl ToString) -> Self {
        self.listen = address.to_string();
        self
    }

    /// With its admin side on another address than a free one.
    pub fn admin(mut self, address: impl ToString) -> Self {
        self.admin = address.to_string();
        self
    }

    /// From another manifest than the one in its folder.
    pub fn from(mut self, path: impl Into<PathBuf>) -> Self {
        self.from = path.into();
        self
    }

    /// Where the manifest is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The manifest's path.
    pub fn manifest(&self) -> PathBuf {
        self.folder().join("spin.toml")
    }

    /// The data folder, which may not exist yet.
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// Starts the host and waits until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub fn start(&self) -> Host {
        Host::start(self)
    }

    /// Starts a host that is expected to end by itself, and waits for that.
    ///
    /// # Panics
    /// When it does not end.
    pub fn fail(&self) -> Ended {
        let mut child = Killed(self.spawn());
        let stdout = read_all(child.0.stdout.take().expect("its output is piped"));
        let stderr = read_all(child.0.stderr.take().expect("its errors are piped"));
        let status = wait_for("the host to end by itself", || child.0.try_wait().expect("its own child"));
        let text = |thread: JoinHandle<String>| thread.join().expect("a thread that reads");
        Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Runs another command than `up`, in the folder, to its end.
    ///
    /// # Panics
    /// When there is no such binary.
    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Ended {
        let mut command = tidegate();
        command.current_dir(self.folder()).args(arguments).envs(self.environment.iter().cloned());
        let output = command.stdin(Stdio::null()).output().expect("a command that can be started");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The process, its output piped.
    pub(crate) fn spawn(&self) -> Child {
        let mut command = tidegate();
        command.args(["up", "--log-format", "json", "--listen", &self.listen, "--admin", &self.admin]);
        command.arg("--data").arg(&self.data).arg("-f").arg(&self.from);
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("a host that can be started")
    }
}

/// The `tidegate` command. What the tests' own environment says is not part of the test.
pub fn tidegate() -> Command {
    let mut command = Command::new(host_binary());
    for (name, _) in std::env::vars().filter(|(name, _)| is_ambient(name)) {
        command.env_remove(name);
    }
    command
}

/// A process that does not outlive the test, whatever happens.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = pipe.read_to_string(&mut text);
        text
    })
}

fn is_ambient(name: &str) -> bool {
    ["TIDEGATE_", "SPIN_", "RUST_LOG"].iter().any(|prefix| name.starts_with(prefix))
}
