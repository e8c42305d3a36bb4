//! As much of JSON Schema as ours uses: a keyword that is not known here is a mistake, not skipped.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Value};

/// A schema with its patterns.
pub struct Validator {
    root: Value,
    patterns: BTreeMap<String, Regex>,
}

impl Validator {
    /// Reads a schema.
    pub fn new(text: &str) -> Self {
        let root: Value = serde_json::from_str(text).expect("the schema is JSON");
        let mut patterns = BTreeMap::new();
        collect(&root, &mut patterns);
        Self { root, patterns }
    }

    /// Whether a document fits; otherwise where it does not, and why.
    pub fn check(&self, document: &Value) -> Result<(), String> {
        self.value(&self.root, document, "")
    }

    /// The same for a part of the schema.
    pub fn check_part(&self, schema: &Map<String, Value>, value: &Value) -> Result<(), String> {
        self.object(schema, value, "")
    }

    fn value(&self, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        self.object(schema.as_object().expect("a schema is an object"), value, path)
    }

    fn object(&self, schema: &Map<String, Value>, value: &Value, path: &str) -> Result<(), String> {
        schema.iter().try_for_each(|(keyword, argument)| {
            let found = self.keyword(keyword, argument, schema, value, path)?;
            if found { Ok(()) } else { Err(format!("{path}: {keyword} {argument}: {value}")) }
        })
    }

    fn keyword(
        &self,
        keyword: &str,
        argument: &Value,
        schema: &Map<String, Value>,
        value: &Value,
        path: &str,
    ) -> Result<bool, String> {
        let fits = |schema: &Value| self.value(schema, value, path).is_ok();
        let schemas = || argument.as_array().expect("a list of schemas");
        let has = |key: &Value| value.get(key.as_str().expect("a key")).is_some();
        let have = |keys: &Value| keys.as_array().expect("a list of keys").iter().all(has);
        Ok(match keyword {
            "$schema" | "$comment" | "$defs" | "title" | "description" | "default" | "examples" => true,
            "$ref" => return self.value(self.referred(argument), value, path).map(|()| true),
            "type" => is_of_type(value, argument.as_str().expect("a type")),
            "const" => value == argument,
            "enum" => schemas().contains(value),
            "anyOf" => schemas().iter().any(fits),
            "oneOf" => schemas().iter().filter(|schema| fits(schema)).count() == 1,
            "minimum" => value.as_i64().is_none_or(|number| Some(number) >= argument.as_i64()),
            "maximum" => value.as_i64().is_none_or(|number| Some(number) <= argument.as_i64()),
            "minItems" => value.as_array().is_none_or(|items| Some(items.len() as u64) >= argument.as_u64()),
            "pattern" => {
                value.as_str().is_none_or(|text| self.patterns[argument.as_str().expect("text")].is_match(text))
            }
            "required" => have(argument),
            "dependentRequired" => {
                argument.as_object().expect("keys").iter().all(|(key, needed)| value.get(key).is_none() || have(needed))
            }
            "items" => return self.all(value.as_array().into_iter().flatten().enumerate(), |_| argument, path),
            "properties" => {
                let known = entries(value).filter(|(key, _)| argument.get(key).is_some());
                return self.all(known, |key| &argument[key.as_str()], path);
            }
            "additionalProperties" if argument == false => {
                let unknown = |key: &String| schema["properties"].get(key).is_none();
                return match entries(value).find(|(key, _)| unknown(key)) {
                    Some((key, _)) => Err(format!("{path}: unknown {key}")),
                    None => Ok(true),
                };
            }
            "additionalProperties" => return self.all(entries(value), |_| argument, path),
            "propertyNames" => entries(value).all(|(key, _)| self.value(argument, &key.clone().into(), path).is_ok()),
            other => panic!("the keyword {other} is not known here"),
        })
    }

    /// Whether each of several values fits the schema for its key.
    fn all<'s, 'v, K: ToString>(
        &self,
        values: impl Iterator<Item = (K, &'v Value)>,
        schema: impl Fn(&K) -> &'s Value,
        path: &str,
    ) -> Result<bool, String> {
        for (key, value) in values {
            self.value(schema(&key), value, &format!("{path}/{}", key.to_string()))?;
        }
        Ok(true)
    }

    fn referred(&self, reference: &Value) -> &Value {
        let name = reference.as_str().and_then(|text| text.strip_prefix("#/$defs/")).expect("one of ours");
        &self.root["$defs"][name]
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known here"),
    }
}

fn collect(schema: &Value, patterns: &mut BTreeMap<String, Regex>) {
    match schema {
        Value::Object(entries) => {
            if let Some(pattern) = entries.get("pattern").and_then(Value::as_str) {
                patterns.insert(pattern.to_owned(), Regex::new(pattern).expect("a good pattern"));
            }
            entries.values().for_each(|value| collect(value, patterns));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, patterns)),
        _ => {}
    }
}
