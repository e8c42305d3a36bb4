//! Kill -9 in the middle of everything: what is found afterwards is whole, and nothing that was purged before.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use harness::{Host, PATIENCE, Trial, tests, wait_for};

use super::purge::order;
use super::{Origin, edge, response};

pub fn tests() -> Vec<Trial> {
    tests!("edge_cache", needs [], kill_9_at_any_time_brings_nothing_back)
}

const ROUNDS: usize = 6;
const PURGES: usize = 5;
const CLIENTS: usize = 6;
const NUMBERS: usize = 60;
const TAGS: usize = 4;

/// What the origin answers with, and what was purged of it, by tag.
#[derive(Default)]
struct World {
    version: AtomicUsize,
    least: [AtomicUsize; TAGS],
}

/// A body that tells its number and its version, all over.
fn body(number: usize, version: usize) -> String {
    format!("{number} {version};").repeat(1 + number * 40)
}

fn origin(world: &Arc<World>) -> Origin {
    let world = Arc::clone(world);
    Origin::answering(move |request, _| {
        let number: usize = request.target[1..].parse().unwrap();
        let version = world.version.load(Ordering::SeqCst);
        response(&format!("cache-control: max-age=3600\ncache-tag: t{}", number % TAGS), body(number, version))
    })
}

/// A whole answer's body; none if the host went away meanwhile.
fn fetch(address: SocketAddr, number: usize) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET /{number} HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lengths = head.lines().filter_map(|line| line.strip_prefix("content-length: "));
    // Cut short by the end of the host.
    (lengths.next()?.parse() == Ok(body.len())).then(|| body.to_owned())
}

/// Asks for a number; false when the host is gone.
fn is_right(world: &World, address: SocketAddr, number: usize) -> bool {
    let least = world.least[number % TAGS].load(Ordering::SeqCst);
    let Some(found) = fetch(address, number) else { return false };
    let version = found.split([' ', ';']).nth(1).and_then(|version| version.parse().ok()).unwrap_or(0);
    assert!(found == body(number, version), "not whole: {:?}", &found[..found.len().min(100)]);
    assert!(version >= least, "{number}: version {version}, and {least} was purged");
    true
}

/// Purges while clients ask, and ends in the middle of it.
fn disturb(host: &Host, world: &World, answers: &AtomicUsize, is_over: &AtomicBool) {
    for _ in 0..PURGES {
        let version = world.version.fetch_add(1, Ordering::SeqCst) + 1;
        let tag = version % TAGS;
        assert_eq!(order(host, &format!(r#"{{"tags": ["t{tag}"]}}"#)).status, 200);
        world.least[tag].store(version, Ordering::SeqCst);
        let enough = answers.load(Ordering::SeqCst) + NUMBERS;
        wait_for("answers", || {
            (is_over.load(Ordering::SeqCst) || answers.load(Ordering::SeqCst) >= enough).then_some(())
        });
    }
}

fn kill_9_at_any_time_brings_nothing_back() {
    let world = Arc::new(World::default());
    let origin = origin(&world);
    let store = "[cache_store]\nmemory = \"1MiB\"\ndisk = { path = \"cache\", size = \"64MiB\" }";
    let setup = edge(&origin.server, store);
    let mut found = 0;
    for _ in 0..ROUNDS {
        let host = setup.start();
        // All that is there from before.
        let asked = origin.asked();
        assert!((0..NUMBERS).all(|number| is_right(&world, host.address, number)));
        found += NUMBERS - (origin.asked() - asked);
        let (answers, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (world, answers, is_over, address) = (&world, &answers, &is_over, host.address);
                scope.spawn(move || {
                    // Others than its neighbours ask for at the same time, mostly.
                    let mut number = client * 7;
                    while is_right(world, address, number % NUMBERS) {
                        answers.fetch_add(1, Ordering::SeqCst);
                        number += 1;
                    }
                    is_over.store(true, Ordering::SeqCst);
                });
            }
            disturb(&host, &world, &answers, &is_over);
            host.kill();
        });
    }
    eprintln!("edge_cache: {ROUNDS} kills, {found} of {} responses found behind them", ROUNDS * NUMBERS);
    assert!(found > 0);
    // Nothing is in the way of an orderly end after all that.
    let host = setup.start();
    assert_eq!(host.stop().code, Some(0));
}
