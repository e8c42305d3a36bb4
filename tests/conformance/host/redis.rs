//! A Redis for one case.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use harness::wait_for;

/// A server that keeps everything in memory. It ends when this is dropped.
pub struct Redis {
    address: SocketAddr,
    child: Child,
}

impl Redis {
    /// Its program, wherever it is on the path.
    pub fn binary() -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|file| file.is_file())
    }

    /// Starts one.
    ///
    /// # Panics
    /// When there is none.
    pub fn start() -> Self {
        let binary = Self::binary().expect("a redis-server: cases that need one are left out without");
        // Between this and its start somebody else may take the port: then it ends, and another one is taken.
        wait_for("a Redis", || {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = listener.local_addr().expect("an address");
            drop(listener);
            let mut command = Command::new(&binary);
            command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
            command.args(["--save", "", "--appendonly", "no"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut redis = Self { address, child: command.spawn().expect("a program that can be started") };
            redis.answers().then_some(redis)
        })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Waits until it takes connections; false: it has ended.
    fn answers(&mut self) -> bool {
        wait_for("Redis to answer", || {
            let has_ended = self.child.try_wait().expect("its own child").is_some();
            (has_ended || TcpStream::connect(self.address).is_ok()).then_some(!has_ended)
        })
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
