//! Threads: a purge that has returned is seen by every check that comes after it.

use std::thread;

use super::*;

const ROUNDS: u64 = 300;

/// A name, and the sequence number before which all of it was purged, as far as is known to have returned.
struct Target {
    what: fn(u64) -> What,
    purged: AtomicU64,
}

/// Whoever purges says so when it has returned; whoever checks looks at what was said first.
#[test]
fn a_purge_that_returned_is_seen() {
    for seed in 0..6 {
        // Prefixes are pushed out of the list by others all the time, and superseded by wider ones.
        let generations = Generations::open_with(None, unix_ms, 2).unwrap();
        let targets: [fn(u64) -> What; 4] = [
            |_| url("https://a.example/p/1"),
            |_| What::Prefix("https://a.example/p/".into()),
            |round| What::Prefix(format!("https://other.example/{round}").into()),
            |round| if round % 8 == 0 { What::Everything } else { What::Tag("other".into()) },
        ];
        let targets = targets.map(|what| Target { what, purged: AtomicU64::new(0) });
        let entries: Vec<_> = (0..8).map(|_| Mutex::new(Arc::new(entry(&generations)))).collect();
        let stop = AtomicU64::new(0);
        thread::scope(|scope| {
            for core in 0..2 {
                let (generations, targets, entries, stop) = (&generations, &targets, &entries, &stop);
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed * 10 + core);
                    while stop.load(Ordering::Relaxed) < 4 {
                        check(generations, targets, random.choice(entries).unwrap(), &mut random, seed);
                    }
                });
            }
            for target in &targets {
                let (generations, stop) = (&generations, &stop);
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let what = (target.what)(round);
                        let reaches = what.covers(&Key::of("https://a.example/p/1"), &[]);
                        let before = generations.next();
                        generations.invalidate(&hard(what));
                        if reaches {
                            target.purged.fetch_max(before, Ordering::Relaxed);
                        }
                        assert!(generations.epoch() > before);
                        thread::yield_now();
                    }
                    stop.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
    }
}

fn entry(generations: &Generations) -> Entry {
    Entry::new(generations, "https://a.example/p/1", &["t"])
}

fn check(
    generations: &Generations,
    targets: &[Target],
    place: &Mutex<Arc<Entry>>,
    random: &mut fastrand::Rng,
    seed: u64,
) {
    let entry_here = Arc::clone(&place.lock().unwrap());
    let purged = targets.iter().map(|target| target.purged.load(Ordering::Relaxed)).max().unwrap_or(0);
    let Entry { checked, sequence, key, tags } = &*entry_here;
    let stands = generations.standing(checked, *sequence, key, tags);
    assert!(stands == Standing::Hard || *sequence > purged, "seed {seed}: {sequence} was purged at {purged}");
    if stands == Standing::Hard && random.bool() {
        // Fetched again.
        *place.lock().unwrap() = Arc::new(entry(generations));
    }
}

#[test]
fn sequence_numbers_are_given_out_once() {
    let generations = without_file();
    let mut all: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..5000).map(|_| generations.next()).collect::<Vec<_>>())).collect();
        let each: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(each.iter().all(|numbers| numbers.is_sorted()));
        each.concat()
    });
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 20_000);
}

/// Runs `purge` while two threads look all the time; they stop when it has returned.
fn while_looked_at(look: impl Fn() + Sync, purge: impl FnOnce()) {
    let (ready, is_done) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                ready.fetch_add(1, Ordering::Relaxed);
                while is_done.load(Ordering::Relaxed) == 0 {
                    look();
                }
            });
        }
        while ready.load(Ordering::Relaxed) < 2 {
            std::hint::spin_loop();
        }
        purge();
        is_done.store(1, Ordering::Relaxed);
    });
}

/// An entry that is looked at while it is being purged is not taken for valid ever after.
#[test]
fn what_is_looked_at_meanwhile_is_purged_all_the_same() {
    let whats = [
        url("https://a.example/p/1"),
        What::Prefix("https://a.example/p/".into()),
        What::Tag("t".into()),
        What::Everything,
    ];
    let generations = Generations::open_with(None, unix_ms, 2).unwrap();
    for round in 0..400 {
        let entry = entry(&generations);
        let what = whats[round % whats.len()].clone();
        let stands = || generations.standing(&entry.checked, entry.sequence, &entry.key, &entry.tags);
        let look = || assert!(stands() != Standing::Soft);
        while_looked_at(look, || generations.invalidate(&hard(what)));
        assert_eq!(stands(), Standing::Hard, "round {round}");
    }
}

/// What is purged by a prefix is so while the prefix leaves the list: because others need its place, or because a purge
/// of more makes it superfluous.
#[test]
fn what_was_purged_stays_purged() {
    let prefix = |text: &str| What::Prefix(text.into());
    let generations = Generations::open_with(None, unix_ms, 1).unwrap();
    for round in 0..400 {
        let entry = entry(&generations);
        generations.invalidate(&hard(prefix("https://a.example/p/")));
        let what = [prefix("https://b.example/"), prefix("https://a.example/"), What::Everything][round % 3].clone();
        let look = || {
            let stands = generations.standing(&Checked::default(), entry.sequence, &entry.key, &entry.tags);
            assert_eq!(stands, Standing::Hard, "round {round}");
        };
        while_looked_at(look, || generations.invalidate(&hard(what)));
    }
}
