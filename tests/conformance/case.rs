//! What a case says: the format of the files in `cases/`, described for people in `README.md`.
//!
//! A key that is not here is an error, so that a case never says something that nobody looks at.

mod read;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::json::Members;
use crate::pattern::Pattern;

/// A list of fields as they are sent, in order: `[["accept", "*/*"], ["via", "1.1 other"]]`.
pub type Fields = Vec<(String, String)>;

/// What fields must be, by name.
pub type FieldPatterns = BTreeMap<String, Pattern>;

/// One file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What must hold, and which section of which RFC or contract says so.
    pub about: String,
    /// The configuration: an edge.toml.
    pub edge: Spanned<String>,
    /// What a shell must be able to do beyond what the exchanges show.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// Shells that cannot do this one, each with the reason.
    #[serde(default)]
    pub except: BTreeMap<String, String>,
    /// What happens, one after the other.
    #[serde(rename = "exchange")]
    pub exchanges: Vec<Exchange>,
}

/// What not every shell can do. Most needs follow from what a case says; see [`Case::all_needs`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The client's own bytes get to the edge as they are.
    ClientBytes,
    /// The upstream's own bytes get to the edge as they are.
    UpstreamBytes,
    /// The client waits for an interim response before it sends its body.
    Interim,
    /// Connections to the upstream are kept, counted and tried again.
    Connections,
    /// The connection becomes something else than HTTP.
    Tunnel,
    /// The client may be at another address.
    ClientAddress,
    /// Time is exact.
    ExactTime,
    /// An address from which nothing ever comes back.
    SilentNetwork,
    /// The function `echo`, which gives back the body it gets.
    Function,
    /// Time passes that nobody can wait for.
    Time,
    /// Bodies of responses arrive in pieces.
    Pieces,
    /// What is stored is compressed.
    Compression,
    /// A Redis that nobody else uses.
    Redis,
}

/// A request, what the upstream does with it, what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// How much time passes before it.
    #[serde(default, deserialize_with = "read::time")]
    pub advance: Duration,
    /// What the operator has forgotten before it.
    pub purge: Option<Purge>,
    /// What the client sends.
    pub request: Request,
    /// What the upstream does: an entry for each request that it gets. It must get exactly as many.
    #[serde(default, deserialize_with = "read::one_or_many")]
    pub origin: Vec<Origin>,
    /// What must come of it.
    pub expect: Expect,
    /// Exchanges that take place when the upstream has this request and has not answered it yet.
    #[serde(default)]
    pub meanwhile: Vec<Exchange>,
    /// Exchanges that begin then, and end behind this one.
    #[serde(default)]
    pub waiting: Vec<Exchange>,
    /// What the upstream does with requests that come when the client has its response: it does not answer before.
    #[serde(default, deserialize_with = "read::one_or_many")]
    pub later: Vec<Origin>,
    /// How often this happens.
    #[serde(default = "once")]
    pub repeat: u32,
}

/// What is to be forgotten, as the admin side of the host takes it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Purge {
    /// URLs, whole.
    pub urls: Vec<String>,
    /// How URLs begin.
    pub prefixes: Vec<String>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// All there is.
    pub everything: bool,
    /// It is only marked stale.
    pub soft: bool,
}

/// What the client sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// The target as it stands in the request line.
    #[serde(default = "root")]
    pub target: String,
    /// `1.1` or `1.0`.
    #[serde(default)]
    pub version: Version,
    /// The Host field; `false` for none.
    #[serde(default)]
    pub host: Host,
    /// The other fields. Those that frame the body are added.
    #[serde(default)]
    pub fields: Fields,
    /// A body with a Content-Length.
    pub body: Option<String>,
    /// A body in chunks.
    pub chunks: Option<Vec<String>>,
    /// What follows the chunks.
    #[serde(default)]
    pub trailers: Fields,
    /// The client's address.
    #[serde(default = "loopback")]
    pub from: IpAddr,
    /// Whether the client sends back the cookies that it got in this case.
    #[serde(default)]
    pub cookies: bool,
    /// Whether the client waits for `100 Continue` before it sends its body.
    #[serde(default)]
    pub waits: bool,
    /// What the client sends once the protocol is changed.
    pub tunnel: Option<String>,
    /// All that the client sends, byte by byte, instead of all the above. The edge must close behind its response.
    pub bytes: Option<String>,
    /// Whether the client then says that nothing more will come.
    #[serde(default)]
    pub ends: bool,
    /// Whether the client goes away when the upstream has the request.
    #[serde(default)]
    pub leaves: bool,
}

/// The version of a message.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    #[serde(rename = "1.0")]
    Http10,
    /// HTTP/1.1
    #[default]
    #[serde(rename = "1.1")]
    Http11,
}

/// A Host field, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(pub Option<String>);

/// What the upstream does with a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Nobody listens (`true`), or what is sent there disappears (`"silent"`).
    #[serde(default)]
    pub down: Down,
    /// The status of the response. 200 if nothing else happens instead of one.
    pub status: Option<u16>,
    /// The version of the response.
    #[serde(default)]
    pub version: Version,
    /// Its fields. Those that frame the body are added.
    #[serde(default)]
    pub fields: Fields,
    /// A body with a Content-Length.
    pub body: Option<String>,
    /// A body in chunks.
    pub chunks: Option<Vec<String>>,
    /// A body that ends with the connection.
    pub until_close: Option<String>,
    /// What follows the chunks.
    #[serde(default)]
    pub trailers: Fields,
    /// Interim responses before it.
    #[serde(default)]
    pub informational: Vec<Interim>,
    /// Whether it answers before it reads the request's body.
    #[serde(default)]
    pub early: bool,
    /// How long it waits before the head of its response.
    #[serde(default, deserialize_with = "read::time")]
    pub delay: Duration,
    /// Whether it sends half of the body at once, and the rest when what happens meanwhile is over.
    #[serde(default)]
    pub in_halves: bool,
    /// How it ends, if not in order.
    pub then: Option<Then>,
    /// What it sends once the protocol is changed.
    pub tunnel: Option<String>,
    /// All that it sends, byte by byte, instead of a response; then it closes.
    pub bytes: Option<String>,
}

/// Whether there is an upstream at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Down {
    /// There is.
    #[default]
    No,
    /// Connections are refused.
    Refused,
    /// Nothing ever comes back.
    Silent,
}

/// An interim response.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interim {
    /// 100 to 199.
    pub status: u16,
    /// Its fields.
    #[serde(default)]
    pub fields: Fields,
}

/// How an upstream ends what it does.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum Then {
    /// It closes the connection: instead of a response, or behind it if there is a status.
    #[serde(rename = "close")]
    Close,
    /// It resets the connection instead of a response.
    #[serde(rename = "reset")]
    Reset,
    /// It reads the request and stays silent.
    #[serde(rename = "never answers")]
    NeverAnswers,
    /// It sends something that is not HTTP.
    #[serde(rename = "garbage")]
    Garbage,
    /// It sends a head that goes on and on.
    #[serde(rename = "huge head")]
    HugeHead,
    /// It sends half of the body and closes.
    #[serde(rename = "half a body")]
    HalfABody,
    /// It sends half of the body and resets the connection.
    #[serde(rename = "half a body, then reset")]
    HalfThenReset,
    /// It sends half of the body, and nothing more ever.
    #[serde(rename = "half a body, then nothing")]
    HalfThenNothing,
}

/// What must come of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// What the upstream must get, each time; `false`: nothing; `"broken off"`: nothing, or what is no whole request.
    #[serde(default)]
    pub sent: Sent,
    /// What it must get when the client has its response.
    #[serde(default)]
    pub later: SentRequest,
    /// What the client must get.
    #[serde(default)]
    pub response: Response,
}

/// What an upstream must get.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// Nothing at all.
    Nothing,
    /// Nothing, or the beginning of a request, which it can tell.
    BrokenOff,
    /// This.
    Request(Box<SentRequest>),
}

/// A request that an upstream must get. What is not said may be anything.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct SentRequest {
    /// Its method.
    pub method: Option<String>,
    /// Its target.
    pub target: Option<String>,
    /// Its fields.
    #[serde(default)]
    pub fields: FieldPatterns,
    /// Its body, without framing.
    pub body: Option<Pattern>,
    /// Whether it comes on a connection that served another request before.
    pub kept: Option<bool>,
    /// What follows its body.
    #[serde(default)]
    pub trailers: FieldPatterns,
    /// What is sent once the protocol is changed.
    pub tunnel: Option<Pattern>,
}

/// A response that a client must get. What is not said may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Its status.
    pub status: Option<u16>,
    /// Its fields.
    #[serde(default)]
    pub fields: FieldPatterns,
    /// Its body, without framing.
    pub body: Option<Pattern>,
    /// Members of the object that its body is, in JSON.
    #[serde(default)]
    pub json: Members,
    /// The number of an earlier exchange, from 1, whose response had the same body.
    pub body_as: Option<usize>,
    /// What follows its body.
    #[serde(default)]
    pub trailers: FieldPatterns,
    /// All interim responses before it.
    pub informational: Option<Vec<InterimPattern>>,
    /// Whether the body breaks off, so that the client can tell.
    #[serde(default)]
    pub truncated: bool,
    /// What comes once the protocol is changed.
    pub tunnel: Option<Pattern>,
}

/// An interim response that a client must get.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterimPattern {
    /// Its status.
    pub status: u16,
    /// Its fields.
    #[serde(default)]
    pub fields: FieldPatterns,
}

impl Default for Host {
    fn default() -> Self {
        Self(Some("edge.test".to_owned()))
    }
}

impl Default for Sent {
    fn default() -> Self {
        Self::Request(Box::default())
    }
}

fn once() -> u32 {
    1
}

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

fn loopback() -> IpAddr {
    Ipv4Addr::LOCALHOST.into()
}

impl Origin {
    /// Whether requests get to it.
    pub fn is_up(&self) -> bool {
        self.down == Down::No
    }

    /// The same with something else in its texts.
    pub fn map(&self, change: &impl Fn(&str) -> String) -> Self {
        let mut mapped = Self { fields: map_fields(&self.fields, change), ..self.clone() };
        for text in [&mut mapped.bytes, &mut mapped.body, &mut mapped.until_close].into_iter().flatten() {
            *text = change(text);
        }
        mapped.chunks.iter_mut().flatten().for_each(|chunk| *chunk = change(chunk));
        mapped
    }

    /// The fields of its response as they are sent, those that frame its body included.
    pub fn all_fields(&self) -> Fields {
        let has_none = matches!(self.status, Some(100..=199 | 204 | 304)) || self.until_close.is_some();
        let body = self.body.as_deref().or((!has_none).then_some(""));
        let mut fields = self.fields.clone();
        fields.extend(framing(&fields, body, self.chunks.is_some(), &self.trailers));
        fields
    }
}

impl Request {
    /// The same with something else in its texts.
    pub fn map(&self, change: &impl Fn(&str) -> String) -> Self {
        let host = Host(self.host.0.as_deref().map(change));
        let (target, fields) = (change(&self.target), map_fields(&self.fields, change));
        let mut mapped = Self { target, host, fields, ..self.clone() };
        for text in [&mut mapped.bytes, &mut mapped.body].into_iter().flatten() {
            *text = change(text);
        }
        mapped.chunks.iter_mut().flatten().for_each(|chunk| *chunk = change(chunk));
        mapped
    }

    /// Its fields as they are sent, those that frame its body included.
    pub fn all_fields(&self) -> Fields {
        let mut fields = Fields::new();
        fields.extend(self.host.0.iter().map(|host| ("host".to_owned(), host.clone())));
        fields.extend(self.fields.iter().cloned());
        fields.extend(framing(&fields, self.body.as_deref(), self.chunks.is_some(), &self.trailers));
        fields
    }
}

/// The fields that frame a body, where they are not said.
fn framing(said: &Fields, body: Option<&str>, is_chunked: bool, trailers: &Fields) -> Fields {
    let is_said = |name: &str| said.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let mut fields = Fields::new();
    if is_chunked && !is_said("transfer-encoding") {
        fields.push(("transfer-encoding".to_owned(), "chunked".to_owned()));
    } else if let Some(body) = body.filter(|_| !is_said("content-length") && !is_said("transfer-encoding")) {
        fields.push(("content-length".to_owned(), body.len().to_string()));
    }
    if !trailers.is_empty() && !is_said("trailer") {
        let names: Vec<&str> = trailers.iter().map(|(name, _)| name.as_str()).collect();
        fields.push(("trailer".to_owned(), names.join(", ")));
    }
    fields
}

fn map_fields(fields: &Fields, change: &impl Fn(&str) -> String) -> Fields {
    fields.iter().map(|(name, value)| (name.clone(), change(value))).collect()
}
