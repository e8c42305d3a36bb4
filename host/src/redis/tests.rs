//! What tests with Redis need: a real one, and listeners that are none.

use std::io::{self, BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

/// Listens, and does this with each connection. Returns the port, on 127.0.0.1.
pub fn serve_with(serve: impl Fn(TcpStream) + Send + Clone + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Reads on and on, and says nothing.
pub fn stall(mut stream: TcpStream) {
    let _ = io::copy(&mut stream, &mut io::sink());
}

/// A redis-server, killed when this is dropped.
pub struct Server {
    child: Child,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    _folder: TempDir,
}

impl Server {
    /// Starts one on a port that is free.
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_on(port)
    }

    /// Starts one on this port.
    pub fn start_on(port: u16) -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("Ready to accept connections")), "it did not start");
        // Or else it would end when it has filled the pipe.
        thread::spawn(move || lines.for_each(drop));
        Self { child, port, _folder: folder }
    }

    /// Asks it, over a connection of its own.
    pub fn ask<T: redis::FromRedisValue>(&self, command: &str, name: &str, arguments: &[&[u8]]) -> T {
        let mut connection = redis::Client::open(("127.0.0.1", self.port)).unwrap().get_connection().unwrap();
        redis::cmd(command).arg(name).arg(arguments).query(&mut connection).unwrap()
    }

    /// Sends its process a signal: `-STOP`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
