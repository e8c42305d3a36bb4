use std::collections::BTreeMap;

use proptest::prelude::*;
use tidegate_cache::Plan;

use super::*;
use crate::edge::{Edge, Nothing, Route};
use crate::shape::Shape;

/// The plan of a route, where `[cache]` and the route say this.
fn plan(general: Option<&str>, own: &str) -> Option<Arc<Plan>> {
    let general = general.map(|lines| format!("[cache]\n{lines}\n")).unwrap_or_default();
    let text = format!("{general}[[route]]\nname = \"r\"\nfunction = \"*\"\n{own}\n");
    let route = |edge: Edge| edge.routes.iter().next().map(|(_, route): (_, &Route)| route.cache.clone());
    match Edge::parse("f.toml", &text, &mut Nothing) {
        Ok((edge, _)) => route(edge).expect("there is one"),
        Err(errors) => panic!("{errors}\n{text}"),
    }
}

/// Every default of a shape, as it would be written.
fn defaults(shape: &Shape) -> Vec<(&'static str, String)> {
    let is_bare = |text: &str| text.starts_with(['[', '{']) || ["true", "false"].contains(&text);
    let write = |text: &str| if is_bare(text) { text.to_owned() } else { format!("{text:?}") };
    shape.fields().filter_map(|field| Some((field.key, write(field.default?)))).collect()
}

#[test]
fn defaults_are_those_of_the_plan() {
    let default = Some(Arc::new(Plan::default()));
    let tables = [
        (None, "cache = true"),
        (None, "cache = {}"),
        (Some(""), ""),
        (Some(""), "cache = true"),
        (Some(""), "cache = {}"),
        (Some("key = {}\nnormalize = {}\nbypass = {}"), ""),
    ];
    for (general, own) in tables {
        assert_eq!(plan(general, own), default, "{general:?} {own}");
    }
    let written: Vec<_> = [("", &SHAPE), ("key.", &shape::KEY)]
        .into_iter()
        .flat_map(|(path, shape)| defaults(shape).into_iter().map(move |(key, value)| format!("{path}{key} = {value}")))
        .collect();
    assert!(written.len() > 20, "{written:?}");
    for line in &written {
        assert_eq!(plan(Some(line), ""), default, "{line}");
    }
    assert_eq!(plan(Some(&written.join("\n")), ""), default);
}

#[test]
fn defaults_of_compress() {
    let plain = plan(Some("compress = true"), "").expect("it is cached");
    let compress = plain.compress.as_ref().expect("it is on");
    assert_eq!((&*compress.codings, &*plain.normal.codings), (&Coding::ALL[..], &Coding::ALL[..]));
    assert_eq!((compress.min_size, &*compress.types[0], compress.types.len()), (1024, "text/*", 20));
    let written: Vec<_> =
        defaults(&shape::COMPRESS).iter().map(|(key, value)| format!("compress.{key} = {value}")).collect();
    assert_eq!(written.len(), 2);
    assert_eq!(plan(Some(&written.join("\n")), ""), Some(plain));
}

#[test]
fn whether_a_route_is_cached() {
    let table = [
        (None, "", false),
        (None, "cache = false", false),
        (None, "cache = true", true),
        (None, "cache = {}", true),
        (Some(""), "", true),
        (Some(""), "cache = false", false),
        (Some(""), "cache = true", true),
        (Some(""), "cache = {}", true),
    ];
    for (general, own, is_cached) in table {
        assert_eq!(plan(general, own).is_some(), is_cached, "{general:?} {own}");
    }
}

#[test]
fn routes_share_a_plan() {
    let text = "[cache]\n[[route]]\nname = \"a\"\nfunction = \"*\"\n\
                [[route]]\nname = \"b\"\npath = \"/b\"\nfunction = \"*\"\ncache = true\n";
    let (edge, _) = Edge::parse("f.toml", text, &mut Nothing).unwrap();
    let plans: Vec<_> = edge.routes.iter().filter_map(|(_, route)| route.cache.as_ref()).collect();
    assert!(matches!(*plans, [a, b] if Arc::ptr_eq(a, b)));
}

#[test]
fn answers_made_here_are_not_cached() {
    for to in ["respond = {}", "redirect = \"/\"", "split = [{ weight = 1, redirect = \"/\" }]"] {
        let text = format!("[cache]\n[[route]]\nname = \"r\"\n{to}\n");
        let (edge, warnings) = Edge::parse("f.toml", &text, &mut Nothing).unwrap();
        assert!(edge.routes.iter().all(|(_, route)| route.cache.is_none()) && warnings.is_empty(), "{to}");
    }
}

#[test]
fn encodings_of_compress_and_normalize_are_the_same() {
    use Coding::{Brotli, Gzip, Zstd};
    let (gzip, br) = ("normalize.encodings = [\"gzip\"]", "compress.encodings = [\"br\"]");
    let table: [(&[&str], &str, &[Coding], bool); 10] = [
        (&[gzip], "", &[Gzip], false),
        (&[br], "", &[Brotli], true),
        (&["compress = true"], "", &[Zstd, Brotli, Gzip], true),
        // What is said of one counts for the other, wherever it is said.
        (&[gzip, "compress = true"], "", &[Gzip], true),
        (&[gzip], "compress = true", &[Gzip], true),
        (&["compress = true"], gzip, &[Gzip], true),
        (&[gzip, "compress.min_size = \"1B\""], "", &[Gzip], true),
        // Without compress, what was said without it.
        (&[gzip], br, &[Brotli], true),
        (&[br], "compress = false", &[], false),
        (&[gzip, "compress = true"], "compress = false", &[Gzip], false),
    ];
    for (general, own, codings, is_compressed) in table {
        let own = format!("cache = {{ {own} }}");
        let found = plan(Some(&general.join("\n")), &own).expect("it is cached");
        assert_eq!(found.normal.codings, codings, "{general:?} {own}");
        let made = found.compress.as_ref().map(|compress| &*compress.codings);
        assert_eq!(made, is_compressed.then_some(codings), "{general:?} {own}");
    }
}

#[test]
fn a_store_of_its_own_size() {
    let text = "[cache_store]\nmemory = \"1MiB\"\ndisk = { path = \"d\", size = \"1GiB\" }\n[[route]]\nname = \"r\"\n\
                function = \"*\"\ncache = { max_body = \"1GiB\" }";
    let (edge, warnings) = Edge::parse("f.toml", text, &mut Nothing).unwrap();
    assert_eq!((warnings, edge.cache_store.memory), (Vec::new(), 1 << 20));
    let (edge, _) = Edge::parse("f.toml", "[cache_store]\n[cache]\n", &mut Nothing).unwrap();
    assert_eq!(edge.cache_store, CacheStore::default());
    let redis = "[cache]\n[cache_store]\nredis = { url = \"redis://:hunter2@a\" }";
    let (edge, _) = Edge::parse("f.toml", redis, &mut Nothing).unwrap();
    let redis = edge.cache_store.redis.expect("it is there");
    assert_eq!((redis.timeout, &*redis.prefix, redis.max_body), (Duration::from_millis(20), "tidegate:", 1 << 20));
    assert_eq!(redis.url.expose(), "redis://:hunter2@a");
    assert!(!format!("{redis:?}").contains("hunter2"));
}

/// Keys, each with some of its values.
const LINES: [(&str, &[&str]); 30] = [
    ("default_ttl", &["\"1m\"", "\"0s\"", "false"]),
    ("override_ttl", &["\"1s\"", "false"]),
    ("status_ttl", &["{}", "{ 404 = \"1s\", 5xx = \"2s\" }", "{ 410 = \"3s\" }"]),
    ("max_ttl", &["\"1h\"", "\"365d\""]),
    ("heuristics", &["true", "false"]),
    ("stale_while_revalidate", &["\"1s\"", "\"0s\""]),
    ("stale_if_error", &["\"1s\"", "\"0s\""]),
    ("key.host", &["true", "false"]),
    ("key.path", &["true", "false"]),
    ("key.query", &["\"all\"", "\"none\"", "{ only = [\"a\"] }", "{ except = [\"a*\", \"b\"] }"]),
    ("key.sort_query", &["true", "false"]),
    ("key.headers", &["[]", "[\"x-a\"]"]),
    ("key.cookies", &["[]", "[\"a\", \"b\"]"]),
    ("key.country", &["true", "false"]),
    ("key.device", &["true", "false"]),
    ("normalize.languages", &["[]", "[\"en\", \"de\"]"]),
    ("bypass.header", &["{}", "{ x-a = \"*\" }", "{ x-b = [\"1\", \"2\"] }"]),
    ("bypass.cookie", &["{}", "{ a = \"*\" }", "{ b = \"1\" }"]),
    ("bypass.query", &["{}", "{ a = \"*\" }", "{ b = \"\" }"]),
    ("session_cookies", &["[]", "[\"sid\"]"]),
    ("set_cookie", &["\"pass\"", "\"strip\""]),
    ("client_directives", &["true", "false"]),
    ("targets", &["[]", "[\"my-cache-control\"]"]),
    ("max_body", &["\"1B\"", "\"1MiB\""]),
    ("wait", &["\"0s\"", "\"1s\""]),
    ("compress.encodings", &["[\"br\"]", "[\"gzip\", \"zstd\"]"]),
    ("compress.min_size", &["\"0B\"", "\"5KiB\""]),
    ("compress.types", &["[\"text/*\"]", "[\"application/json\"]"]),
    ("debug", &["true", "false"]),
    ("purge_from", &["[]", "[\"10.0.0.0/8\"]"]),
];

type Lines = BTreeMap<&'static str, &'static str>;

fn lines() -> impl Strategy<Value = Lines> {
    let line = prop::sample::select(&LINES[..]);
    let pair = line.prop_flat_map(|(key, values)| (Just(key), prop::sample::select(values)));
    prop::collection::vec(pair, 0..40).prop_map(|pairs| pairs.into_iter().collect())
}

fn write(lines: &Lines) -> String {
    lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

proptest! {
    /// A route is cached as if `[cache]` had been changed in the places that it names.
    #[test]
    fn a_route_changes_parts(general in lines(), own in lines()) {
        let mut changed = general.clone();
        changed.extend(own.iter());
        let in_route = plan(Some(&write(&general)), &format!("[route.cache]\n{}", write(&own)));
        prop_assert_eq!(in_route, plan(Some(&write(&changed)), ""));
    }
}
