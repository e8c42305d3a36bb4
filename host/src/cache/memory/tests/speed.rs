//! What operations cost: `cargo test -p tidegate-host --release memory::tests::speed -- --ignored --nocapture`. It
//! asserts nothing.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use super::*;

const ENTRIES: usize = 10_000;

fn filled(keys: &[Arc<str>]) -> Memory<Arc<str>, [u8; 64]> {
    let memory = Memory::new(ENTRIES * 1024);
    for key in keys {
        memory.insert(Arc::clone(key), Arc::new([0; 64]), 1024);
    }
    memory
}

/// Nanoseconds for a call, on so many threads at once: in the fastest of many rounds, for others use the machine as well.
fn measure(threads: usize, rounds: usize, call: impl Fn(usize, usize) + Sync) -> f64 {
    const CALLS: usize = 5_000;
    let fastest = |thread: usize| {
        let round = |round: usize| {
            let started = Instant::now();
            (0..CALLS).for_each(|number| call(thread, round * CALLS + number));
            started.elapsed().as_nanos() as f64 / CALLS as f64
        };
        (0..rounds).map(round).fold(f64::INFINITY, f64::min)
    };
    thread::scope(|scope| {
        let fastest = &fastest;
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || fastest(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(0.0, f64::max)
    })
}

#[test]
#[ignore = "prints a table"]
fn speed() {
    const ROUNDS: usize = 1000;
    let keys: Vec<_> = (0..ENTRIES).map(key).collect();
    assert_eq!(keys[0].len(), 64);
    let memory = filled(&keys);
    let scattered = |thread: usize, number: usize| number.wrapping_mul(7919 + 2 * thread) % ENTRIES;
    for threads in [1, 2] {
        let get = |key: &Arc<str>| drop(black_box(memory.get(black_box(key))));
        let all = measure(threads, ROUNDS, |thread, number| get(&keys[scattered(thread, number)]));
        let few = measure(threads, ROUNDS, |_, number| get(&keys[number % 64]));
        let one = measure(threads, ROUNDS, |_, _| get(&keys[0]));
        println!("{threads} threads, get: {all:.0} ns of 10,000, {few:.0} ns of 64, {one:.0} ns of one");
        let missing: Vec<_> = (0..ENTRIES).map(|number| key(ENTRIES + number)).collect();
        let miss = measure(threads, ROUNDS, |thread, number| get(&missing[scattered(thread, number)]));
        println!("{threads} threads, get of what is not there: {miss:.0} ns");
        let value = Arc::new([0; 64]);
        let replace = measure(threads, ROUNDS / 10, |thread, number| {
            memory.insert(Arc::clone(&keys[scattered(thread, number)]), Arc::clone(&value), 1024);
        });
        let refuse = measure(threads, ROUNDS / 10, |thread, number| {
            let key = Arc::clone(&missing[scattered(thread, number)]);
            memory.insert(key, Arc::clone(&value), 4096);
        });
        println!("{threads} threads, insert: {replace:.0} ns replacing, {refuse:.0} ns refused or evicting");
        memory.clear();
        keys.iter().for_each(|key| drop(memory.insert(Arc::clone(key), Arc::clone(&value), 1024)));
    }
}
