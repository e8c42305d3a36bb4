//! All files together: who is named where, and what is hardly meant.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cache::Caching;
use super::client::Claims;
use super::defaults::{self, Defaults};
use super::limit::{Given, Limiting};
use super::names::Names;
use super::route::Entry;
use super::sources::{SourceFile, Sources};
use super::{
    CacheStore, ChecksConfig, ClientConfig, Edge, Expect, Outside, ProxyConfig, Route, cache_store, checks, client,
    expect, limit, limit_store, policies, proxy, upstream, variables,
};
use crate::diagnostics::{self, Diagnostics, Errors, Warning};
use crate::reader::{self, Place, Table, Value};
use crate::shape::{Field, Kind, Shape};

/// What a file may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "edge",
    "What the edge does with requests. Any string may hold ${VARIABLE} or ${VARIABLE:-default}, of the environment.",
    &[FIELDS, FIRST_FILE_FIELDS, policies::FIELDS],
);

static FIELDS: &[Field] = &[
    Field::new(
        "include",
        Kind::List(&Kind::Text),
        "Other files with upstreams, limits, routes and expectations. Relative to this file.",
    ),
    Field::new("upstream", Kind::List(&Kind::Table(&upstream::SHAPE)), "Where requests are sent over HTTP."),
    Field::new(
        "limit",
        Kind::List(&Kind::Table(&limit::SHAPE)),
        "How much is allowed to whom. It counts for the routes that name it, and for those that do not say when \
         [defaults] names it.",
    ),
    Field::new(
        "route",
        Kind::List(&Kind::Table(&super::route::SHAPE)),
        "Which requests go where. Of the routes that fit a request the most specific one gets it.",
    ),
    Field::new(
        "expect",
        Kind::List(&Kind::Table(&expect::SHAPE)),
        "Requests, and what must come of them. `tidegate check` tries them.",
    ),
];

/// What counts for all files, and so stands in the first one alone.
static FIRST_FILE_FIELDS: &[Field] = &[
    Field::new("client", Kind::Table(&client::SHAPE), "Who clients are, when proxies stand before the edge."),
    Field::new("checks", Kind::Table(&checks::SHAPE), "What is refused before a route is looked for."),
    Field::new("proxy", Kind::Table(&proxy::SHAPE), "What the edge says about itself."),
    Field::new(
        "defaults",
        Kind::Table(&defaults::SHAPE),
        "What counts for upstreams and routes that say nothing else.",
    ),
    Field::new("cache_store", Kind::Table(&cache_store::SHAPE), "Where cached responses are kept."),
    Field::new("limit_store", Kind::Table(&limit_store::SHAPE), "Where limits are counted that several edges share."),
];

/// What is known while the files are read.
pub(super) struct Reading<'r, 't> {
    pub outside: &'r mut dyn Outside,
    /// Whether every file could be read.
    pub is_complete: bool,
    pub defaults: Defaults,
    pub caching: Caching,
    pub limits: Limiting<'t>,
    pub upstreams: Names<'t>,
    pub routes: Names<'t>,
    /// The functions that routes name.
    pub functions: BTreeSet<Arc<str>>,
    /// Whether a route hands requests to any function.
    pub any_function: bool,
    pub entries: Vec<Entry<'t>>,
    pub expects: Vec<Expect>,
}

/// Reads a configuration.
pub(super) fn parse(file: &str, text: &str, outside: &mut dyn Outside) -> Result<(Edge, Vec<Warning>), Errors> {
    let sources = Sources::load(file, text, outside);
    let files = &sources.files;
    let diagnostics: Vec<_> = files.iter().map(|file| Diagnostics::new(&file.name, &file.text)).collect();
    let mut documents = Vec::new();
    for (file, diagnostics) in files.iter().zip(&diagnostics) {
        let mut document = reader::parse(&file.text, diagnostics);
        if let Some(document) = &mut document {
            variables::expand_all(document, diagnostics, outside);
        }
        documents.push(document);
    }
    let is_complete = documents.iter().all(Option::is_some) && files.iter().all(|file| file.problems.is_empty());
    let mut tables = Vec::new();
    for ((document, diagnostics), file) in documents.iter().zip(&diagnostics).zip(files) {
        if let Some(document) = document {
            tables.push((Table::root(diagnostics, document).of(&SHAPE), file));
        }
    }
    let edge = read(tables, is_complete, outside);
    let warnings = diagnostics::finish_all(diagnostics)?;
    let files = files.iter().map(|file| file.name.clone()).collect();
    let edge = edge.expect("without a first file there is an error");
    Ok((Edge { files, ..edge }, warnings))
}

/// Reads all files: first limits and upstreams, then the routes that refer to them, then what is expected of all that.
fn read<'t>(mut files: Vec<(Table<'t>, &SourceFile)>, is_complete: bool, outside: &mut dyn Outside) -> Option<Edge> {
    let General { client, claims, checks, proxy, defaults, limit, cache_store, store_place, caching, limit_store } =
        first_file_alone(&mut files)?;
    for (table, file) in &mut files {
        check_includes(table, file);
        policies::reject_others(table);
    }
    let mut reading = Reading::new(outside, is_complete, defaults, caching);
    let given = Given { claims: &claims, has_redis: limit_store.place.is_some() };
    let tables = files.iter_mut().flat_map(|(table, _)| table.tables("limit"));
    let limits = reading.limits.read_all(tables, &given);
    reading.limits.set_default(limit.as_ref());
    let mut upstreams = Vec::new();
    for table in files.iter_mut().flat_map(|(table, _)| table.tables("upstream")) {
        upstreams.extend(upstream::read(table, defaults.upstream, &mut reading.upstreams));
    }
    for table in files.iter_mut().flat_map(|(table, _)| table.tables("route")) {
        reading.route(table);
    }
    for table in files.iter_mut().flat_map(|(table, _)| table.tables("expect")) {
        reading.expect(table);
    }
    for (table, _) in files {
        table.finish();
    }
    if let Some(place) = store_place.filter(|_| !reading.is_anything_cached()) {
        place.warn("nothing is kept here: no route is cached. Write [cache], or cache = true in a route");
    }
    limit_store.warn_if_unused(&limits);
    let (routes, expects) = reading.finish();
    let limit_store = limit_store.store;
    Some(Edge {
        client,
        checks,
        proxy,
        cache_store,
        limit_store,
        limits,
        upstreams,
        routes,
        expects,
        files: Vec::new(),
    })
}

/// What counts for all files.
struct General<'t> {
    client: ClientConfig,
    claims: Claims<'t>,
    checks: ChecksConfig,
    proxy: ProxyConfig,
    defaults: Defaults,
    limit: Option<Value<'t>>,
    cache_store: CacheStore,
    store_place: Option<Place<'t>>,
    caching: Caching,
    limit_store: limit_store::Read<'t>,
}

/// Reads what only the first file may hold.
fn first_file_alone<'t>(files: &mut [(Table<'t>, &SourceFile)]) -> Option<General<'t>> {
    let ((first, first_file), others) = files.split_first_mut()?;
    for (table, _) in others {
        for field in FIRST_FILE_FIELDS.iter().chain(policies::FIELDS) {
            if let Some(value) = table.take(field.key) {
                value.error(format!("counts for all files, so it belongs in {}", first_file.name));
            }
        }
    }
    let store = first.table("cache_store");
    let store_place = store.as_ref().map(|table| table.place().clone());
    let cache_store = store.map(cache_store::read).unwrap_or_default();
    let (client, claims) = client::read(first.table_or_empty("client"));
    let (defaults, limit) = defaults::read(first.table_or_empty("defaults"));
    Some(General {
        client,
        claims,
        checks: checks::read(first.table_or_empty("checks")),
        proxy: proxy::read(first.table_or_empty("proxy")),
        defaults,
        limit,
        caching: Caching::read(first.table("cache"), &cache_store),
        cache_store,
        store_place,
        limit_store: limit_store::read(first.take("limit_store")),
    })
}

/// Reports what is wrong with a file's includes, which were followed already.
fn check_includes(table: &mut Table<'_>, file: &SourceFile) {
    let items = table.take("include").and_then(|value| value.list()).unwrap_or_default();
    for (n, item) in items.iter().enumerate() {
        item.text();
        for (_, message) in file.problems.iter().filter(|(problem, _)| *problem == n) {
            item.error(message);
        }
    }
}

impl<'r, 't> Reading<'r, 't> {
    fn new(outside: &'r mut dyn Outside, is_complete: bool, defaults: Defaults, caching: Caching) -> Self {
        Self {
            outside,
            is_complete,
            defaults,
            caching,
            limits: Limiting::new(is_complete),
            upstreams: Names::new("upstream", is_complete),
            routes: Names::new("route", is_complete),
            functions: BTreeSet::new(),
            any_function: false,
            entries: Vec::new(),
            expects: Vec::new(),
        }
    }

    /// Whether there may be a route whose responses are cached.
    fn is_anything_cached(&self) -> bool {
        !self.is_complete || self.entries.iter().any(|entry| entry.route.cache.is_some())
    }

    fn finish(self) -> (tidegate_route::Table<Route>, Vec<Expect>) {
        self.upstreams.warn_of_unused("no route leads to it");
        self.limits.warn_of_unused();
        let (mut places, mut entries) = (Vec::new(), Vec::new());
        for Entry { matches, route, place, is_one_of_many } in self.entries {
            places.push((place, is_one_of_many));
            entries.push((matches, route));
        }
        let routes = tidegate_route::Table::new(entries);
        for (index, by) in routes.unreachable() {
            let (Some((matches, _)), Some((_, by))) = (routes.get(index), routes.get(by)) else {
                continue;
            };
            let (place, is_one_of_many) = &places[index];
            let which = if *is_one_of_many { format!(" for {}{}", matches.host, matches.path) } else { String::new() };
            place
                .warn(format!("no request{which} comes here: the route {:?} in {} takes them all", by.name, by.source));
        }
        (routes, self.expects)
    }
}
