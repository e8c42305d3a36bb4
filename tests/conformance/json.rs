//! What a body in JSON must be: some members of an object.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::pattern::Pattern;

/// What members of an object must be, by name: texts as everywhere in cases, `true` for there and `false` for absent,
/// anything else exactly that.
pub type Members = BTreeMap<String, toml::Value>;

/// What is wrong with a body, member by member.
pub fn misses(expected: &Members, body: &[u8]) -> Vec<String> {
    if expected.is_empty() {
        return Vec::new();
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
        return vec![format!("must be an object, but it is {:?}", String::from_utf8_lossy(body))];
    };
    expected.iter().filter_map(|(name, must)| Some(format!("{name} {}", miss(must, object.get(name))?))).collect()
}

fn miss(must: &toml::Value, found: Option<&Value>) -> Option<String> {
    let text = |found: &Value| found.as_str().map_or_else(|| found.to_string(), str::to_owned);
    let pattern = match must {
        toml::Value::Boolean(true) => Pattern::Present,
        toml::Value::Boolean(false) => Pattern::Absent,
        toml::Value::String(text) => Pattern::parse(text),
        other => {
            let must = serde_json::to_value(other).expect("a number, a date, a list or a table");
            return (found != Some(&must)).then(|| format!("must be {must}, but it is {found:?}"));
        }
    };
    pattern.miss(found.map(text).as_deref())
}

/// What this module must do itself: see [`crate::pattern::check_self`].
pub fn check_self() {
    let body = br#"{"status":429,"title":"No","names":["a","b"],"more":null}"#;
    let table = [
        ("status = 429", true),
        ("status = 430", false),
        ("title = \"No\"\nnames = [\"a\", \"b\"]", true),
        ("names = [\"b\", \"a\"]", false),
        ("title = \"~N*\"", true),
        ("title = \"~n*\"", false),
        ("title = true\nother = false", true),
        ("title = false", false),
        ("other = true", false),
    ];
    for (expected, fits) in table {
        let expected: Members = toml::from_str(expected).expect("a table");
        assert_eq!(misses(&expected, body).is_empty(), fits, "{expected:?}");
    }
    let any = Members::from([("status".to_owned(), toml::Value::Boolean(true))]);
    assert!(!misses(&any, b"no JSON").is_empty() && !misses(&any, b"[]").is_empty());
    assert!(misses(&Members::new(), b"no JSON").is_empty());
}
