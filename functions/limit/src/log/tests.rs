use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::state::State;
use crate::verdict::Verdict;

const PERIOD: Duration = Duration::from_secs(60);

/// Seconds and costs.
type Taken = &'static [(u64, u32)];
/// What was taken; when how much is asked for; what comes of it, how much is left, for how long something counts.
type Case = (&'static str, Taken, u64, u32, Decision, u32, u64);

fn seconds(seconds: u64) -> Moment {
    Moment::from_nanos(seconds * 1_000_000_000)
}

fn log(taken: Taken) -> State {
    let taken: VecDeque<_> = taken.iter().map(|(at_s, cost)| (seconds(*at_s), *cost)).collect();
    let total = taken.iter().map(|(_, cost)| cost).sum();
    State::Log(Log { taken, total })
}

fn refused(seconds: u64) -> Decision {
    Decision::Refused(Duration::from_secs(seconds))
}

/// 10 in a minute.
#[test]
fn what_is_decided() {
    let quota = Quota::sliding_log(10, PERIOD).unwrap();
    let some: Taken = &[(40, 3), (50, 2), (70, 4)];
    let cases: &[Case] = &[
        ("nothing yet", &[], 100, 10, Decision::Taken, 0, 60),
        ("what is left", some, 99, 1, Decision::Taken, 0, 60),
        ("one more than is left", some, 99, 2, refused(1), 1, 31),
        ("the oldest does not count any more", some, 100, 4, Decision::Taken, 0, 60),
        ("the two oldest have to go", some, 90, 5, refused(20), 1, 40),
        ("all have to go", some, 90, 10, refused(40), 1, 40),
        ("nothing counts any more", some, 130, 10, Decision::Taken, 0, 60),
        ("a clock that jumped back", some, 60, 2, refused(40), 1, 60),
        ("a clock that jumped back behind all", some, 10, 2, refused(60), 1, 60),
        ("nothing costs nothing", &[(50, 10)], 60, 0, Decision::Taken, 0, 50),
        ("more is owed than there is", &[(50, 5), (60, 15)], 70, 0, refused(50), 0, 50),
        ("more than there ever is", some, 90, 11, refused(40), 1, 40),
    ];
    for (case, taken, now_s, cost, decision, remaining, reset_s) in cases {
        let mut state = log(taken);
        let expected = Verdict { decision: *decision, remaining: *remaining, reset: Duration::from_secs(*reset_s) };
        assert_eq!(state.take(&quota, seconds(*now_s), *cost, PERIOD), expected, "{case}");
    }
}

#[test]
fn charges() {
    let quota = Quota::sliding_log(10, PERIOD).unwrap();
    let cases: &[(Taken, i64, Taken)] = &[
        (&[], 3, &[(100, 3)]),
        (&[(40, 3), (50, 2)], 3, &[(50, 2), (100, 3)]),
        (&[(50, 5), (100, 3)], 3, &[(50, 5), (100, 6)]),
        (&[(50, 5)], 30, &[(50, 5), (100, 15)]),
        (&[(50, 20)], i64::MAX, &[(50, 20)]),
        (&[(40, 5), (50, 5), (60, 5)], -2, &[(50, 3), (60, 5)]),
        (&[(50, 5), (60, 5)], -7, &[(60, 3)]),
        (&[(50, 5), (60, 5)], i64::MIN, &[]),
        (&[(90, 2), (110, 2), (120, 1)], 1, &[(90, 2), (100, 4)]),
    ];
    for (taken, cost, expected) in cases {
        let mut state = log(taken);
        state.charge(&quota, seconds(100), *cost);
        assert_eq!(state, log(expected), "{taken:?} and {cost}");
    }
}

#[test]
fn what_is_given_back() {
    let quota = Quota::sliding_log(10, PERIOD).unwrap();
    let cases: &[(u64, u32, Taken)] = &[
        (50, 2, &[(50, 3), (60, 4)]),
        (50, 5, &[(60, 4)]),
        (50, 6, &[(60, 4)]),
        (60, 1, &[(50, 5), (60, 3)]),
        (55, 1, &[(50, 5), (60, 4)]),
        (70, 1, &[(50, 5), (60, 4)]),
    ];
    for (taken_s, cost, expected) in cases {
        let mut state = log(&[(50, 5), (60, 4)]);
        state.give_back(&quota, seconds(*taken_s), seconds(100), *cost);
        assert_eq!(state, log(expected), "{cost} of {taken_s} s");
    }
}

proptest! {
    /// It is exact: something is refused if and only if it would be more than the quota in some window of a period, open
    /// at its beginning; and it never holds more than that.
    #[test]
    fn it_is_exact(
        count in 1..30_u32,
        steps in vec((0..5_u64, 0..1001_u64, 0..3_u64, 0..8_u32, prop::option::weighted(0.2, 0..5_usize)), 0..80),
    ) {
        let quota = Quota::sliding_log(count, Duration::from_millis(7)).unwrap();
        let (mut state, mut taken, mut now) = (State::new(&quota), Vec::<(u64, u32)>::new(), 1_u64);
        for (shift, thousandths, off, cost, back) in steps {
            // Parts of the period, give or take a nanosecond; at times none.
            now += (7000 * (thousandths >> (2 * shift)) + off).saturating_sub(1);
            let at = Moment::from_nanos(now);
            let within = taken.iter().filter(|(at, _)| at + 7_000_000 > now);
            let used: u32 = within.map(|(_, cost)| cost).sum();
            prop_assert_eq!(state.peek(&quota, at).remaining, count - used);
            prop_assert_eq!(state.take(&quota, at, cost, Duration::ZERO).is_taken(), used + cost <= count);
            if used + cost <= count {
                taken.push((now, cost));
            }
            if let Some(back) = back && back < taken.len() {
                let (taken_at, cost) = taken.remove(taken.len() - 1 - back);
                state.give_back(&quota, Moment::from_nanos(taken_at), at, cost);
            }
            let State::Log(log) = &state else { unreachable!() };
            prop_assert!(log.taken.len() <= count as usize);
            prop_assert_eq!(log.total, log.taken.iter().map(|(_, cost)| cost).sum::<u32>());
        }
    }
}
