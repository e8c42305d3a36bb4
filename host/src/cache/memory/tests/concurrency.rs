//! Many threads at once, each with its seed.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use super::*;

const THREADS: usize = 4;
const KEYS: usize = 300;
const BYTES_MAX: usize = 100_000;

/// A value that says whose it is, and that it lives.
struct Value<'c> {
    key: usize,
    alive: &'c AtomicUsize,
}

impl<'c> Value<'c> {
    fn new(key: usize, alive: &'c AtomicUsize) -> Arc<Self> {
        alive.fetch_add(1, SeqCst);
        Arc::new(Self { key, alive })
    }
}

impl Drop for Value<'_> {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, SeqCst);
    }
}

fn work<'c>(memory: &Memory<usize, Value<'c>>, seed: u64, alive: &'c AtomicUsize) {
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..20_000 {
        let key = random.usize(..KEYS).min(random.usize(..KEYS));
        match random.u8(..20) {
            0 => drop(memory.remove(&key)),
            1 => {
                let value = memory.get(&key);
                let _ = value.is_some_and(|value| memory.remove_if(&key, &value));
            }
            2..6 => {
                let inserted = memory.insert(key, Value::new(key, alive), random.usize(..4000));
                assert!(inserted.evicted.iter().all(|(key, value)| *key == value.key));
            }
            _ => assert!(memory.get(&key).is_none_or(|value| value.key == key)),
        }
        assert!(memory.bytes() <= BYTES_MAX);
    }
}

#[test]
fn nothing_is_mixed_up_lost_or_kept_for_ever() {
    for round in 0..5 {
        let alive = AtomicUsize::new(0);
        let memory = Memory::new(BYTES_MAX);
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (memory, alive) = (&memory, &alive);
                scope.spawn(move || work(memory, (round * THREADS + number) as u64, alive));
            }
        });
        let found = (0..KEYS).filter(|key| memory.get(key).is_some()).count();
        assert_eq!(found, memory.len());
        let waiting = alive.load(SeqCst) - found;
        assert!(waiting <= 32 * THREADS, "{waiting} values wait to be freed, of a batch for each thread");
        memory.clear();
        assert_eq!((memory.len(), memory.bytes()), (0, 0));
        drop(memory);
        assert_eq!(alive.load(SeqCst), 0);
    }
}

/// Of all who remove one value, one has removed it.
#[test]
fn a_value_is_removed_once() {
    let memory: Memory<usize, usize> = Memory::new(BYTES_MAX);
    for round in 0..200 {
        let value = Arc::new(round);
        memory.insert(1, Arc::clone(&value), 500);
        let removed = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| removed.fetch_add(usize::from(memory.remove_if(&1, &value)), SeqCst));
            }
        });
        assert_eq!((removed.load(SeqCst), memory.len(), memory.bytes()), (1, 0, 0));
    }
}
