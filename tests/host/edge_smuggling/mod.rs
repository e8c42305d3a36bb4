//! Whatever bytes a client sends, the upstream sees no request but those that a strict reader of RFC 9112 finds in them,
//! each once, in order, with the same body; and no two parsers disagree about where they end.
//!
//! `PROPTEST_CASES` says how many streams of bytes are tried. A failure prints the smallest that was found.

mod input;
mod origin;
mod reference;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use harness::{Host, Setup, Trial, tests};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use self::input::Input;
use self::origin::{Connection, NUMBER, Origin};
use self::reference::{End, Message};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_smuggling",
        needs [],
        the_upstream_sees_nothing_but_what_was_asked,
        valid_requests_all_arrive,
        what_was_found_stays_right,
        the_reference_reads_by_the_book,
    )
}

/// How long the host may be silent where it should answer or close. A host that waits has read something else. Less than
/// its own patience with a client that is slow.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// How long a smaller failure is looked for.
const SHRINKING_MAX_MS: u32 = 20_000;

type Outcome = Result<(), TestCaseError>;

fn the_upstream_sees_nothing_but_what_was_asked() {
    hold(input::anything(), Edge::holds);
}

fn valid_requests_all_arrive() {
    hold(input::valid(), |edge, input| {
        let (asked, end, _) = reference::read(&input.bytes);
        assert_eq!(end, End::Clean, "the input is valid: {input:?}");
        let arrived = edge.ask(input)?;
        if arrived == asked.len() { Ok(()) } else { fail(format!("{arrived} of {} arrived", asked.len())) }
    });
}

/// Tries many inputs.
fn hold(input: impl Strategy<Value = Input>, holds: impl Fn(&Edge, &Input) -> Outcome) {
    let edge = Edge::start();
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, max_shrink_time: SHRINKING_MAX_MS, ..Config::default() });
    if let Err(error) = runner.run(&input, |input| holds(&edge, &input)) {
        panic!("{error}");
    }
}

fn fail<T>(what: String) -> Result<T, TestCaseError> {
    Err(TestCaseError::fail(what))
}

/// The host before an upstream that records.
struct Edge {
    host: Host,
    origin: Origin,
}

/// The head of a final response.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// Of the request that the upstream answered.
    number: Option<usize>,
}

impl Edge {
    fn start() -> Self {
        let origin = Origin::start();
        let text = format!(
            "[[upstream]]\nname = \"o\"\nurl = \"http://{}\"\n[[route]]\nname = \"all\"\nupstream = \"o\"\n",
            origin.address
        );
        Self { host: Setup::edge(text).arguments(["--cores", "1", "--log", "off"]).start(), origin }
    }

    fn holds(&self, input: &Input) -> Outcome {
        self.ask(input).map(drop)
    }

    /// Sends the bytes, reads what comes back, and compares it with what the upstream saw: so many requests.
    fn ask(&self, input: &Input) -> Result<usize, TestCaseError> {
        let (asked, end, _) = reference::read(&input.bytes);
        let answers = converse(self.host.address, input, &asked, end);
        let seen = self.seen();
        let told = || format!("{asked:?}, {end:?}\nanswered {answers:?}\nthe upstream saw {seen:?}");
        let answers = match &answers {
            Ok(answers) => answers,
            Err(what) => return fail(format!("{what}\n{}", told())),
        };
        let seen = match &seen {
            Ok(seen) => seen,
            Err(what) => return fail(format!("{what}\n{}", told())),
        };
        // Each answer is to the request in its place; those of the upstream are those that it saw, in that order.
        let mut left = seen.iter();
        for (index, answer) in answers.iter().enumerate() {
            let Some(number) = answer.number else { continue };
            let asked = asked.get(index).filter(|asked| !asked.is_refused);
            if answer.status != 200 || left.next() != asked.map(|asked| (number, asked.clone())).as_ref() {
                return fail(format!("answer {index} is to something else\n{}", told()));
            }
        }
        if left.next().is_some() {
            return fail(format!("the upstream saw more than was answered\n{}", told()));
        }
        Ok(seen.len())
    }

    /// What the upstream saw since the last time. The parsers on its side have to agree, too.
    fn seen(&self) -> Result<Vec<(usize, Message)>, String> {
        let connections: Result<Vec<_>, _> = self.origin.look(agreed).into_iter().collect();
        let mut seen = connections?.concat();
        seen.sort_by_key(|(number, _)| *number);
        Ok(seen)
    }
}

/// What hyper and the reference both read on a connection to the upstream. What is not whole yet, or never will be,
/// stays there.
fn agreed(connection: &mut Connection) -> Result<Vec<(usize, Message)>, String> {
    let (read, end, length) = reference::read(&connection.bytes);
    let seen = std::mem::take(&mut connection.seen);
    if matches!(end, End::Wrong(_)) || !read.iter().eq(seen.iter().map(|(_, message)| message)) {
        let bytes = std::mem::take(&mut connection.bytes);
        let bytes = bytes.escape_ascii();
        return Err(format!("on the upstream's side, {bytes} is {read:?}, {end:?} to one and {seen:?} to another"));
    }
    connection.bytes.drain(..length);
    Ok(seen)
}

/// Sends the bytes and reads the final responses: until the host closes, or there can be no more.
fn converse(address: SocketAddr, input: &Input, asked: &[Message], end: End) -> Result<Vec<Answer>, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(SILENCE_MAX)).unwrap();
    let ends = input.cuts.iter().copied().chain([input.bytes.len()]);
    let mut start = 0;
    for end in ends {
        // A host that has refused what came so far may be gone.
        let _ = stream.write_all(&input.bytes[start..end]);
        start = end;
    }
    let (mut answers, mut client) = (Vec::new(), Client { stream, buffer: Vec::new() });
    // What is wrong gets an answer too, or an end.
    while answers.len() < asked.len() || matches!(end, End::Wrong(_)) {
        match client.answer(asked.get(answers.len()))? {
            Some(answer) if answer.status < 200 => {}
            Some(answer) => answers.push(answer),
            None => break,
        }
    }
    Ok(answers)
}

/// A client's end of a connection.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// The next response, to what was asked, if that is known; `None` when the host closes instead.
    fn answer(&mut self, asked: Option<&Message>) -> Result<Option<Answer>, String> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.receive()? {
                return if self.buffer.is_empty() { Ok(None) } else { Err("half a response".to_owned()) };
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let status: u16 = head.get(9..12).and_then(|status| status.parse().ok()).ok_or(format!("no status: {head}"))?;
        let number = value(NUMBER).map(|number| number.parse().expect("the upstream's own"));
        if value("connection") == Some("close") {
            // Whatever else it says, nothing comes after it.
            while self.receive()? {}
            self.buffer.clear();
            return Ok(Some(Answer { status, number }));
        }
        let is_head = asked.is_some_and(|asked| asked.method == "HEAD");
        let has_body = !is_head && status >= 200 && status != 204;
        let length: usize = value("content-length").filter(|_| has_body).map_or(0, |length| length.parse().unwrap());
        while self.buffer.len() < end + length {
            if !self.receive()? {
                // To something that may have been a HEAD.
                self.buffer.clear();
                return if asked.is_none() {
                    Ok(Some(Answer { status, number }))
                } else {
                    Err("half a body".to_owned())
                };
            }
        }
        self.buffer.drain(..end + length);
        Ok(Some(Answer { status, number }))
    }

    fn receive(&mut self) -> Result<bool, String> {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => Ok(false),
            Ok(length) => {
                self.buffer.extend_from_slice(&bytes[..length]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err("the host waits for more, or is too slow".to_owned())
            }
            Err(_) => Ok(false),
        }
    }
}

/// What the properties found once.
const FOUND: [(&str, &str); 5] = [
    ("a target without a path went to the upstream as it came", "GET http://other?c HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "answers waited for a body that nobody reads",
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /a/../b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
    ),
    (
        "a coding between commas was taken for the plain one",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "and so was one behind an empty field",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunk extensions could hold anything",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;\0\r\nhello\r\n0\r\n\r\n",
    ),
];

fn what_was_found_stays_right() {
    let edge = Edge::start();
    let wrong = FOUND.iter().filter_map(|(what, text)| {
        let input = Input { bytes: text.as_bytes().to_vec(), cuts: Vec::new() };
        edge.holds(&input).err().map(|error| format!("{what}: {input:?}\n{error}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Whoever watches has to be watched.
fn the_reference_reads_by_the_book() {
    let post = |more: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{more}").into_bytes();
    let bodies = |bytes: &[u8]| {
        let (messages, end, _) = reference::read(bytes);
        (messages.into_iter().map(|it| String::from_utf8_lossy(&it.body).into_owned()).collect::<Vec<_>>(), end)
    };
    let right: [(&str, &str); 5] = [
        ("\r\n", ""),
        ("Content-Length: 5\r\n\r\nhello", "hello"),
        ("content-length:\t05 \r\n\r\nhello", "hello"),
        (
            "Transfer-Encoding: chunked\r\n\r\n5;a=\"b\\\"\" ; c\r\nhello\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
            "hello0123456789",
        ),
        ("X: \u{e9}\t \r\n\r\n\r\n", ""),
    ];
    for (more, body) in right {
        assert_eq!(bodies(&post(more)), (vec![body.to_owned()], End::Clean), "{more:?}");
    }
    let wrong = [
        "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "Content-Length: +5\r\n\r\nhello",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n0\r\n\r\n",
        "X: y\n\r\n",
        "X: y\rz\r\n\r\n",
        "X: y\r\n z\r\n\r\n",
        "Host: a\r\n\r\n",
    ];
    for more in wrong {
        let (bodies, end) = bodies(&post(more));
        assert!(bodies.is_empty() && matches!(end, End::Wrong(_)), "{more:?}: {bodies:?}, {end:?}");
    }
    for more in
        ["", "X: y\r\n", "Content-Length: 5\r\n\r\nhell", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"]
    {
        assert_eq!(bodies(&post(more)), (Vec::new(), End::Unfinished), "{more:?}");
    }
    let two = [post("Content-Length: 1\r\n\r\n1"), post("\r\n")].concat();
    assert_eq!(bodies(&two), (vec!["1".to_owned(), String::new()], End::Clean));
}
