//! A server whose every byte a test decides: for upstreams that hold an answer back, hang up, or never end.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::Raw;

/// A server that takes connections while this lives.
pub struct Server {
    /// Where it is.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
    has_ended: Arc<AtomicBool>,
}

impl Server {
    /// Starts it on a free port; `serve` gets each connection in a thread of its own, and closes it by returning.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start(serve: impl Fn(Raw) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (connections, closed, has_ended) = (Arc::default(), Arc::default(), Arc::default());
        let (counted, closing, ended): (Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicBool>) =
            (Arc::clone(&connections), Arc::clone(&closed), Arc::clone(&has_ended));
        let serve = Arc::new(serve);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let (serve, closed) = (Arc::clone(&serve), Arc::clone(&closing));
                std::thread::spawn(move || {
                    serve(Raw::over(stream));
                    closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, connections, closed, has_ended }
    }

    /// A server that answers every request without a body with what `answer` makes of it: a whole response.
    pub fn answering(answer: impl Fn(&crate::raw::RawRequest) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(move |mut raw| {
            while let Some(request) = raw.request() {
                raw.offer(answer(&request));
            }
        })
    }

    /// A server that answers every request with 200 and this text.
    pub fn saying(text: &str) -> Self {
        let answer = ok(text);
        Self::answering(move |_| answer.clone().into_bytes())
    }

    /// `path` as a URL there.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Connections that were served to their end.
    pub fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }

    /// Connections taken so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// A response with status 200 and this text.
pub fn ok(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}
