//! A parser of HTTP/1.1 requests straight from the grammar of RFC 9112, sharing no code with the host or its crates.
//!
//! Where the RFC lets a recipient be lenient about where something ends, this one is not. What it does not accept, no
//! upstream may ever see.

use std::fmt;

/// A request, as far as two parsers could disagree about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub method: String,
    /// In origin form.
    pub target: String,
    pub body: Vec<u8>,
    /// It is clear where it ends, but it is not one that may be passed on.
    pub is_refused: bool,
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_refused {
            formatter.write_str("not: ")?;
        }
        write!(formatter, "{} {} {:?}", self.method, self.target, self.body.escape_ascii().to_string())
    }
}

/// How a stream of requests ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After a whole request.
    Clean,
    /// In the middle of one that is right so far.
    Unfinished,
    /// With what is no request.
    Wrong(&'static str),
}

/// The requests in `bytes` up to the first error, how they end, and how many bytes they take.
pub fn read(bytes: &[u8]) -> (Vec<Message>, End, usize) {
    let (mut messages, mut at) = (Vec::new(), 0);
    loop {
        // RFC 9112 section 2.2: empty lines before a request line are ignored.
        let mut rest = &bytes[at..];
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        if rest.is_empty() {
            return (messages, End::Clean, bytes.len());
        }
        match message(&mut rest) {
            Ok(message) => {
                messages.push(message);
                at = bytes.len() - rest.len();
            }
            Err(end) => return (messages, end, at),
        }
    }
}

fn wrong<T>(what: &'static str) -> Result<T, End> {
    Err(End::Wrong(what))
}

fn message(rest: &mut &[u8]) -> Result<Message, End> {
    let lines = section(rest)?;
    let Some((request_line, fields)) = lines.split_first() else { return wrong("no request line") };
    let words: Vec<&[u8]> = request_line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else { return wrong("a request line has three words") };
    if method.is_empty() || !method.iter().all(is_tchar) {
        return wrong("a method is a token");
    }
    let is_1_1 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return wrong("another version"),
    };
    if method == b"CONNECT" {
        return wrong("what follows CONNECT is no HTTP");
    }
    let target = origin_form(method, target);
    let fields = fields.iter().map(|line| field(line)).collect::<Result<Vec<_>, _>>()?;
    let values = |name: &str| -> Vec<&[u8]> {
        fields
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| *value)
            .collect()
    };
    // The host of a whole URL counts instead of the field (section 3.2.2).
    let is_whole = target.is_some() && !words[1].starts_with(b"/");
    let is_for_a_host = match values("host")[..] {
        [host] => is_whole || is_host(host),
        [] if !is_1_1 => true,
        _ => return wrong("one host"),
    };
    // RFC 9112 section 6.3, by its strictest reading.
    let body = match (&values("transfer-encoding")[..], &values("content-length")[..]) {
        ([], []) => Vec::new(),
        ([coding], []) if is_1_1 && coding.eq_ignore_ascii_case(b"chunked") => chunked(rest)?,
        ([], [length]) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            let length =
                length.iter().try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add((digit - b'0').into()));
            let Some(length) = length else { return wrong("a length beyond all measure") };
            if (rest.len() as u64) < length {
                return Err(End::Unfinished);
            }
            take(rest, length as usize)?.to_vec()
        }
        _ => return wrong("ambiguous framing"),
    };
    let is_refused = target.is_none() || !is_for_a_host;
    Ok(Message { method: text(method), target: target.unwrap_or_default(), body, is_refused })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> Result<&'b [u8], End> {
    if rest.len() < length {
        return Err(End::Unfinished);
    }
    let (taken, left) = rest.split_at(length);
    *rest = left;
    Ok(taken)
}

/// One line without its CRLF. Nothing else ends a line.
fn line<'b>(rest: &mut &'b [u8]) -> Result<&'b [u8], End> {
    let Some(newline) = rest.iter().position(|byte| *byte == b'\n') else { return Err(End::Unfinished) };
    let line = take(rest, newline + 1)?;
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(line),
        None => wrong("a bare LF"),
    }
}

/// Lines up to an empty one.
fn section<'b>(rest: &mut &'b [u8]) -> Result<Vec<&'b [u8]>, End> {
    let mut lines = Vec::new();
    loop {
        match line(rest)? {
            [] => return Ok(lines),
            line => lines.push(line),
        }
    }
}

/// RFC 9110 section 5.6.2
fn is_tchar(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}

/// `field-line = field-name ":" OWS field-value OWS` (RFC 9112 section 5). A line that begins with a space is an
/// obs-fold, which is refused as section 5.2 allows.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), End> {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return wrong("a field has a colon") };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(is_tchar) {
        return wrong("a field name is a token");
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    let value = &value[start..end];
    // VCHAR, obs-text, SP and HTAB (RFC 9110 section 5.5).
    if value.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
        return wrong("a control character in a field");
    }
    Ok((name, value))
}

/// RFC 9112 section 3.2. The target in origin form, as a gateway sends it on; none if it is not valid.
fn origin_form(method: &[u8], target: &[u8]) -> Option<String> {
    if target == b"*" {
        return (method == b"OPTIONS").then(|| "*".to_owned());
    }
    if target.starts_with(b"/") {
        return is_path_and_query(target).then(|| text(target));
    }
    let lower = target.to_ascii_lowercase();
    let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| lower.starts_with(scheme))?;
    let rest = &target[scheme.len()..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() || !is_host(authority) || !is_path_and_query(path) {
        return None;
    }
    Some(if path.starts_with(b"/") { text(path) } else { format!("/{}", text(path)) })
}

/// More than RFC 3986 sections 3.3 and 3.4 allow: whatever is written into paths by hand, and no byte that could end
/// the target or the line to anybody.
fn is_path_and_query(text: &[u8]) -> bool {
    text.iter().all(|byte| (byte.is_ascii_graphic() && *byte != b'#') || *byte >= 0x80)
}

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2), without user information.
fn is_host(text: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(byte);
    let end = match text.first() {
        Some(b'[') => text.iter().position(|byte| *byte == b']').map_or(0, |end| end + 1),
        _ => text.iter().position(|byte| *byte == b':').unwrap_or(text.len()),
    };
    let (name, port) = text.split_at(end);
    let is_name = name.starts_with(b"[") || name.iter().all(is_name);
    is_name && (port.is_empty() || (port[0] == b':' && port[1..].iter().all(u8::is_ascii_digit)))
}

/// RFC 9112 section 7.1.
fn chunked(rest: &mut &[u8]) -> Result<Vec<u8>, End> {
    let mut body = Vec::new();
    loop {
        let line = line(rest)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, extensions) = line.split_at(digits);
        if size.is_empty() || !are_extensions(extensions) {
            return wrong("a chunk's size");
        }
        let size = size
            .iter()
            .try_fold(0u64, |sum, digit| sum.checked_mul(16)?.checked_add((*digit as char).to_digit(16)?.into()));
        let Some(size) = size else { return wrong("a chunk beyond all measure") };
        if size == 0 {
            break;
        }
        let Some(chunk) = rest.get(..usize::try_from(size).unwrap_or(usize::MAX)) else { return Err(End::Unfinished) };
        body.extend_from_slice(chunk);
        take(rest, chunk.len())?;
        match rest {
            [b'\r', b'\n', ..] => drop(take(rest, 2)),
            [] | [b'\r'] => return Err(End::Unfinished),
            _ => return wrong("a chunk does not end where it should"),
        }
    }
    for line in section(rest)? {
        field(line)?;
    }
    Ok(body)
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )` (RFC 9112 section 7.1.1), of which only this much
/// matters: nobody uses them, and there is nothing in them that another parser could take for their end.
fn are_extensions(text: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    text.is_empty() || (text[0] == b';' && !text.iter().any(is_control))
}
