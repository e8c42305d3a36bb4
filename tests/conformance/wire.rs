//! A socket and the bytes of HTTP/1: for clients and upstreams that say exactly what a case says, and see exactly what
//! they get. What is not as it must be is told, not repaired.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;

use crate::case::Fields;

/// How long something that must happen may take. Far more than it needs: the machine may be busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A connection, and what was read ahead.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Whether nothing came in time: that is no end.
    is_stuck: bool,
}

/// The head of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The request line or status line.
    pub line: String,
    /// Its fields, names in lower case.
    pub fields: Fields,
}

/// How the end of a body is found (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

/// A body, as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    pub bytes: Bytes,
    pub trailers: Fields,
    /// Whether it ended before its end.
    pub is_truncated: bool,
}

impl Wire {
    /// Over this connection.
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("an open socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("an open socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("an open socket");
        Self { stream, buffer: Vec::new(), is_stuck: false }
    }

    /// Sends bytes, as far as the other side takes them: what counts is what it answers.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends bytes while other things happen. What comes back says whether they were sent, or the other side closed;
    /// if not, it did neither in time.
    pub fn send_meanwhile(&self, bytes: Vec<u8>) -> JoinHandle<bool> {
        let mut stream = self.stream.try_clone().expect("an open socket");
        std::thread::spawn(move || match stream.write_all(&bytes) {
            Ok(()) => true,
            Err(error) => !is_timeout(&error),
        })
    }

    /// Says that nothing more will be sent.
    pub fn end(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes it so that the other side sees a reset.
    pub fn reset(self) {
        let linger = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
        linger.expect("an open socket");
    }

    /// The next head; none when the other side closes before it, or says what is none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn head(&mut self) -> Result<Option<Head>, String> {
        let Some(line) = self.line()? else { return Ok(None) };
        let fields = self.fields()?;
        Ok(Some(Head { line, fields }))
    }

    /// The body that follows.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn body(&mut self, framing: Framing) -> Result<Body, String> {
        match framing {
            Framing::None => Ok(Body::default()),
            Framing::Length(length) => {
                let bytes = self.take(length);
                Ok(Body { is_truncated: bytes.len() < length, bytes, trailers: Fields::new() })
            }
            Framing::Chunked => self.chunks(),
            Framing::UntilClose => {
                let bytes = self.take(usize::MAX);
                Ok(Body { bytes, trailers: Fields::new(), is_truncated: self.is_stuck })
            }
        }
    }

    /// So many bytes, or as many as come.
    pub fn take(&mut self, length: usize) -> Bytes {
        while self.buffer.len() < length && self.receive() {}
        self.buffer.drain(..length.min(self.buffer.len())).collect()
    }

    /// Whether the other side closes, without another byte.
    ///
    /// # Errors
    /// What came, or that it does not.
    pub fn is_over(&mut self) -> Result<(), String> {
        let rest = self.take(usize::MAX);
        match (rest.is_empty(), self.is_stuck) {
            (true, false) => Ok(()),
            (true, true) => Err("the connection stays open".to_owned()),
            (false, _) => Err(format!("more came: {:?}", String::from_utf8_lossy(&rest))),
        }
    }

    fn chunks(&mut self) -> Result<Body, String> {
        let mut bytes = Vec::new();
        let broken = |bytes: Vec<u8>| Body { bytes: bytes.into(), trailers: Fields::new(), is_truncated: true };
        loop {
            let Some(line) = self.line()? else { return Ok(broken(bytes)) };
            let length = usize::from_str_radix(&line, 16).map_err(|_| format!("no chunk: {line:?}"))?;
            if length == 0 {
                let trailers = self.fields()?;
                return Ok(Body { bytes: bytes.into(), trailers, is_truncated: false });
            }
            let chunk = self.take(length + 2);
            bytes.extend(chunk.iter().take(length));
            if chunk.len() < length + 2 {
                return Ok(broken(bytes));
            }
            if !chunk.ends_with(b"\r\n") {
                return Err("a chunk that does not end".to_owned());
            }
        }
    }

    fn fields(&mut self) -> Result<Fields, String> {
        let mut fields = Fields::new();
        loop {
            let line = self.line()?.ok_or("it breaks off within the fields")?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = line.split_once(':').ok_or_else(|| format!("no field: {line:?}"))?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// A line without its end; none when the other side has closed.
    fn line(&mut self) -> Result<Option<String>, String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if !self.receive() {
                let rest = std::mem::take(&mut self.buffer);
                return if rest.is_empty() {
                    Ok(None)
                } else {
                    Err(format!("half a line: {:?}", String::from_utf8_lossy(&rest)))
                };
            }
        }
    }

    /// Receives more; false when nothing more will come.
    fn receive(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(length) => {
                    self.buffer.extend_from_slice(&bytes[..length]);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_stuck |= is_timeout(&error);
                    return false;
                }
            }
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl Framing {
    /// The framing that the fields of a message say; `otherwise` where they say none.
    ///
    /// # Errors
    /// What two parsers could read differently.
    pub fn of(fields: &Fields, otherwise: Self) -> Result<Self, String> {
        let values = |name: &str| -> Vec<String> {
            fields.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
        };
        match (&values("transfer-encoding")[..], &values("content-length")[..]) {
            ([], []) => Ok(otherwise),
            ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Self::Chunked),
            ([], [length]) => match length.parse() {
                Ok(length) => Ok(Self::Length(length)),
                Err(_) => Err(format!("a content-length of {length:?}")),
            },
            (codings, lengths) => Err(format!("ambiguous framing: {codings:?} and {lengths:?}")),
        }
    }
}

/// A head as it is sent.
pub fn head_bytes(line: &str, fields: &Fields) -> Vec<u8> {
    let mut text = format!("{line}\r\n");
    for (name, value) in fields {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

/// Chunks as they are sent, the last one and the trailers included.
pub fn chunked(chunks: &[String], trailers: &Fields) -> Vec<u8> {
    let mut text = String::new();
    for chunk in chunks {
        text += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
    }
    text += "0\r\n";
    for (name, value) in trailers {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}
