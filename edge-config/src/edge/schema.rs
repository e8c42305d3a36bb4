//! The JSON Schema of `edge.toml`, made from the shapes that the reader reads by: editors complete and check the file
//! with it.
//!
//! It is looser than the reader, never stricter: what it rejects is wrong.

use super::reading;
use crate::json::Json;
use crate::shape::{Field, Form, Kind, Shape};

/// What every string may be besides what it must be: its variables are known only where the edge runs.
const VARIABLE: &str = r"\$\{";

/// The schema, as JSON Schema draft 2020-12.
pub fn json() -> String {
    let root = &reading::SHAPE;
    let mut shapes = Vec::new();
    collect(root, &mut shapes);
    let definitions = shapes.iter().map(|shape| (shape.name, Json::object(table(shape))));
    let mut schema = vec![
        ("$schema", Json::text("https://json-schema.org/draft/2020-12/schema")),
        ("$comment", Json::text("Generated: cargo run -p tidegate-edge-config --example schema")),
        ("title", Json::text("edge.toml")),
    ];
    schema.extend(table(root));
    schema.push(("$defs", Json::object(definitions)));
    format!("{}\n", Json::object(schema))
}

/// All shapes below one, each once.
fn collect(shape: &'static Shape, found: &mut Vec<&'static Shape>) {
    for field in shape.fields() {
        below(&field.kind, found);
    }
}

fn below(kind: &'static Kind, found: &mut Vec<&'static Shape>) {
    match kind {
        Kind::List(kind) | Kind::OneOrMany(kind) | Kind::Map(_, kind) => below(kind, found),
        Kind::AnyOf(kinds) => kinds.iter().for_each(|kind| below(kind, found)),
        Kind::Table(shape) => match found.iter().find(|other| other.name == shape.name) {
            Some(other) => assert!(std::ptr::eq(*other, *shape), "two shapes are named {}", shape.name),
            None => {
                found.push(shape);
                collect(shape, found);
            }
        },
        _ => {}
    }
}

type Keywords = Vec<(&'static str, Json)>;

fn table(shape: &Shape) -> Keywords {
    let names = |keys: &mut dyn Iterator<Item = &'static str>| Json::list(keys.map(Json::text));
    let mut keywords = vec![("description", Json::text(shape.description)), ("type", Json::text("object"))];
    keywords.push(("properties", Json::object(shape.fields().map(|field| (field.key, Json::object(property(field)))))));
    if shape.fields().any(|field| field.is_required) {
        let mut required = shape.fields().filter(|field| field.is_required).map(|field| field.key);
        keywords.push(("required", names(&mut required)));
    }
    if !shape.one_of.is_empty() {
        let one = |key: &&'static str| Json::object([("required", Json::list([Json::text(*key)]))]);
        keywords.push(("oneOf", Json::list(shape.one_of.iter().map(one))));
    }
    if !shape.needs.is_empty() {
        let needs = shape.needs.iter().map(|(key, needed)| (*key, Json::list([Json::text(*needed)])));
        keywords.push(("dependentRequired", Json::object(needs)));
    }
    keywords.push(("additionalProperties", Json::boolean(false)));
    keywords
}

fn property(field: &Field) -> Keywords {
    let inherited = field.inherited_from.map(|table| format!(" Without this, what {table} says.")).unwrap_or_default();
    let description = format!("{}{}{inherited}", field.description, range(&field.kind));
    let mut keywords = vec![("description", Json::text(description))];
    keywords.extend(value(&field.kind));
    keywords.extend(field.default.map(|default| ("default", default_value(&field.kind, default))));
    keywords
}

/// Its range, as a sentence, if a number alone does not say it.
fn range(kind: &Kind) -> String {
    match kind {
        Kind::Duration(min, max) | Kind::Size(min, max) => format!(" From {min} to {max}."),
        Kind::AnyOf([Kind::False, kind]) => range(kind),
        _ => String::new(),
    }
}

fn default_value(kind: &Kind, default: &'static str) -> Json {
    match kind {
        Kind::Integer(..) | Kind::Boolean | Kind::False | Kind::List(_) | Kind::Map(..) => Json::raw(default),
        Kind::AnyOf([first, ..]) => default_value(first, default),
        _ => Json::text(default),
    }
}

fn value(kind: &Kind) -> Keywords {
    let of = |kind: &Kind| Json::object(value(kind));
    match kind {
        Kind::String => string(None),
        Kind::Text => string(Some(r"\S".to_owned())),
        Kind::Form(form) => formed(form),
        Kind::Integer(min, max) => {
            let (min, max) = (Json::raw(min.to_string()), Json::raw(max.to_string()));
            vec![("type", Json::text("integer")), ("minimum", min), ("maximum", max)]
        }
        Kind::Boolean => vec![("type", Json::text("boolean"))],
        Kind::False => vec![("const", Json::boolean(false))],
        Kind::Duration(..) => formed(&Form { pattern: "[0-9]+(ms|s|m|h|d)", examples: &["250ms", "30s"] }),
        Kind::Size(..) => formed(&Form { pattern: "[0-9]+(B|kB|MB|GB|KiB|MiB|GiB)", examples: &["64KiB", "10MiB"] }),
        Kind::Rate => formed(&Form { pattern: "[0-9]+/[smhd]", examples: &["100/m", "5/s"] }),
        Kind::OneOf(words) => {
            let words = Json::object([("enum", Json::list(words.iter().map(|word| Json::text(*word))))]);
            vec![("anyOf", Json::list([words, Json::object(string(Some(VARIABLE.to_owned())))]))]
        }
        Kind::List(item) => vec![("type", Json::text("array")), ("items", of(item))],
        Kind::OneOrMany(item) => {
            let many = [("type", Json::text("array")), ("items", of(item)), ("minItems", Json::raw("1"))];
            vec![("anyOf", Json::list([of(item), Json::object(many)]))]
        }
        Kind::Map(name, item) => {
            let names = Json::object([("pattern", Json::text(format!("^(?:{})$", name.pattern)))]);
            vec![("type", Json::text("object")), ("propertyNames", names), ("additionalProperties", of(item))]
        }
        Kind::Table(shape) => vec![("$ref", Json::text(format!("#/$defs/{}", shape.name)))],
        Kind::AnyOf(kinds) => vec![("anyOf", Json::list(kinds.iter().map(of)))],
    }
}

fn formed(form: &Form) -> Keywords {
    let mut keywords = string(Some(format!("^(?:{})$|{VARIABLE}", form.pattern)));
    keywords.push(("examples", Json::list(form.examples.iter().map(|example| Json::text(*example)))));
    keywords
}

fn string(pattern: Option<String>) -> Keywords {
    let mut keywords = vec![("type", Json::text("string"))];
    keywords.extend(pattern.map(|pattern| ("pattern", Json::text(pattern))));
    keywords
}
