//! What others get while a response arrives, and what becomes of it when something goes wrong meanwhile.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tidegate_cache::{Coding, Compress, Normal, Plan, Purge, What};
use tidegate_pipeline::{Failure, Fetch, Pipeline};

use crate::clock::Sim;
use crate::edge::{self, fresh};
use crate::platform::{Answer, World};
use crate::shape::{MS, SLOW, counting, crowd};
use crate::{Got, client, client_with};

type Fields = &'static [(&'static str, &'static str)];

/// A client that comes after this many milliseconds; what it got is there when the simulation has run.
fn comes(world: &Rc<World>, pipeline: &Arc<Pipeline>, after: u32, target: &'static str) -> Rc<RefCell<Option<Got>>> {
    let got = Rc::<RefCell<Option<Got>>>::default();
    let (world, pipeline, into) = (Rc::clone(world), Arc::clone(pipeline), Rc::clone(&got));
    let sim = Rc::clone(&world.sim);
    sim.spawn(async move {
        world.sim.sleep(after * MS).await;
        let answer = client(world, pipeline, "GET", target).await;
        *into.borrow_mut() = Some(answer);
    });
    got
}

fn get(world: &Rc<World>, pipeline: &Arc<Pipeline>, said: Fields) -> Got {
    let (world, pipeline) = (Rc::clone(world), Arc::clone(pipeline));
    let sim = Rc::clone(&world.sim);
    sim.block_on(async move { client_with(world, pipeline, "GET", "/", said).await })
}

#[test]
fn those_who_wait_read_it_while_it_arrives() {
    for seed in 0..20 {
        let sim = Sim::new(seed);
        let world = World::new(&sim, counting(&[]));
        let began = sim.now();
        let got = crowd(&world, &edge::pipeline(fresh(60_000, 0)), 50);
        assert_eq!(world.fetch_count(), 1);
        for got in got {
            // The head, the first chunk, the end behind the second one.
            assert_eq!(got.head_at, began + SLOW, "{seed}");
            assert_eq!(got.first_at, Some(began + 2 * SLOW), "{seed}");
            assert_eq!((got.body_at, &*got.body), (began + 4 * SLOW, &b"answer 0"[..]), "{seed}");
        }
        world.assert_quiet();
    }
}

#[test]
fn who_comes_late_reads_it_from_its_beginning() {
    let sim = Sim::new(3);
    let world = World::new(&sim, counting(&[]));
    let pipeline = edge::pipeline(fresh(60_000, 0));
    let began = sim.now();
    comes(&world, &pipeline, 0, "/");
    let late = comes(&world, &pipeline, 350, "/");
    sim.run();
    let late = late.take().unwrap();
    assert_eq!((&*late.body, late.is_whole, world.fetch_count()), (&b"answer 0"[..], true, 1));
    assert_eq!((late.head_at, late.first_at), (began + 350 * MS, Some(began + 350 * MS)));
    assert_eq!(late.headers["age"], "0");
}

/// A body may take longer than it is fresh: then it is for those who were there when it began (RFC 9111 section 4.2.4).
#[test]
fn who_comes_when_it_is_stale_fetches_alone() {
    let sim = Sim::new(3);
    let world = World::new(&sim, counting(&[]));
    let pipeline = edge::pipeline(fresh(200, 0));
    comes(&world, &pipeline, 0, "/");
    let soon = comes(&world, &pipeline, 150, "/");
    let late = comes(&world, &pipeline, 250, "/");
    sim.run();
    assert_eq!((soon.take().unwrap().body, late.take().unwrap().body), ("answer 0".into(), "answer 1".into()));
}

#[test]
fn a_slow_fetch_holds_others_only_so_long() {
    let slow = |number| if number == 0 { 60 * SLOW } else { SLOW };
    let sim = Sim::new(0);
    let good = counting(&[]);
    let world = World::new(&sim, move |fetch, number| Answer { delay: slow(number), ..good(fetch, number) });
    let plan = Plan { wait: 5 * SLOW, ..fresh(60_000, 0) };
    let began = sim.now();
    let mut got = crowd(&world, &edge::pipeline(plan), 20);
    got.sort_by_key(|got| got.head_at);
    let (last, rest) = got.split_last().unwrap();
    assert_eq!(last.head_at, began + 60 * SLOW);
    assert!(rest.iter().all(|got| got.head_at == began + 6 * SLOW && got.is_whole), "{rest:?}");
    world.assert_quiet();
}

#[test]
fn what_breaks_off_is_whole_for_nobody_and_not_stored() {
    for seed in 0..20 {
        let sim = Sim::new(seed);
        let good = counting(&[]);
        let world = World::new(&sim, move |fetch, number| Answer { breaks: number == 0, ..good(fetch, number) });
        let pipeline = edge::pipeline(fresh(60_000, 0));
        let got = crowd(&world, &pipeline, 30);
        assert_eq!(world.fetch_count(), 1);
        assert!(got.iter().all(|got| !got.is_whole && got.status == StatusCode::OK), "{seed}: {got:?}");
        world.assert_quiet();
        let got = get(&world, &pipeline, &[]);
        assert_eq!((&*got.body, got.is_whole, world.fetch_count()), (&b"answer 1"[..], true, 2));
    }
}

/// What is stale stays where it is when a newer one breaks off.
#[test]
fn what_breaks_off_replaces_nothing() {
    let sim = Sim::new(1);
    let good = counting(&[]);
    let world = World::new(&sim, move |fetch, number| Answer { breaks: number > 0, ..good(fetch, number) });
    let pipeline = edge::pipeline(fresh(0, 60_000));
    for _ in 0..3 {
        let got = get(&world, &pipeline, &[]);
        assert_eq!((&*got.body, got.is_whole), (&b"answer 0"[..], true));
    }
    // The first one came as it was fetched; each of the others was refreshed in vain.
    assert_eq!(world.fetch_count(), 3);
    world.assert_quiet();
}

#[test]
fn what_is_too_large_is_read_by_those_who_have_it() {
    let sim = Sim::new(1);
    let world = World::new(&sim, counting(&[]));
    let pipeline = edge::pipeline(Plan { max_body: 7, ..fresh(60_000, 0) });
    let got = crowd(&world, &pipeline, 10);
    assert!(got.iter().all(|got| got.body == "answer 0" && got.is_whole), "{got:?}");
    assert_eq!(world.fetch_count(), 1);
    get(&world, &pipeline, &[]);
    assert_eq!(world.fetch_count(), 2);
    world.assert_quiet();
}

/// By whatever it is purged: what was fetched before is not found after it.
#[test]
fn a_purge_counts_for_what_is_under_way() {
    let url = What::Url("http://shop.example/".into());
    for what in [url, What::Tag("t".into()), What::Everything, What::Host("shop.example".into())] {
        // Before the head, while the body comes, when it is stored.
        for at in [50, 250, 1_000] {
            let sim = Sim::new(5);
            let world = World::new(&sim, counting(&[("surrogate-key", "t")]));
            let pipeline = edge::pipeline(fresh(60_000, 0));
            let first = comes(&world, &pipeline, 0, "/");
            let (cache, clock) = (Rc::clone(&world.cache), Rc::clone(&sim));
            let purge = Purge { what: what.clone(), is_soft: false };
            sim.spawn(async move {
                clock.sleep(at * MS).await;
                cache.purge(vec![purge]);
            });
            // A tag is known when the head is, and only what is stored has it: who comes meanwhile may get it.
            let next = if matches!(what, What::Tag(_)) { 1_100 } else { at + 10 };
            let after = comes(&world, &pipeline, next, "/");
            sim.run();
            assert_eq!(first.take().unwrap().body, "answer 0");
            assert_eq!(after.take().unwrap().body, "answer 1", "{what} at {at}");
            world.assert_quiet();
        }
    }
}

#[test]
fn a_soft_purge_has_it_refreshed() {
    let sim = Sim::new(5);
    let world = World::new(&sim, counting(&[]));
    let pipeline = edge::pipeline(fresh(60_000, 60_000));
    get(&world, &pipeline, &[]);
    world.cache.purge(vec![Purge { what: What::Everything, is_soft: true }]);
    let bodies = [(); 3].map(|()| get(&world, &pipeline, &[]).body);
    assert_eq!(bodies, ["answer 0", "answer 1", "answer 1"]);
    assert_eq!(world.fetch_count(), 2);
}

#[test]
fn who_finds_no_place_among_the_claims_fetches_alone() {
    let sim = Sim::new(5);
    let world = World::new(&sim, counting(&[]));
    world.cache.held_max.set(Some(1));
    let pipeline = edge::pipeline(fresh(60_000, 0));
    let all = [comes(&world, &pipeline, 0, "/a"), comes(&world, &pipeline, 1, "/b"), comes(&world, &pipeline, 2, "/a")];
    sim.run();
    assert!(all.iter().all(|got| got.borrow().as_ref().is_some_and(|got| got.is_whole)));
    assert_eq!(world.fetch_count(), 2);
    // /b was not stored.
    let pages: Vec<_> = ["/a", "/b"].map(|target| comes(&world, &pipeline, 0, target)).into();
    sim.run();
    assert_eq!((world.fetch_count(), pages.len()), (3, 2));
    world.assert_quiet();
}

/// RFC 5861 section 4, for all who wait.
#[test]
fn an_error_is_answered_with_what_is_stale() {
    for seed in 0..20 {
        let sim = Sim::new(seed);
        let good = counting(&[]);
        let world = World::new(&sim, move |fetch, number| match number {
            0 => good(fetch, number),
            _ => Answer { result: Err(Failure::ConnectTimeout), ..good(fetch, number) },
        });
        let plan = Plan { stale_if_error: Duration::from_secs(60), ..fresh(1_000, 0) };
        let pipeline = edge::pipeline(plan);
        get(&world, &pipeline, &[]);
        sim.block_on(sim.sleep(2_000 * MS));
        let asked = sim.now();
        let got = crowd(&world, &pipeline, 30);
        assert!(got.iter().all(|got| got.body == "answer 0" && got.head_at == asked + SLOW), "{seed}: {got:?}");
        // They did not ask each for itself.
        assert_eq!(world.fetch_count(), 2, "{seed}");
        world.assert_quiet();
    }
}

#[test]
fn a_validated_response_is_renewed_for_all() {
    let sim = Sim::new(2);
    let good = counting(&[("etag", "\"1\"")]);
    let world = World::new(&sim, move |fetch: &Fetch, number| {
        let answer = good(fetch, number);
        match fetch.head.headers.get("if-none-match") {
            Some(_) => Answer {
                result: answer.result.map(|(_, headers)| (StatusCode::NOT_MODIFIED, headers)),
                chunks: Vec::new(),
                ..answer
            },
            None => answer,
        }
    });
    let pipeline = edge::pipeline(fresh(1_000, 0));
    get(&world, &pipeline, &[]);
    sim.block_on(sim.sleep(2_000 * MS));
    let got = crowd(&world, &pipeline, 30);
    assert!(got.iter().all(|got| got.body == "answer 0" && got.status == StatusCode::OK), "{got:?}");
    assert_eq!(world.fetch_count(), 2);
    // And is stored: HEAD and parts come from there.
    let part = get(&world, &pipeline, &[("range", "bytes=0-2")]);
    assert_eq!((part.status, &*part.body, world.fetch_count()), (StatusCode::PARTIAL_CONTENT, &b"ans"[..], 2));
    let same = get(&world, &pipeline, &[("if-none-match", "\"1\"")]);
    assert_eq!((same.status, &*same.body, world.fetch_count()), (StatusCode::NOT_MODIFIED, &b""[..], 2));
    world.assert_quiet();
}

/// RFC 9111 section 3.4: two parts, one after the other, are the whole.
#[test]
fn parts_become_the_whole() {
    const TEXT: &str = "0123456789";
    let sim = Sim::new(2);
    let world = World::new(&sim, |fetch: &Fetch, _| {
        let range = fetch.head.headers.get("range").map(|range| range.to_str().unwrap());
        let (first, end) = match range {
            Some("bytes=0-4") => (0, 5),
            Some("bytes=3-9") => (3, 10),
            range => panic!("{range:?}"),
        };
        let headers = [("etag", "\"1\"".to_owned()), ("content-range", format!("bytes {first}-{}/10", end - 1))];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer {
            delay: SLOW,
            result: Ok((StatusCode::PARTIAL_CONTENT, headers.into_iter().collect())),
            chunks: vec![TEXT[first..end].into()],
            pause: SLOW,
            breaks: false,
        }
    });
    let pipeline = edge::pipeline(fresh(60_000, 0));
    let table: &[(Fields, u16, &str, usize)] = &[
        (&[("range", "bytes=0-4")], 206, "01234", 1),
        (&[("range", "bytes=1-2")], 206, "12", 1),
        (&[("range", "bytes=3-9")], 206, "3456789", 2),
        (&[], 200, TEXT, 2),
        (&[("range", "bytes=-1")], 206, "9", 2),
    ];
    for (said, status, body, fetches) in table {
        let got = get(&world, &pipeline, said);
        assert_eq!((got.status.as_u16(), &*got.body, got.is_whole), (*status, body.as_bytes(), true), "{said:?}");
        assert_eq!(world.fetch_count(), *fetches, "{said:?}");
    }
    world.assert_quiet();
}

#[test]
fn what_is_compressed_here_is_compressed_for_its_first_client_too() {
    let sim = Sim::new(2);
    let world = World::new(&sim, counting(&[("content-type", "text/plain")]));
    let codings = vec![Coding::Brotli];
    let compress = Compress { codings: codings.clone(), min_size: 1, types: vec!["text/*".into()] };
    let normal = Normal { codings, ..Normal::default() };
    let pipeline = edge::pipeline(Plan { compress: Some(compress), normal, ..fresh(60_000, 0) });
    let table: &[(Fields, &str, usize)] = &[
        (&[("accept-encoding", "br, gzip")], "br(answer 0)", 1),
        (&[("accept-encoding", "gzip;q=0.1,br")], "br(answer 0)", 1),
        (&[], "answer 1", 2),
        // Without the field one takes any coding, with it perhaps none (RFC 9110 section 12.5.3).
        (&[("accept-encoding", "br;q=0")], "answer 2", 3),
        (&[("accept-encoding", "gzip")], "answer 2", 3),
    ];
    for (said, body, fetches) in table {
        let got = get(&world, &pipeline, said);
        assert_eq!((&*got.body, world.fetch_count()), (body.as_bytes(), *fetches), "{said:?}");
        let coding = got.headers.get("content-encoding").map(|coding| coding.as_bytes());
        assert_eq!(coding, body.starts_with("br").then_some(&b"br"[..]));
    }
    world.assert_quiet();
}
