//! A cached answer never differs from what the origin would be allowed to have sent.
//!
//! An origin whose pages change, vary and are sometimes one client's own writes down all that it sends; clients of all
//! kinds come and go; every answer is then held against what was written down.

mod origin;
mod verdict;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tidegate_cache::{Plan, Purge, What};
use tidegate_core::Timestamp;
use tidegate_pipeline::Pipeline;

use crate::clock::{Sim, within};
use crate::platform::World;
use crate::{Got, client_with, edge};
use origin::{Origin, PAGES};

const SEEDS: u64 = 500;
const CLIENTS: u64 = 60;
/// When the last one comes.
const LAST_MS: u64 = 8_000;

/// A client: what it asks for, and since when.
pub struct Client {
    pub method: &'static str,
    pub path: &'static str,
    pub said: Vec<(&'static str, String)>,
    pub since: Timestamp,
}

impl Client {
    /// What it says in a field.
    pub fn says(&self, name: &str) -> Option<&str> {
        self.said.iter().find(|(said, _)| *said == name).map(|(_, value)| &**value)
    }

    /// The argument of a directive in seconds; without one: for as long as can be.
    pub fn directive(&self, name: &str) -> Option<u64> {
        let (directive, argument) =
            self.says("cache-control")?.split_once('=').unwrap_or((self.says("cache-control")?, ""));
        (directive == name).then(|| argument.parse().unwrap_or(1_000_000))
    }
}

#[test]
fn what_is_answered_is_what_the_origin_said() {
    let mut seen = BTreeMap::new();
    for seed in 0..SEEDS {
        simulate(seed, &mut seen);
    }
    // What did not happen was not shown.
    for what in ["hit", "stale hit", "collapsed", "validated", "in place of an error", "304", "206", "404", "cut off"] {
        assert!(seen.get(what).is_some_and(|count| *count > 20), "{what} is rare: {seen:?}");
    }
}

fn simulate(seed: u64, seen: &mut BTreeMap<&'static str, usize>) {
    let sim = Sim::new(seed);
    let origin = Origin::new(&sim);
    let world = World::new(&sim, {
        let origin = Rc::clone(&origin);
        move |fetch, _| origin.answer(fetch)
    });
    let plan = Plan { heuristics: false, wait: Duration::from_millis(50 + sim.random(2_000)), ..Plan::default() };
    let pipeline = edge::pipeline(plan);
    let answers = Rc::<RefCell<Vec<(Client, Got)>>>::default();
    for id in 0..CLIENTS {
        sim.spawn(come(id, Rc::clone(&world), Arc::clone(&pipeline), Rc::clone(&origin), Rc::clone(&answers)));
    }
    sim.spawn(purge(Rc::clone(&world), Rc::clone(&origin)));
    sim.run();
    world.assert_quiet();
    let answers = answers.take();
    // What changes something makes invalid what was before (RFC 9111 section 4.4); of who went away nobody knows.
    for (client, got) in answers.iter().filter(|(client, got)| client.method == "POST" && got.status == 200) {
        origin.forget(Some(client.path), got.head_at, false);
    }
    for (client, got) in answers {
        if let Err(why) = verdict::check(&origin, &client, &got) {
            panic!(
                "seed {seed}: {} {} {:?} since {:?}\n{got:#?}\n{why}",
                client.method, client.path, client.said, client.since
            );
        }
        count(&got, seen);
    }
}

async fn come(
    id: u64,
    world: Rc<World>,
    pipeline: Arc<Pipeline>,
    origin: Rc<Origin>,
    answers: Rc<RefCell<Vec<(Client, Got)>>>,
) {
    let sim = Rc::clone(&world.sim);
    sim.sleep(Duration::from_millis(sim.random(LAST_MS))).await;
    let client = ask(id, &sim, &origin);
    let stays = if sim.random(8) == 0 { sim.random(300) } else { 1_000_000 };
    let said: Vec<_> = client.said.iter().map(|(name, value)| (*name, &**value)).collect();
    let answer = client_with(Rc::clone(&world), pipeline, client.method, client.path, &said);
    let got = within(&sim, Duration::from_millis(stays), answer).await;
    drop(said);
    answers.borrow_mut().extend(got.map(|got| (client, got)));
}

/// Something that a client may want.
fn ask(id: u64, sim: &Sim, origin: &Origin) -> Client {
    let one = |of: &[&'static str]| of[sim.random(of.len() as u64) as usize];
    let maybe = |one_of: u64| sim.random(one_of) == 0;
    let path = one(&PAGES);
    let mut said = vec![("x-client", id.to_string())];
    for (name, values) in [("accept-language", &["en", "de"][..]), ("x-flavor", &["a", "b"])] {
        if !maybe(4) {
            said.push((name, one(values).to_owned()));
        }
    }
    if maybe(6) {
        said.push(("authorization", format!("user {id}")));
    }
    if maybe(4) {
        let directives = [
            "no-cache",
            "no-store",
            "max-age=0",
            "max-age=1",
            "min-fresh=1",
            "max-stale",
            "max-stale=1",
            "only-if-cached",
            "stale-if-error=2",
        ];
        said.push(("cache-control", one(&directives).to_owned()));
    }
    let method = match sim.random(16) {
        0 => "POST",
        // Without a validator, HEAD makes fresh whatever is stored (RFC 9111 section 4.3.5).
        1 | 2 if path != "/loose" => "HEAD",
        _ => "GET",
    };
    if method == "GET" && maybe(5) {
        said.push(("range", one(&["bytes=0-9", "bytes=10-", "bytes=5-24", "bytes=-8"]).to_owned()));
    }
    if let Some(tag) = origin.some_tag(path) {
        if maybe(5) && method != "POST" {
            said.push(("if-none-match", tag));
        } else if maybe(4) {
            said.push(("if-range", tag));
        }
    }
    Client { method, path, said, since: sim.now() }
}

/// Purges something now and then.
async fn purge(world: Rc<World>, origin: Rc<Origin>) {
    let sim = &world.sim;
    for _ in 0..3 {
        sim.sleep(Duration::from_millis(sim.random(LAST_MS / 2))).await;
        let path = PAGES[sim.random(PAGES.len() as u64) as usize];
        let what = match sim.random(3) {
            0 => What::Everything,
            1 => What::Url(format!("http://shop.example{path}").into()),
            _ => What::Tag(path.into()),
        };
        let is_soft = sim.random(3) == 0;
        if !is_soft {
            let path = Some(path).filter(|_| what != What::Everything);
            origin.forget(path, sim.now(), matches!(what, What::Tag(_)));
        }
        world.cache.purge(vec![Purge { what, is_soft }]);
    }
}

fn count(got: &Got, seen: &mut BTreeMap<&'static str, usize>) {
    let said = got.headers.get("cache-status").map_or("", |said| said.to_str().unwrap());
    let is_stale = said.contains("ttl=-");
    let what = [
        ("hit", said.contains("; hit") && !is_stale),
        ("stale hit", said.contains("; hit") && is_stale),
        ("collapsed", said.contains("collapsed")),
        ("validated", said.contains("fwd-status=304; stored")),
        ("in place of an error", said.contains("fwd=") && is_stale),
        ("304", got.status == 304 && said.contains("; hit")),
        ("206", got.status == 206 && said.contains("; hit")),
        ("404", got.status == 404 && said.contains("; hit")),
        ("cut off", !got.is_whole),
    ];
    for (what, _) in what.into_iter().filter(|(_, is)| *is) {
        *seen.entry(what).or_default() += 1;
    }
}
