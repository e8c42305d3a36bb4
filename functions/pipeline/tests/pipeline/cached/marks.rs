//! Where to look: Vary (RFC 9111 section 4.1), No-Vary-Search, keys.

use std::sync::Arc;

use http::HeaderName;
use tidegate_cache::{Coding, Compress, Marker, Normal, Plan, Recipe, Search, Select};
use tidegate_pipeline::{Action, Claim, Exchange, Input, Start};

use super::{Case, NOTHING, fetched, found, fresh, mark, response_to, run, stale, vary};
use crate::support::{NOW, cached, lines, start};
use Claim::Held;
use Input::Claimed;

fn variant(value: &'static str) -> Input {
    found(response_to(1_000, 200, &[("x-a", value)], &[("cache-control", "max-age=60"), ("vary", "x-a")]))
}

fn search() -> Input {
    let search = Search::read(&super::fields(&[("no-vary-search", "params=(\"utm\")")]));
    mark(Marker { search, ..Marker::default() })
}

#[test]
fn variants() {
    let said = &[("x-a", "1")];
    let varied = &[("cache-control", "max-age=60"), ("vary", "x-a")];
    run(vec![
        Case::get(
            "it is there",
            said,
            vec![(vary(&[&["x-a"]]), "look /a?b|vary x-a=1"), (variant("1"), "200 stored, hit; ttl=59")],
        ),
        Case::get("without the field", &[], vec![(vary(&[&["x-a"]]), "look /a?b|vary x-a")]),
        Case::get(
            "each set of fields is tried, the newest first",
            said,
            vec![
                (vary(&[&["x-a"], &["x-b"]]), "look /a?b|vary x-a=1"),
                (NOTHING, "look /a?b|vary x-b"),
                (NOTHING, "claim /a?b|vary x-a=1"),
                (Claimed(Held), "fetch for all"),
                (fetched(200, varied), "200 fetched, fwd=vary-miss; stored, stores /a?b|vary x-a=1 marks /a?b"),
            ],
        ),
        Case::get(
            "of two that fit, the one made last (RFC 9111 section 4.1)",
            said,
            vec![
                (vary(&[&["x-a"], &["x-b"]]), "look /a?b|vary x-a=1"),
                (variant("1"), "look /a?b|vary x-b"),
                (NOTHING, "look /a?b|vary x-a=1"),
                (variant("1"), "200 stored, hit; ttl=59"),
            ],
        ),
        Case::get(
            "it is stale",
            said,
            vec![(vary(&[&["x-a"]]), "look /a?b|vary x-a=1"), (stale(), "claim /a?b|vary x-a=1 of -65000")],
        ),
        Case::get(
            "it varies no more: that comes behind what does (RFC 9111 section 4.1)",
            said,
            vec![
                (vary(&[&["x-a"]]), "look /a?b|vary x-a=1"),
                (NOTHING, "claim /a?b|vary x-a=1"),
                (Claimed(Held), "fetch for all"),
                (
                    fetched(200, &[("cache-control", "max-age=60")]),
                    "200 fetched, fwd=vary-miss; stored, stores /a?b|vary marks /a?b",
                ),
            ],
        ),
        Case::get(
            "it varies no more, and what did is stale: it takes the place of that",
            said,
            vec![
                (vary(&[&["x-a"]]), "look /a?b|vary x-a=1"),
                (stale(), "claim /a?b|vary x-a=1 of -65000"),
                (Claimed(Held), "fetch for all; if-none-match: \"1\""),
                (
                    fetched(200, &[("cache-control", "max-age=60")]),
                    "200 fetched, fwd=stale; stored, stores /a?b|vary x-a=1 marks /a?b",
                ),
            ],
        ),
        Case::get(
            "it varies for the first time",
            said,
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Held), "fetch for all"),
                (fetched(200, varied), "200 fetched, fwd=uri-miss; stored, stores /a?b|vary x-a=1 marks /a?b"),
            ],
        ),
        Case::get(
            "by everything: nobody else's",
            said,
            vec![
                (NOTHING, "look /a|search"),
                (NOTHING, "claim /a?b"),
                (Claimed(Held), "fetch for all"),
                (fetched(200, &[("cache-control", "max-age=60"), ("vary", "*")]), "200 fetched, fwd=uri-miss"),
            ],
        ),
        Case::get(
            "what is under the key itself is another variant",
            said,
            vec![(variant("2"), "look /a|search"), (NOTHING, "claim /a?b")],
        ),
        Case::get(
            "a marker behind a marker is none",
            said,
            vec![(vary(&[&["x-a"]]), "look /a?b|vary x-a=1"), (vary(&[&["x-a"]]), "claim /a?b|vary x-a=1")],
        ),
    ]);
}

/// The marker keeps the sets of fields that were there before, the newest first.
#[test]
fn markers_add_up() {
    let reply = Case::get(
        "another set",
        &[("x-a", "1"), ("x-b", "2")],
        vec![
            (vary(&[&["x-a"]]), "look /a?b|vary x-a=1"),
            (NOTHING, "claim /a?b|vary x-a=1"),
            (Claimed(Held), "fetch for all"),
            (
                fetched(200, &[("cache-control", "max-age=60"), ("vary", "x-b")]),
                "200 fetched, fwd=vary-miss; stored, stores /a?b|vary x-b=2 marks /a?b",
            ),
        ],
    )
    .answer();
    let [(_, marker)] = &reply.store.unwrap().markers[..] else { panic!() };
    let sets: Vec<_> = marker.vary.iter().map(|vary| vary.names().to_vec()).collect();
    assert_eq!(sets, [[HeaderName::from_static("x-b")], [HeaderName::from_static("x-a")]]);
}

#[test]
fn queries_that_do_not_matter() {
    let said = &[("cache-control", "max-age=60"), ("no-vary-search", "params=(\"utm\")")];
    let both = &[("cache-control", "max-age=60"), ("no-vary-search", "params=(\"utm\")"), ("vary", "x-a")];
    run(vec![
        Case::get(
            "it is there",
            &[],
            vec![
                (NOTHING, "look /a|search"),
                (search(), "look /a|search params=utm ?b="),
                (fresh(), "200 stored, hit; ttl=59"),
            ],
        ),
        Case {
            target: "/a?utm=1&b",
            first: "look /a?utm=1&b",
            ..Case::get(
                "and for another query",
                &[],
                vec![
                    (NOTHING, "look /a|search"),
                    (search(), "look /a|search params=utm ?b="),
                    (fresh(), "200 stored, hit; ttl=59"),
                ],
            )
        },
        Case::get(
            "it is not",
            &[],
            vec![
                (NOTHING, "look /a|search"),
                (search(), "look /a|search params=utm ?b="),
                (NOTHING, "claim /a|search params=utm ?b="),
                (Claimed(Held), "fetch for all"),
                (
                    fetched(200, said),
                    "200 fetched, fwd=uri-miss; stored, stores /a|search params=utm ?b= marks /a|search",
                ),
            ],
        ),
        Case::get(
            "it varies, too",
            &[("x-a", "1")],
            vec![
                (NOTHING, "look /a|search"),
                (search(), "look /a|search params=utm ?b="),
                (vary(&[&["x-a"]]), "look /a|search params=utm ?b=|vary x-a=1"),
                (NOTHING, "claim /a|search params=utm ?b=|vary x-a=1"),
                (Claimed(Held), "fetch for all"),
                (
                    fetched(200, both),
                    "200 fetched, fwd=vary-miss; stored, \
                 stores /a|search params=utm ?b=|vary x-a=1 marks /a|search marks /a|search params=utm ?b=",
                ),
            ],
        ),
        Case::get(
            "it matters again",
            &[],
            vec![
                (NOTHING, "look /a|search"),
                (search(), "look /a|search params=utm ?b="),
                (NOTHING, "claim /a|search params=utm ?b="),
                (Claimed(Held), "fetch for all"),
                (fetched(200, &[("cache-control", "max-age=60")]), "200 fetched, fwd=uri-miss; stored, stores /a?b"),
            ],
        ),
        // There is no query that could not matter.
        Case { target: "/a", first: "look /a", ..Case::get("no query", &[], vec![(NOTHING, "claim /a")]) },
    ]);
}

#[test]
fn keys() {
    let recipe = |recipe: Recipe| Plan { recipe, ..Plan::default() };
    let only = Recipe { query: Select::Only(vec!["b".into()]), ..Recipe::default() };
    let tenant = Recipe { headers: vec![HeaderName::from_static("x-a")], ..Recipe::default() };
    let looks = |target, first| Case { target, first, ..Case::get("a key", &[("x-a", "1")], vec![]) };
    run(vec![
        looks("/a?c=1&b=2", "look /a?b=2").under(recipe(only)),
        looks("/a", "look /a|header x-a=1").under(recipe(tenant)),
    ]);
}

/// Many ways to say the same are one: for the choice among variants, and for the upstream.
#[test]
fn normalised() {
    let normal = Normal { codings: Coding::ALL.to_vec(), languages: vec!["en".into(), "de".into()] };
    let plan = || Plan { normal: normal.clone(), ..Plan::default() };
    run(vec![
        Case::get(
            "codings",
            &[("accept-encoding", "gzip;q=0.5, br, foo")],
            vec![
                (
                    vary(&[&["accept-encoding", "accept-language"]]),
                    "look /a?b|vary accept-encoding=br|vary accept-language=en",
                ),
                (NOTHING, "claim /a?b|vary accept-encoding=br|vary accept-language=en"),
                (Claimed(Held), "fetch for all; accept-encoding: br"),
            ],
        )
        .under(plan()),
        Case::get(
            "none",
            &[("accept-encoding", "foo"), ("accept-language", "de-CH")],
            vec![(
                vary(&[&["accept-encoding", "accept-language"]]),
                "look /a?b|vary accept-encoding=identity|vary accept-language=de",
            )],
        )
        .under(plan()),
    ]);
}

/// RFC 9110 sections 8.4.1 and 8.8.1: what is compressed here says so, to its first client as well.
#[test]
fn sealed() {
    let compress = Compress { codings: vec![Coding::Brotli], min_size: 5, types: vec!["text/*".into()] };
    let normal = Normal { codings: vec![Coding::Brotli], languages: Vec::new() };
    let plan = || Plan { compress: Some(compress.clone()), normal: normal.clone(), ..Plan::default() };
    let came =
        [("cache-control", "max-age=60"), ("content-type", "text/html"), ("content-length", "10"), ("etag", "\"1\"")];
    let steps = |fetch, came: &[(&str, &str)], expected| {
        vec![
            (NOTHING, "look /a|search"),
            (NOTHING, "claim /a?b"),
            (Claimed(Held), fetch),
            (fetched(200, came), expected),
        ]
    };
    let sealed = |headers: &http::HeaderMap| {
        ["content-encoding", "vary", "etag", "content-length"].map(|name| lines(headers, name))
    };
    let reply = Case::get(
        "compressed",
        &[("accept-encoding", "gzip, br")],
        steps(
            "fetch for all; accept-encoding: br",
            &came,
            "200 fetched, fwd=uri-miss; stored, stores /a?b|vary accept-encoding=br as br marks /a?b",
        ),
    )
    .under(plan())
    .answer();
    let expected = ["br", "Accept-Encoding", "W/\"1\"", ""];
    assert_eq!(sealed(&reply.head.headers), expected);
    assert_eq!(sealed(&reply.store.unwrap().stored.headers), expected);

    let reply = Case::get(
        "not for this client",
        &[],
        steps("fetch for all", &came, "200 fetched, fwd=uri-miss; stored, stores /a?b|vary accept-encoding marks /a?b"),
    )
    .under(plan())
    .answer();
    assert_eq!(sealed(&reply.head.headers), ["", "Accept-Encoding", "\"1\"", "10"]);

    // What is not stored is not compressed, either.
    let own = [("cache-control", "no-store"), ("content-type", "text/html"), ("etag", "\"1\"")];
    let reply = Case::get(
        "not stored",
        &[("accept-encoding", "br")],
        steps("fetch for all; accept-encoding: br", &own, "200 fetched, fwd=uri-miss"),
    )
    .under(plan())
    .answer();
    assert_eq!(sealed(&reply.head.headers), ["", "", "\"1\"", ""]);

    // A part of what is compressed as it comes: its length is not known, so all of it is the answer.
    run(vec![
        Case::get(
            "a range",
            &[("accept-encoding", "br"), ("range", "bytes=0-1")],
            steps(
                "fetch for all; range: bytes=0-1; accept-encoding: br",
                &came,
                "200 fetched, fwd=uri-miss; stored, stores /a?b|vary accept-encoding=br as br marks /a?b",
            ),
        )
        .under(plan()),
        Case::get(
            "the client has it",
            &[("accept-encoding", "br"), ("if-none-match", "W/\"1\"")],
            steps(
                "fetch for all; accept-encoding: br",
                &came,
                "304 empty, fwd=uri-miss; fwd-status=200; stored, stores /a?b|vary accept-encoding=br as br marks /a?b",
            ),
        )
        .under(plan()),
    ]);
}

#[test]
fn the_arms_of_a_split_do_not_share() {
    let edge = r#"
        [[upstream]]
        name = "stable"
        url = "http://a"

        [[upstream]]
        name = "next"
        url = "http://b"

        [[route]]
        name = "app"
        split = [{ weight = 1, upstream = "stable" }, { weight = 1, upstream = "next" }]
    "#;
    let pipeline = cached(edge, Plan::default());
    let mut keys: Vec<_> = (0..64)
        .map(|bit| {
            let start = Start { random: 1 << bit, ..start("GET", "/", &[]) };
            match Exchange::start(Arc::clone(&pipeline), start, NOW) {
                (_, Action::Lookup(key)) => key.to_string(),
                (_, action) => panic!("{action:?}"),
            }
        })
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys, ["http://shop.example/#upstream=next", "http://shop.example/#upstream=stable"]);
}
