use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use tidegate_core::{Client, Country, RequestView};

use super::*;

/// A request: `GET https://host/path?query`, fields behind it as `name: value`, a country as `country: DE`.
fn key_of(recipe: &Recipe, request: &str, part: Option<&str>) -> Option<String> {
    let mut lines = request.split(" | ");
    let url = lines.next().unwrap();
    let (scheme, rest) = url.split_once("://").unwrap();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut headers = HeaderMap::new();
    let mut client = Client::new(IpAddr::from([192, 0, 2, 1]));
    for line in lines {
        match line.split_once(": ").unwrap() {
            ("country", country) => client.country = Country::parse(country),
            (name, value) => {
                headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
        }
    }
    let view = RequestView {
        method: &Method::GET,
        is_https: scheme == "https",
        host: host.split(':').next().unwrap(),
        path,
        query,
        headers: &headers,
        client: &client,
    };
    recipe.key(&view, host, part).map(|key| key.as_str().to_owned())
}

fn names(names: &str) -> Vec<Arc<str>> {
    names.split_terminator(' ').map(Arc::from).collect()
}

#[test]
fn the_effective_uri() {
    let long = format!("https://a/{}", "x".repeat(300));
    let too_long = format!("https://a/{}", "x".repeat(KEY_BYTES_MAX));
    let longest = &too_long[..KEY_BYTES_MAX];
    // request, part, key (RFC 9110 sections 4.2.3 and 7.1)
    let table: &[(&str, Option<&str>, Option<&str>)] = &[
        ("https://shop.example/p/1?x=1", None, Some("https://shop.example/p/1?x=1")),
        ("http://shop.example/p/1?x=1", None, Some("http://shop.example/p/1?x=1")),
        ("https://shop.example:8443/", None, Some("https://shop.example:8443/")),
        ("https://[::1]:8443/", None, Some("https://[::1]:8443/")),
        ("https://shop.example", None, Some("https://shop.example/")),
        ("https://shop.example?a", None, Some("https://shop.example/?a")),
        ("https://a/b?", None, Some("https://a/b?")),
        ("https://a/b??", None, Some("https://a/b??")),
        ("https://a/%41/%c3%bc?a=%42&a=+", None, Some("https://a/%41/%c3%bc?a=%42&a=+")),
        ("https://a/ü?ü", None, Some("https://a/ü?ü")),
        ("https://a/b", Some("canary"), Some("https://a/b#canary")),
        ("https://a/b?c", Some("can#ary"), Some("https://a/b?c#can#ary")),
        ("https://a/b?c", Some(""), Some("https://a/b?c#")),
        (&long, None, Some(&long)),
        (longest, None, Some(longest)),
        (&too_long, None, None),
        ("https://a/b#c", None, None),
        ("https://a/b?#c", None, None),
        ("https://a#c/b", None, None),
        ("https://a/b\nheader x=1", None, None),
        ("https://a/b", Some("a\nb"), None),
    ];
    for (request, part, key) in table {
        assert_eq!(key_of(&Recipe::default(), request, *part).as_deref(), *key, "{request}");
        // By the other way, which makes the same where nothing is added.
        let all = Recipe { query: Select::Except(names("utm_*")), ..Recipe::default() };
        if !request.contains(['?', '#', '\n']) {
            assert_eq!(key_of(&all, request, *part).as_deref(), *key, "{request}");
        }
    }
}

#[test]
fn queries() {
    let only = |list: &str| Recipe { query: Select::Only(names(list)), ..Recipe::default() };
    let except = |list: &str| Recipe { query: Select::Except(names(list)), ..Recipe::default() };
    let sorted = |recipe: Recipe| Recipe { sorts_query: true, ..recipe };
    // recipe, query, what is left of it
    let table = [
        (only("a b"), "?b=1&c=2&a=3", "?b=1&a=3"),
        (only("a"), "?c=2", ""),
        (only("a"), "", ""),
        (only("a"), "?", ""),
        (only(""), "?a=1", ""),
        (only("a"), "?a&a=&A=1", "?a&a="),
        (only("a b"), "?a+b=1", ""),
        // Names are compared decoded, and kept as they were sent.
        (only("a"), "?%61=1&a=%31", "?%61=1&a=%31"),
        (only("ü"), "?%C3%bc=1&ü=2", "?%C3%bc=1&ü=2"),
        (only("a*"), "?ab=1&a*=2", "?a*=2"),
        (except("utm_* fbclid"), "?utm_source=x&a=1&fbclid=2&fbclid2=3&utm=4", "?a=1&fbclid2=3&utm=4"),
        (except("utm_*"), "?%75tm%5Fsource=x", ""),
        (except("*"), "?a=1&b", ""),
        (except("a"), "?a=1=2&b=1=2&&", "?b=1=2"),
        (sorted(Recipe::default()), "?b=1&a=2&b=0&B=3", "?B=3&a=2&b=1&b=0"),
        (sorted(Recipe::default()), "?%62=1&a=2&b=0", "?a=2&%62=1&b=0"),
        (sorted(Recipe::default()), "?&&", ""),
        (sorted(Recipe::default()), "?a%=1&a%2=2&%=3", "?%=3&a%=1&a%2=2"),
        (sorted(only("b a")), "?b=1&c=2&a=3", "?a=3&b=1"),
    ];
    for (recipe, query, left) in table {
        let key = key_of(&recipe, &format!("https://a/p{query}"), None);
        assert_eq!(key, Some(format!("https://a/p{left}")), "{query} {recipe:?}");
    }
}

#[test]
fn what_else_counts() {
    let of = Recipe::default();
    let headers =
        Recipe { headers: vec![HeaderName::from_static("x-a"), HeaderName::from_static("x-b")], ..of.clone() };
    let cookies = Recipe { cookies: names("a b"), ..of.clone() };
    let country = Recipe { country: true, ..of.clone() };
    let device = Recipe { device: true, ..of.clone() };
    let no_host = Recipe { host: false, ..of.clone() };
    let no_path = Recipe { path: false, query: Select::Only(Vec::new()), ..of.clone() };
    let nothing = Recipe { host: false, path: false, query: Select::Only(Vec::new()), ..of };
    // recipe, request, key
    let table = [
        (&headers, "https://a/b", "https://a/b\nheader x-a\nheader x-b"),
        (&headers, "https://a/b | x-b: 1", "https://a/b\nheader x-a\nheader x-b=1"),
        (&headers, "https://a/b | x-a:   | x-b:  1 ", "https://a/b\nheader x-a=\nheader x-b=1"),
        (&headers, "https://a/b | x-a: 1 | x-a: 2,3", "https://a/b\nheader x-a=1, 2,3\nheader x-b"),
        // UTF-8 is bytes here: none is lost.
        (&headers, "https://a/b | x-a: ü", "https://a/b\nheader x-a=Ã¼\nheader x-b"),
        (&cookies, "https://a/b | cookie: b=2; c=3;a = 1 ", "https://a/b\ncookie a=1\ncookie b=2"),
        (&cookies, "https://a/b | cookie: a=1; a=\"2\" | cookie: a", "https://a/b\ncookie a=1;\"2\";\ncookie b"),
        (&cookies, "https://a/b", "https://a/b\ncookie a\ncookie b"),
        (&country, "https://a/b", "https://a/b\ncountry"),
        (&country, "https://a/b | country: de", "https://a/b\ncountry=DE"),
        (&device, "https://a/b", "https://a/b\ndevice=desktop"),
        (&no_host, "https://a/b?c", "https://*/b?c\nhost=*"),
        (&no_path, "https://a/b?c", "https://a/*\npath=*"),
        (&no_path, "https://a/*?c", "https://a/*\npath=*"),
        (&nothing, "http://a/b?c", "http://*/*\nhost=*\npath=*"),
    ];
    for (recipe, request, key) in table {
        assert_eq!(key_of(recipe, request, None).as_deref(), Some(key), "{request}");
    }
    assert_eq!(key_of(&no_host, "https://a/b", Some("c")).unwrap(), "https://*/b#c\nhost=*");
    let long = format!("https://a/b | x-a: {}", "x".repeat(KEY_BYTES_MAX));
    assert_eq!(key_of(&headers, &long, None), None);
}

#[test]
fn devices() {
    let iphone =
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1";
    let ipad = "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1";
    let pixel = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36";
    let tab = "Mozilla/5.0 (Linux; Android 14; SM-X900) AppleWebKit/537.36 Chrome/120.0 Safari/537.36";
    let table = [
        ("user-agent", iphone, "mobile"),
        ("user-agent", ipad, "tablet"),
        ("user-agent", pixel, "mobile"),
        ("user-agent", tab, "tablet"),
        ("user-agent", "Mozilla/5.0 (Android 14; Tablet; rv:120.0) Gecko/120.0 Firefox/120.0", "tablet"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "desktop"),
        ("user-agent", "Opera/9.80 (S60; Opera Mobi/23.334)", "mobile"),
        ("user-agent", "", "desktop"),
        ("sec-ch-ua-mobile", "?1", "mobile"),
        ("sec-ch-ua-mobile", "?0", "desktop"),
    ];
    for (name, value, class) in table {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())]);
        assert_eq!(device(&headers), class, "{value}");
    }
}

#[test]
fn urls_of_keys() {
    for (key, url) in [
        ("https://a/b?c", "https://a/b?c"),
        ("https://a/b?c#d", "https://a/b?c"),
        ("https://a/b\ncountry=DE", "https://a/b"),
        ("https://a/b#d\ncookie a=#", "https://a/b"),
        ("", ""),
    ] {
        assert_eq!(Key::of(key).url(), url);
    }
}

#[test]
fn decoding() {
    for (text, decoded) in [
        ("a+b%20c", "a b c"),
        ("%c3%A9", "é"),
        ("%", "%"),
        ("%4", "%4"),
        ("%zz%41", "%zzA"),
        ("%2B", "+"),
        ("%%41", "%A"),
    ] {
        assert_eq!(decode(text), decoded.as_bytes(), "{text}");
    }
}

/// What can differ between two requests that all count.
type Parts = (bool, (String, String, Option<String>), Option<String>, Vec<Option<Vec<Vec<u8>>>>, [Option<String>; 2]);

fn parts() -> impl Strategy<Value = Parts> {
    let uri = ("[ab.]{1,3}(:[1-9])?", "/[ab/=&%]{0,3}", proptest::option::of("[ab=&?%]{0,3}"));
    let value = proptest::collection::vec(prop::sample::select(b"ab,;=# \t%\xc3\xbc".to_vec()), 0..4);
    let field = proptest::option::of(proptest::collection::vec(value, 1..3));
    let cookie = proptest::option::of("[ab=,#]{0,3}");
    (
        any::<bool>(),
        uri,
        proptest::option::of("[ab#]{0,2}"),
        proptest::collection::vec(field, 2),
        [cookie.clone(), cookie],
    )
}

/// As they are read: lines trimmed and joined (RFC 9110 section 5.3).
fn as_read(mut parts: Parts) -> Parts {
    for lines in parts.3.iter_mut().flatten() {
        let trimmed: Vec<_> = lines.iter().map(|line| line.trim_ascii()).collect();
        *lines = vec![trimmed.join(&b", "[..])];
    }
    parts
}

fn key_of_parts(parts: &Parts) -> Option<Key> {
    let (is_https, (host, path, query), part, fields, cookies) = parts;
    let recipe = Recipe {
        headers: vec![HeaderName::from_static("x-a"), HeaderName::from_static("x-b")],
        cookies: names("a b"),
        ..Recipe::default()
    };
    let mut headers = HeaderMap::new();
    for (name, lines) in recipe.headers.iter().zip(fields) {
        for line in lines.iter().flatten() {
            headers.append(name, HeaderValue::from_bytes(line).unwrap());
        }
    }
    for (name, value) in recipe.cookies.iter().zip(cookies) {
        let lines = value.iter().map(|value| HeaderValue::from_str(&format!("{name}={value}")).unwrap());
        lines.for_each(|line| _ = headers.append("cookie", line));
    }
    let client = Client::new(IpAddr::from([192, 0, 2, 1]));
    let query = query.as_deref();
    let view = RequestView {
        method: &Method::GET,
        is_https: *is_https,
        host,
        path,
        query,
        headers: &headers,
        client: &client,
    };
    recipe.key(&view, host, part.as_deref())
}

proptest! {
    /// Requests that differ in a part that counts have different keys; those that do not, the same.
    #[test]
    fn a_key_is_for_one_request(one in parts(), other in parts()) {
        let is_same = as_read(one.clone()) == as_read(other.clone());
        prop_assert_eq!(key_of_parts(&one) == key_of_parts(&other), is_same);
    }

    /// The same, of requests that differ in one part only.
    #[test]
    fn every_part_counts(one in parts(), other in parts(), index in 0..7) {
        let mut mixed = one.clone();
        match index {
            0 => mixed.0 = other.0,
            1 => mixed.1.0 = other.1.0,
            2 => mixed.1.1 = other.1.1,
            3 => mixed.1.2 = other.1.2,
            4 => mixed.2 = other.2,
            5 => mixed.3 = other.3,
            _ => mixed.4 = other.4,
        }
        let is_same = as_read(one.clone()) == as_read(mixed.clone());
        prop_assert_eq!(key_of_parts(&one) == key_of_parts(&mixed), is_same);
    }

    /// Whatever the query, a recipe that sorts makes one key of all orders of different names.
    #[test]
    fn sorted_queries_have_one_order(pairs in proptest::collection::btree_map("[a-c%2+]{1,3}", "[a-c]{0,2}", 0..5)) {
        let recipe = Recipe { sorts_query: true, ..Recipe::default() };
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut names: Vec<_> = pairs.iter().map(|pair| decode(pair.split('=').next().unwrap())).collect();
        names.sort();
        names.dedup();
        prop_assume!(names.len() == pairs.len());
        let reversed: Vec<_> = pairs.iter().rev().cloned().collect();
        let [forward, backward] = [pairs, reversed].map(|pairs| key_of(&recipe, &format!("https://a/?{}", pairs.join("&")), None));
        prop_assert!(forward.is_some());
        prop_assert_eq!(forward, backward);
    }

    #[test]
    fn nothing_panics(target in ".{0,40}", part in proptest::option::of(".{0,9}"), agent in proptest::collection::vec(32_u8..127, 0..20)) {
        let recipe = Recipe { sorts_query: true, device: true, host: false, ..Recipe::default() };
        let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
        let headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_bytes(&agent).unwrap())]);
        let client = Client::new(IpAddr::from([192, 0, 2, 1]));
        let view = RequestView { method: &Method::GET, is_https: true, host: "a", path, query, headers: &headers, client: &client };
        for recipe in [recipe, Recipe::default()] {
            if let Some(key) = recipe.key(&view, "a", part.as_deref()) {
                prop_assert!(!key.url().contains('#'));
                prop_assert!(key.as_str().len() <= KEY_BYTES_MAX);
            }
        }
    }
}
