use super::*;

const TABLES: [Algorithm; 3] = [Algorithm::Gcra, Algorithm::SlidingWindow, Algorithm::Concurrency];
const TIMED: [Algorithm; 3] = [Algorithm::Gcra, Algorithm::SlidingWindow, Algorithm::SlidingLog];

#[test]
fn each_key_has_its_quota() {
    for algorithm in Algorithm::ALL {
        let (memory, quota) = (memory(algorithm, 1_000), quota(algorithm, 5));
        for number in 0..20 {
            assert_eq!(drain(&memory, &key(number), &quota, ms(5)), 5, "{algorithm:?}");
        }
        let counts = memory.counts(ms(5));
        assert_eq!((counts.keys, counts.evicted, counts.overflowed), (20, 0, 0), "{algorithm:?}");
    }
}

#[test]
fn what_was_taken_is_there_again_in_time() {
    for algorithm in TIMED {
        let (memory, quota) = (memory(algorithm, 1_000), quota(algorithm, 5));
        assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 5);
        let Decision::Refused(retry_after) = take(&memory, &key(1), &quota, ms(5)).decision else {
            panic!("{algorithm:?} lets too many through");
        };
        let then = ms(5) + retry_after;
        let before = Moment::from_nanos(then.as_nanos() - 1);
        assert!(!take(&memory, &key(1), &quota, before).is_taken(), "{algorithm:?} one tick early");
        assert!(take(&memory, &key(1), &quota, then).is_taken(), "{algorithm:?} in time");
        assert_eq!(drain(&memory, &key(1), &quota, ms(10_000)), 5, "{algorithm:?}");
    }
}

#[test]
fn to_peek_takes_nothing() {
    for algorithm in Algorithm::ALL {
        let (memory, quota) = (memory(algorithm, 1_000), quota(algorithm, 5));
        assert_eq!(memory.peek(&key(1), &quota, ms(5)).remaining, 5);
        assert_eq!(memory.counts(ms(5)).keys, 0);
        take(&memory, &key(1), &quota, ms(5));
        for _ in 0..3 {
            let verdict = memory.peek(&key(1), &quota, ms(5));
            assert_eq!((verdict.decision, verdict.remaining), (Decision::Spared, 4), "{algorithm:?}");
            assert_eq!(memory.ask(&key(1), &quota, ms(5), 4, Duration::ZERO), verdict, "{algorithm:?}");
            let refused = memory.ask(&key(1), &quota, ms(5), 5, Duration::ZERO);
            assert!(matches!(refused.decision, Decision::Refused(_)), "{algorithm:?}");
        }
    }
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    for algorithm in Algorithm::ALL {
        let (memory, quota) = (memory(algorithm, 1_000), quota(algorithm, 5));
        memory.give_back(&key(1), &quota, ms(5), ms(5), 1);
        assert_eq!(memory.counts(ms(5)).keys, 0, "of a key that is not known nothing is given back");
        assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 5);
        memory.give_back(&key(1), &quota, ms(5), ms(5), 2);
        assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 2, "{algorithm:?}");
        memory.give_back(&key(1), &quota, ms(5), ms(5), 5);
        assert_eq!(memory.counts(ms(5)).keys, 0, "{algorithm:?}: nothing counts any more");
        assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 5, "{algorithm:?}");
    }
}

#[test]
fn what_is_charged_is_owed() {
    for algorithm in TIMED {
        let (memory, quota) = (memory(algorithm, 1_000), quota(algorithm, 5));
        memory.charge(&key(1), &quota, ms(5), 3);
        assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 2, "{algorithm:?}");
        memory.charge(&key(1), &quota, ms(5), -4);
        assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 4, "{algorithm:?}");
        memory.charge(&key(2), &quota, ms(5), -4);
        assert_eq!(drain(&memory, &key(2), &quota, ms(5)), 5, "{algorithm:?}: nothing was taken, nothing is credited");
    }
}

#[test]
fn what_lands_makes_room() {
    let (memory, quota) = (memory(Algorithm::Concurrency, 1_000), quota(Algorithm::Concurrency, 3));
    assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 3);
    memory.land(&key(1), 2);
    assert_eq!(drain(&memory, &key(1), &quota, ms(50_000)), 2, "it is not forgotten in time");
    memory.land(&key(1), 7);
    assert_eq!(memory.peek(&key(1), &quota, ms(5)).remaining, 3, "no more than all");
    memory.land(&key(2), 1);
    assert_eq!(memory.counts(ms(5)).keys, 0);
}

#[test]
fn nothing_lands_of_other_algorithms() {
    for algorithm in TIMED {
        let (memory, quota) = (memory(algorithm, 1_000), quota(algorithm, 3));
        assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 3);
        memory.land(&key(1), 3);
        assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 0, "{algorithm:?}");
    }
}

#[test]
fn a_reset_forgets() {
    for algorithm in TIMED {
        let (memory, quota) = (memory(algorithm, 10_000), quota(algorithm, 3));
        for number in 0..100 {
            assert_eq!(drain(&memory, &key(number), &quota, ms(5)), 3);
        }
        memory.reset(Some(&key(7)));
        memory.reset(Some(&key(1_000)));
        assert_eq!(memory.counts(ms(5)).keys, 99, "{algorithm:?}");
        assert_eq!(drain(&memory, &key(7), &quota, ms(5)), 3, "{algorithm:?}");
        assert_eq!(drain(&memory, &key(8), &quota, ms(5)), 0, "{algorithm:?}");
        memory.reset(None);
        assert_eq!(memory.counts(ms(5)).keys, 0, "{algorithm:?}");
        assert_eq!(drain(&memory, &key(8), &quota, ms(5)), 3, "{algorithm:?}");
    }
}

#[test]
fn a_reset_does_not_forget_what_is_in_flight() {
    let (memory, quota) = (memory(Algorithm::Concurrency, 1_000), quota(Algorithm::Concurrency, 3));
    assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 3);
    memory.reset(Some(&key(1)));
    memory.reset(None);
    assert_eq!(drain(&memory, &key(1), &quota, ms(5)), 0);
}

#[test]
fn what_has_expired_is_not_counted_and_makes_room() {
    for algorithm in TIMED {
        let (memory, quota) = (memory(algorithm, 80), quota(algorithm, 3));
        for round in 0..10 {
            let now = ms(round * 10_000);
            let before = memory.counts(now);
            assert_eq!(before.keys, 0, "{algorithm:?}");
            for number in 0..20 {
                take(&memory, &key(round * 100 + number), &quota, now);
            }
            // Nine of them may come to one set.
            let Counts { keys, evicted, .. } = memory.counts(now);
            assert_eq!(keys, 20 - (evicted - before.evicted), "{algorithm:?}");
        }
    }
}

#[test]
fn a_full_table_forgets_the_least_harmful() {
    for algorithm in [Algorithm::Gcra, Algorithm::SlidingWindow] {
        let (memory, quota) = (memory(algorithm, 8), quota(algorithm, 10));
        for number in 0..8 {
            memory.take(&key(number), &quota, ms(5), number as u32 + 2, Duration::ZERO);
        }
        assert_eq!(memory.counts(ms(5)), Counts { keys: 8, capacity: 8, ..Counts::default() });
        take(&memory, &key(100), &quota, ms(5));
        take(&memory, &key(101), &quota, ms(5));
        assert_eq!(memory.counts(ms(5)), Counts { keys: 8, capacity: 8, evicted: 2, overflowed: 0 });
        for (number, remaining) in [(0, 10), (1, 7), (7, 1), (100, 10), (101, 9)] {
            let there = memory.peek(&key(number), &quota, ms(5)).remaining;
            assert_eq!(there, remaining, "{algorithm:?}: what is left of {number}");
        }
    }
}

#[test]
fn what_is_in_flight_is_never_forgotten() {
    let (memory, quota) = (memory(Algorithm::Concurrency, 8), quota(Algorithm::Concurrency, 10));
    for number in 0..8 {
        assert!(take(&memory, &key(number), &quota, ms(5)).is_taken());
    }
    assert_eq!(take(&memory, &key(100), &quota, ms(5)), Verdict::DOWN);
    assert_eq!(take(&memory, &key(101), &quota, ms(5)), Verdict::DOWN);
    memory.land(&key(100), 1);
    assert_eq!(memory.counts(ms(5)).overflowed, 2);
    assert!((0..8).all(|number| memory.peek(&key(number), &quota, ms(5)).remaining == 9));

    memory.land(&key(3), 1);
    assert!(take(&memory, &key(100), &quota, ms(5)).is_taken(), "what has landed makes room");
    assert_eq!(memory.counts(ms(5)), Counts { keys: 8, capacity: 8, evicted: 0, overflowed: 2 });
}

#[test]
fn a_full_shard_of_logs_forgets_those_that_used_least() {
    let (memory, quota) = (memory(Algorithm::SlidingLog, 8), quota(Algorithm::SlidingLog, 10));
    for number in 0..8 {
        memory.take(&key(number), &quota, ms(5 + number), 10 - number as u32, Duration::ZERO);
    }
    for number in 100..120 {
        take(&memory, &key(number), &quota, ms(50));
    }
    assert_eq!(memory.counts(ms(50)), Counts { keys: 8, capacity: 8, evicted: 20, overflowed: 0 });
    for (number, remaining) in [(0, 0), (3, 3), (6, 6), (7, 10), (118, 10), (119, 9)] {
        assert_eq!(memory.peek(&key(number), &quota, ms(50)).remaining, remaining, "what is left of {number}");
    }
}

#[test]
fn sizes_are_rounded_up() {
    for (max_keys, capacity) in [(0, 8), (1, 8), (8, 8), (9, 16), (100_000, 100_000)] {
        for algorithm in TABLES {
            assert_eq!(memory(algorithm, max_keys).counts(ms(0)).capacity, capacity);
        }
    }
    for (max_keys, capacity) in [(0, 1), (1, 1), (15, 15), (100, 102), (10_000, 10_048)] {
        assert_eq!(memory(Algorithm::SlidingLog, max_keys).counts(ms(0)).capacity, capacity);
    }
}

/// Threads read the clock in one order and take in another, sometimes much later.
#[test]
fn a_moment_that_comes_late_forgets_nothing() {
    for algorithm in TIMED {
        for (early, late) in [(999, 1_001), (999, 1_999), (1_000, 9_001)] {
            let (memory, quota) = (memory(algorithm, 8), quota(algorithm, 10));
            // In one window, and then again in one before.
            assert_eq!(drain(&memory, &key(1), &quota, ms(late)), 10);
            let again = |_| drain(&memory, &key(1), &quota, ms(early)) + drain(&memory, &key(1), &quota, ms(late));
            assert_eq!((0..20).map(again).sum::<u32>(), 0, "{algorithm:?}, {early} after {late}");

            let Decision::Refused(retry_after) = take(&memory, &key(1), &quota, ms(early)).decision else {
                panic!("{algorithm:?} lets too many through");
            };
            let then = ms(early) + retry_after;
            let before = Moment::from_nanos(then.as_nanos() - 1);
            assert!(!take(&memory, &key(1), &quota, before).is_taken(), "{algorithm:?}, {early} after {late}");
            assert!(take(&memory, &key(1), &quota, then).is_taken(), "{algorithm:?}, {early} after {late}");
        }
    }
}

/// A reload has made the quota smaller in time: what was taken of the old one locks nobody out for longer than the new one
/// could.
#[test]
fn a_quota_of_before_locks_nobody_out() {
    let memory = memory(Algorithm::Gcra, 100);
    let daily = Quota::gcra(2, SECOND * 86_400, 1).expect("a good quota");
    let fast = quota(Algorithm::Gcra, 1000);
    assert!(take(&memory, &key(1), &daily, ms(0)).is_taken());
    assert!(take(&memory, &key(1), &daily, ms(0)).is_taken());
    assert!(!take(&memory, &key(1), &fast, ms(10)).is_taken());
    // Tolerance and period of the new one.
    assert!(take(&memory, &key(1), &fast, ms(10) + SECOND * 2).is_taken());
}
