use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::state::State;
use crate::verdict::Verdict;

const SECOND: Duration = Duration::from_secs(1);
const NO_DELAY: Duration = Duration::ZERO;

fn at(nanoseconds: u64) -> Moment {
    Moment::from_nanos(nanoseconds)
}

fn seconds(seconds: u64) -> Moment {
    at(seconds * 1_000_000_000)
}

fn state(tat: Moment) -> State {
    State::Gcra(Gcra { tat })
}

fn tat(state: &State) -> Moment {
    match state {
        State::Gcra(gcra) => gcra.tat,
        _ => unreachable!("nothing makes another of it"),
    }
}

fn verdict(decision: Decision, remaining: u32, reset_s: u64) -> Verdict {
    Verdict { decision, remaining, reset: Duration::from_secs(reset_s) }
}

/// 6 in a minute, 3 at once: T = 10 s, tau = 30 s.
#[test]
fn one_after_the_other() {
    let quota = Quota::gcra(6, 60 * SECOND, 2).unwrap();
    let cases: &[(u64, u32, u64, Verdict)] = &[
        (100, 1, 0, verdict(Decision::Taken, 2, 10)),
        (100, 2, 0, verdict(Decision::Taken, 0, 30)),
        (100, 1, 0, verdict(Decision::Refused(10 * SECOND), 0, 30)),
        (109, 1, 0, verdict(Decision::Refused(SECOND), 0, 21)),
        (109, 3, 0, verdict(Decision::Refused(21 * SECOND), 0, 21)),
        (110, 1, 0, verdict(Decision::Taken, 0, 30)),
        (110, 1, 5, verdict(Decision::Refused(5 * SECOND), 0, 30)),
        (115, 1, 5, verdict(Decision::Delayed(5 * SECOND), 0, 35)),
        (115, 1, 15, verdict(Decision::Delayed(15 * SECOND), 0, 45)),
        (115, 1, 15, verdict(Decision::Refused(10 * SECOND), 0, 45)),
        (140, 0, 0, verdict(Decision::Taken, 1, 20)),
        (1000, 0, 0, verdict(Decision::Taken, 3, 0)),
        (1000, 3, 0, verdict(Decision::Taken, 0, 30)),
    ];
    let mut state = State::new(&quota);
    for (now_s, cost, max_delay_s, expected) in cases {
        let verdict = state.take(&quota, seconds(*now_s), *cost, Duration::from_secs(*max_delay_s));
        assert_eq!(verdict, *expected, "{cost} at {now_s} s");
        let spared = Verdict { decision: Decision::Spared, ..*expected };
        assert_eq!(state.peek(&quota, seconds(*now_s)), spared, "{now_s} s");
    }
}

#[test]
fn charges() {
    let quota = Quota::gcra(6, 60 * SECOND, 2).unwrap();
    // How far ahead it is at 100 s, what is charged, how far ahead it is then. At most tau + period are 90 s.
    let cases: &[(u64, i64, u64)] = &[
        (0, 1, 10),
        (0, 0, 0),
        (0, -1, 0),
        (10, 3, 40),
        (30, 6, 90),
        (30, 7, 90),
        (30, i64::MAX, 90),
        (90, 1, 90),
        (90, -2, 70),
        (20, -3, 0),
        (20, i64::MIN, 0),
        // Of those who wait longer than that, nobody is forgotten.
        (120, 1, 120),
    ];
    for (ahead_s, cost, expected_s) in cases {
        let mut state = state(seconds(100 + ahead_s));
        state.charge(&quota, seconds(100), *cost);
        assert_eq!(tat(&state), seconds(100 + expected_s), "{ahead_s} s and {cost}");
    }
}

#[test]
fn what_is_given_back() {
    let quota = Quota::gcra(6, 60 * SECOND, 2).unwrap();
    // How far ahead it is at 100 s, how long ago how much was taken, how far ahead it is then.
    let cases: &[(&str, u64, u64, u32, u64)] = &[
        ("at once", 30, 0, 2, 10),
        ("at once, all", 30, 0, 3, 0),
        ("some has leaked", 25, 5, 2, 10),
        ("some has leaked, others have taken", 30, 5, 2, 15),
        ("all may have leaked", 30, 20, 2, 30),
        ("long ago", 30, 50, 2, 30),
        ("more than there is", 5, 0, 2, 0),
        ("nothing is there", 0, 0, 2, 0),
        ("at once, while others wait", 40, 0, 2, 20),
        ("somebody may be waiting", 31, 1, 2, 31),
    ];
    for (case, ahead_s, ago_s, cost, expected_s) in cases {
        let mut state = state(seconds(100 + ahead_s));
        state.give_back(&quota, seconds(100 - ago_s), seconds(100), *cost);
        assert_eq!(tat(&state), seconds(100 + expected_s), "{case}");
    }
}

/// What happens next, so long after what was before.
#[derive(Clone, Copy, Debug)]
enum Step {
    Take(u32),
    Charge(i64),
    /// Of those taken before, the one at this place, counted backwards.
    GiveBack(usize),
}

/// A quota, how long requests may be held back, and halves of T, give or take a nanosecond, between steps.
type Run = (Quota, Duration, Vec<(u64, Step)>);

fn quota() -> impl Strategy<Value = Quota> {
    let period_ms = prop::sample::select(vec![1_u64, 7, 1000, 60_000]);
    (1..12_u32, period_ms, 0..8_u32)
        .prop_map(|(count, period_ms, burst)| Quota::gcra(count, Duration::from_millis(period_ms), burst).unwrap())
}

fn run(step: impl Strategy<Value = Step> + Clone + 'static) -> impl Strategy<Value = Run> {
    (quota(), prop_oneof![Just(0), 0..30_u64]).prop_flat_map(move |(quota, halves)| {
        let interval = quota.interval_ns();
        let gap = prop_oneof![
            3 => Just(0),
            4 => (0..5_u64, 0..3_u64).prop_map(move |(halves, off)| (halves * interval / 2 + off).saturating_sub(1)),
            1 => 0..2 * quota.tolerance_ns(),
            1 => Just(quota.period_ns()),
        ];
        let max_delay = Duration::from_nanos(halves * interval / 2);
        (Just(quota), Just(max_delay), vec((gap, step.clone()), 0..60))
    })
}

fn take() -> impl Strategy<Value = Step> + Clone {
    (0..5_u32).prop_map(Step::Take)
}

fn take_or_charge() -> impl Strategy<Value = Step> + Clone {
    prop_oneof![5 => take(), 1 => (-5..20_i64).prop_map(Step::Charge)]
}

fn take_or_give_back() -> impl Strategy<Value = Step> + Clone {
    prop_oneof![3 => take(), 2 => (0..6_usize).prop_map(Step::GiveBack)]
}

/// The other algorithm of ITU-T I.371 annex A, the "continuous-state leaky bucket", with costs: it keeps what is in the
/// bucket and since when, and never a moment to come. Signed and wide, so that nothing has to saturate.
struct LeakyBucket {
    /// X, in nanoseconds: what is in it at that time.
    contents: i128,
    /// LCT: the last time that something was poured in.
    last: i128,
}

impl LeakyBucket {
    /// Pours in, unless it would run over; `Ok` with what stands above the brim. If the clock was set back, it is in the
    /// bucket for longer.
    fn take(&mut self, quota: &Quota, now: Moment, cost: u32, max_delay: Duration) -> Result<i128, i128> {
        let now = i128::from(now.as_nanos());
        let (brim, period) = (quota.tolerance().as_nanos() as i128, quota.period().as_nanos() as i128);
        let max_delay = max_delay.as_nanos() as i128;
        let contents = (self.contents - (now - self.last)).max(0);
        let contents_max = brim + period.max(max_delay);
        if contents > contents_max {
            (self.contents, self.last) = (contents_max, now);
        }
        let poured = contents.min(contents_max) + i128::from(cost) * quota.interval().as_nanos() as i128;
        if poured > brim + max_delay {
            return Err(poured - brim - max_delay);
        }
        (self.contents, self.last) = (poured, now);
        Ok((poured - brim).max(0))
    }
}

fn nanoseconds(nanoseconds: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap())
}

proptest! {
    /// Whatever the times, jumps backwards among them, and whatever the costs.
    #[test]
    fn it_is_the_leaky_bucket(
        (quota, max_delay, steps) in run(take()),
        jumps in vec(prop_oneof![9 => Just(0), 1 => 0..20_u64, 1 => 0..200_000_000_u64], 60),
    ) {
        let mut state = State::new(&quota);
        let mut bucket = LeakyBucket { contents: 0, last: 0 };
        let mut now = seconds(10_000_000);
        for ((gap, step), jump) in steps.into_iter().zip(jumps) {
            // Back by so many tenths of T: mostly not at all, at times by more than any state can say.
            now = at((now.as_nanos() + gap).saturating_sub(jump * (quota.interval_ns() / 10)));
            let Step::Take(cost) = step else { unreachable!() };
            let cost = cost.min(quota.at_once());
            let expected = match bucket.take(&quota, now, cost, max_delay) {
                Ok(0) => Decision::Taken,
                Ok(over) => Decision::Delayed(nanoseconds(over)),
                Err(over) => Decision::Refused(nanoseconds(over)),
            };
            prop_assert_eq!(state.take(&quota, now, cost, max_delay).decision, expected);
        }
    }

    /// However much is given back, and however long some are held back: in no window of a period, open at its end, more
    /// than burst + count go on.
    #[test]
    fn no_more_go_on_than_promised((quota, max_delay, steps) in run(take_or_give_back())) {
        let mut state = State::new(&quota);
        let mut now = seconds(1000);
        // When each was taken, when it goes on, what it costs; and whether nothing happened since the last was taken.
        let mut taken: Vec<(Moment, Moment, u32)> = Vec::new();
        let mut is_last_untouched = false;
        for (gap, step) in steps {
            now = now + Duration::from_nanos(gap);
            match step {
                Step::Take(cost) => {
                    let cost = cost.min(quota.at_once());
                    let verdict = state.take(&quota, now, cost, max_delay);
                    let delay = match verdict.decision {
                        Decision::Delayed(delay) => delay,
                        _ => Duration::ZERO,
                    };
                    if verdict.is_taken() {
                        taken.push((now, now + delay, cost));
                        is_last_untouched = true;
                    }
                }
                Step::GiveBack(back) if back < taken.len() => {
                    let place = taken.len() - 1 - back;
                    let is_undone = back == 0 && is_last_untouched;
                    if taken[place].0 < now || is_undone {
                        let (taken_at, _, cost) = taken.remove(place);
                        state.give_back(&quota, taken_at, now, cost);
                        is_last_untouched = false;
                    }
                }
                Step::GiveBack(_) | Step::Charge(_) => {}
            }
        }
        let promised = u64::from(quota.burst()) + u64::from(quota.count());
        for (_, start, _) in &taken {
            let within = taken.iter().filter(|(_, on, _)| on >= start && on.since(*start) < quota.period());
            let sum: u64 = within.map(|(.., cost)| u64::from(*cost)).sum();
            prop_assert!(sum <= promised, "{} from {:?} on, of {}", sum, start, promised);
        }
    }

    /// Where nobody waits, what is given back makes room for no more than if it had never been taken.
    #[test]
    fn no_more_is_given_back_than_was_taken((quota, _, steps) in run(take_or_give_back())) {
        let mut state = State::new(&quota);
        let mut now = seconds(1000);
        let mut taken: Vec<(Moment, u32)> = Vec::new();
        for (gap, step) in steps {
            now = now + Duration::from_nanos(gap);
            match step {
                Step::Take(cost) => {
                    if state.take(&quota, now, cost, NO_DELAY).is_taken() {
                        taken.push((now, cost));
                    }
                }
                Step::GiveBack(back) if back < taken.len() => {
                    let (taken_at, cost) = taken.remove(taken.len() - 1 - back);
                    state.give_back(&quota, taken_at, now, cost);
                }
                Step::GiveBack(_) | Step::Charge(_) => {}
            }
            let mut without = State::new(&quota);
            for (taken_at, cost) in &taken {
                prop_assert!(without.take(&quota, *taken_at, *cost, NO_DELAY).is_taken());
            }
            prop_assert!(tat(&state).since(now) >= tat(&without).since(now));
        }
    }

    /// An undo at the same moment leaves what was before.
    #[test]
    fn what_is_undone_at_once_has_not_been((quota, max_delay, steps) in run(take_or_charge()), cost in 0..9_u32) {
        let (mut state, now) = after(&quota, max_delay, &steps);
        let before = state.clone();
        if state.take(&quota, now, cost, max_delay).is_taken() {
            state.give_back(&quota, now, now, cost);
        }
        prop_assert_eq!(tat(&state).since(now), tat(&before).since(now));
    }

    /// A clock that jumps back by hours locks nobody out for longer than tau and a period.
    #[test]
    fn a_clock_that_jumps_back_is_survived((quota, max_delay, steps) in run(take_or_charge()), back_s in 0..100_000_u64) {
        let (mut state, now) = after(&quota, max_delay, &steps);
        let now = at(now.as_nanos() - back_s * 1_000_000_000);
        if let Decision::Refused(retry_after) = state.take(&quota, now, 1, max_delay).decision {
            prop_assert!(retry_after <= quota.tolerance() + quota.period());
            // Even though that was asked before, at the time at which it was said to be possible it is.
            prop_assert!(state.take(&quota, now + retry_after, 1, max_delay).is_taken());
        }
    }
}

fn after(quota: &Quota, max_delay: Duration, steps: &[(u64, Step)]) -> (State, Moment) {
    let mut state = State::new(quota);
    let mut now = seconds(1_000_000);
    for (gap, step) in steps {
        now = now + Duration::from_nanos(*gap);
        match step {
            Step::Take(cost) => _ = state.take(quota, now, *cost, max_delay),
            Step::Charge(cost) => state.charge(quota, now, *cost),
            Step::GiveBack(_) => {}
        }
    }
    (state, now)
}
