//! Purges race with requests: whoever asks after a purge returned never gets what was there before, on no core.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use harness::{Host, Raw, Trial, tests};

use super::purge::order;
use super::{Origin, edge, get, response};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_cache",
        needs [],
        nobody_gets_what_was_purged_before,
        nobody_gets_what_was_purged_before_from_disk,
        nobody_gets_what_was_changed_before,
    )
}

const ROUNDS: usize = 150;
const CONNECTIONS: usize = 16;
const TARGETS: usize = 3;

/// What all know of the truth.
#[derive(Default)]
struct World {
    /// What the origin answers with.
    version: AtomicUsize,
    /// What was purged: answers to requests from now on are this new, or newer.
    least: AtomicUsize,
    is_over: AtomicBool,
    answers: AtomicUsize,
}

/// Sets that it is over, however this ends.
struct Ends<'w>(&'w World);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}

fn origin(world: &Arc<World>) -> Origin {
    let world = Arc::clone(world);
    Origin::answering(move |_, number| {
        let version = world.version.load(Ordering::SeqCst);
        // Others come in between, sometimes.
        for _ in 0..number % 7 {
            std::thread::yield_now();
        }
        let vary = if number % 2 == 0 { "\nvary: x-kind" } else { "" };
        response(&format!("cache-control: max-age=3600\ncache-tag: t{vary}"), version.to_string())
    })
}

fn ask_until_it_is_over(host: &Host, world: &World, number: usize) {
    let mut raw = Raw::connect(host.address);
    let path = format!("/{}", number % TARGETS);
    let request = get(&path);
    while !world.is_over.load(Ordering::SeqCst) {
        let least = world.least.load(Ordering::SeqCst);
        raw.send(&request);
        let answer = raw.answer();
        assert_eq!(answer.status, 200, "{answer:?}");
        let version: usize = answer.text().parse().unwrap();
        assert!(version >= least, "{version} came, and {least} was there: {answer:?}");
        world.answers.fetch_add(1, Ordering::SeqCst);
    }
}

/// Changes the version again and again, each time with `forget`, which makes the old one be forgotten.
fn races(setup: harness::Setup, world: &World, forget: impl Fn(&Host, usize)) {
    let host = setup.start();
    std::thread::scope(|scope| {
        let _ends = Ends(world);
        for number in 0..CONNECTIONS {
            let host = &host;
            scope.spawn(move || ask_until_it_is_over(host, world, number));
        }
        for version in 1..=ROUNDS {
            world.version.store(version, Ordering::SeqCst);
            forget(&host, version);
            world.least.store(version, Ordering::SeqCst);
            // Some are answered between this one and the next.
            let enough = world.answers.load(Ordering::SeqCst) + 2 * CONNECTIONS;
            harness::wait_for("answers", || {
                let is_over = world.is_over.load(Ordering::SeqCst);
                (is_over || world.answers.load(Ordering::SeqCst) >= enough).then_some(())
            });
        }
    });
    let hits = host.metrics().sum(super::RESULTS, &[("result", "hit")]);
    let answers = world.answers.load(Ordering::SeqCst);
    eprintln!("edge_cache: {ROUNDS} purges, {answers} requests meanwhile, {hits} hits");
    assert!(hits > 0.0);
}

fn purge(host: &Host, round: usize) {
    let text = [
        r#"{"everything": true}"#,
        r#"{"tags": ["t"]}"#,
        r#"{"hosts": ["shop.example"]}"#,
        r#"{"prefixes": ["http://shop.example/"]}"#,
        r#"{"urls": ["http://shop.example/0", "http://shop.example/1", "http://shop.example/2"]}"#,
    ][round % 5];
    assert_eq!(order(host, text).status, 200);
}

fn nobody_gets_what_was_purged_before() {
    let world = Arc::new(World::default());
    let origin = origin(&world);
    races(edge(&origin.server, ""), &world, purge);
}

fn nobody_gets_what_was_purged_before_from_disk() {
    let world = Arc::new(World::default());
    let origin = origin(&world);
    let store = "[cache_store]\nmemory = \"1MiB\"\ndisk = { path = \"cache\", size = \"64MiB\" }";
    races(edge(&origin.server, store), &world, purge);
}

/// RFC 9111 section 4.4: by unsafe requests.
fn nobody_gets_what_was_changed_before() {
    let world = Arc::new(World::default());
    let origin = origin(&world);
    races(edge(&origin.server, ""), &world, |host, _| {
        for target in 0..TARGETS {
            let request = http::Request::put(format!("/{target}")).header("host", "shop.example");
            let answer = host.send(request.body(harness::client::full("new")).unwrap());
            assert_eq!(answer.status, 200);
        }
    });
}
