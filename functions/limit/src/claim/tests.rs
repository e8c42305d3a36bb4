use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn with(authorization: &[&str]) -> HeaderMap {
    let lines = authorization.iter().map(|line| (AUTHORIZATION, HeaderValue::from_bytes(line.as_bytes()).unwrap()));
    lines.collect()
}

fn of_json(json: &str, name: &str) -> Option<String> {
    let token = format!("Bearer e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(json));
    claim(&with(&[&token]), name).map(|value| value.to_string())
}

#[test]
fn values_of_claims() {
    let deep = format!(r#"{{"a":{}1{},"sub":"b"}}"#, "[".repeat(100), "]".repeat(100));
    let too_deep = format!(r#"{{"a":{}1{},"sub":"b"}}"#, "[".repeat(100_000), "]".repeat(100_000));
    // payload, claim, value
    let table = [
        (r#"{"sub":"a","plan":"gold"}"#, "plan", Some("gold")),
        (r#"{"sub":"a","plan":"gold"}"#, "sub", Some("a")),
        (r#"{"sub":"a"}"#, "plan", None),
        (r#"{"sub":"a"}"#, "", None),
        (r#" { "sub" : "a" } "#, "sub", Some("a")),
        (r#"{"sub":""}"#, "sub", Some("")),
        (r#"{"sub":"ü\u00fc\n"}"#, "sub", Some("üü\n")),
        (r#"{"s\u0075b":"a"}"#, "sub", Some("a")),
        (r#"{"realm.x":"a","realm":{"x":"b"}}"#, "realm.x", Some("a")),
        (r#"{"realm":{"x":"b"}}"#, "realm.x", None),
        (r#"{"https://shop.example/plan":"gold"}"#, "https://shop.example/plan", Some("gold")),
        // Numbers as they stand there: large ones differ from their neighbours.
        (r#"{"n":7}"#, "n", Some("7")),
        (r#"{"n":-7.50}"#, "n", Some("-7.50")),
        (r#"{"n":123456789012345678901234567890}"#, "n", Some("123456789012345678901234567890")),
        (r#"{"n":1e3}"#, "n", Some("1e3")),
        (r#"{"b":true}"#, "b", Some("true")),
        (r#"{"b":false}"#, "b", Some("false")),
        (r#"{"b":null}"#, "b", None),
        (r#"{"aud":["a"]}"#, "aud", None),
        (r#"{"aud":{"a":1}}"#, "aud", None),
        // The last member of a name counts.
        (r#"{"sub":"a","sub":"b"}"#, "sub", Some("b")),
        (r#"{"sub":"a","sub":null}"#, "sub", None),
        (&deep, "sub", Some("b")),
        (&too_deep, "sub", None),
        // No JSON, or no object.
        ("", "sub", None),
        (r#"{"sub":"a""#, "sub", None),
        (r#"{"sub":"a"}}"#, "sub", None),
        (r#"{"sub":"a"} {}"#, "sub", None),
        (r#"{"sub":"a",}"#, "sub", None),
        (r#"{"sub":"\ud800"}"#, "sub", None),
        (r#"{"sub":01}"#, "sub", None),
        (r#"["sub"]"#, "sub", None),
        (r#""sub""#, "sub", None),
    ];
    for (json, name, value) in table {
        assert_eq!(of_json(json, name).as_deref(), value, "{name} of {}", &json[..json.len().min(99)]);
    }
}

#[test]
fn payloads_have_a_largest_size() {
    let of_size = |size: usize| format!(r#"{{"sub":"a","x":"{}"}}"#, "x".repeat(size - r#"{"sub":"a","x":""}"#.len()));
    assert_eq!(of_json(&of_size(PAYLOAD_MAX), "sub").as_deref(), Some("a"));
    assert_eq!(of_json(&of_size(PAYLOAD_MAX + 1), "sub"), None);
}

#[test]
fn tokens() {
    let json = r#"{"sub":"a???"}"#;
    let payload = BASE64_URL_SAFE_NO_PAD.encode(json);
    let of = |lines: &[&str]| claim(&with(lines), "sub").map(|value| value.to_string());
    let good = |token: String| assert_eq!(of(&[&token]).as_deref(), Some("a???"), "{token}");
    let bad = |token: String| assert_eq!(of(&[&token]), None, "{token}");
    good(format!("Bearer e30.{payload}.c2ln"));
    good(format!("bEARER   e30.{payload}.c2ln "));
    // RFC 7519 section 6.1: unsecured ones.
    good(format!("Bearer e30.{payload}."));
    bad(format!("Bearer .{payload}.c2ln"));
    bad(format!("Bearer e30.{payload}"));
    bad(format!("Bearer e30.{payload}.c2ln.x"));
    bad(format!("Bearer e30..{payload}"));
    bad(format!("Bearere30.{payload}.c2ln"));
    bad(format!("Basic e30.{payload}.c2ln"));
    bad(format!("e30.{payload}.c2ln"));
    bad(format!("Bearer e30.{payload}.c2ln, Bearer e30"));
    bad(format!("Bearer e30=.{payload}.c2ln"));
    // RFC 7515 section 2: base64url without padding.
    let padded = BASE64_URL_SAFE.encode(json);
    assert!(padded.ends_with('='));
    bad(format!("Bearer e30.{padded}.c2ln"));
    let other_alphabet = BASE64_STANDARD.encode(json);
    assert!(other_alphabet.contains(['+', '/']));
    bad(format!("Bearer e30.{}.c2ln", other_alphabet.trim_end_matches('=')));
    // One that is there twice is none.
    let token = format!("Bearer e30.{payload}.c2ln");
    assert_eq!(of(&[&token, &token]), None);
    assert_eq!(of(&[&token, "Basic YTpi"]), None);
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[""]), None);
}

#[test]
fn registered_claims_are_sorted() {
    assert!(REGISTERED_CLAIMS.is_sorted());
}

proptest! {
    #[test]
    fn garbage_has_no_claims(bytes in proptest::collection::vec(prop_oneof![32..=126_u8, 128..=255_u8], 0..200)) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&[b"Bearer ", &bytes[..]].concat()).unwrap());
        prop_assert_eq!(claim(&headers, "sub"), None);
    }

    #[test]
    fn any_payload_is_survived(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let token = format!("Bearer e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(payload));
        prop_assert_eq!(claim(&with(&[&token]), "sub"), None);
    }

    #[test]
    fn what_is_almost_json_is_survived(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("{"), Just("}"), Just("["), Just("]"), Just(":"), Just(","), Just("\"sub\""), Just("\"a\""),
                Just("1"), Just("-"), Just("true"), Just("nul"), Just(" "), Just("\\u00"), Just("\""),
            ],
            0..20,
        ),
    ) {
        let json = pieces.concat();
        // As the whole value says it.
        let expected = serde_json::from_str::<serde_json::Value>(&json).ok().and_then(|value| match value.get("sub")? {
            serde_json::Value::String(text) => Some(text.clone()),
            other @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => Some(other.to_string()),
            _ => None,
        });
        prop_assert_eq!(of_json(&json, "sub"), expected);
    }

    #[test]
    fn any_text_is_found(value in any::<String>(), name in any::<String>()) {
        let json = serde_json::json!({ "a": [1, {"b": null}], (&name): value, "~": 1 });
        let expected = json[&name].as_str().unwrap_or("1").to_owned();
        prop_assert_eq!(of_json(&json.to_string(), &name), Some(expected));
    }
}
