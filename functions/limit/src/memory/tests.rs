use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::count::Need;
use crate::verdict::Decision;

const MINUTE: Duration = Duration::from_secs(60);

fn seconds(seconds: u64) -> Moment {
    Moment::from_nanos(seconds * 1_000_000_000)
}

fn take(limit: usize, key: &str, quota: Quota, cost: u32) -> Take {
    let (limit, key) = (LimitId(limit), Key::from_text(key));
    Take { limit, key, quota, cost, max_delay: Duration::ZERO, is_shadow: false }
}

fn one(key: &str, quota: Quota, cost: u32) -> Count {
    Count { takes: vec![take(0, key, quota, cost)], need: Need::All }
}

fn remaining(memory: &Memory, key: &str, quota: Quota, now: Moment) -> u32 {
    memory.peek(&one(key, quota, 1), now).verdicts[0].remaining
}

#[test]
fn those_are_forgotten_first_that_expire_first() {
    // 60 a minute: one is there again after a second.
    let quota = Quota::gcra(60, MINUTE, 59).unwrap();
    let mut memory = Memory::new(3);
    for (key, cost) in [("a", 50), ("b", 10), ("c", 30)] {
        memory.take(&one(key, quota, cost), seconds(0));
    }
    // Not the new one, though that expires soonest: or it would never be counted.
    memory.take(&one("d", quota, 1), seconds(5));
    let left = |memory: &Memory, now| ["a", "b", "c", "d"].map(|key| 60 - remaining(memory, key, quota, now));
    assert_eq!(left(&memory, seconds(5)), [45, 0, 25, 1]);
    memory.take(&one("b", quota, 1), seconds(5));
    assert_eq!(left(&memory, seconds(5)), [45, 1, 25, 0]);
    // What has expired is gone before anything else is.
    memory.take(&one("d", quota, 1), seconds(7));
    assert_eq!(left(&memory, seconds(7)), [43, 0, 23, 1]);
    memory.charge(&Charge { limit: LimitId(0), key: Key::from_text("d"), quota, cost: 4 }, seconds(7));
    assert_eq!(left(&memory, seconds(7)), [43, 0, 23, 5]);
    // And what says nothing any more takes no room.
    memory.charge(&Charge { limit: LimitId(0), key: Key::from_text("d"), quota, cost: -9 }, seconds(7));
    assert_eq!((memory.states.len(), memory.expiring.len()), (2, 2));
    // Nor does what has expired, once something is taken.
    memory.take(&one("e", quota, 1), seconds(40));
    assert_eq!((memory.states.len(), memory.expiring.len()), (2, 2));
    memory.take(&one("e", quota, 1), seconds(50));
    assert_eq!((memory.states.len(), memory.expiring.len()), (1, 1));
}

#[test]
fn what_is_in_flight_lands_and_is_forgotten_last() {
    let places = Quota::concurrency(2, MINUTE).unwrap();
    let rate = Quota::gcra(1, MINUTE, 0).unwrap();
    let mut memory = Memory::new(2);
    let flying = Count { takes: vec![take(0, "a", places, 2), take(1, "a", rate, 1)], need: Need::All };
    let counted = memory.take(&flying, seconds(0));
    assert!(counted.passes(&flying, |_| false));
    let refused = memory.take(&flying, seconds(1));
    assert!(!refused.passes(&flying, |_| false));
    memory.land(&flying, &refused, seconds(1));
    assert_eq!(remaining(&memory, "a", places, seconds(1)), 0, "what was not taken does not land");
    memory.take(&one("b", rate, 1), seconds(2));
    assert_eq!(remaining(&memory, "a", places, seconds(1_000_000)), 0);
    memory.land(&flying, &counted, seconds(3));
    assert_eq!(remaining(&memory, "a", places, seconds(3)), 2);
    memory.land(&flying, &counted, seconds(3));
    assert_eq!(memory.states.len(), 1, "what was landed twice, or forgotten, is not kept");
}

#[test]
fn a_memory_without_room_remembers_nothing() {
    let quota = Quota::sliding_log(1, MINUTE).unwrap();
    let mut memory = Memory::new(0);
    for _ in 0..3 {
        assert_eq!(memory.take(&one("a", quota, 1), seconds(1)).verdicts[0].decision, Decision::Taken);
    }
    assert!(memory.states.is_empty() && memory.expiring.is_empty());
}

proptest! {
    /// With room for all, it is a map of states; with less, it never has more than there is room for.
    #[test]
    fn it_is_a_map(
        steps in vec((0..40_u64, 0..6_usize, 0..6_usize, 0..4_u32, 0..4_u8), 0..60),
        keys_max in 1..8_usize,
    ) {
        let quotas = [
            Quota::gcra(4, MINUTE, 2),
            Quota::sliding_window(4, MINUTE),
            Quota::sliding_log(4, MINUTE),
            Quota::concurrency(4, MINUTE),
        ].map(Result::unwrap);
        let (mut memory, mut small) = (Memory::new(1000), Memory::new(keys_max));
        let mut model: BTreeMap<Whose, State> = BTreeMap::new();
        let mut now = seconds(1000);
        for (gap_s, first, second, cost, step) in steps {
            now = now + Duration::from_secs(gap_s);
            let limits = [first % 4, 4 + second % 4];
            let takes = limits.map(|limit| take(limit, ["a", "b", "c"][first / 2], quotas[limit % 4], cost));
            let asked = Count { takes: takes.to_vec(), need: Need::All };
            let mut states: Vec<_> = asked.takes.iter().map(|take| {
                model.get(&whose(take)).cloned().unwrap_or_else(|| State::new(&take.quota))
            }).collect();
            if step == 0 {
                let Take { limit, key, quota, .. } = takes[0].clone();
                let charge = Charge { limit, key, quota, cost: i64::from(cost) - 1 };
                states[0].charge(&charge.quota, now, charge.cost);
                memory.charge(&charge, now);
                small.charge(&charge, now);
            } else {
                let counted = count::count(&asked, &mut states, now);
                prop_assert_eq!(memory.take(&asked, now), counted);
                small.take(&asked, now);
            }
            for (take, state) in asked.takes.iter().zip(states) {
                model.insert(whose(take), state);
            }
            prop_assert!(small.states.len() <= keys_max && small.expiring.len() == small.states.len());
            prop_assert_eq!(memory.expiring.len(), memory.states.len());
        }
    }
}
