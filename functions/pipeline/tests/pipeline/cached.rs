//! What an Exchange asks of the store, step by step. How that comes together is shown with the driver.

use std::sync::Arc;
use std::time::Duration;

use tidegate_core::Timestamp;
use tidegate_pipeline::{Action, Claim, Exchange, Failure, Input, Released, ReplyBody, Stored};

use crate::support::{EDGE, NOW, cached, head, lines, pipeline, start};

fn ago(milliseconds: u64) -> Timestamp {
    Timestamp::from_unix_ms(NOW.as_unix_ms() - milliseconds)
}

fn stored(stored_at: Timestamp, said: &[(&str, &str)]) -> Option<Stored> {
    Some(Stored { stored_at, head: head(200, said) })
}

/// An Exchange that has asked for what is stored.
fn looking(said: &[(&str, &str)]) -> Exchange {
    let (exchange, action) = Exchange::start(cached(EDGE), start("GET", "/a?b", said), NOW);
    assert!(matches!(&action, Action::Lookup(key) if key.as_str() == "http://shop.example/a?b"), "{action:?}");
    exchange
}

/// What an action is, in short.
fn word(action: &Action) -> &'static str {
    match action {
        Action::Lookup(_) => "look",
        Action::Claim { seen: None, .. } => "claim",
        Action::Claim { seen: Some(_), .. } => "claim what is older",
        Action::Wait(_) => "wait",
        Action::Fetch(fetch) if fetch.shares.is_some() => "fetch for all",
        Action::Fetch(_) => "fetch alone",
        Action::Respond(reply) => match (&reply.body, &reply.store) {
            (ReplyBody::Stored, None) => "stored",
            (ReplyBody::Fetched, Some(_)) => "fetched, and store",
            (ReplyBody::Fetched, None) => "fetched",
            (ReplyBody::Whole(_), None) => "problem",
            _ => "?",
        },
        Action::Store(_) => "store",
        Action::Finish => "finish",
    }
}

#[test]
fn steps() {
    use Claim::{Changed, Held, Taken};
    use Input::{Claimed, Failed, Fetched, Looked, Responded};
    let fresh = || Looked(stored(ago(999), &[]));
    let stale = || Looked(stored(ago(1_000), &[]));
    let expired = || Looked(stored(ago(2_000), &[]));
    let own = || Fetched(head(200, &[("set-cookie", "a=1")]));
    let good = || Fetched(head(200, &[]));
    let table: Vec<Vec<(Input, &str)>> = vec![
        vec![(fresh(), "stored"), (Responded, "finish")],
        vec![
            (Looked(None), "claim"),
            (Claimed(Held), "fetch for all"),
            (good(), "fetched, and store"),
            (Responded, "finish"),
        ],
        vec![(Looked(None), "claim"), (Claimed(Held), "fetch for all"), (own(), "fetched"), (Responded, "finish")],
        vec![(Looked(None), "claim"), (Claimed(Held), "fetch for all"), (Failed(Failure::Dns), "problem")],
        vec![(expired(), "claim what is older"), (Claimed(Held), "fetch for all")],
        vec![(Looked(None), "claim"), (Claimed(Changed), "look"), (fresh(), "stored")],
        // Others are first.
        vec![(Looked(None), "claim"), (Claimed(Taken), "wait"), (expired(), "stored"), (Responded, "finish")],
        vec![
            (Looked(None), "claim"),
            (Claimed(Taken), "wait"),
            (Input::Released(Released::Unshared), "fetch alone"),
            (good(), "fetched"),
        ],
        vec![
            (Looked(None), "claim"),
            (Claimed(Taken), "wait"),
            (Input::Released(Released::Gone), "claim"),
            (Claimed(Held), "fetch for all"),
        ],
        // A refresh, after the response.
        vec![
            (stale(), "stored"),
            (Responded, "claim what is older"),
            (Claimed(Held), "fetch for all"),
            (good(), "store"),
            (Input::Stored, "finish"),
        ],
        vec![
            (stale(), "stored"),
            (Responded, "claim what is older"),
            (Claimed(Held), "fetch for all"),
            (own(), "finish"),
        ],
        vec![
            (stale(), "stored"),
            (Responded, "claim what is older"),
            (Claimed(Held), "fetch for all"),
            (Failed(Failure::Dns), "finish"),
        ],
        vec![(stale(), "stored"), (Responded, "claim what is older"), (Claimed(Taken), "finish")],
        vec![(stale(), "stored"), (Responded, "claim what is older"), (Claimed(Changed), "finish")],
        // What a driver must not do ends well all the same.
        vec![(good(), "problem"), (Responded, "finish"), (Responded, "finish")],
        vec![(stale(), "stored"), (good(), "finish")],
    ];
    for (row, steps) in table.into_iter().enumerate() {
        let mut exchange = looking(&[]);
        for (step, (input, expected)) in steps.into_iter().enumerate() {
            assert_eq!(word(&exchange.advance(input, NOW)), expected, "row {row}, step {step}");
        }
    }
}

#[test]
fn starting_over_has_an_end() {
    for released in [true, false] {
        let mut exchange = looking(&[]);
        let mut action = exchange.advance(Input::Looked(None), NOW);
        let mut turns = 0;
        while word(&action) != "fetch alone" {
            let claim = if released { Claim::Taken } else { Claim::Changed };
            action = exchange.advance(Input::Claimed(claim), NOW);
            if word(&action) == "wait" {
                action = exchange.advance(Input::Released(Released::Gone), NOW);
            } else if word(&action) == "look" {
                action = exchange.advance(Input::Looked(None), NOW);
            }
            turns += 1;
            assert!(turns < 20);
        }
    }
}

#[test]
fn what_is_stored_is_nobodys_own() {
    let edge = format!(
        "{EDGE}\nresponse = {{ set = {{ x-edge = \"yes\" }} }}\n[proxy]\nserver_timing = true\nproxy_status = true"
    );
    let (mut exchange, _) = Exchange::start(cached(&edge), start("GET", "/", &[]), NOW);
    exchange.advance(Input::Looked(None), NOW);
    exchange.advance(Input::Claimed(Claim::Held), NOW);
    let action = exchange.advance(Input::Fetched(head(200, &[("connection", "close"), ("etag", "\"1\"")])), NOW);
    let Action::Respond(reply) = action else { panic!("{action:?}") };
    let store = reply.store.unwrap();
    assert_eq!(store.key.as_str(), "http://shop.example/");
    assert_eq!(crate::support::names(&store.head.headers), ["etag", "via"]);
    assert_eq!(crate::support::names(&reply.head.headers), ["etag", "proxy-status", "server-timing", "via", "x-edge"]);
}

#[test]
fn a_shared_fetch_is_made_without_conditions() {
    let mut exchange =
        looking(&[("if-none-match", "\"1\""), ("if-modified-since", "x"), ("content-length", "0"), ("accept", "a")]);
    exchange.advance(Input::Looked(None), NOW);
    let action = exchange.advance(Input::Claimed(Claim::Held), NOW);
    let Action::Fetch(fetch) = action else { panic!("{action:?}") };
    let left: Vec<_> = crate::support::names(&fetch.head.headers);
    assert_eq!(
        left,
        ["accept", "forwarded", "host", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]
    );
}

#[test]
fn stored_responses_say_their_age() {
    let mut exchange = looking(&[]);
    let action = exchange.advance(Input::Looked(stored(ago(900), &[("age", "5")])), NOW + Duration::from_millis(100));
    let Action::Respond(reply) = action else { panic!("{action:?}") };
    assert_eq!(lines(&reply.head.headers, "age"), "6");
}

#[test]
fn some_requests_pass_by() {
    let table: &[(&str, &[(&str, &str)])] =
        &[("POST", &[]), ("GET", &[("authorization", "x")]), ("GET", &[("range", "bytes=0-1")])];
    for (method, said) in table {
        let (_, action) = Exchange::start(cached(EDGE), start(method, "/", said), NOW);
        assert_eq!(word(&action), "fetch alone", "{method} {said:?}");
    }
    let (_, action) = Exchange::start(pipeline(EDGE), start("GET", "/", &[]), NOW);
    assert_eq!(word(&action), "fetch alone");
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
    let pipeline = cached(edge);
    let mut keys: Vec<_> = (0..64)
        .map(|bit| {
            let start = tidegate_pipeline::Start { random: 1 << bit, ..start("GET", "/", &[]) };
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
