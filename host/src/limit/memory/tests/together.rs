//! Several limits at a time: one thread as the reference has it, many threads never more.

use std::collections::HashMap;
use std::sync::Barrier;
use std::thread;

use proptest::prelude::*;
use tidegate_limit::{Count, LimitId, Need, Take, count};

use super::*;

/// A limit of each algorithm, and one that delays.
fn quotas() -> [Quota; 5] {
    [
        quota(Algorithm::Gcra, 6),
        quota(Algorithm::SlidingWindow, 5),
        quota(Algorithm::SlidingLog, 4),
        quota(Algorithm::Concurrency, 3),
        quota(Algorithm::Gcra, 3),
    ]
}

fn memories() -> Vec<Memory> {
    quotas().iter().map(|quota| memory(quota.algorithm(), 10_000)).collect()
}

fn a_take(limit: usize) -> Take {
    Take {
        limit: LimitId(limit),
        key: key(1),
        quota: quotas()[limit],
        cost: 1,
        max_delay: Duration::ZERO,
        is_shadow: false,
    }
}

fn any_take(limit: usize) -> impl Strategy<Value = Take> {
    (0..2u64, 1..4u32, prop::bool::weighted(0.2)).prop_map(move |(number, cost, is_shadow)| {
        let max_delay = if limit == 4 { Duration::from_millis(500) } else { Duration::ZERO };
        Take { key: key(number), cost, max_delay, is_shadow, ..a_take(limit) }
    })
}

fn any_count() -> impl Strategy<Value = Count> {
    let takes = [0, 1, 2, 3, 4].map(|limit| prop::option::of(any_take(limit)));
    let need = prop_oneof![2 => Just(Need::All), 1 => Just(Need::Any)];
    (takes, need).prop_map(|(takes, need)| Count { takes: takes.into_iter().flatten().collect(), need })
}

proptest! {
    #[test]
    fn one_thread_counts_as_the_reference(counts in prop::collection::vec((any_count(), 0..300_000_000u64), 1..40)) {
        let memories = memories();
        let mut states: HashMap<(LimitId, Key), State> = HashMap::new();
        let mut now = ms(5_000);
        for (request, wait) in counts {
            now = now + Duration::from_nanos(wait);
            let of = |take: &Take| (take.limit, take.key.clone());
            let state_of = |take: &Take| states.get(&of(take)).cloned().unwrap_or_else(|| State::new(&take.quota));
            let mut before: Vec<State> = request.takes.iter().map(state_of).collect();
            let expected = count(&request, &mut before, now);
            prop_assert_eq!(take_all(&request, |limit| memories.get(limit.0), now), expected, "{:?}", request);
            for (take, state) in request.takes.iter().zip(before) {
                states.insert(of(take), state);
            }
        }
    }
}

#[test]
fn of_a_limit_without_memory_nobody_knows() {
    let memories = memories();
    for need in [Need::All, Need::Any] {
        let count = Count { takes: vec![a_take(0), a_take(1)], need };
        let counted = take_all(&count, |limit| memories.get(limit.0).filter(|_| limit.0 == 1), ms(5));
        assert_eq!(counted.verdicts[0], Verdict::DOWN);
        assert!(counted.verdicts[1].is_taken());
        assert!(counted.passes(&count, |_| true));
    }
}

/// Each needs both of two limits; others take of one of them alone, so that what was seen is often gone.
#[test]
fn many_threads_take_all_or_nothing() {
    const AT_ONCE: u32 = 40_000;
    for algorithm in Algorithm::ALL {
        let at_once = AT_ONCE.min(Quota::LOG_MAX);
        let quota = quota(algorithm, at_once);
        let memories = [memory(algorithm, 1_000), memory(algorithm, 1_000)];
        let barrier = Barrier::new(4);
        let request = |limits: &[usize]| {
            let takes = limits.iter().map(|limit| Take { quota, ..a_take(*limit) }).collect();
            Count { takes, need: Need::All }
        };
        let let_through = |limits: &[usize]| {
            let count = request(limits);
            barrier.wait();
            let passes = |_: &u32| take_all(&count, |limit| memories.get(limit.0), ms(5)).passes(&count, |_| true);
            (0..at_once).filter(passes).count() as u32
        };
        let (both, first, second) = thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(|| let_through(&[0, 1])));
            let (first, second) = (scope.spawn(|| let_through(&[0])), scope.spawn(|| let_through(&[1])));
            let join = |thread: thread::ScopedJoinHandle<'_, u32>| thread.join().expect("it does not panic");
            (both.map(join).iter().sum::<u32>(), join(first), join(second))
        });
        println!("{algorithm:?}: {both} of both, {first} of the first alone, {second} of the second alone");
        for (memory, alone) in memories.iter().zip([first, second]) {
            assert_eq!(both + alone + drain(memory, &key(1), &quota, ms(5)), at_once, "{algorithm:?}");
        }
    }
}
