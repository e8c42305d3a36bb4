//! A Redis that nobody else uses.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::wait_for;

/// redis-server, wherever it is on the path; if it is not there, a file that does not exist.
pub fn server_binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("redis-server"));
    found.find(|file| file.is_file()).unwrap_or_else(|| "redis-server".into())
}

/// A Redis that keeps nothing on disk. It is killed when this is dropped.
pub struct Redis {
    /// Where it is, also when it is started again.
    pub address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Redis {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        // Between this and its start somebody else may take the port: then it ends, and another one is taken.
        wait_for("a Redis", || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = listener.local_addr().expect("an address");
            drop(listener);
            let folder = tempfile::tempdir().expect("a temporary folder");
            let child = Self::spawn(address, &folder);
            let mut redis = Self { address, folder, child };
            redis.answers().then_some(redis)
        })
    }

    fn spawn(address: SocketAddr, folder: &TempDir) -> Child {
        let mut command = Command::new(server_binary());
        command.args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no"]).arg("--dir").arg(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("a Redis that can be started")
    }

    /// Waits until it takes connections; false: it has ended.
    fn answers(&mut self) -> bool {
        wait_for("Redis to answer", || {
            if self.child.try_wait().expect("its own child").is_some() {
                return Some(false);
            }
            TcpStream::connect(self.address).is_ok().then_some(true)
        })
    }

    /// As a URL.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Ends it at once, by SIGKILL. What it knew is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process that lives");
        self.child.wait().expect("its own child");
    }

    /// Starts it where it was.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.child = Self::spawn(self.address, &self.folder);
        assert!(self.answers(), "somebody took its port");
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("a process that lives");
    }

    /// Says something to it by hand, and reads what comes at once.
    pub fn command(&self, words: &[&[u8]]) -> String {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        let mut sent = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            sent.extend(format!("${}\r\n", word.len()).bytes());
            sent.extend(*word);
            sent.extend(b"\r\n");
        }
        stream.write_all(&sent).expect("an open connection");
        let mut answer = vec![0; 64 * 1024];
        let length = stream.read(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
