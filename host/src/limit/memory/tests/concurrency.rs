//! Many threads, more than there are cores: so they are also interrupted in the middle.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

use super::*;

const THREADS: usize = 8;

/// What all threads together make of `each`, with the number of a thread. They begin at the same time.
fn all_threads<T: Send>(each: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        let (barrier, each) = (&barrier, &each);
        let run = |number| {
            scope.spawn(move || {
                barrier.wait();
                each(number)
            })
        };
        let threads: Vec<_> = (0..THREADS as u64).map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    })
}

/// Every processor of these architectures that a host runs on can change 16 bytes at a time.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
fn a_slot_is_changed_without_a_lock() {
    assert!(portable_atomic::AtomicU128::is_lock_free());
}

#[test]
fn together_they_take_what_one_would() {
    const AT_ONCE: u32 = 200_000;
    for (algorithm, at_once) in [
        (Algorithm::Gcra, AT_ONCE),
        (Algorithm::SlidingWindow, AT_ONCE),
        (Algorithm::SlidingLog, Quota::LOG_MAX),
        (Algorithm::Concurrency, AT_ONCE),
    ] {
        let (memory, quota) = (memory(algorithm, 1_000), quota(algorithm, at_once));
        let taken =
            all_threads(|_| (0..AT_ONCE / 4).filter(|_| take(&memory, &key(1), &quota, ms(5)).is_taken()).count());
        assert_eq!(taken.iter().sum::<usize>(), at_once as usize, "{algorithm:?}: {taken:?}");
        assert_eq!(memory.peek(&key(1), &quota, ms(5)).remaining, 0);
    }
}

/// Different costs, and some of it given back: what is left at the end is exact.
#[test]
fn nothing_is_lost_or_found_between_them() {
    for algorithm in Algorithm::ALL {
        let (memory, quota) = (memory(algorithm, 1_000), quota(algorithm, 5_000));
        let kept = all_threads(|number| {
            let mut kept = 0;
            for round in 0..20_000u32 {
                let cost = 1 + (round + number as u32) % 3;
                if !memory.take(&key(1), &quota, ms(5), cost, Duration::ZERO).is_taken() {
                    continue;
                }
                if round % 2 == 0 && round > 10 {
                    memory.give_back(&key(1), &quota, ms(5), ms(5), cost);
                } else {
                    kept += cost;
                }
            }
            kept
        });
        let left = drain(&memory, &key(1), &quota, ms(5));
        assert_eq!(kept.iter().sum::<u32>() + left, 5_000, "{algorithm:?}");
    }
}

/// A whole run on a real clock: in no window of a period is more let through than promised, and in all of it (almost) all
/// that is promised.
#[test]
fn no_window_has_more_than_promised() {
    const RUN: Duration = Duration::from_millis(700);
    const BEGIN: Moment = Moment::from_nanos(1_000_000_000);
    let period = Duration::from_millis(100);
    // As many as make threads that are not run for a while lose nothing: what they leave is there later.
    let gcra = Quota::gcra(10_000, period, 99_999).expect("a good quota");
    let log = Quota::sliding_log(10_000, period).expect("a good quota");
    for (quota, most_in_window) in [(gcra, 10_000 + 99_999), (log, 10_000)] {
        let memory = Memory::new(quota.algorithm(), 1_000, period);
        let start = Instant::now();
        let now = || BEGIN + start.elapsed();
        let all = all_threads(|_| {
            let (mut before, mut after) = (Vec::new(), Vec::new());
            loop {
                let moment = now();
                if take(&memory, &key(1), &quota, moment).is_taken() {
                    before.push(moment);
                    after.push(now());
                } else if moment.since(BEGIN) > RUN {
                    return (before, after);
                }
            }
        });
        let (before, after): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let [taken, after] = [before, after].map(|moments| {
            let mut moments: Vec<Moment> = moments.into_iter().flatten().collect();
            moments.sort_unstable();
            moments
        });
        // Those that surely were let through in a window: over before its end, but not begun before it.
        let in_window = |start: &Moment| {
            let over = after.partition_point(|moment| *moment < *start + period);
            over.saturating_sub(taken.partition_point(|moment| moment < start))
        };
        let most = taken.iter().map(in_window).max().unwrap_or_default();
        assert!(most <= most_in_window, "{most} in a window, of {most_in_window}");

        let elapsed = after[after.len() - 1].since(taken[0]);
        let promised = match quota.algorithm() {
            Algorithm::Gcra => 100_000 + (elapsed.as_nanos() / quota.interval().as_nanos()) as usize,
            // Threads that are not run for a while may cost up to one of the windows.
            _ => (elapsed.as_nanos() / period.as_nanos()) as usize * 10_000,
        };
        println!("{:?}: {} of {promised}, {most} of {most_in_window} in a window", quota.algorithm(), taken.len());
        assert!(taken.len() * 1_000 >= promised * 999, "{} of {promised}", taken.len());
        assert!(quota.algorithm() != Algorithm::Gcra || taken.len() <= promised, "{} of {promised}", taken.len());
    }
}

/// All keys are new to all threads at the same time, and share one set. None gets its quota twice.
#[test]
fn a_newcomer_gets_one_slot() {
    const AT_ONCE: u32 = 5;
    for algorithm in Algorithm::ALL {
        let quota = quota(algorithm, AT_ONCE);
        for round in 0..300 {
            let memory = memory(algorithm, 8);
            let taken: Vec<AtomicU32> = (0..8).map(|_| AtomicU32::new(0)).collect();
            all_threads(|number| {
                for step in 0..8 * 3 {
                    // Half of them in the same order, half backwards.
                    let place = if number % 2 == 0 { step % 8 } else { 7 - step % 8 };
                    if take(&memory, &key(round * 8 + place), &quota, ms(5)).is_taken() {
                        taken[place as usize].fetch_add(1, SeqCst);
                    }
                }
            });
            let taken: Vec<u32> = taken.iter().map(|taken| taken.load(SeqCst)).collect();
            assert_eq!(taken, [AT_ONCE; 8], "{algorithm:?} in round {round}");
            assert_eq!(memory.counts(ms(5)), Counts { keys: 8, capacity: 8, evicted: 0, overflowed: 0 });
        }
    }
}

/// Slots expire, are forgotten and reset while others take of them: a key never has two, and one that is never the least
/// harmful never loses what it took.
#[test]
fn a_key_has_one_slot_whatever_comes_and_goes() {
    for algorithm in [Algorithm::Gcra, Algorithm::SlidingWindow] {
        let (memory, quota) = (memory(algorithm, 64), quota(algorithm, 1_000));
        let States::Table(table) = &memory.states else { panic!("{algorithm:?} is in a table") };
        let clock = AtomicU64::new(5_000);
        let duplicates = all_threads(|number| {
            let mut random = numbers(number);
            let mut duplicates = 0;
            for round in 0..40_000 {
                let now = ms(clock.load(SeqCst));
                match random() % 64 {
                    0 => _ = clock.fetch_add(1, SeqCst),
                    1 => memory.reset(Some(&key(random() % 200))),
                    2 if round % 50 == 0 => memory.reset(None),
                    3 if round % 50 == 0 => duplicates += table.duplicates(),
                    _ => _ = take(&memory, &key(random() % 200), &quota, now),
                }
            }
            duplicates
        });
        assert_eq!(duplicates.iter().sum::<usize>(), 0);
        assert_eq!(table.duplicates(), 0);
        assert!(memory.counts(ms(0)).evicted > 0, "it was full");
    }
}

/// Takes land and newcomers come, in a table that is too small: never more in flight than allowed, and nothing left.
#[test]
fn what_is_in_flight_is_exact() {
    const KEYS: u64 = 80;
    let (memory, quota) = (memory(Algorithm::Concurrency, 64), quota(Algorithm::Concurrency, 3));
    let in_flight: Vec<AtomicU32> = (0..KEYS).map(|_| AtomicU32::new(0)).collect();
    let uncounted = AtomicU64::new(0);
    all_threads(|number| {
        let mut random = numbers(number);
        let mut taken = Vec::new();
        let land = |place: u64| {
            in_flight[place as usize].fetch_sub(1, SeqCst);
            memory.land(&key(place), 1);
        };
        for _ in 0..30_000 {
            let place = random() % KEYS;
            let verdict = take(&memory, &key(place), &quota, ms(5));
            if verdict.is_taken() {
                assert!(in_flight[place as usize].fetch_add(1, SeqCst) < 3);
                taken.push(place);
            } else if verdict == Verdict::DOWN {
                uncounted.fetch_add(1, SeqCst);
            }
            if taken.len() > 8 {
                land(taken.swap_remove(random() as usize % taken.len()));
            }
        }
        taken.into_iter().for_each(land);
    });
    let counts = memory.counts(ms(5));
    assert_eq!(counts, Counts { keys: 0, capacity: 64, evicted: 0, overflowed: uncounted.into_inner() });
    assert!(counts.overflowed > 0, "it was full");
    assert!((0..KEYS).all(|number| memory.peek(&key(number), &quota, ms(5)).remaining == 3));
}

/// Numbers that look random (xorshift), other ones for each seed.
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}
