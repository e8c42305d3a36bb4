//! An upstream that records what reaches it: each byte, and what hyper makes of them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::reference::Message;

/// The number that the answer to a request has, in the order in which requests came.
pub const NUMBER: &str = "x-number";

/// One connection: the bytes that came, and the whole requests that hyper saw in them, numbered.
#[derive(Default)]
pub struct Connection {
    pub bytes: Vec<u8>,
    pub seen: Vec<(usize, Message)>,
}

/// What has come since it was last taken.
#[derive(Default)]
struct Record {
    connections: Vec<Connection>,
    number: usize,
}

/// A server that runs for as long as the process.
pub struct Origin {
    pub address: SocketAddr,
    record: Arc<Mutex<Record>>,
}

impl Origin {
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Mutex::default());
        let recorded = Arc::clone(&record);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&recorded)));
                }
            });
        });
        Self { address, record }
    }

    /// Has `look` see what came on each connection; what it leaves there is seen again.
    pub fn look<T>(&self, look: impl FnMut(&mut Connection) -> T) -> Vec<T> {
        lock(&self.record).connections.iter_mut().map(look).collect()
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().expect("nobody panics while it is locked")
}

async fn serve(stream: TcpStream, record: Arc<Mutex<Record>>) {
    let index = {
        let mut record = lock(&record);
        record.connections.push(Connection::default());
        record.connections.len() - 1
    };
    let service = service_fn(|request| answer(request, index, &record));
    let recorded = Recorded { stream, index, record: Arc::clone(&record) };
    // However it ends: what was whole by then is in the record.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(recorded), service).await;
}

/// Waits for the whole request, so that nothing is answered that is not recorded.
async fn answer(
    request: Request<Incoming>,
    index: usize,
    record: &Mutex<Record>,
) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    let message = Message { method: head.method.to_string(), target: head.uri.to_string(), body, is_refused: false };
    let mut record = lock(record);
    record.number += 1;
    let number = record.number;
    record.connections[index].seen.push((number, message));
    let answer: Result<_, Infallible> = Ok(Response::builder().header(NUMBER, number).body(Empty::new()).unwrap());
    answer.map_err(|never| match never {})
}

/// A connection whose bytes are kept as they are read.
struct Recorded {
    stream: TcpStream,
    index: usize,
    record: Arc<Mutex<Record>>,
}

impl AsyncRead for Recorded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        lock(&self.record).connections[self.index].bytes.extend_from_slice(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
