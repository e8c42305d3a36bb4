//! One operation at a time: what it answers, what it leaves.

use std::sync::mpsc;
use std::thread;

use super::super::count::Count;
use super::super::ghost::Ghost;
use super::*;

fn insert(memory: &Memory<u32, u32>, key: u32, value: u32, bytes: usize) -> Inserted<u32, u32> {
    memory.insert(key, Arc::new(value), bytes)
}

#[test]
fn what_is_inserted_is_found_until_it_is_replaced_or_removed() {
    let memory = Memory::new(1 << 20);
    assert!(memory.is_empty() && memory.get(&1).is_none());
    assert!(insert(&memory, 1, 10, 1000).is_kept);
    assert_eq!((memory.get(&1).as_deref(), memory.len(), memory.bytes()), (Some(&10), 1, 1000));
    assert!(insert(&memory, 1, 11, 3000).is_kept);
    assert_eq!((memory.get(&1).as_deref(), memory.len(), memory.bytes()), (Some(&11), 1, 3000));
    assert_eq!(memory.remove(&1).as_deref(), Some(&11));
    assert_eq!((memory.get(&1), memory.remove(&1), memory.len(), memory.bytes()), (None, None, 0, 0));
    assert_eq!(memory.evicted(), 0);
}

#[test]
fn only_the_same_value_is_removed_if_asked_so() {
    let memory = Memory::new(1 << 20);
    let (first, second) = (Arc::new(1), Arc::new(1));
    memory.insert(0, Arc::clone(&first), 500);
    memory.insert(0, Arc::clone(&second), 500);
    assert!(!memory.remove_if(&0, &first));
    assert!(memory.get(&0).is_some());
    assert!(memory.remove_if(&0, &second));
    assert!(!memory.remove_if(&0, &second));
    assert_eq!((memory.len(), memory.bytes()), (0, 0));
}

#[test]
fn what_is_too_large_is_refused_and_what_was_there_is_gone() {
    let memory = Memory::new(80_000);
    for (bytes, is_kept) in [(10_000, true), (10_001, false), (usize::MAX, false), (0, true)] {
        assert!(insert(&memory, 1, 1, 400).is_kept);
        assert_eq!(insert(&memory, 1, 2, bytes).is_kept, is_kept, "{bytes}");
        assert_eq!(memory.get(&1).as_deref(), is_kept.then_some(&2), "{bytes}");
    }
    assert_eq!(memory.bytes(), ENTRY_OVERHEAD, "nothing weighs less");
    let nothing = Memory::new(0);
    assert!(!insert(&nothing, 1, 1, 0).is_kept);
    assert_eq!((nothing.get(&1), nothing.len()), (None, 0));
}

#[test]
fn a_newcomer_is_let_in_once_it_is_asked_for_more_than_those_that_leave() {
    let memory = Memory::new(8000);
    for key in 0..8 {
        for _ in 0..4 {
            memory.get(&key);
        }
        assert!(insert(&memory, key, key, 1000).is_kept);
    }
    for asked in 1..=4 {
        memory.get(&100);
        assert_eq!((memory.peek(&100), memory.peek(&0).as_deref()), (None, Some(&0)), "a look counts for nothing");
        let inserted = insert(&memory, 100, 1, 1000);
        assert!(!inserted.is_kept && inserted.evicted.is_empty(), "asked for {asked} times");
    }
    memory.get(&100);
    let inserted = insert(&memory, 100, 1, 1000);
    assert!(inserted.is_kept);
    let [(gone, value)] = &inserted.evicted[..] else { panic!("{inserted:?}") };
    assert_eq!((gone, memory.get(gone)), (&**value, None));
    assert_eq!((memory.len(), memory.bytes(), memory.evicted()), (8, 8000, 1));
}

#[test]
fn a_large_newcomer_has_to_be_worth_all_that_leave() {
    let memory = Memory::new(64_000);
    for key in 0..64 {
        memory.get(&key);
        assert!(insert(&memory, key, key, 1000).is_kept);
    }
    // Eight have to leave, each asked for once.
    for asked in 1..=9 {
        memory.get(&100);
        let inserted = insert(&memory, 100, 1, 8000);
        assert_eq!((inserted.is_kept, inserted.evicted.len()), if asked < 9 { (false, 0) } else { (true, 8) });
    }
    assert_eq!((memory.len(), memory.bytes()), (57, 64_000));
}

#[test]
fn of_many_that_have_to_leave_1024_leave_at_a_time() {
    let memory = Memory::new(16_384 * ENTRY_OVERHEAD);
    for key in 0..16_384 {
        assert!(insert(&memory, key, key, 0).is_kept);
    }
    for _ in 0..3000 {
        memory.get(&20_000);
    }
    for (is_kept, len) in [(false, 15_360), (true, 14_337)] {
        let inserted = insert(&memory, 20_000, 0, 2048 * ENTRY_OVERHEAD);
        assert_eq!((inserted.is_kept, inserted.evicted.len(), memory.len()), (is_kept, 1024, len));
    }
    assert_eq!(memory.bytes(), 16_384 * ENTRY_OVERHEAD);
}

#[test]
fn what_nobody_asks_for_any_more_is_forgotten() {
    let memory = Memory::new(8000);
    for key in 0..8 {
        for _ in 0..100 {
            memory.get(&key);
        }
        insert(&memory, key, key, 1000);
    }
    // A hundred requests are halved to less than two in six periods of 64 * 128 requests or a few more, of which the
    // newcomers get one in eight each.
    for request in 0..10 * 64 * 128 {
        let key = 100 + request % 8;
        if memory.get(&key).is_none() {
            insert(&memory, key, key, 1000);
        }
    }
    assert_eq!((100..108).filter(|key| memory.get(key).is_some()).count(), 8);
}

#[test]
fn clear_removes_all() {
    let memory = Memory::new(1 << 20);
    for key in 0..500 {
        insert(&memory, key, key, 1000);
    }
    assert_eq!((memory.len(), memory.bytes()), (500, 500_000));
    memory.clear();
    assert_eq!((memory.len(), memory.bytes()), (0, 0));
    assert!((0..500).all(|key| memory.get(&key).is_none()));
    assert!(insert(&memory, 1, 1, 1000).is_kept);
}

/// Freeing waits for those who read just now, not for those who have read before and sleep.
#[test]
fn what_is_removed_is_freed_though_other_threads_idle() {
    let memory: Memory<u32, u32> = Memory::new(8 << 20);
    let (stop, stopped) = mpsc::channel::<()>();
    let (ready, is_ready) = mpsc::channel();
    thread::scope(|scope| {
        let memory = &memory;
        scope.spawn(move || {
            insert(memory, 1000, 0, 1000);
            memory.get(&1000);
            ready.send(()).unwrap();
            stopped.recv().unwrap_err();
        });
        is_ready.recv().unwrap();
        // Large ones at once, small ones when there are 64 KiB of them, whatever removes them.
        for (bytes, waiting_max) in [(1 << 20, 0), (64 << 10, 0), (20 << 10, 3), (5 << 10, 12)] {
            for round in 0..100 {
                let values: Vec<_> = (0..4).map(Arc::new).collect();
                let weak: Vec<_> = values.iter().map(Arc::downgrade).collect();
                values.into_iter().for_each(|value| drop(memory.insert(1, value, bytes)));
                match round % 3 {
                    0 => drop(memory.remove(&1)),
                    1 => assert!(memory.remove_if(&1, &weak[3].upgrade().unwrap())),
                    _ => memory.clear(),
                }
                let waiting = weak.iter().filter(|value| value.strong_count() > 0).count();
                assert!(waiting <= waiting_max, "{waiting} of {bytes} bytes wait");
            }
        }
        drop(stop);
    });
}

#[test]
fn what_waits_to_be_freed_is_bounded() {
    let memory = Memory::new(8 << 20);
    let mut values = Vec::new();
    for round in 0..1000 {
        let value = Arc::new(round);
        values.push(Arc::downgrade(&value));
        memory.insert(1, value, 5 << 10);
        values.retain(|value| value.strong_count() > 0);
        assert!(values.len() <= 1 + 13, "{} of 5 KiB", values.len());
    }
}

#[test]
fn counts_age_by_halves_and_do_not_overflow() {
    let mut count = Count::once(7);
    for (period, worth) in [(7, 16), (8, 8), (11, 1), (12, 0), (6, 16), (7 + 0x7fff, 0), (7 + 0x8000, 16)] {
        assert_eq!(count.worth(period), worth, "in period {period}");
    }
    // Exactly at first, then about: always, if the draw is always won, and never, once it is full.
    for asked in 2..=64 {
        count = count.more(7, 1).unwrap();
        assert_eq!(count.worth(7), 16 * asked);
    }
    assert_eq!(count.more(7, 1), None);
    while let Some(more) = count.more(7, 0) {
        assert!(more.worth(7) > count.worth(7));
        count = more;
    }
    assert!(count.worth(7) > 0xffff - 16);
    assert!(count.worth(8) > 0x7fff - 16 && count.more(8, 0).is_some());
}

#[test]
fn large_counts_are_about_right() {
    let mut random = fastrand::Rng::with_seed(3);
    let counts = (0..100).map(|_| {
        (1..2000).fold(Count::once(0), |count, _| count.more(0, random.u32(..)).unwrap_or(count)).worth(0) / 16
    });
    let mean = counts.sum::<u32>() / 100;
    assert!((1800..2200).contains(&mean), "{mean} of 2000");
}

#[test]
fn a_ghost_forgets_what_is_asked_for_least() {
    let ghost = Ghost::new(0);
    // All of them in the first line.
    let hash = |number: u64| (number + 1) << 32;
    for number in 0..7 {
        for _ in 0..=number + 1 {
            ghost.ask(hash(number), 0, 1);
        }
    }
    for number in 100..1100 {
        ghost.ask(hash(number), 0, 1);
        assert_eq!(ghost.count(hash(number), 0), Count::once(0));
    }
    for number in 0..7 {
        assert_eq!(u64::from(ghost.count(hash(number), 0).worth(0)), 16 * (number + 2), "{number}");
    }
}
