//! `[cache]`, and `cache` in a route.
//!
//! A route starts from what `[cache]` says and changes parts of it. What `compress` means for the choice of encodings
//! is worked out last, when it is known what counts.

mod shape;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderName};
use ipnet::IpNet;
use tidegate_cache::{Coding, Compress, Condition, Normal, Plan, Recipe, Select, SetCookie, StatusTtl};

pub(super) use self::shape::{OF_ROUTES, SHAPE};
use super::{CacheStore, To, client, conditions, headers};
use crate::duration;
use crate::reader::{Key, Switch, Table, Value};
use crate::shape::Kind;
use crate::size::ByteSize;

/// What counts for routes that do not say otherwise.
pub(super) struct Caching {
    /// What `[cache]` says, and the plan that follows from it; none: routes are not cached unless they say so.
    general: Option<(Plan, Arc<Plan>)>,
    /// The largest body for which there is room.
    capacity: u64,
}

impl Caching {
    /// Reads `[cache]`, if it is there.
    pub fn read(table: Option<Table<'_>>, store: &CacheStore) -> Self {
        let capacity = store.capacity();
        let general = table.map(|table| {
            let mut plan = Plan::default();
            read(table, &mut plan, capacity);
            (plan.clone(), complete(plan))
        });
        Self { general, capacity }
    }

    /// How the responses of a route are cached, by its `cache`.
    pub fn of_route(&self, table: &mut Table<'_>, to: Option<&To>) -> Option<Arc<Plan>> {
        let is_made_here = to.is_some_and(|to| !to.passes_on());
        let kind = table.kind("cache");
        let value = table.take("cache");
        let switch = value.as_ref().and_then(|value| value.switch(kind));
        if let (Some(value), Some(to), Some(Switch::On | Switch::With(_))) = (&value, to, &switch)
            && is_made_here
        {
            value.warn(format!("has no effect: a {} is made anew each time. Remove cache", to.name()));
        }
        let general = self.general.as_ref();
        let plan = match switch {
            Some(Switch::Off) => None,
            Some(Switch::On) => Some(general.map(|(_, plan)| plan.clone()).unwrap_or_default()),
            Some(Switch::With(table)) => {
                let mut plan = general.map(|(plan, _)| plan.clone()).unwrap_or_default();
                read(table, &mut plan, self.capacity);
                Some(complete(plan))
            }
            None => general.map(|(_, plan)| plan.clone()),
        };
        plan.filter(|_| !is_made_here)
    }
}

/// A plan of which it is known that no more is said. No encodings of `compress`: none were said; then they are those
/// that requests are normalized to, or all. After that both are the same.
fn complete(mut plan: Plan) -> Arc<Plan> {
    if let Some(compress) = &mut plan.compress {
        if compress.codings.is_empty() {
            compress.codings.clone_from(&plan.normal.codings);
        }
        if compress.codings.is_empty() {
            compress.codings = Coding::ALL.to_vec();
        }
        plan.normal.codings.clone_from(&compress.codings);
    }
    Arc::new(plan)
}

/// Reads a table, which changes parts of a plan.
fn read(mut table: Table<'_>, plan: &mut Plan, capacity: u64) {
    set(&mut plan.max_ttl, table.optional_duration("max_ttl"));
    set(&mut plan.default_ttl, read_ttl_or_false(&mut table, "default_ttl", plan.max_ttl));
    set(&mut plan.override_ttl, read_ttl_or_false(&mut table, "override_ttl", plan.max_ttl));
    set(&mut plan.status_ttl, read_status_ttl(&mut table, plan.max_ttl));
    set(&mut plan.heuristics, table.optional_boolean("heuristics"));
    set(&mut plan.stale_while_revalidate, table.optional_duration("stale_while_revalidate"));
    set(&mut plan.stale_if_error, table.optional_duration("stale_if_error"));
    if let Some(table) = table.table("key") {
        read_key(table, &mut plan.recipe);
    }
    read_compress(&mut table, &mut plan.compress);
    if let Some(table) = table.table("normalize") {
        read_normal(table, &mut plan.normal, plan.compress.as_ref());
    }
    if let Some(table) = table.table("bypass") {
        read_bypass(table, &mut plan.bypass);
    }
    set(&mut plan.session_cookies, list(&mut table, "session_cookies", read_cookie));
    set(&mut plan.set_cookie, table.optional_word("set_cookie").map(read_set_cookie));
    set(&mut plan.client_directives, table.optional_boolean("client_directives"));
    set(&mut plan.targets, list(&mut table, "targets", read_target));
    set(&mut plan.max_body, read_max_body(&mut table, capacity));
    set(&mut plan.wait, table.optional_duration("wait"));
    set(&mut plan.debug, table.optional_boolean("debug"));
    set(&mut plan.purge_from, list(&mut table, "purge_from", read_purger));
    table.finish();
}

/// Replaces what is said anew.
fn set<T>(place: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *place = said;
    }
}

/// A list, if it is there.
fn list<T: PartialEq>(
    table: &mut Table<'_>,
    key: &'static str,
    read: impl Fn(&Value<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    table.take(key).map(|value| items(&value, read))
}

/// The items of a list, each once.
fn items<T: PartialEq>(value: &Value<'_>, read: impl Fn(&Value<'_>) -> Option<T>) -> Vec<T> {
    let mut items = Vec::new();
    for item in headers::few(value, value.list().unwrap_or_default()) {
        match read(&item) {
            Some(one) if items.contains(&one) => item.warn("is there twice"),
            Some(one) => items.push(one),
            None => {}
        }
    }
    items
}

/// The same, of which there must be one. `otherwise` finishes the sentence "Write at least one, or ...".
fn some_items<T: PartialEq>(value: &Value<'_>, otherwise: &str, read: impl Fn(&Value<'_>) -> Option<T>) -> Vec<T> {
    if value.is_empty() {
        value.error(format!("an empty list. Write at least one, or {otherwise}"));
    }
    items(value, read)
}

fn read_ttl_or_false(table: &mut Table<'_>, key: &'static str, max: Duration) -> Option<Option<Duration>> {
    let kind = table.kind(key);
    let value = table.take(key)?;
    if value.as_boolean() == Some(false) {
        return Some(None);
    }
    read_ttl(&value, kind, max).map(Some)
}

fn read_ttl(value: &Value<'_>, kind: &Kind, max: Duration) -> Option<Duration> {
    let ttl = value.duration_of(kind)?;
    if ttl > max {
        value.warn(format!("is cut to max_ttl, {}. Write less, or a longer max_ttl", duration::display(max)));
    }
    Some(ttl)
}

/// Lifetimes by status, single ones before classes.
fn read_status_ttl(table: &mut Table<'_>, max: Duration) -> Option<Vec<StatusTtl>> {
    let entries = table.take("status_ttl")?.table()?.entries();
    let lifetimes = entries.filter_map(|(key, value)| {
        let (statuses, ttl) = (read_statuses(&key, &value), read_ttl(&value, &shape::TTL, max));
        let (first, last) = statuses?;
        Some(StatusTtl { first, last, ttl: ttl? })
    });
    let mut lifetimes: Vec<_> = lifetimes.collect();
    lifetimes.sort_by_key(|lifetime| (lifetime.last - lifetime.first, lifetime.first));
    Some(lifetimes)
}

/// The first and the last status of `404` or `4xx`.
fn read_statuses(key: &Key<'_>, value: &Value<'_>) -> Option<(u16, u16)> {
    let digit = |byte: u8| u16::from(byte - b'0');
    match *key.text.as_bytes() {
        [class @ b'2'..=b'5', b'x', b'x'] => Some((digit(class) * 100, digit(class) * 100 + 99)),
        [class @ b'2'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            let status = digit(class) * 100 + digit(tens) * 10 + digit(ones);
            if status == 304 {
                value.warn("has no effect: a 304 is not stored, it renews what is. Remove it");
            }
            Some((status, status))
        }
        _ => {
            key.error(format!("{:?} is no status. Write one from 200 to 599, or a class from 2xx to 5xx", key.text));
            None
        }
    }
}

fn read_key(mut table: Table<'_>, recipe: &mut Recipe) {
    set(&mut recipe.host, table.optional_boolean("host"));
    set(&mut recipe.path, table.optional_boolean("path"));
    set(&mut recipe.query, table.take("query").and_then(|value| read_query(&value)));
    set(&mut recipe.sorts_query, table.optional_boolean("sort_query"));
    set(&mut recipe.headers, list(&mut table, "headers", read_key_field));
    set(&mut recipe.cookies, list(&mut table, "cookies", read_cookie));
    set(&mut recipe.country, table.optional_boolean("country"));
    set(&mut recipe.device, table.optional_boolean("device"));
    table.finish();
}

fn read_query(value: &Value<'_>) -> Option<Select> {
    if value.as_string().is_some() {
        return Some(if value.word(shape::QUERIES)? == "none" { Select::Only(Vec::new()) } else { Select::All });
    }
    if value.as_table().is_none() {
        return value.expected("\"all\", \"none\", { only = [...] } or { except = [...] }");
    }
    let mut table = value.table_of(&shape::QUERY)?;
    let by = table.exactly_one("which ones? Write only = [\"NAME\"] or except = [\"NAME\"]");
    table.finish();
    let (key, value) = by?;
    if key == "only" {
        return Some(Select::Only(some_items(&value, "query = \"none\"", |item| read_parameter(item, false))));
    }
    Some(Select::Except(some_items(&value, "query = \"all\"", |item| read_parameter(item, true))))
}

/// The name of a query parameter, which may end in a star or not.
fn read_parameter(value: &Value<'_>, may_end_in_star: bool) -> Option<Arc<str>> {
    let text = value.text()?;
    let whole = if may_end_in_star { text.strip_suffix('*').unwrap_or(text) } else { text };
    if whole.contains('*') {
        let where_it_may = if may_end_in_star { ", but at the end" } else { "" };
        value.warn(format!(
            "a star stands for nothing else here{where_it_may}: only a parameter of this very name fits"
        ));
    }
    Some(text.into())
}

/// A field that is part of keys.
fn read_key_field(value: &Value<'_>) -> Option<HeaderName> {
    let name = headers::name(value)?;
    if name == header::HOST {
        value.error("the host is part of the key by host = true. Remove it here");
        return None;
    }
    if headers::is_of_the_connection(&name) {
        value.error("this field belongs to one connection alone: no response is chosen by it. Remove it here");
        return None;
    }
    if name == header::AUTHORIZATION {
        value.warn("each user has answers of their own then, and shares none. Remove it, unless you mean that");
    } else if name == header::COOKIE {
        value.warn(
            "each user has answers of their own then, for any cookie makes a difference. Write cookies = [\"NAME\"] \
             for those that matter",
        );
    } else if name == header::USER_AGENT {
        value.warn("has thousands of values, so hardly an answer is used twice. Write device = true");
    }
    Some(name)
}

fn read_cookie(value: &Value<'_>) -> Option<Arc<str>> {
    value.parsed(headers::cookie_name).map(Arc::from)
}

fn read_set_cookie(word: &str) -> SetCookie {
    if word == "strip" { SetCookie::Strip } else { SetCookie::Pass }
}

fn read_target(value: &Value<'_>) -> Option<HeaderName> {
    let name = headers::name(value)?;
    if [header::CACHE_CONTROL, header::EXPIRES].contains(&name) {
        value.error("Cache-Control and Expires count where none of these is. Remove it here");
        return None;
    }
    if headers::is_of_the_connection(&name) {
        value.error("this field belongs to one connection alone, and says nothing about caching. Remove it here");
        return None;
    }
    Some(name)
}

fn read_max_body(table: &mut Table<'_>, capacity: u64) -> Option<u64> {
    let kind = table.kind("max_body");
    let value = table.take("max_body")?;
    let size = value.size_of(kind)?.bytes();
    if size > capacity {
        let capacity = ByteSize::from_bytes(capacity);
        value.warn(format!("[cache_store] has room for {capacity} in all. Write less here, or more there"));
    }
    Some(size)
}

fn read_purger(value: &Value<'_>) -> Option<IpNet> {
    let network = client::read_network(value)?;
    if network.prefix_len() == 0 {
        value.warn("everybody can purge: then everybody can make the upstreams answer each request");
    }
    Some(network)
}

fn read_compress(table: &mut Table<'_>, compress: &mut Option<Compress>) {
    let kind = table.kind("compress");
    match table.take("compress").and_then(|value| value.switch(kind)) {
        Some(Switch::Off) => *compress = None,
        Some(Switch::On) => drop(compress.get_or_insert_with(default_compress)),
        Some(Switch::With(table)) => read_compression(table, compress.get_or_insert_with(default_compress)),
        None => {}
    }
}

/// What `compress = true` says. Encodings it says none.
fn default_compress() -> Compress {
    Compress {
        codings: Vec::new(),
        min_size: 1 << 10,
        types: shape::TYPES.split('"').skip(1).step_by(2).map(Arc::from).collect(),
    }
}

fn read_compression(mut table: Table<'_>, compress: &mut Compress) {
    const OTHERWISE: &str = "compress = false";
    set(&mut compress.codings, table.take("encodings").map(|value| some_items(&value, OTHERWISE, read_coding)));
    set(&mut compress.min_size, table.optional_size("min_size").map(ByteSize::bytes));
    set(&mut compress.types, table.take("types").map(|value| some_items(&value, OTHERWISE, read_type)));
    table.finish();
}

fn read_coding(value: &Value<'_>) -> Option<Coding> {
    let word = value.word(shape::CODINGS)?;
    Coding::ALL.into_iter().find(|coding| coding.as_str() == word)
}

/// A media type (RFC 9110 section 8.3.1), or all of a kind.
fn read_type(value: &Value<'_>) -> Option<Arc<str>> {
    let text = value.text()?;
    let is_word = |text: &str| headers::is_token(text) && !text.contains('*');
    let is_good = text.split_once('/').is_some_and(|(of, name)| is_word(of) && (name == "*" || is_word(name)));
    if !is_good {
        value.error(format!("{text:?} is no media type. Write it as in \"text/*\" or \"application/json\""));
        return None;
    }
    Some(text.to_ascii_lowercase().into())
}

fn read_normal(mut table: Table<'_>, normal: &mut Normal, compress: Option<&Compress>) {
    if let Some(value) = table.take("encodings") {
        normal.codings = items(&value, read_coding);
        if let Some(compress) = compress {
            check_encodings(&value, &normal.codings, &compress.codings);
        }
    }
    set(&mut normal.languages, list(&mut table, "languages", read_language));
    table.finish();
}

/// Reports encodings that are not those of `compress`: what is made of a response is what variants are chosen by.
fn check_encodings(value: &Value<'_>, asked: &[Coding], made: &[Coding]) {
    if made.is_empty() {
        // Then those that are asked for are made.
        if value.is_empty() {
            value.error("there is compress too, which needs one. Remove this, or write compress = false");
        }
    } else if asked != made {
        let made: Vec<_> = made.iter().map(|coding| coding.as_str()).collect();
        value.error(format!(
            "compress has other encodings: {}. Remove this, or write compress = {{ encodings = [...] }} with the same",
            made.join(", ")
        ));
    }
}

/// A language (RFC 5646), by its form alone.
fn read_language(value: &Value<'_>) -> Option<Arc<str>> {
    let text = value.text()?;
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !text.split('-').all(is_part) || !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
        value.error(format!("{text:?} is no language. Write it as in \"en\" or \"de-AT\""));
        return None;
    }
    Some(text.into())
}

/// Reads the conditions of each kind that is there; they replace those of the same kind.
fn read_bypass(mut table: Table<'_>, bypass: &mut Vec<Condition>) {
    let cookie_name = |key: &Key<'_>| conditions::cookie_name(key).map(Arc::from);
    let parameter_name = |key: &Key<'_>| conditions::parameter_name(key).map(Arc::from);
    let fields = read_conditions(&mut table, "header", headers::name_of, Condition::Header);
    replace(bypass, fields, |condition| matches!(condition, Condition::Header(..)));
    let cookies = read_conditions(&mut table, "cookie", cookie_name, Condition::Cookie);
    replace(bypass, cookies, |condition| matches!(condition, Condition::Cookie(..)));
    let parameters = read_conditions(&mut table, "query", parameter_name, Condition::Query);
    replace(bypass, parameters, |condition| matches!(condition, Condition::Query(..)));
    bypass.sort_by_key(|condition| match condition {
        Condition::Header(..) => 0,
        Condition::Cookie(..) => 1,
        Condition::Query(..) => 2,
    });
    table.finish();
}

fn replace(all: &mut Vec<Condition>, said: Option<Vec<Condition>>, is_replaced: impl Fn(&Condition) -> bool) {
    if let Some(said) = said {
        all.retain(|condition| !is_replaced(condition));
        all.extend(said);
    }
}

fn read_conditions<N: Clone>(
    table: &mut Table<'_>,
    key: &'static str,
    name: impl Fn(&Key<'_>) -> Option<N>,
    condition: impl Fn(N, Option<Arc<str>>) -> Condition,
) -> Option<Vec<Condition>> {
    let value = table.take(key)?;
    let mut conditions = Vec::new();
    for (key, value) in headers::entries(&value) {
        let name = name(&key);
        for item in headers::few(&value, value.one_or_many()) {
            if let (Some(name), Some(wanted)) = (&name, read_wanted(&item)) {
                conditions.push(condition(name.clone(), wanted));
            }
        }
    }
    Some(conditions)
}

/// The value that a field, cookie or parameter must have; inside, none: any.
fn read_wanted(value: &Value<'_>) -> Option<Option<Arc<str>>> {
    match value.string()? {
        "*" => Some(None),
        text if text.contains('*') => {
            value.error(format!("{text:?} has a star in it. Write the whole value, or \"*\" for any"));
            None
        }
        text => Some(Some(text.into())),
    }
}
