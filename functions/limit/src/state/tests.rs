//! What holds for all algorithms.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const PERIOD: Duration = Duration::from_millis(9);

fn quota(algorithm: Algorithm, count: u32, burst: u32) -> Quota {
    let quota = match algorithm {
        Algorithm::Gcra => Quota::gcra(count, PERIOD, burst),
        Algorithm::SlidingWindow => Quota::sliding_window(count, PERIOD),
        Algorithm::SlidingLog => Quota::sliding_log(count, PERIOD),
        Algorithm::Concurrency => Quota::concurrency(count, PERIOD),
    };
    quota.unwrap()
}

fn any_quota() -> impl Strategy<Value = Quota> {
    let algorithm = prop::sample::select(Algorithm::ALL.to_vec());
    (algorithm, 1..15_u32, 0..8_u32).prop_map(|(algorithm, count, burst)| quota(algorithm, count, burst))
}

/// A state that something was done with, now, and how long requests may be held back. The clock may have jumped.
fn any_state() -> impl Strategy<Value = (Quota, State, Moment, Duration)> {
    let gap = prop_oneof![4 => 0..2_000_000_u64, 1 => 0..20_000_000_u64, 2 => Just(0)];
    let steps = vec((gap, prop::bool::weighted(0.05), -4..8_i64, prop::bool::weighted(0.2)), 0..40);
    let max_delay = prop_oneof![Just(0), 0..20_000_000_u64];
    (any_quota(), max_delay, steps).prop_map(|(quota, max_delay, steps)| {
        let (mut state, max_delay) = (State::new(&quota), Duration::from_nanos(max_delay));
        let mut now = 1_000_000_000;
        for (gap, jumps, cost, is_charge) in steps {
            now = if jumps { now - 10 * gap } else { now + gap };
            let at = Moment::from_nanos(now);
            match u32::try_from(cost) {
                Ok(cost) if !is_charge => _ = state.take(&quota, at, cost.min(quota.at_once()), max_delay),
                _ => state.charge(&quota, at, cost),
            }
        }
        (quota, state, Moment::from_nanos(now), max_delay)
    })
}

const NANOSECOND: Duration = Duration::from_nanos(1);

proptest! {
    /// One nanosecond earlier it would be refused, at that moment it is not.
    #[test]
    fn retry_after_is_exact((quota, mut state, now, max_delay) in any_state(), cost in 0..15_u32) {
        let cost = cost.min(quota.at_once());
        let Decision::Refused(retry_after) = state.decide(&quota, now, cost, max_delay) else { return Ok(()) };
        if quota.algorithm() == Algorithm::Concurrency {
            prop_assert_eq!(retry_after, Duration::from_secs(1));
            return Ok(());
        }
        let earlier = now + (retry_after - NANOSECOND);
        prop_assert_eq!(state.clone().decide(&quota, earlier, cost, max_delay), Decision::Refused(NANOSECOND));
        prop_assert!(state.take(&quota, now + retry_after, cost, max_delay).is_taken());
    }

    /// What remains can be taken without a delay, and no more.
    #[test]
    fn what_remains_can_be_taken((quota, mut state, now, max_delay) in any_state()) {
        let before = state.clone();
        let remaining = state.peek(&quota, now).remaining;
        if remaining > 0 {
            prop_assert_eq!(state.take(&quota, now, remaining, max_delay).decision, Decision::Taken);
            prop_assert_eq!(state.peek(&quota, now).remaining, 0);
        }
        let more = before.clone().take(&quota, now, remaining + 1, Duration::ZERO);
        prop_assert!(matches!(more.decision, Decision::Refused(_)));
    }

    /// From then on, and not before, it says no more than a new one.
    #[test]
    fn it_expires_when_all_is_there_again((quota, mut state, now, max_delay) in any_state()) {
        state.decide(&quota, now, 0, max_delay);
        let Some(expires_in) = state.expires_in(&quota, now) else {
            prop_assert_eq!(quota.algorithm(), Algorithm::Concurrency);
            return Ok(());
        };
        prop_assert_eq!(expires_in, state.peek(&quota, now).reset);
        let new = State::new(&quota);
        let expired = now + expires_in;
        prop_assert_eq!(state.peek(&quota, expired), new.peek(&quota, expired));
        for cost in [0, 1, quota.at_once()] {
            let verdict = state.clone().take(&quota, expired, cost, max_delay);
            prop_assert_eq!(verdict, new.clone().take(&quota, expired, cost, max_delay));
        }
        if !expires_in.is_zero() {
            prop_assert_eq!(state.peek(&quota, now + (expires_in - NANOSECOND)).reset, NANOSECOND);
        }
    }

    #[test]
    fn a_refusal_changes_nothing((quota, mut state, now, max_delay) in any_state(), cost in 0..20_u32) {
        // What a clock has spoilt that jumped back was corrected the first time.
        state.decide(&quota, now, cost, max_delay);
        let before = state.clone();
        let spared = before.peek(&quota, now);
        let verdict = state.take(&quota, now, cost, max_delay);
        if verdict.is_taken() {
            prop_assert_eq!(verdict.reset, state.peek(&quota, now).reset);
        } else {
            prop_assert_eq!(state, before);
            prop_assert_eq!(Verdict { decision: Decision::Spared, ..verdict }, spared);
        }
    }

    /// What was taken and is given back at once has not been.
    #[test]
    fn what_is_undone_at_once_has_not_been((quota, mut state, now, max_delay) in any_state(), cost in 0..15_u32) {
        state.decide(&quota, now, cost, max_delay);
        let before = state.clone();
        if state.take(&quota, now, cost, max_delay).is_taken() {
            state.give_back(&quota, now, now, cost);
        }
        for later in [0, 1, 999_999, 1_000_000, 4_321_987, 9_000_000, 18_000_000] {
            let at = now + Duration::from_nanos(later);
            prop_assert_eq!(state.peek(&quota, at), before.peek(&quota, at));
        }
    }

    /// A state of another algorithm counts as new, and becomes one of this when something is taken.
    #[test]
    fn a_state_of_another_algorithm_is_new(
        (quota, state, now, max_delay) in any_state(),
        other in any_quota(),
        (cost, charge) in (0..20_u32, -9..9_i64),
    ) {
        if quota.algorithm() == other.algorithm() {
            return Ok(());
        }
        let mut taking = state.clone();
        let mut new = State::new(&other);
        prop_assert_eq!(state.peek(&other, now), new.peek(&other, now));
        prop_assert_eq!(state.expires_in(&other, now), Some(Duration::ZERO));
        let verdict = taking.take(&other, now, cost, max_delay);
        prop_assert_eq!(verdict, new.take(&other, now, cost, max_delay));
        prop_assert_eq!(&taking, if verdict.is_taken() { &new } else { &state });

        let mut given_back = state.clone();
        given_back.give_back(&other, now, now, cost);
        prop_assert_eq!(&given_back, &state);
        let (mut charged, mut new) = (state.clone(), State::new(&other));
        charged.charge(&other, now, charge);
        new.charge(&other, now, charge);
        prop_assert_eq!(&charged, if charge > 0 { &new } else { &state });
    }

    /// Not at the beginning of time nor at its end, whatever the quota and the costs.
    #[test]
    fn nothing_panics(
        algorithm in prop::sample::select(Algorithm::ALL.to_vec()),
        (count, burst) in (prop_oneof![1..20_u32, any::<u32>()], prop_oneof![0..20_u32, any::<u32>()]),
        period in prop_oneof![Just(Quota::PERIOD_MAX), (1..100_000_u64).prop_map(Duration::from_millis)],
        steps in vec((any_moment(), any_moment(), any::<u32>(), any::<i64>(), any::<u64>(), 0..5_u8), 0..40),
    ) {
        let quota = match algorithm {
            Algorithm::Gcra => Quota::gcra(count, period, burst),
            Algorithm::SlidingWindow => Quota::sliding_window(count, period),
            Algorithm::SlidingLog => Quota::sliding_log(count, period),
            Algorithm::Concurrency => Quota::concurrency(count, period),
        };
        let Ok(quota) = quota else { return Ok(()) };
        let mut state = State::new(&quota);
        for (now, other, cost, charge, delay, step) in steps {
            let max_delay = if delay % 2 == 0 { Duration::from_nanos(delay) } else { Duration::from_secs(delay) };
            match step {
                0 => _ = state.take(&quota, now, cost, max_delay),
                1 => _ = state.take(&quota, now, cost % quota.at_once(), max_delay),
                2 => state.give_back(&quota, other, now, cost),
                3 => state.charge(&quota, now, charge),
                _ => state.charge(&quota, now, charge % 100),
            }
            state.peek(&quota, now);
            state.expires_in(&quota, now);
        }
    }
}

fn any_moment() -> impl Strategy<Value = Moment> {
    let nanoseconds = prop_oneof![any::<u64>(), 0..100_u64, u64::MAX - 100..=u64::MAX, 0..1_000_000_000_000_u64];
    nanoseconds.prop_map(Moment::from_nanos)
}
