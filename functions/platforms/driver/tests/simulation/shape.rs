//! The hardest flows: a stale response at once while a refresh follows, and many requests that share one fetch.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use tidegate_pipeline::{Exchange, Failure, Fetch, Pipeline};

use crate::body::Body;
use crate::clock::{Sim, within};
use crate::edge::{self, fresh};
use crate::platform::{Answer, Place, World};
use crate::{Got, client};

pub const MS: Duration = Duration::from_millis(1);
/// How long the upstream takes to answer, and for each piece of its body.
pub const SLOW: Duration = Duration::from_millis(100);

/// So many clients at once; what they got.
pub fn crowd(world: &Rc<World>, pipeline: &Arc<Pipeline>, count: usize) -> Vec<Got> {
    let all = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..count {
        let (world, pipeline, all) = (Rc::clone(world), Arc::clone(pipeline), Rc::clone(&all));
        let sim = Rc::clone(&world.sim);
        sim.spawn(async move {
            let got = client(world, pipeline, "GET", "/").await;
            all.borrow_mut().push(got);
        });
    }
    world.sim.run();
    all.take()
}

/// An upstream whose every answer says which one it is.
pub fn counting(said: &'static [(&'static str, &'static str)]) -> impl Fn(&Fetch, u64) -> Answer {
    move |_, number| {
        let fields = said.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Answer {
            delay: SLOW,
            result: Ok((StatusCode::OK, fields.collect())),
            chunks: vec!["answer ".into(), number.to_string().into()],
            pause: SLOW,
            breaks: false,
        }
    }
}

#[test]
fn a_stale_response_is_served_at_once_and_refreshed_once_afterwards() {
    for seed in 0..50 {
        let sim = Sim::new(seed);
        let world = World::new(&sim, counting(&[]));
        let pipeline = edge::pipeline(fresh(1_000, 60_000));
        let [first] = &crowd(&world, &pipeline, 1)[..] else { panic!() };
        assert_eq!((&*first.body, world.fetch_count()), (&b"answer 0"[..], 1));

        sim.block_on(sim.sleep(1_000 * MS));
        let asked_at = sim.now();
        let stale = crowd(&world, &pipeline, 20);
        assert!(stale.iter().all(|got| got.body == "answer 0" && got.body_at == asked_at), "{seed}: {stale:?}");
        // crowd() ends when the later work has.
        assert_eq!(world.fetch_count(), 2, "{seed}");

        let asked_at = sim.now();
        let fresh = crowd(&world, &pipeline, 20);
        assert!(fresh.iter().all(|got| got.body == "answer 1" && got.body_at == asked_at), "{seed}: {fresh:?}");
        assert_eq!(world.fetch_count(), 2, "{seed}");
        world.assert_quiet();
    }
}

#[test]
fn a_refresh_begins_only_after_the_response() {
    let sim = Sim::new(0);
    let world = World::new(&sim, counting(&[]));
    let pipeline = edge::pipeline(fresh(0, 60_000));
    crowd(&world, &pipeline, 1);
    let inner = Rc::clone(&world);
    sim.block_on(async move {
        let place = Place(Rc::clone(&inner));
        let (mut exchange, action) = Exchange::start(pipeline, edge::start("GET", "/", &[]), inner.sim.now());
        let response = tidegate_driver::run(&place, &mut exchange, action, Body::Whole(None)).await;
        assert_eq!(response.headers()["age"], "0");
        assert_eq!(inner.fetch_count(), 1);
        assert!(exchange.has_later());
        tidegate_driver::later(&place, &mut exchange).await;
        assert_eq!(inner.fetch_count(), 2);
        assert!(!exchange.has_later());
    });
    world.assert_quiet();
}

#[test]
fn a_refresh_that_fails_leaves_the_stale_response_there() {
    let sim = Sim::new(0);
    let good = counting(&[]);
    let world = World::new(&sim, move |fetch, number| match number {
        0 => good(fetch, number),
        _ => Answer { result: Err(Failure::ConnectTimeout), ..good(fetch, number) },
    });
    let pipeline = edge::pipeline(fresh(0, 60_000));
    for fetches in 1..4 {
        let [got] = &crowd(&world, &pipeline, 1)[..] else { panic!() };
        assert_eq!((&*got.body, world.fetch_count()), (&b"answer 0"[..], fetches));
    }
    world.assert_quiet();
}

#[test]
fn an_expired_response_is_fetched_anew_by_one() {
    for seed in 0..50 {
        let sim = Sim::new(seed);
        let world = World::new(&sim, counting(&[]));
        let pipeline = edge::pipeline(fresh(1_000, 1_000));
        crowd(&world, &pipeline, 1);
        sim.block_on(sim.sleep(2_000 * MS));
        let got = crowd(&world, &pipeline, 20);
        assert!(got.iter().all(|got| got.body == "answer 1"), "{seed}: {got:?}");
        assert_eq!(world.fetch_count(), 2);
        world.assert_quiet();
    }
}

#[test]
fn those_who_wait_share_one_fetch() {
    for seed in 0..50 {
        let sim = Sim::new(seed);
        let world = World::new(&sim, counting(&[("etag", "\"1\"")]));
        // Fresh for no time at all: what was made while they waited is for all of them.
        let got = crowd(&world, &edge::pipeline(fresh(0, 0)), 100);
        assert_eq!((got.len(), world.fetch_count()), (100, 1));
        assert!(got.iter().all(|got| got.status == 200 && got.body == "answer 0"), "{seed}: {got:?}");
        world.assert_quiet();
    }
}

#[test]
fn what_is_not_for_others_releases_all_at_once() {
    for (headers, seed) in [(&[("set-cookie", "a=1")], 1), (&[("cache-control", "private")], 2)] {
        let sim = Sim::new(seed);
        let world = World::new(&sim, counting(headers));
        let began = sim.now();
        let mut got = crowd(&world, &edge::pipeline(fresh(60_000, 0)), 50);
        got.sort_by_key(|got| got.head_at);
        assert_eq!(world.fetch_count(), 50);
        // The first one's head says so; all others ask then, side by side.
        assert_eq!(got[0].head_at, began + SLOW);
        assert!(got[1..].iter().all(|got| got.head_at == began + 2 * SLOW), "{got:?}");
        assert_eq!(world.concurrency("/"), 50);
        let mut bodies: Vec<_> = got.iter().map(|got| got.body.clone()).collect();
        bodies.sort();
        bodies.dedup();
        assert_eq!(bodies.len(), 50, "everybody has an answer of its own");
        world.assert_quiet();
    }
}

#[test]
fn a_fetch_that_fails_releases_all_at_once() {
    let sim = Sim::new(7);
    let good = counting(&[]);
    let world = World::new(&sim, move |fetch, number| match number {
        0 => Answer { result: Err(Failure::ConnectionRefused), ..good(fetch, number) },
        _ => good(fetch, number),
    });
    let began = sim.now();
    let got = crowd(&world, &edge::pipeline(fresh(60_000, 0)), 50);
    let (failed, rest): (Vec<_>, Vec<_>) = got.into_iter().partition(|got| got.status == StatusCode::BAD_GATEWAY);
    assert_eq!((failed.len(), rest.len(), world.fetch_count()), (1, 49, 50));
    assert!(rest.iter().all(|got| got.status == 200 && got.head_at == began + 2 * SLOW), "{rest:?}");
    world.assert_quiet();
}

/// Before its head came, somebody else fetches it; from then on it arrives whoever is gone.
#[test]
fn when_the_first_is_gone_the_others_are_answered() {
    for (gone_after, fetches) in [(50, 2), (150, 1), (250, 1)] {
        for seed in 0..20 {
            let sim = Sim::new(seed);
            let world = World::new(&sim, counting(&[]));
            let pipeline = edge::pipeline(fresh(60_000, 0));
            let (first, at, same) = (Rc::clone(&world), Rc::clone(&sim), Arc::clone(&pipeline));
            sim.spawn(async move {
                let got = within(&at, gone_after * MS, client(first, same, "GET", "/")).await;
                assert_eq!(got, None);
            });
            let rest = Rc::clone(&world);
            sim.block_on({
                let sim = Rc::clone(&sim);
                async move {
                    sim.sleep(10 * MS).await;
                    for _ in 0..20 {
                        let (world, pipeline) = (Rc::clone(&rest), Arc::clone(&pipeline));
                        sim.spawn(async move {
                            let got = client(world, pipeline, "GET", "/").await;
                            let answer = format!("answer {}", fetches - 1);
                            assert_eq!((got.status, &*got.body), (StatusCode::OK, answer.as_bytes()));
                            assert!(got.is_whole);
                        });
                    }
                }
            });
            assert_eq!((world.fetch_count(), world.concurrency("/")), (fetches, 1), "{gone_after} {seed}");
            world.assert_quiet();
        }
    }
}

#[test]
fn head_is_answered_from_the_store_and_shares_nothing() {
    let sim = Sim::new(0);
    let world = World::new(&sim, counting(&[]));
    let pipeline = edge::pipeline(fresh(60_000, 0));
    let ask = |method| sim.block_on(client(Rc::clone(&world), Arc::clone(&pipeline), method, "/"));
    // POST makes it invalid.
    for (method, fetches) in [("HEAD", 1), ("HEAD", 2), ("GET", 3), ("HEAD", 3), ("POST", 4), ("HEAD", 5), ("GET", 6)] {
        ask(method);
        assert_eq!(world.fetch_count(), fetches, "{method}");
    }
    world.assert_quiet();
}
