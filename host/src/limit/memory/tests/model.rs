//! One thread, any sequence: the same as the states themselves, in a map.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Take {
        key: u64,
        cost: u32,
        max_delay: Duration,
    },
    /// The last take but so many.
    GiveBack(usize),
    Land {
        key: u64,
        cost: u32,
    },
    Charge {
        key: u64,
        cost: i64,
    },
    Reset(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (key, cost) = (0..4u64, 1..6u32);
    let delay = prop_oneof![Just(Duration::ZERO), (0..400u64).prop_map(Duration::from_millis)];
    prop_oneof![
        2 => prop_oneof![0..50_000_000u64, 0..3_000_000_000u64].prop_map(Step::Wait),
        6 => (key.clone(), cost.clone(), delay).prop_map(|(key, cost, max_delay)| Step::Take { key, cost, max_delay }),
        1 => (0..4usize).prop_map(Step::GiveBack),
        1 => (key.clone(), cost).prop_map(|(key, cost)| Step::Land { key, cost }),
        1 => (key.clone(), -10..20i64).prop_map(|(key, cost)| Step::Charge { key, cost }),
        1 => key.prop_map(Step::Reset),
    ]
}

fn run(algorithm: Algorithm, steps: Vec<Step>) {
    let quota = quota(algorithm, 7);
    let memory = memory(algorithm, 2_000);
    let mut states: HashMap<u64, State> = HashMap::new();
    let mut now = ms(5_000);
    let mut taken = Vec::new();
    for step in steps {
        match step {
            Step::Wait(nanoseconds) => now = now + Duration::from_nanos(nanoseconds),
            Step::Take { key: number, cost, max_delay } => {
                let state = states.entry(number).or_insert_with(|| State::new(&quota));
                let there = state.peek(&quota, now);
                let verdict = state.take(&quota, now, cost, max_delay);
                let asked = if verdict.is_taken() { there } else { verdict };
                assert_eq!(memory.ask(&key(number), &quota, now, cost, max_delay), asked);
                assert_eq!(memory.take(&key(number), &quota, now, cost, max_delay), verdict);
                if verdict.is_taken() {
                    taken.push((number, now, cost));
                }
            }
            Step::GiveBack(back) if back < taken.len() => {
                let (number, taken_at, cost) = taken.remove(taken.len() - 1 - back);
                states.entry(number).and_modify(|state| state.give_back(&quota, taken_at, now, cost));
                memory.give_back(&key(number), &quota, taken_at, now, cost);
            }
            Step::GiveBack(_) => {}
            Step::Land { key: number, cost } => {
                if let Some(State::Flight(Flight { count })) = states.get_mut(&number) {
                    *count = count.saturating_sub(cost);
                }
                memory.land(&key(number), cost);
            }
            Step::Charge { key: number, cost } => {
                states.entry(number).or_insert_with(|| State::new(&quota)).charge(&quota, now, cost);
                memory.charge(&key(number), &quota, now, cost);
            }
            Step::Reset(number) => {
                if algorithm != Algorithm::Concurrency {
                    states.remove(&number);
                }
                memory.reset(Some(&key(number)));
            }
        }
        for number in 0..4 {
            let there = states
                .get(&number)
                .map_or_else(|| State::new(&quota).peek(&quota, now), |state| state.peek(&quota, now));
            assert_eq!(memory.peek(&key(number), &quota, now), there, "of {number}");
        }
        let is_live = |state: &&State| state.expires_in(&quota, now).is_none_or(|expires| !expires.is_zero());
        let live = states.values().filter(is_live).count() as u64;
        let keys = memory.counts(now).keys;
        // A table does not know which of its windows has which period, nor whether they have begun.
        assert!(keys == live || algorithm == Algorithm::SlidingWindow && keys <= states.len() as u64, "{keys}, {live}");
    }
}

proptest! {
    #[test]
    fn a_table_of_gcra_equals_a_map(steps in prop::collection::vec(step(), 1..60)) {
        run(Algorithm::Gcra, steps);
    }

    #[test]
    fn a_table_of_windows_equals_a_map(steps in prop::collection::vec(step(), 1..60)) {
        run(Algorithm::SlidingWindow, steps);
    }

    #[test]
    fn logs_equal_a_map(steps in prop::collection::vec(step(), 1..60)) {
        run(Algorithm::SlidingLog, steps);
    }

    #[test]
    fn a_table_of_flights_equals_a_map(steps in prop::collection::vec(step(), 1..60)) {
        run(Algorithm::Concurrency, steps);
    }
}
