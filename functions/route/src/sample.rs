//! Requests and routes for tests, written in a line each.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidegate_core::{Client, Country, RequestView};

use crate::{Conditions, HostPattern, Matches, PathPattern, ValuePattern};

/// What a [`RequestView`] points to.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) method: Method,
    pub(crate) is_https: bool,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) client: Client,
}

impl Sample {
    /// A request such as `POST http://shop.example/a?b header:x-a=1 cookie:c=2 client=192.0.2.1 country=DE`.
    pub(crate) fn new(text: &str) -> Self {
        let mut words = text.split(' ');
        let (method, url) = (words.next().unwrap().parse().unwrap(), words.next().unwrap());
        let (scheme, rest) = url.split_once("://").unwrap();
        let (host, target) = rest.split_at(rest.find(['/', '*']).unwrap());
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let mut sample = Self {
            method,
            is_https: scheme == "https",
            host: host.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: HeaderMap::new(),
            client: Client::new([192, 0, 2, 1].into()),
        };
        words.for_each(|word| sample.add(word));
        sample
    }

    fn add(&mut self, word: &str) {
        let (what, value) = word.split_once('=').unwrap();
        match what.split_once(':').unwrap_or((what, "")) {
            ("header", name) => self.append(name, value.to_owned()),
            ("cookie", name) => self.append("cookie", format!("{name}={value}")),
            ("client", _) => self.client.address = value.parse().unwrap(),
            ("country", _) => self.client.country = Country::parse(value),
            _ => panic!("{word}"),
        }
    }

    fn append(&mut self, name: &str, value: String) {
        self.headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(&value).unwrap());
    }

    pub(crate) fn view(&self) -> RequestView<'_> {
        RequestView {
            method: &self.method,
            is_https: self.is_https,
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            client: &self.client,
        }
    }
}

/// Conditions such as `method=GET header:x-a=1* query:q=* cookie:c=2 client=10.0.0.0/8 country=DE`.
pub(crate) fn conditions(text: &str) -> Conditions {
    let mut conditions = Conditions::default();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (what, value) = word.split_once('=').unwrap();
        let pattern = ValuePattern::parse(value);
        match what.split_once(':').unwrap_or((what, "")) {
            ("method", _) => conditions.methods.push(value.parse().unwrap()),
            ("header", name) => conditions.headers.push((name.parse().unwrap(), pattern.unwrap())),
            ("query", name) => conditions.query.push((name.into(), pattern.unwrap())),
            ("cookie", name) => conditions.cookies.push((name.into(), pattern.unwrap())),
            ("client", _) => conditions.clients.push(value.parse().unwrap()),
            ("country", _) => conditions.countries.push(Country::parse(value).unwrap()),
            _ => panic!("{word}"),
        }
    }
    conditions
}

/// A route such as `*.shop.example/a/{id} method=GET`; without a path it is any
pub(crate) fn matches(text: &str) -> Matches {
    let (url, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (host, path) = match url.find('/') {
        Some(at) => (&url[..at], PathPattern::parse(&url[at..]).unwrap()),
        None => (url, PathPattern::any()),
    };
    Matches { host: HostPattern::parse(host).unwrap(), path, conditions: conditions(rest) }
}
