use std::time::Duration;

use http::StatusCode;
use proptest::prelude::*;
use tidegate_core::Timestamp;

use super::*;
use crate::{Coding, Extent};

fn headers(lines: &str) -> HeaderMap {
    let lines = lines.split(" | ").filter_map(|line| line.split_once(':'));
    lines
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
        .fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
}

/// What answered a request with these fields, and varied by these names.
fn stored(names: &str, request: &HeaderMap) -> Stored {
    let names = names.split_terminator(' ').map(|name| name.parse::<HeaderName>().unwrap());
    let vary = names.map(|name| {
        let value = value_of(request, &name).map(|value| value.collect::<String>().into());
        (name, value)
    });
    Stored {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        initial_age: Duration::ZERO,
        received_at: Timestamp::from_unix_ms(0),
        fresh_for: Duration::ZERO,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        must_revalidate: false,
        no_cache: false,
        vary: vary.collect(),
        tags: Vec::new(),
        extent: Extent::Whole,
    }
}

#[test]
fn matching() {
    // Vary, the request that was answered, another one, whether the answer is for it, too (RFC 9111 section 4.1)
    let table = [
        ("", "", "x-a: 1", true),
        ("x-a", "x-a: 1", "x-a: 1", true),
        ("x-a", "x-a: 1", "x-a: 1 | x-b: 2", true),
        ("x-a", "x-a: 1", "x-a: 2", false),
        ("x-a", "x-a: 1", "X-A: 1", true),
        ("x-a", "x-a: a", "x-a: A", false),
        // "If a header field is absent from a request, it can only match another request if it is also absent there."
        ("x-a", "", "", true),
        ("x-a", "x-a: 1", "", false),
        ("x-a", "", "x-a: 1", false),
        ("x-a", "", "x-a:", false),
        ("x-a", "x-a:", "x-a: ", true),
        // "Adding or removing whitespace, where allowed in the header field's syntax" (around values), "combining
        // multiple header field lines with the same field name".
        ("x-a", "x-a: 1", "x-a:\t 1 \t", true),
        ("x-a", "x-a: 1 | x-a: 2", "x-a: 1, 2", true),
        ("x-a", "x-a: 1, 2", "x-a: 1 | x-a: 2", true),
        ("x-a", "x-a: 1 | x-a: 2", "x-a: 2 | x-a: 1", false),
        ("x-a", "x-a: 1 | x-a: 2", "x-a: 1", false),
        ("x-a", "x-a: 1", "x-a: 1 | x-a: 1", false),
        // Of fields that nobody knows, nothing else.
        ("x-a", "x-a: 1, 2", "x-a: 1,2", false),
        // "Normalizing both header field values in a way that is known to have identical semantics."
        ("accept-encoding", "accept-encoding: gzip, br;q=0.5", "accept-encoding: GZIP,br; q=0.5", true),
        ("accept-language", "accept-language: de | accept-language: en-US", "accept-language: DE,en-us", true),
        ("accept-language", "accept-language: de, en", "accept-language: en, de", false),
        ("cookie", "cookie: a=1 | cookie: b=2", "cookie: a=1; b=2", true),
        ("cookie", "cookie: a=1; b=2", "cookie: a=1, b=2", false),
        // All of several.
        ("x-a x-b", "x-a: 1 | x-b: 2", "x-b: 2 | x-a: 1", true),
        ("x-a x-b", "x-a: 1 | x-b: 2", "x-a: 1 | x-b: 3", false),
        ("x-a x-b", "x-a: 1 | x-b: 2", "x-a: 1", false),
        // Bytes that are no text.
        ("x-a", "x-a: ü", "x-a: ü", true),
        ("x-a", "x-a: Ã¼", "x-a: ü", false),
    ];
    let key = Key::of("https://a/b");
    for (vary, answered, asked, is_match) in table {
        let [answered, asked] = [answered, asked].map(headers);
        let stored = stored(vary, &answered);
        assert_eq!(stored.matches(&asked), is_match, "{vary}: {answered:?} {asked:?}");
        // What matches is found, and what is found matches.
        let vary = Vary::new(stored.vary.iter().map(|(name, _)| name.clone()));
        assert_eq!(vary.key(&key, &asked) == stored.key(&key), is_match, "{vary:?}: {answered:?} {asked:?}");
    }
}

/// What others write into `vary` need not be in the one form: lines as they came are compared by their meaning.
#[test]
fn values_as_they_were_sent() {
    let mut raw = stored("accept-encoding", &headers("accept-encoding: x"));
    raw.vary[0].1 = Some("GZIP, br".into());
    let key = Key::of("https://a/b");
    for sent in ["GZIP, br", "gzip,br"] {
        let request = headers(&format!("accept-encoding: {sent}"));
        assert!(raw.matches(&request));
        assert_eq!(Vary::new([ACCEPT_ENCODING]).key(&key, &request), raw.key(&key));
    }
    // What is stored as the text "é" came as the byte E9; the bytes of its UTF-8 are another value.
    raw.vary = vec![(HeaderName::from_static("x-a"), Some("é".into()))];
    assert!(!raw.matches(&headers("x-a:é")));
}

#[test]
fn keys_of_variants() {
    let request = headers("accept-encoding: br, GZIP | x-a: | cookie: a=1");
    let key = Key::of("https://a/b#canary\ncountry=DE");
    let table: &[(&str, &str)] = &[
        ("", ""),
        ("accept-encoding", "\nvary accept-encoding=br,gzip"),
        ("x-a accept-encoding x-b", "\nvary accept-encoding=br,gzip\nvary x-a=\nvary x-b"),
        ("x-a x-a", "\nvary x-a="),
    ];
    for (names, lines) in table {
        let stored = stored(names, &request);
        assert_eq!(stored.key(&key).as_str(), format!("{}{lines}", key.as_str()));
        let vary = Vary::new(stored.vary.iter().map(|(name, _)| name.clone()));
        assert_eq!(vary.key(&key, &request), stored.key(&key));
        assert_eq!(stored.key(&key).url(), "https://a/b");
    }
}

#[test]
fn markers() {
    let request = HeaderMap::new();
    let after = |old: Option<&Marker>, names: &str| Marker::with(old, &stored(names, &request));
    let sets = |marker: &Option<Marker>| {
        let sets = marker.iter().flat_map(|marker| &marker.vary);
        sets.map(|vary| vary.names().iter().map(HeaderName::as_str).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(after(None, ""), None);
    let mut marker = after(None, "b a b");
    assert_eq!(sets(&marker), ["a b"]);
    assert_eq!(after(marker.as_ref(), "a b"), marker);
    for names in ["c", "d", "e", "a b"] {
        marker = after(marker.as_ref(), names);
    }
    assert_eq!(sets(&marker), ["a b", "e", "d", "c"]);
    marker = after(marker.as_ref(), "f");
    assert_eq!(sets(&marker), ["f", "a b", "e", "d"]);
    // What omits Vary comes last, and alone it needs no marker.
    let with_default = after(marker.as_ref(), "");
    assert_eq!(sets(&with_default), ["f", "a b", "e", ""]);
    assert_eq!(after(with_default.as_ref(), ""), with_default);
    assert_eq!(sets(&after(with_default.as_ref(), "e")), ["e", "f", "a b", ""]);

    let key = Key::of("https://a/b?c=1");
    let keys = marker.unwrap().keys(&key, &headers("f: 1 | e: 2"));
    let keys: Vec<_> = keys.iter().map(|key| key.as_str().split_once('\n').unwrap().1).collect();
    assert_eq!(keys, ["vary f=1", "vary a\nvary b", "vary e=2", "vary d"]);
    let keys = with_default.as_ref().unwrap().keys(&key, &request);
    let (varied, unvaried) = (stored("f", &request), stored("", &request));
    let place = |stored, found| with_default.as_ref().unwrap().place(&key, stored, found);
    assert_eq!((place(&varied, None), place(&varied, keys.get(1))), (keys[0].clone(), keys[0].clone()));
    assert_eq!((place(&unvaried, None), place(&unvaried, keys.get(1))), (keys[3].clone(), keys[1].clone()));
    assert_eq!((keys[3].as_str(), keys[3].url()), ("https://a/b?c=1\nvary", key.as_str()));
    let search = Marker { vary: Vec::new(), search: Some(Search { ignores_order: true, ..Search::default() }) };
    assert_eq!(search.keys(&key, &request), [search.search.as_ref().unwrap().key(&key)]);
}

#[test]
fn normal_fields() {
    let normal = Normal { codings: vec![Coding::Brotli, Coding::Gzip], languages: vec!["en".into(), "de".into()] };
    let nothing = Normal::default();
    // what is normalised, fields of a request, fields that it has then
    let table = [
        (&nothing, "accept-encoding: gzip | accept-language: fr", "accept-encoding: gzip | accept-language: fr"),
        (&nothing, "", ""),
        (&normal, "accept-encoding: gzip, deflate, br, zstd", "accept-encoding: br | accept-language: en"),
        (&normal, "accept-encoding: gzip | accept-encoding: deflate", "accept-encoding: gzip | accept-language: en"),
        (&normal, "accept-encoding: identity", "accept-encoding: identity | accept-language: en"),
        // "If no Accept-Encoding header field is in the request, any content coding is considered acceptable."
        (&normal, "accept-encoding: zstd, br;q=0", "accept-encoding: identity | accept-language: en"),
        (&normal, "accept-encoding:", "accept-encoding: identity | accept-language: en"),
        (&normal, "", "accept-language: en"),
        (&normal, "accept-language: de-AT, en;q=0.5", "accept-language: de"),
        (&normal, "accept-language: fr | x-a: 1", "accept-language: en | x-a: 1"),
    ];
    for (normal, before, after) in table {
        let mut request = headers(before);
        normal.apply(&mut request);
        let trimmed: HeaderMap = headers(after);
        assert_eq!(request.len(), trimmed.len(), "{before}");
        for (name, value) in &trimmed {
            let got = request.get(name).map(|value| value.as_bytes().trim_ascii());
            assert_eq!(got, Some(value.as_bytes().trim_ascii()), "{before}");
        }
    }
}

fn some_fields() -> impl Strategy<Value = HeaderMap> {
    let value = proptest::collection::vec(prop::sample::select(b"aA,= \t\xc3\xbc".to_vec()), 0..4);
    let name = prop::sample::select(vec!["x-a", "x-b", "accept-encoding", "cookie"]);
    proptest::collection::vec((name, value), 0..5).prop_map(|lines| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_bytes(&value).unwrap());
        }
        headers
    })
}

proptest! {
    /// A request finds what is stored exactly if that is an answer to it.
    #[test]
    fn found_is_matched(answered in some_fields(), asked in some_fields(), names in prop::sample::subsequence(vec!["x-a", "x-b", "accept-encoding", "cookie"], 0..=4)) {
        let stored = stored(&names.join(" "), &answered);
        let key = Key::of("https://a/b");
        let vary = Vary::new(stored.vary.iter().map(|(name, _)| name.clone()));
        prop_assert_eq!(vary.key(&key, &asked) == stored.key(&key), stored.matches(&asked));
        prop_assert!(stored.matches(&answered));
    }

    /// Whatever is stored last is found first, and no set stands twice.
    #[test]
    fn the_newest_set_is_first(names in proptest::collection::vec("[a-f]( [a-f])?", 1..12)) {
        let mut marker = None;
        for names in &names {
            let stored = stored(names, &HeaderMap::new());
            let next = Marker::with(marker.as_ref(), &stored).unwrap();
            prop_assert!(next.vary.len() <= Marker::VARY_MAX);
            prop_assert_eq!(&next.keys(&Key::of("k"), &HeaderMap::new())[0], &stored.key(&Key::of("k")));
            for (index, vary) in next.vary.iter().enumerate() {
                prop_assert!(!next.vary[..index].contains(vary));
            }
            marker = Some(next);
        }
    }
}
