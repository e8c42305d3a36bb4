use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use tidegate_core::{Client, Country};

use super::*;

/// Asks about a request: `192.0.2.1 host?query | name: value | country: DE`.
pub(crate) fn with<T>(request: &str, ask: impl FnOnce(&RequestView<'_>) -> T) -> T {
    let mut lines = request.split(" | ");
    let (address, url) = lines.next().unwrap().split_once(' ').unwrap();
    let (host, query) = url.split_once('?').map_or((url, None), |(host, query)| (host, Some(query)));
    let mut client = Client::new(address.parse().unwrap());
    let mut headers = HeaderMap::new();
    for line in lines {
        match line.split_once(": ").unwrap() {
            ("country", country) => client.country = Country::parse(country),
            (name, value) => {
                headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
        }
    }
    let method = &Method::GET;
    ask(&RequestView { method, is_https: true, host, path: "/", query, headers: &headers, client: &client })
}

fn recipe(parts: &str) -> Recipe {
    Recipe { parts: parts.split_terminator(' ').map(|part| Part::parse(part).unwrap()).collect(), ..Recipe::default() }
}

/// In words, with the route `api`; `Err` if a part is missing.
fn key(recipe: &Recipe, request: &str, plan: Option<&str>) -> Result<String, String> {
    let text = |key: Key| {
        assert_eq!(Key::from_text(&key.to_string()), key);
        key.as_str().to_owned()
    };
    with(request, |view| recipe.key(view, "api", plan)).map(text).map_err(text)
}

#[test]
fn parts_are_written_as_they_are_read() {
    for text in [
        "client",
        "route",
        "host",
        "country",
        "api-key",
        "header:x-tenant",
        "cookie:Session.id",
        "query:filter[a:b]",
        "claim:https://shop.example/plan",
        "claim:ü|%",
    ] {
        assert_eq!(Part::parse(text).map(|part| part.to_string()).as_deref(), Some(text));
    }
    assert_eq!(Part::parse("header:X-Tenant"), Part::parse("header:x-tenant"));
    assert_ne!(Part::parse("cookie:A"), Part::parse("cookie:a"));
    for text in [
        "",
        "Client",
        " client",
        "client:",
        "client:x",
        "ip",
        "header",
        "header:",
        "header:a b",
        "cookie:",
        "cookie:a=b",
        "cookie:a;b",
        "query:",
        "query:a=b",
        "claim:",
        "claim:a\nb",
        "api-key:a",
        "plan",
    ] {
        assert_eq!(Part::parse(text), None, "{text}");
    }
}

#[test]
fn forms_are_all_parts() {
    for form in Part::FORMS {
        assert!(Part::parse(&form.replace("NAME", "x")).is_some(), "{form}");
    }
}

#[test]
fn keys_in_words() {
    let token = "authorization: Bearer e30.eyJzdWIiOiJhfGIiLCJuIjo3fQ.";
    // parts, request, key
    let table = [
        ("", "192.0.2.1 a", Ok("")),
        ("client", "192.0.2.1 a", Ok("client=192.0.2.1")),
        ("client", "::ffff:192.0.2.1 a", Ok("client=192.0.2.1")),
        ("client", "2001:db8::1 a", Ok("client=2001:db8::/64")),
        ("client route", "2001:db8::1 a", Ok("client=2001:db8::/64|route=api")),
        ("route client", "192.0.2.1 a", Ok("route=api|client=192.0.2.1")),
        ("host", "192.0.2.1 shop.example", Ok("host=shop.example")),
        ("host", "192.0.2.1 ", Err("host")),
        ("country", "192.0.2.1 a | country: de", Ok("country=DE")),
        ("country route", "192.0.2.1 a", Err("country|route=api")),
        ("header:x-a", "192.0.2.1 a | x-a: one | x-b: two", Ok("header:x-a=one")),
        ("header:x-a", "192.0.2.1 a | x-a: one | x-a: two,three", Ok("header:x-a=one, two,three")),
        ("header:x-a", "192.0.2.1 a | x-a:  | x-a: a ", Ok("header:x-a=a")),
        ("header:x-a", "192.0.2.1 a | x-a: ", Err("header:x-a")),
        ("header:x-a", "192.0.2.1 a | x-a: a|b=c%d#e\tü~", Ok("header:x-a=a%7Cb%3Dc%25d%23e%09%C3%BC~")),
        ("query:a", "192.0.2.1 a?b=1&a=2&a=3", Ok("query:a=2")),
        ("query:a", "192.0.2.1 a?b=1&%61=%61+b%7c", Ok("query:a=a b%7C")),
        ("query:a", "192.0.2.1 a?a", Err("query:a")),
        ("query:a", "192.0.2.1 a", Err("query:a")),
        ("query:ü|", "192.0.2.1 a?%c3%bc%7c=1", Ok("query:%C3%BC%7C=1")),
        ("claim:sub claim:n", &format!("192.0.2.1 a | {token}"), Ok("claim:sub=a%7Cb|claim:n=7")),
        ("claim:x claim:n", &format!("192.0.2.1 a | {token}"), Err("claim:x|claim:n=7")),
        ("claim:sub", "192.0.2.1 a", Err("claim:sub")),
        ("api-key", "192.0.2.1 a", Err("api-key")),
    ];
    for (parts, request, expected) in table {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(key(&recipe(parts), request, None), expected, "{parts} of {request}");
    }
}

#[test]
fn networks_are_told_by_their_prefixes() {
    // IPv4 bits, IPv6 bits, client, value
    let table = [
        (32, 64, "192.0.2.255", "192.0.2.255"),
        (24, 64, "192.0.2.255", "192.0.2.0/24"),
        (31, 64, "192.0.2.255", "192.0.2.254/31"),
        (1, 64, "192.0.2.255", "128.0.0.0/1"),
        (0, 64, "192.0.2.255", "0.0.0.0/0"),
        (40, 64, "192.0.2.255", "192.0.2.255"),
        (32, 128, "2001:db8::1", "2001:db8::1"),
        (32, 129, "2001:db8::1", "2001:db8::1"),
        (32, 127, "2001:db8::1", "2001:db8::/127"),
        (32, 64, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (32, 56, "2001:db8:1:2ff:3:4:5:6", "2001:db8:1:200::/56"),
        (32, 1, "ffff::", "8000::/1"),
        (32, 0, "ffff::1", "::/0"),
    ];
    for (ipv4_prefix, ipv6_prefix, client, value) in table {
        let recipe = Recipe { ipv4_prefix, ipv6_prefix, ..Recipe::default() };
        assert_eq!(key(&recipe, &format!("{client} a"), None), Ok(format!("client={value}")));
    }
}

#[test]
fn secrets_are_digests() {
    // printf secret | sha256sum
    let digest = "#2bb80d537b1da3e38bd30361aa855686";
    for (part, field) in [
        ("api-key", "x-api-key: secret"),
        ("header:x-api-key", "x-api-key: secret"),
        ("header:authorization", "authorization: secret"),
        ("header:proxy-authorization", "proxy-authorization: secret"),
        ("header:cookie", "cookie: secret"),
        ("cookie:s", "cookie: a=b; s=\"secret\""),
    ] {
        let request = format!("192.0.2.1 a | {field}");
        assert_eq!(key(&recipe(part), &request, None), Ok(format!("{part}={digest}")));
        let value = with(&request, |view| Part::parse(part).unwrap().value(view, "api"));
        assert_eq!(value.as_deref(), Some(digest));
    }
    // Nobody says a digest of another's secret.
    assert_eq!(key(&recipe("header:a"), &format!("192.0.2.1 a | a: {digest}"), None).unwrap()[..12], *"header:a=%23");
}

#[test]
fn long_values_are_digests() {
    let of = |value: &str| key(&recipe("header:a"), &format!("192.0.2.1 a | a: {value}"), None).unwrap();
    let longest = "x".repeat(Key::VALUE_MAX);
    assert_eq!(of(&longest), format!("header:a={longest}"));
    assert!(of(&format!("{longest}x")).starts_with("header:a=#"));
    assert_ne!(of(&format!("{longest}x")), of(&format!("{longest}y")));
    assert!(of(&"|".repeat(21)).starts_with("header:a=%7C"));
    assert!(of(&"|".repeat(22)).starts_with("header:a=#"));
}

#[test]
fn plans_come_first() {
    let request = "192.0.2.1 a";
    assert_eq!(key(&recipe("client"), request, Some("gold")), Ok("plan=gold|client=192.0.2.1".to_owned()));
    assert_eq!(key(&recipe(""), request, Some("a|b")), Ok("plan=a%7Cb".to_owned()));
    assert_eq!(key(&recipe("country"), request, Some("gold")), Err("plan=gold|country".to_owned()));
}

#[test]
fn keys_of_any_length() {
    let parts = "header:a header:b header:c header:d header:e";
    let value = "x".repeat(Key::VALUE_MAX);
    let fields = ["a", "b", "c", "d", "e"].map(|name| format!(" | {name}: {value}")).concat();
    let expected = ["a", "b", "c", "d", "e"].map(|name| format!("header:{name}={value}")).join("|");
    assert_eq!(key(&recipe(parts), &format!("192.0.2.1 a{fields}"), None), Ok(expected));
}

#[test]
fn values_of_parts() {
    let request = "2001:db8::1 shop.example?a=%7c | x-a: a=b";
    for (part, value) in [
        ("client", Some("2001:db8::1")),
        ("route", Some("api")),
        ("host", Some("shop.example")),
        ("country", None),
        ("header:x-a", Some("a%3Db")),
        ("query:a", Some("%7C")),
    ] {
        let found = with(request, |view| Part::parse(part).unwrap().value(view, "api"));
        assert_eq!(found.as_deref(), value, "{part}");
    }
}

/// Values of a field, empty if it is missing.
fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(b'|'), Just(b'='), Just(b'%'), Just(b'#'), b'0'..=b'f', b' '..=b'~', 128..=255_u8];
    proptest::collection::vec(byte, 0..80).prop_map(|value| value.trim_ascii().to_vec())
}

fn key_of_fields(values: &[Vec<u8>]) -> Key {
    let mut headers = HeaderMap::new();
    let mut recipe = recipe("");
    for (place, value) in values.iter().enumerate() {
        let name = HeaderName::try_from(format!("x-{place}")).unwrap();
        recipe.parts.push(Part::Header(name.clone()));
        headers.insert(name, HeaderValue::from_bytes(value).unwrap());
    }
    with("192.0.2.1 a", |view| {
        let key = recipe.key(&RequestView { headers: &headers, ..*view }, "api", None);
        assert_eq!(key.is_err(), values.iter().any(Vec::is_empty));
        key.unwrap_or_else(|key| key)
    })
}

proptest! {
    #[test]
    fn who_differs_in_a_part_has_another_key(
        one in proptest::collection::vec(any_value(), 3),
        other in proptest::collection::vec(any_value(), 3),
        same in any::<[bool; 3]>(),
    ) {
        let mixed = (0..3).map(|at| if same[at] { one[at].clone() } else { other[at].clone() }).collect::<Vec<_>>();
        prop_assert_eq!(key_of_fields(&one) == key_of_fields(&mixed), one == mixed);
    }

    #[test]
    fn keys_are_printable(values in proptest::collection::vec(any_value(), 0..4)) {
        let key = key_of_fields(&values);
        prop_assert!(key.as_str().bytes().all(|byte| matches!(byte, b' '..=b'~')));
        prop_assert_eq!(key.as_str().split('|').filter(|part| !part.is_empty()).count(), values.len());
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_does(bits in any::<u128>(), mask in any::<u128>(), prefix in 0..=128_u8) {
        for address in [bits, bits & mask, bits & mask & mask.rotate_left(16), bits >> 64] {
            let address = IpAddr::from(address.to_be_bytes()).to_canonical();
            let recipe = Recipe { ipv4_prefix: 32.min(prefix), ipv6_prefix: prefix, ..Recipe::default() };
            let whole = if address.is_ipv4() { 32 } else { 128 };
            let network = ipnet::IpNet::new(address, prefix.min(whole)).unwrap().trunc();
            // Written by it as `::ffff:0.0.0.0`, which no client's network is.
            let is_mapped = matches!(network.addr(), IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
            prop_assume!(!is_mapped);
            let expected = if network.prefix_len() == whole { network.addr().to_string() } else { network.to_string() };
            prop_assert_eq!(key(&recipe, &format!("{address} a"), None), Ok(format!("client={expected}")));
        }
    }
}
