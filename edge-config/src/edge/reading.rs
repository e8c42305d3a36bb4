//! All files together: who is named where, and what is hardly meant.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cache::Caching;
use super::defaults::{self, Defaults};
use super::names::Names;
use super::route::Entry;
use super::sources::{SourceFile, Sources};
use super::{
    CacheStore, ChecksConfig, ClientConfig, Edge, Expect, Outside, ProxyConfig, Route, cache_store, checks, client,
    expect, policies, proxy, upstream, variables,
};
use crate::diagnostics::{self, Diagnostics, Errors, Warning};
use crate::reader::{self, Place, Table};
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
        "Other files with upstreams, routes and expectations. Relative to this file.",
    ),
    Field::new("upstream", Kind::List(&Kind::Table(&upstream::SHAPE)), "Where requests are sent over HTTP."),
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
];

/// What is known while the files are read.
pub(super) struct Reading<'r, 't> {
    pub outside: &'r mut dyn Outside,
    /// Whether every file could be read.
    pub is_complete: bool,
    pub defaults: Defaults,
    pub caching: Caching,
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

/// Reads all files: first the names of upstreams, then the routes that refer to them, then what is expected of both.
fn read<'t>(mut files: Vec<(Table<'t>, &SourceFile)>, is_complete: bool, outside: &mut dyn Outside) -> Option<Edge> {
    let General { client, checks, proxy, defaults, cache_store, store_place, caching } = first_file_alone(&mut files)?;
    for (table, file) in &mut files {
        check_includes(table, file);
        policies::reject_others(table);
    }
    let mut reading = Reading::new(outside, is_complete, defaults, caching);
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
    let (routes, expects) = reading.finish();
    Some(Edge { client, checks, proxy, cache_store, upstreams, routes, expects, files: Vec::new() })
}

/// What counts for all files.
struct General<'t> {
    client: ClientConfig,
    checks: ChecksConfig,
    proxy: ProxyConfig,
    defaults: Defaults,
    cache_store: CacheStore,
    store_place: Option<Place<'t>>,
    caching: Caching,
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
    Some(General {
        client: client::read(first.table_or_empty("client")),
        checks: checks::read(first.table_or_empty("checks")),
        proxy: proxy::read(first.table_or_empty("proxy")),
        defaults: defaults::read(first.table_or_empty("defaults")),
        caching: Caching::read(first.table("cache"), &cache_store),
        cache_store,
        store_place,
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
