//! Parts of requests that tell who is counted.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName};
use tidegate_core::{RequestView, decode_query};

use super::text::Text;
use crate::claim;

/// The field of [`Part::ApiKey`].
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A part of a request that tells who is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// `client`: the client's network.
    Client,
    /// `route`: the route's name.
    Route,
    /// `host`: the host that it asks for.
    Host,
    /// `country`: the client's country.
    Country,
    /// `header:NAME`: a field, all lines of it. Those that are meant for credentials are secret.
    Header(HeaderName),
    /// `cookie:NAME`: a cookie, the first of that name. Secret.
    Cookie(Arc<str>),
    /// `query:NAME`: a query parameter, the first of that name; name and value are decoded, so that `%61` and `a` are one.
    Query(Arc<str>),
    /// `api-key`: the field x-api-key. Secret.
    ApiKey,
    /// `claim:NAME`: a claim of the JSON Web Token in `Authorization: Bearer` (RFC 7519). It is not verified here.
    Claim(Arc<str>),
}

impl Part {
    /// How each is written.
    pub const FORMS: [&str; 9] =
        ["client", "route", "host", "country", "header:NAME", "cookie:NAME", "query:NAME", "api-key", "claim:NAME"];

    /// Reads a part as it is written: `client`, `header:x-tenant`. None: there is no such part, or it has no good name.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((kind, name)) = text.split_once(':') else {
            return match text {
                "client" => Some(Self::Client),
                "route" => Some(Self::Route),
                "host" => Some(Self::Host),
                "country" => Some(Self::Country),
                "api-key" => Some(Self::ApiKey),
                _ => None,
            };
        };
        // Names of fields and of cookies (RFC 6265 section 4.1.1) are tokens. Case counts in those of cookies.
        let field = || HeaderName::from_bytes(name.as_bytes()).ok();
        match kind {
            "header" => field().map(Self::Header),
            "cookie" => field().map(|_| Self::Cookie(name.into())),
            "query" => is_name(name).then(|| Self::Query(name.into())),
            "claim" => is_name(name).then(|| Self::Claim(name.into())),
            _ => None,
        }
    }

    /// The value of this part in a request, as it stands in a key; none: it is missing, or empty. Of a client it is the
    /// whole address.
    pub fn value(&self, view: &RequestView<'_>, route: &str) -> Option<Arc<str>> {
        Some(self.normalized(&self.raw(view, route)?))
    }

    /// A value of this part, as it stands in a key.
    pub(crate) fn normalized(&self, raw: &[u8]) -> Arc<str> {
        let mut text = Text::new();
        text.push_value(raw, self.is_secret());
        text.as_str().into()
    }

    /// The value of this part in a request, as it is meant; none: it is missing, or empty.
    pub(crate) fn raw<'a>(&self, view: &RequestView<'a>, route: &'a str) -> Option<Cow<'a, [u8]>> {
        let value = match self {
            Self::Client => view.client.address.to_string().into_bytes().into(),
            Self::Route => route.as_bytes().into(),
            Self::Host => view.host.as_bytes().into(),
            Self::Country => view.client.country.as_ref()?.as_str().as_bytes().into(),
            Self::Header(name) => field(view.headers, name)?,
            Self::Cookie(name) => view.cookie(name)?.as_bytes().into(),
            Self::Query(name) => parameter(view.query?, name)?,
            Self::ApiKey => field(view.headers, &X_API_KEY)?,
            Self::Claim(name) => claim::text(view.headers, name)?.into_bytes().into(),
        };
        (!value.is_empty()).then_some(value)
    }

    /// Whether values are not shown.
    pub(super) fn is_secret(&self) -> bool {
        match self {
            Self::Cookie(_) | Self::ApiKey => true,
            Self::Header(name) => [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, X_API_KEY].contains(name),
            _ => false,
        }
    }

    /// What it is called in a key.
    pub(super) fn push_label(&self, text: &mut Text) {
        let (kind, name) = self.label();
        text.push(kind);
        text.push_encoded(name.as_bytes());
    }

    fn label(&self) -> (&'static str, &str) {
        match self {
            Self::Client => ("client", ""),
            Self::Route => ("route", ""),
            Self::Host => ("host", ""),
            Self::Country => ("country", ""),
            Self::Header(name) => ("header:", name.as_str()),
            Self::Cookie(name) => ("cookie:", name),
            Self::Query(name) => ("query:", name),
            Self::ApiKey => ("api-key", ""),
            Self::Claim(name) => ("claim:", name),
        }
    }
}

/// As it is written in a configuration.
impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = self.label();
        write!(formatter, "{kind}{name}")
    }
}

/// Where entries of lists are parted from their values, no name has an equals sign.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c == '=' || c.is_control())
}

/// All lines of a field as one (RFC 9110 section 5.3), but for empty ones.
fn field<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let lines = headers.get_all(name).iter().map(|line| line.as_bytes().trim_ascii());
    let mut lines = lines.filter(|line| !line.is_empty());
    let first = lines.next()?;
    let mut all = Cow::Borrowed(first);
    for line in lines {
        let all = all.to_mut();
        all.extend_from_slice(b", ");
        all.extend_from_slice(line);
    }
    Some(all)
}

/// A parameter of a query. Nobody gets another key by encoding the name or value of one in another way.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, [u8]>> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| decode_query(key).eq(name.bytes()))?;
    let is_decoded = !value.bytes().any(|byte| byte == b'%' || byte == b'+');
    Some(if is_decoded { value.as_bytes().into() } else { decode_query(value).collect::<Vec<_>>().into() })
}
