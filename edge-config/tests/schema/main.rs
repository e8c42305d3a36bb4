//! The JSON Schema is the one that the shapes make, and never stricter than the reader.

#[path = "../samples/mod.rs"]
mod samples;
mod validator;

use proptest::prelude::*;
use samples::{Folder, mutations};
use serde_json::{Map, Value};
use tidegate_edge_config::edge::{Edge, schema};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use validator::Validator;

#[test]
fn the_file_is_up_to_date() {
    let (file, made) = (include_str!("../../edge.schema.json"), schema::json());
    let different = file.lines().zip(made.lines()).position(|(file, made)| file != made);
    let line = different.unwrap_or(file.lines().count().min(made.lines().count()));
    let near = |text: &str| text.lines().skip(line.saturating_sub(2)).take(6).collect::<Vec<_>>().join("\n");
    assert!(
        file == made,
        "edge.schema.json is not what the shapes make, from line {} on. The file:\n{}\nThe shapes:\n{}\n\
         Write it anew: cargo run -p tidegate-edge-config --example schema",
        line + 1,
        near(file),
        near(&made)
    );
}

#[test]
fn good_files_fit() {
    let validator = Validator::new(&schema::json());
    for (file, text) in samples::good() {
        let found = validator.check(&document(&text).expect("good files are TOML"));
        assert_eq!(found, Ok(()), "{file}");
    }
}

#[test]
fn defaults_and_examples_fit() {
    let text = schema::json();
    let validator = Validator::new(&text);
    let mut found = 0;
    each_object(&serde_json::from_str(&text).expect("the schema is JSON"), &mut |schema| {
        let examples = schema.get("examples").and_then(Value::as_array).into_iter().flatten();
        for value in schema.get("default").into_iter().chain(examples).filter(|_| schema.contains_key("description")) {
            found += 1;
            assert_eq!(validator.check_part(schema, value), Ok(()), "{schema:?}");
        }
    });
    assert!(found > 30, "only {found} defaults and examples");
}

fn each_object(value: &Value, visit: &mut dyn FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(entries) => {
            visit(entries);
            entries.values().for_each(|value| each_object(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| each_object(item, visit)),
        _ => {}
    }
}

#[test]
fn bad_structures_do_not_fit() {
    let route = |rest: &str| format!("[[route]]\nname = \"r\"\n{rest}");
    let limit = |rest: &str| format!("[[limit]]\nname = \"l\"\n{rest}");
    let table = [
        ("rout = []".to_owned(), "rout"),
        ("[clint]".to_owned(), "clint"),
        ("[proxy]\nname = 5".to_owned(), "/proxy/name"),
        ("[proxy]\nserver_timing = \"yes\"".to_owned(), "/proxy/server_timing"),
        ("[client]\naddress_from = \"x\"".to_owned(), "/client/address_from"),
        ("[client]\ntrusted_proxies = \"10.0.0.0/8\"".to_owned(), "/client/trusted_proxies"),
        ("[defaults]\nidle_timeout = \"5\"".to_owned(), "/defaults/idle_timeout"),
        ("[defaults]\nmax_connections = 0".to_owned(), "/defaults/max_connections"),
        ("[defaults]\nmax_request_body = \"1M\"".to_owned(), "/defaults/max_request_body"),
        ("[[upstream]]\nname = \"a\"".to_owned(), "url"),
        ("[[upstream]]\nname = \"A\"\nurl = \"http://a\"".to_owned(), "/upstream/0/name"),
        ("[[upstream]]\nname = \"a\"\nurl = \"http://a/b\"".to_owned(), "/upstream/0/url"),
        ("[upstream]\nname = \"a\"\nurl = \"http://a\"".to_owned(), "/upstream"),
        ("[[route]]\nfunction = \"*\"".to_owned(), "name"),
        (route(""), "oneOf"),
        (route("function = \"*\"\nupstream = \"a\""), "oneOf"),
        (route("function = \"*\"\nsticky = { cookie = \"a\" }"), "dependentRequired"),
        (route("function = \"*\"\nhost = []"), "/route/0/host"),
        (route("function = \"*\"\nheader = { \"a b\" = \"*\" }"), "/route/0/header"),
        (route("function = \"*\"\nrequest = { set = { a = 5 } }"), "/route/0/request/set/a"),
        (
            route("function = \"*\"\nrequest = { set = { a = { env = \"A\", file = \"b\" } } }"),
            "/route/0/request/set/a",
        ),
        (route("redirect = { to = \"/\", status = 304 }"), "/route/0/redirect"),
        (route("redirect = \"elsewhere\""), "/route/0/redirect"),
        (route("split = [{ upstream = \"a\" }]"), "/route/0/split/0"),
        (route("function = \"*\"\nlimit = {}"), "/route/0/limit"),
        (route("function = \"*\"\nlimit = true"), "/route/0/limit"),
        (route("function = \"*\"\nlimit = { any = \"a\" }"), "/route/0/limit"),
        ("[defaults]\nlimit = 5".to_owned(), "/defaults/limit"),
        ("[client]\nclaims = \"plan\"".to_owned(), "/client/claims"),
        ("[limit]\nname = \"a\"\nrate = \"1/s\"".to_owned(), "/limit"),
        ("[[limit]]\nrate = \"1/s\"".to_owned(), "name"),
        (limit("rate = \"1\""), "/limit/0/rate"),
        (limit("algorithm = \"window\""), "/limit/0/algorithm"),
        (limit("cost = 0"), "/limit/0/cost"),
        (limit("key = \"address\""), "/limit/0/key"),
        (limit("key = [\"header\"]"), "/limit/0/key"),
        (limit("deny = [\"everybody\"]"), "/limit/0/deny/0"),
        (limit("ipv6_prefix = 129"), "/limit/0/ipv6_prefix"),
        (limit("plan_from = \"claim:sub\""), "dependentRequired"),
        (limit("tier = [{ rate = \"1/s\" }]"), "plan"),
        ("[limit_store]\nredis = { nodes = 3 }".to_owned(), "url"),
        ("[limit_store]\nredis = { url = \"http://a\" }".to_owned(), "/limit_store/redis/url"),
        (route("function = \"*\"\ncache = \"1m\""), "/route/0/cache"),
        (route("function = \"*\"\ncache = { ttl = \"1m\" }"), "/route/0/cache"),
        ("cache = true".to_owned(), "/cache"),
        ("[cache]\ndefault_ttl = true".to_owned(), "/cache/default_ttl"),
        ("[cache]\nstatus_ttl = { 6xx = \"1s\" }".to_owned(), "/cache/status_ttl"),
        ("[cache]\nkey = { query = \"some\" }".to_owned(), "/cache/key/query"),
        ("[cache]\nkey = { query = { only = [\"a\"], except = [\"b\"] } }".to_owned(), "/cache/key/query"),
        ("[cache]\nnormalize = { encodings = [\"deflate\"] }".to_owned(), "/cache/normalize/encodings/0"),
        ("[cache]\nbypass = { header = { x = \"a*\" } }".to_owned(), "/cache/bypass/header/x"),
        ("[cache]\ncompress = { types = [\"*/*\"] }".to_owned(), "/cache/compress"),
        ("[cache_store]\ndisk = { path = \"a\" }".to_owned(), "size"),
        ("[cache_store]\nredis = { url = \"http://a\" }".to_owned(), "/cache_store/redis/url"),
        ("[[expect]]\nstatus = 200".to_owned(), "request"),
        ("[[expect]]\nrequest = \"GET /\"".to_owned(), "/expect/0/request"),
        ("[[expect]]\nrequest = \"GET http://a/\"\nroute = true".to_owned(), "/expect/0/route"),
    ];
    let validator = Validator::new(&schema::json());
    for (text, place) in table {
        let problem = validator.check(&document(&text).expect("it is TOML")).expect_err(&text);
        assert!(problem.contains(place), "{text}\n{problem}");
        assert!(Edge::parse("f.toml", &text, &mut Folder::of_package("")).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(samples::cases())]

    #[test]
    fn what_the_reader_accepts_fits(text in mutations()) {
        if Edge::parse("f.toml", &text, &mut Folder::of_package("tests/ui/edge/good")).is_ok() {
            let document = document(&text).expect("the reader accepts only TOML");
            thread_local! { static VALIDATOR: Validator = Validator::new(&schema::json()); }
            let found = VALIDATOR.with(|validator| validator.check(&document));
            prop_assert_eq!(found, Ok(()), "{}", text);
        }
    }
}

/// A TOML text as JSON has it.
fn document(text: &str) -> Option<Value> {
    fn table(table: &DeTable<'_>) -> Value {
        table.iter().map(|(key, item)| (key.get_ref().to_string(), value(item))).collect()
    }
    fn value(item: &Spanned<DeValue<'_>>) -> Value {
        match item.get_ref() {
            DeValue::String(text) => text.as_ref().into(),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX).into(),
            DeValue::Float(_) => 0.5.into(),
            DeValue::Boolean(value) => (*value).into(),
            DeValue::Datetime(value) => value.to_string().into(),
            DeValue::Array(items) => items.iter().map(value).collect(),
            DeValue::Table(inner) => table(inner),
        }
    }
    DeTable::parse(text).ok().map(|document| table(document.get_ref()))
}
