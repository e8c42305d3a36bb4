//! What else a route asks of a request, beside its host and path.

use http::{HeaderName, Method};
use ipnet::IpNet;
use tidegate_core::{Country, RequestView};

use crate::{Miss, ValuePattern};

/// What a route asks of a request beside its host and path: all of it must hold. An empty list asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// One of these methods. A route for `GET` is also one for `HEAD` (RFC 9110 section 9.3.2).
    pub methods: Vec<Method>,
    /// Each of these fields, with at least one line whose whole value fits.
    pub headers: Vec<(HeaderName, ValuePattern)>,
    /// Each of these query parameters, the first of its name, as it was sent: nothing is decoded.
    pub query: Vec<(Box<str>, ValuePattern)>,
    /// Each of these cookies, the first of its name.
    pub cookies: Vec<(Box<str>, ValuePattern)>,
    /// A client in one of these networks.
    pub clients: Vec<IpNet>,
    /// A client in one of these countries. Nobody whose country is unknown is.
    pub countries: Vec<Country>,
}

impl Conditions {
    /// The first condition that a request does not meet, in the order of the fields here; none if it meets all. It does
    /// not allocate.
    pub fn miss<'a>(&'a self, request: &RequestView<'a>) -> Option<Miss<'a>> {
        self.miss_method(request)
            .or_else(|| self.miss_header(request))
            .or_else(|| self.miss_query(request))
            .or_else(|| self.miss_cookie(request))
            .or_else(|| self.miss_client(request))
            .or_else(|| self.miss_country(request))
    }

    /// How many there are, for specificity: methods, clients and countries count as one each, and so does each field,
    /// parameter and cookie.
    pub fn count(&self) -> usize {
        let lists = [!self.methods.is_empty(), !self.clients.is_empty(), !self.countries.is_empty()];
        lists.map(usize::from).iter().sum::<usize>() + self.headers.len() + self.query.len() + self.cookies.len()
    }

    /// Whether every request that meets these meets `others`. It may overlook that it is so (two networks that only
    /// together contain a third), never the contrary.
    pub(crate) fn imply(&self, others: &Self) -> bool {
        within(&self.methods, &others.methods, takes)
            && within(&self.clients, &others.clients, |net, mine| net.contains(mine))
            && within(&self.countries, &others.countries, PartialEq::eq)
            && implied(&self.headers, &others.headers)
            && implied(&self.query, &others.query)
            && implied(&self.cookies, &others.cookies)
    }

    fn miss_method<'a>(&'a self, request: &RequestView<'a>) -> Option<Miss<'a>> {
        let met = self.methods.is_empty() || self.methods.iter().any(|method| takes(method, request.method));
        (!met).then_some(Miss::Method { is: request.method, not: &self.methods })
    }

    fn miss_header<'a>(&'a self, request: &RequestView<'a>) -> Option<Miss<'a>> {
        let values = |name: &HeaderName| request.headers.get_all(name).into_iter();
        let is_missed = |(name, pattern): &&(HeaderName, ValuePattern)| {
            !values(name).any(|value| pattern.matches(value.as_bytes()))
        };
        let (name, not) = self.headers.iter().find(is_missed)?;
        Some(Miss::Header { name, is: request.headers.get(name), not })
    }

    fn miss_query<'a>(&'a self, request: &RequestView<'a>) -> Option<Miss<'a>> {
        let (name, is, not) = miss_text(&self.query, |name| request.query_parameter(name))?;
        Some(Miss::Query { name, is, not })
    }

    fn miss_cookie<'a>(&'a self, request: &RequestView<'a>) -> Option<Miss<'a>> {
        let (name, is, not) = miss_text(&self.cookies, |name| request.cookie(name))?;
        Some(Miss::Cookie { name, is, not })
    }

    fn miss_client<'a>(&'a self, request: &RequestView<'a>) -> Option<Miss<'a>> {
        let is = request.client.address;
        let met = self.clients.is_empty() || self.clients.iter().any(|net| net.contains(&is));
        (!met).then_some(Miss::Client { is, not: &self.clients })
    }

    fn miss_country<'a>(&'a self, request: &RequestView<'a>) -> Option<Miss<'a>> {
        let is = request.client.country;
        let met = self.countries.is_empty() || is.is_some_and(|country| self.countries.contains(&country));
        (!met).then_some(Miss::Country { is, not: &self.countries })
    }
}

/// Whether a route for one method takes requests with another.
fn takes(route: &Method, request: &Method) -> bool {
    route == request || (route == Method::GET && request == Method::HEAD)
}

fn miss_text<'a>(
    patterns: &'a [(Box<str>, ValuePattern)],
    value: impl Fn(&str) -> Option<&'a str>,
) -> Option<(&'a str, Option<&'a str>, &'a ValuePattern)> {
    let mut found = patterns.iter().map(|(name, pattern)| (&**name, value(name), pattern));
    found.find(|(_, value, pattern)| !value.is_some_and(|value| pattern.matches(value.as_bytes())))
}

/// Whether what is one of `mine` is always one of `theirs`. An empty list is everything.
fn within<T>(mine: &[T], theirs: &[T], contains: impl Fn(&T, &T) -> bool) -> bool {
    let in_theirs = |mine: &T| theirs.iter().any(|theirs| contains(theirs, mine));
    theirs.is_empty() || (!mine.is_empty() && mine.iter().all(in_theirs))
}

/// Whether values that fit all of `mine` fit all of `theirs`.
fn implied<N: PartialEq>(mine: &[(N, ValuePattern)], theirs: &[(N, ValuePattern)]) -> bool {
    let in_mine = |(name, theirs): &(N, ValuePattern)| mine.iter().any(|(n, mine)| n == name && theirs.contains(mine));
    theirs.iter().all(in_mine)
}

#[cfg(test)]
mod tests;
