//! A million keys that come once, against a table of a hundred thousand with a thousand that owe much.

use super::*;

/// So many owe a lot, then ten times as many come as fit.
fn survivors(algorithm: Algorithm, max_keys: u32, indebted: u64) -> (u64, Counts) {
    let (memory, quota) = (memory(algorithm, max_keys), quota(algorithm, 100));
    let flood = u64::from(max_keys) * 10;
    for number in 0..indebted {
        memory.take(&key(flood + number), &quota, ms(5), 50, Duration::ZERO);
    }
    for number in 0..flood {
        // In 10 ms, in which none of them expires.
        let now = ms(5 + number * 10 / flood);
        assert!(take(&memory, &key(number), &quota, now).is_taken());
    }
    let is_there = |number: &u64| memory.peek(&key(flood + number), &quota, ms(14)).remaining < 52;
    let counts = memory.counts(ms(14));
    assert_eq!(counts.evicted, flood + indebted - counts.keys, "each that came to a full place took that of one");
    ((0..indebted).filter(is_there).count() as u64, counts)
}

#[test]
fn those_that_owe_survive_a_flood() {
    let floods = [
        (Algorithm::Gcra, 100_000, 1_000),
        (Algorithm::SlidingWindow, 100_000, 1_000),
        (Algorithm::SlidingLog, 10_000, 100),
    ];
    for (algorithm, max_keys, indebted) in floods {
        let (survivors, counts) = survivors(algorithm, max_keys, indebted);
        println!("{algorithm:?}: {survivors} of {indebted} survive; {counts:?}");
        assert_eq!(survivors, indebted, "{algorithm:?}");
        assert!(counts.keys <= counts.capacity && counts.keys > counts.capacity * 99 / 100, "{counts:?}");
    }
}

/// Those who come only once are let through, whatever is forgotten; nobody is refused for another's flood.
#[test]
fn a_flood_is_let_through_where_something_is_in_flight() {
    let (memory, quota) = (memory(Algorithm::Concurrency, 10_000), quota(Algorithm::Concurrency, 5));
    let taken = (0..100_000).filter(|number| take(&memory, &key(*number), &quota, ms(5)).is_taken()).count() as u64;
    let counts = memory.counts(ms(5));
    assert_eq!((counts.keys, counts.overflowed, counts.evicted), (taken, 100_000 - taken, 0));
    assert!(taken > 9_900, "{taken}");
}

/// Resident memory, as the kernel counts it.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_only_what_is_used() {
    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux has it");
        let line = status.lines().find(|line| line.starts_with("Rss:")).expect("it has this line");
        line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
    }
    // 160 MB, if it were all used; each key may cost a page of 2 MiB, and other tests run beside this one.
    let before = resident_kib();
    let (memory, quota) = (memory(Algorithm::Gcra, 10_000_000), quota(Algorithm::Gcra, 5));
    for number in 0..10 {
        take(&memory, &key(number), &quota, ms(5));
    }
    assert!(resident_kib().saturating_sub(before) < 100_000);
}
