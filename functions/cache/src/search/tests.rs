use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn read(lines: &[&str]) -> Option<Search> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append("no-vary-search", HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    Search::read(&headers)
}

fn these(names: &[&str]) -> Ignores {
    Ignores::These(names.iter().map(|name| (*name).to_owned()).collect())
}

fn all_but(names: &[&str]) -> Ignores {
    Ignores::AllBut(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn valid_fields() {
    // field, what it means; sections 5.1 and 5.3 of the draft
    let table: &[(&[&str], bool, Ignores)] = &[
        (&["key-order"], true, these(&[])),
        (&["key-order=?1"], true, these(&[])),
        (&["params"], false, all_but(&[])),
        (&["params=?1"], false, all_but(&[])),
        (&["params=(\"a\" \"b\")"], false, these(&["a", "b"])),
        (&["params, except=(\"x\")"], false, all_but(&["x"])),
        (&["params, except=()"], false, all_but(&[])),
        (&["key-order, params, except=(\"x\")"], true, all_but(&["x"])),
        (&["params, key-order, except=(\"x\")"], true, all_but(&["x"])),
        (&["key-order, params=?0"], true, these(&[])),
        (&["params=(\"%C3%A9+%E6%B0%97\")"], false, these(&["é 気"])),
        (&["params=(\"%f6\")"], false, these(&["\u{fffd}"])),
        // Unknown keys and parameters do not count.
        (&["key-order, unknown=1, other=(a b);c"], true, these(&[])),
        (&["key-order;x=1, params=(\"a\";b);c"], true, these(&["a"])),
        // Lines are one dictionary, and the last of one key counts (RFC 9651 section 4.2).
        (&["params", "except=(\"x\")"], false, all_but(&["x"])),
        (&["params=(\"a\"), params=(\"b\")"], false, these(&["b"])),
        (&["key-order=1", "key-order"], true, these(&[])),
        (&["params=(\"a\" 1), params=(\"b\")"], false, these(&["b"])),
    ];
    for (lines, ignores_order, ignores) in table {
        let search = Search { ignores_order: *ignores_order, ignores: ignores.clone() };
        assert_eq!(read(lines), Some(search), "{lines:?}");
    }
}

/// All of these mean that everything matters (section 5.3 of the draft).
#[test]
fn fields_that_say_nothing() {
    let table: &[&[&str]] = &[
        &[],
        &[""],
        &["unknown-key"],
        &["key-order=\"not a boolean\""],
        &["key-order=?0"],
        &["key-order=(?1)"],
        &["params=\"not a boolean or inner list\""],
        &["params=(not-a-string)"],
        &["params=(\"a\" 1)"],
        &["params=(1 \"a\")"],
        &["params=(1 ?1)"],
        &["params=(\"a\"), except=(\"x\")"],
        &["params=(), except=()"],
        &["params=?0, except=(\"x\")"],
        &["params=?0"],
        &["params=()"],
        &["params, except=(not-a-string)"],
        &["params, except=\"not an inner list\""],
        &["params, except=?1"],
        &["except=(\"x\")"],
        &["except=()"],
        &["key-order, params=1"],
        // No dictionary at all.
        &["key-order,"],
        &["params=(\"a\""],
        &["Key-Order"],
        &["params=(\"é\")"],
        &["key-order", "é"],
    ];
    for lines in table {
        assert_eq!(read(lines), None, "{lines:?}");
    }
}

#[test]
fn equivalence() {
    let order = Search { ignores_order: true, ..Search::default() };
    let params = |ignores: Ignores| Search { ignores_order: false, ignores };
    let utm = params(these(&["utm_source", "é 気"]));
    let all = params(all_but(&[]));
    let id = params(all_but(&["id"]));
    let id_order = Search { ignores_order: true, ..id.clone() };
    // what does not matter, two queries, whether they are the same; section 6 of the draft
    let table = [
        (&order, "?a=1&b=2", "?b=2&a=1", true),
        (&order, "?a=1&b=2&a=3", "?b=2&a=1&a=3", true),
        (&order, "?a=1&b=2&a=3", "?a=3&a=1&b=2", false),
        (&order, "?a=1", "?a=1&b=", false),
        (&order, "?a=1", "?A=1", false),
        (&utm, "?a=1&utm_source=x", "?a=1", true),
        (&utm, "?utm_source&a=1", "?a=1&%75tm_source=x&utm_source=y", true),
        (&utm, "?é 気=1", "?é+気=2", true),
        (&utm, "?%C3%A9%20気=3", "?%C3%A9+%E6%B0%97=4", true),
        (&utm, "?a=1&b=2", "?b=2&a=1", false),
        (&utm, "?utm_source=1", "", true),
        (&all, "?a=1&b=2", "", true),
        (&all, "?a", "?", true),
        (&id, "?id=1&x=2", "?y=3&id=1", true),
        (&id, "?id=1&x=2", "?id=2&x=2", false),
        (&id, "?id=1&id=2", "?id=2&id=1", false),
        (&id_order, "?id=1&x&id=2", "?y&id=1&id=2", true),
        // Section 6.1: what forms make of it.
        (&order, "", "?", true),
        (&order, "?a=x", "?%61=%78", true),
        (&order, "?a=é", "?a=%C3%A9", true),
        (&order, "?a=%f6", "?a=%ef%bf%bd", true),
        (&order, "?a=x&&&&", "?a=x", true),
        (&order, "?a=", "?a", true),
        (&order, "?a=%20", "?a=+", true),
        (&order, "?a=%20", "?a= &", true),
        (&order, "?a=b=c", "?a=b%3dc", true),
        (&order, "?a%3d=b", "?a==b", false),
        (&order, "?a=1&b=2", "?a=1%26b=2", false),
        (&order, "?a=1,b", "?a=1&b", false),
    ];
    for (search, one, other, is_same) in table {
        let [one, other] = [one, other].map(|query| search.key(&Key::of(&format!("https://a/p{query}\ncountry=DE"))));
        assert_eq!(one == other, is_same, "{one} {other}");
    }
}

#[test]
fn keys() {
    let search = Search { ignores_order: true, ignores: these(&["b", "a b", "b"]) };
    // key, the one without what does not matter, the one of the marker
    let table = [
        (
            "https://a/p?d=1&b=2&c=%2f&d=&c",
            "https://a/p\nsearch key-order params=a%20b,b ?c=%2F&c=&d=1&d=",
            Some("https://a/p\nsearch"),
        ),
        ("https://a/p", "https://a/p\nsearch key-order params=a%20b,b ", None),
        ("https://a/p?", "https://a/p\nsearch key-order params=a%20b,b ", Some("https://a/p\nsearch")),
        (
            "https://a/p?c?#part\nheader x=?\ncountry=DE",
            "https://a/p#part\nheader x=?\ncountry=DE\nsearch key-order params=a%20b,b ?c%3F=",
            Some("https://a/p#part\nheader x=?\ncountry=DE\nsearch"),
        ),
        ("https://a/p#?", "https://a/p#?\nsearch key-order params=a%20b,b ", None),
    ];
    for (key, canonical, marker) in table {
        let key = Key::of(key);
        assert_eq!(search.key(&key).as_str(), canonical);
        assert_eq!(search_key(&key).map(|key| key.as_str().to_owned()).as_deref(), marker);
        assert_eq!(search.key(&key).url(), key.url().split('?').next().unwrap());
    }
}

/// What one `No-Vary-Search` made is not found by another one, for which something else matters.
#[test]
fn keys_tell_by_what_they_were_made() {
    let key = Key::of("https://a/p?b=2");
    let searches = [
        Search { ignores_order: true, ignores: these(&[]) },
        Search { ignores_order: false, ignores: these(&["a"]) },
        Search { ignores_order: true, ignores: these(&["a"]) },
        Search { ignores_order: false, ignores: these(&["a", "c"]) },
        Search { ignores_order: false, ignores: these(&["a,c"]) },
        Search { ignores_order: false, ignores: all_but(&["b"]) },
        Search { ignores_order: false, ignores: all_but(&["b", "c"]) },
    ];
    for (index, one) in searches.iter().enumerate() {
        assert!(searches[..index].iter().all(|other| one.key(&key) != other.key(&key)), "{one:?}");
    }
}

/// Section 6 of the draft, as it is written there.
fn is_equivalent(search: &Search, one: &str, other: &str) -> bool {
    let parse = |query: &str| {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut pairs: Vec<_> = pairs.map(|(name, value)| (decode(name), decode(value))).collect();
        pairs.retain(|(name, _)| match &search.ignores {
            Ignores::These(names) => !names.iter().any(|ignored| ignored.as_bytes() == name),
            Ignores::AllBut(names) => names.iter().any(|kept| kept.as_bytes() == name),
        });
        if search.ignores_order {
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
        }
        pairs
    };
    parse(one) == parse(other)
}

proptest! {
    #[test]
    fn keys_are_equal_where_urls_are_equivalent(
        ignores_order: bool,
        is_all_but: bool,
        names in proptest::collection::vec("[ab]", 0..3),
        queries in proptest::array::uniform2("((a|b|c|%61|\\+|%20|)(=|)(a|%41|)&?){0,4}"),
    ) {
        let ignores = if is_all_but { Ignores::AllBut(names) } else { Ignores::These(names) };
        let search = Search { ignores_order, ignores };
        let [one, other] = queries.each_ref().map(|query| search.key(&Key::of(&format!("https://a/?{query}"))));
        prop_assert_eq!(one == other, is_equivalent(&search, &queries[0], &queries[1]));
    }

    #[test]
    fn nothing_panics(field in proptest::collection::vec(any::<u8>().prop_filter("in no field", |byte| HeaderValue::from_bytes(&[*byte]).is_ok()), 0..60), key in ".{0,60}") {
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static("no-vary-search"), HeaderValue::from_bytes(&field).unwrap())]);
        let search = Search::read(&headers).unwrap_or_default();
        let key = Key::of(&key);
        prop_assert!(search.key(&key) != key);
        prop_assert!(search_key(&key) != Some(key));
    }
}
