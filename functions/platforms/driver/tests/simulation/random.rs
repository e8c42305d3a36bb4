//! Random interleavings: whoever comes and goes when, everybody who stays is answered, and what can be shared is.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tidegate_pipeline::{Failure, Fetch};

use crate::clock::{Sim, within};
use crate::platform::{Answer, World};
use crate::{client, edge};

const SEEDS: u64 = 300;
const CLIENTS: u64 = 60;
/// Fewer than the turns after which a request goes alone: with more, fetches may run side by side, on purpose.
const GONE_MAX: u32 = 7;
/// Nothing takes longer to arrive, in milliseconds. What is fresh for as long is for all who come meanwhile.
const FILL_MS_MAX: u64 = 150 + 4 * 50;

#[test]
fn whatever_happens_everybody_is_answered() {
    (0..SEEDS).for_each(simulate);
}

fn simulate(seed: u64) {
    let sim = Sim::new(seed);
    let world = World::new(&sim, upstream(&sim));
    let pipeline = edge::pipeline(edge::fresh(FILL_MS_MAX + sim.random(400), sim.random(400)));
    let answered = Rc::new(Cell::new(0));
    let mut gone = 0;
    for _ in 0..CLIENTS {
        let target = ["/shared", "/own", "/flaky"][sim.random(3) as usize];
        let comes = Duration::from_millis(sim.random(2_000));
        let stays = if sim.random(4) == 0 && gone < GONE_MAX { Some(sim.random(200)) } else { None };
        gone += u32::from(stays.is_some());
        let (world, pipeline, answered) = (Rc::clone(&world), Arc::clone(&pipeline), Rc::clone(&answered));
        let at = Rc::clone(&sim);
        sim.spawn(async move {
            at.sleep(comes).await;
            let stays = Duration::from_millis(stays.unwrap_or(1_000_000));
            let got = within(&at, stays, client(world, pipeline, "GET", target)).await;
            if let Some(got) = got {
                assert!(target == "/flaky" || got.is_whole && is_whole(&got.body), "{seed}: {target}: {got:?}");
            }
            answered.set(answered.get() + 1);
        });
    }
    sim.run();
    assert_eq!(answered.get(), CLIENTS, "{seed}");
    assert!(world.concurrency("/shared") <= 1, "{seed}: fetches of what can be shared ran side by side");
    world.assert_quiet();
    assert_eq!(Rc::strong_count(&world), 1, "{seed}: somebody still holds the world");
}

/// `/shared` is everybody's, `/own` is not, `/flaky` may be anything.
fn upstream(sim: &Rc<Sim>) -> impl Fn(&Fetch, u64) -> Answer + 'static {
    let sim = Rc::clone(sim);
    move |fetch, number| {
        let target = fetch.head.uri.path();
        let mut headers = HeaderMap::new();
        let is_flaky = target == "/flaky";
        if target == "/own" || is_flaky && sim.random(2) == 0 {
            headers.insert("set-cookie", "a=1".parse().unwrap());
        }
        let fails = is_flaky && sim.random(3) == 0;
        Answer {
            delay: Duration::from_millis(sim.random(150)),
            result: if fails { Err(Failure::ConnectionTerminated) } else { Ok((StatusCode::OK, headers)) },
            chunks: vec![format!("{number}").into(), "-".into(), format!("{number}").into()],
            pause: Duration::from_millis(sim.random(50)),
            breaks: is_flaky && sim.random(3) == 0,
        }
    }
}

fn is_whole(body: &Bytes) -> bool {
    let text = std::str::from_utf8(body).unwrap();
    text.split_once('-').is_some_and(|(start, end)| !start.is_empty() && start == end)
}
