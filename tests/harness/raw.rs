//! A socket and the bytes of HTTP/1.1: for what no client library would send, and to see what exactly comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::PATIENCE;

/// A connection.
pub struct Raw {
    stream: TcpStream,
    /// What was received and not read yet.
    buffer: Vec<u8>,
}

/// A response as it stood on the wire.
#[derive(Debug, PartialEq, Eq)]
pub struct RawAnswer {
    /// Its status.
    pub status: u16,
    /// Its fields, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body without its framing.
    pub body: Vec<u8>,
    /// What came behind a chunked body.
    pub trailers: Vec<(String, String)>,
}

impl RawAnswer {
    /// The field's value, if it is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request as it stood on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRequest {
    /// Its method.
    pub method: String,
    /// Its target.
    pub target: String,
    /// Its fields, their names in lower case.
    pub headers: Vec<(String, String)>,
}

impl RawRequest {
    /// The field's value, if it is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }
}

impl Raw {
    /// Connects.
    ///
    /// # Panics
    /// When it cannot.
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("a connection"))
    }

    /// Takes over a connection.
    ///
    /// # Panics
    /// When it is closed.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("an open socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("an open socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("an open socket");
        Self { stream, buffer: Vec::new() }
    }

    /// The socket, for what only a socket can do.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// What was received and not read yet: for whoever reads on from the socket.
    pub fn read_ahead(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When the other side does not take them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).expect("an open connection");
        self
    }

    /// Sends bytes that the other side may refuse half-way: what counts is what it answers.
    pub fn offer(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Says that nothing more will be sent.
    pub fn end(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).expect("an open connection");
        self
    }

    /// Reads the head of one request; `None` when the other side closes instead.
    ///
    /// # Panics
    /// When something else comes.
    pub fn request(&mut self) -> Option<RawRequest> {
        if self.is_over() {
            return None;
        }
        let text = self.lines_to_empty_one();
        let mut lines = text.lines();
        let line = lines.next().unwrap_or_default();
        let [method, target, "HTTP/1.1"] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("no request line: {line:?}")
        };
        let headers = lines.map(|line| parse_field(line).unwrap_or_else(|| panic!("no field: {line:?}"))).collect();
        Some(RawRequest { method: method.to_owned(), target: target.to_owned(), headers })
    }

    /// Reads one response, its body too.
    ///
    /// # Panics
    /// When none comes.
    pub fn answer(&mut self) -> RawAnswer {
        let mut answer = self.head();
        let is_chunked = answer.header("transfer-encoding") == Some("chunked");
        if is_chunked {
            self.read_chunks(&mut answer);
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().expect("a number");
            answer.body = self.take(length);
        } else if !matches!(answer.status, 100..=199 | 204 | 304) {
            answer.body = self.rest();
        }
        answer
    }

    /// Reads the head of one response, without the body that may follow.
    ///
    /// # Panics
    /// When none comes.
    pub fn head(&mut self) -> RawAnswer {
        let text = self.lines_to_empty_one();
        let mut lines = text.lines();
        let status_line = lines.next().unwrap_or_default();
        assert!(status_line.starts_with("HTTP/1.1 "), "no status line: {status_line:?}");
        let status = status_line[9..12].parse().expect("a status");
        let headers = lines.map(|line| parse_field(line).unwrap_or_else(|| panic!("no field: {line:?}"))).collect();
        RawAnswer { status, headers, body: Vec::new(), trailers: Vec::new() }
    }

    fn read_chunks(&mut self, answer: &mut RawAnswer) {
        loop {
            let line = self.line();
            let length = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("no chunk: {line:?}"));
            if length == 0 {
                break;
            }
            answer.body.extend(self.take(length));
            assert_eq!(self.take(2), b"\r\n", "the end of a chunk");
        }
        let trailers = self.lines_to_empty_one();
        answer.trailers = trailers.lines().map(|line| parse_field(line).expect("a trailer field")).collect();
    }

    /// Waits for more; true when the other side closes instead.
    pub fn is_over(&mut self) -> bool {
        self.buffer.is_empty() && !self.receive()
    }

    /// Everything until the other side closes.
    ///
    /// # Panics
    /// When it does not.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.receive() {}
        std::mem::take(&mut self.buffer)
    }

    /// Asserts that the other side closes without another byte.
    #[track_caller]
    pub fn is_closed(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "more came: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Exactly so many bytes.
    ///
    /// # Panics
    /// When fewer come.
    pub fn take(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.receive(), "closed after {:?}", String::from_utf8_lossy(&self.buffer));
        }
        self.buffer.drain(..length).collect()
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.take(end + 2);
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            assert!(self.receive(), "closed after {:?}", String::from_utf8_lossy(&self.buffer));
        }
    }

    fn lines_to_empty_one(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            match self.line() {
                line if line.is_empty() => return lines.join("\n"),
                line => lines.push(line),
            }
        }
    }

    /// Receives more; false when the other side has closed.
    fn receive(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(length) => {
                self.buffer.extend_from_slice(&bytes[..length]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => false,
            Err(error) => panic!("nothing came, {error}, after {:?}", String::from_utf8_lossy(&self.buffer)),
        }
    }
}

fn parse_field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.to_ascii_lowercase(), value.trim().to_owned()))
}
