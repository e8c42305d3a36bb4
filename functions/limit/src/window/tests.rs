use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::state::State;
use crate::verdict::Verdict;

const PERIOD: Duration = Duration::from_secs(60);

/// What was taken in the window before and in this one.
type Counters = (u32, u32);
/// What was taken before and since 600 s; when how much is asked for; what comes of it, how much is left, for how many
/// milliseconds something counts.
type Case = (&'static str, Counters, u64, u32, Decision, u32, u64);

fn ms(milliseconds: u64) -> Moment {
    Moment::from_nanos(milliseconds * 1_000_000)
}

fn window(start_s: u64, previous: u32, current: u32) -> State {
    State::Window(Window { start: ms(start_s * 1000), previous, current })
}

fn refused(milliseconds: u64) -> Decision {
    Decision::Refused(Duration::from_millis(milliseconds))
}

/// 10 in a minute; windows begin at 600 s, 660 s and so on.
#[test]
fn what_is_decided() {
    let quota = Quota::sliding_window(10, PERIOD).unwrap();
    let cases: &[Case] = &[
        ("nothing yet", (0, 0), 600_000, 10, Decision::Taken, 0, 120_000),
        ("all of this window", (0, 10), 600_000, 1, refused(66_000), 0, 120_000),
        ("all of the last window", (10, 0), 600_000, 1, refused(6_000), 0, 60_000),
        ("a tenth of the last window is gone", (10, 0), 606_000, 1, Decision::Taken, 0, 114_000),
        ("half of the last window", (10, 5), 630_000, 1, refused(6_000), 0, 90_000),
        ("the end of the last window", (10, 9), 659_999, 1, refused(1), 0, 60_001),
        ("as many as there are, in this window", (1, 0), 600_000, 10, refused(60_000), 9, 60_000),
        ("as many as there are, in the window after the next", (0, 1), 600_000, 10, refused(120_000), 9, 120_000),
        ("the next window begins at once", (0, 5), 600_000, 6, refused(72_000), 5, 120_000),
        ("the next window has begun", (10, 5), 660_000, 6, refused(12_000), 5, 60_000),
        ("the window after the next has begun", (10, 10), 720_000, 10, Decision::Taken, 0, 120_000),
        ("a clock that jumped back", (10, 5), 590_000, 4, refused(4_000), 3, 70_000),
        ("more is owed than there is", (0, 20), 600_000, 1, refused(93_000), 0, 120_000),
        ("nothing costs nothing", (10, 0), 600_000, 0, Decision::Taken, 0, 60_000),
        ("more than there ever is", (0, 0), 610_000, 11, refused(110_000), 10, 0),
    ];
    for (case, (previous, current), now_ms, cost, decision, remaining, reset_ms) in cases {
        let mut state = window(600, *previous, *current);
        let expected = Verdict { decision: *decision, remaining: *remaining, reset: Duration::from_millis(*reset_ms) };
        assert_eq!(state.take(&quota, ms(*now_ms), *cost, PERIOD), expected, "{case}");
    }
}

#[test]
fn charges() {
    let quota = Quota::sliding_window(10, PERIOD).unwrap();
    let cases: &[(Counters, i64, Counters)] = &[
        ((3, 4), 1, (3, 5)),
        ((3, 10), 15, (3, 20)),
        ((3, 25), 1, (3, 25)),
        ((3, 0), i64::MAX, (3, 20)),
        ((3, 4), -1, (3, 3)),
        ((3, 4), -6, (1, 0)),
        ((3, 4), i64::MIN, (0, 0)),
    ];
    for ((previous, current), cost, (previous_then, current_then)) in cases {
        let mut state = window(600, *previous, *current);
        state.charge(&quota, ms(610_000), *cost);
        assert_eq!(state, window(600, *previous_then, *current_then), "{cost}");
        let mut later = window(540, *current, 0);
        later.charge(&quota, ms(610_000), *cost);
        assert_eq!(later.peek(&quota, ms(600_000)).reset > PERIOD, *cost > 0, "it is charged to the window of now");
    }
    let large = Quota::sliding_window(Quota::WINDOW_MAX, PERIOD).unwrap();
    let mut state = window(600, 0, 1);
    state.charge(&large, ms(610_000), i64::MAX);
    assert_eq!(state, window(600, 0, Quota::WINDOW_MAX), "as far as a counter goes");
}

#[test]
fn what_is_given_back() {
    let quota = Quota::sliding_window(10, PERIOD).unwrap();
    let cases: &[(u64, u64, State)] = &[
        (610, 615, window(600, 5, 4)),
        (600, 615, window(600, 5, 4)),
        (599, 615, window(600, 2, 7)),
        (540, 615, window(600, 2, 7)),
        (539, 615, window(600, 5, 7)),
        (610, 670, window(660, 4, 0)),
        (610, 730, window(720, 0, 0)),
        // A clock that jumped back meanwhile.
        (610, 590, window(540, 5, 4)),
    ];
    for (taken_s, now_s, expected) in cases {
        let mut state = window(600, 5, 7);
        state.give_back(&quota, ms(taken_s * 1000), ms(now_s * 1000), 3);
        assert_eq!(state, *expected, "taken at {taken_s} s, given back at {now_s} s");
    }
}

/// All that was taken, each by itself.
#[derive(Default)]
struct Taken(Vec<(u64, u32)>);

impl Taken {
    /// Whether `previous * (1 - elapsed / period) + current + cost <= count`, as fractions.
    fn lets(&self, quota: &Quota, now: Moment, cost: u32) -> bool {
        let period = quota.period().as_nanos();
        let (now, now_window) = (u128::from(now.as_nanos()), u128::from(now.as_nanos()) / period);
        let of = |window: u128| -> u128 {
            let inside = self.0.iter().filter(|(at, _)| u128::from(*at) / period == window);
            inside.map(|(_, cost)| u128::from(*cost)).sum()
        };
        let previous = if now_window == 0 { 0 } else { of(now_window - 1) };
        let not_elapsed = (now_window + 1) * period - now;
        let counted = of(now_window) + u128::from(cost);
        previous * not_elapsed + counted * period <= u128::from(quota.count()) * period
    }
}

proptest! {
    #[test]
    fn it_is_what_is_defined(
        count in 1..30_u32,
        period_ms in prop::sample::select(vec![1_u64, 7, 60_000, 31_622_400_000]),
        steps in vec((0..5_u64, 0..1001_u64, 0..3_u64, 0..8_u32, any::<bool>()), 0..80),
    ) {
        let quota = Quota::sliding_window(count, Duration::from_millis(period_ms)).unwrap();
        let period = quota.period_ns();
        let (mut state, mut taken, mut now) = (State::new(&quota), Taken::default(), 0_u64);
        for (shift, thousandths, off, cost, is_given_back) in steps {
            // Parts of the period, give or take a nanosecond; at times none.
            now += (period / 1000 * (thousandths >> (2 * shift)) + off).saturating_sub(1);
            let at = Moment::from_nanos(now);
            let lets = taken.lets(&quota, at, cost);
            prop_assert_eq!(state.take(&quota, at, cost, Duration::ZERO).is_taken(), lets);
            if lets {
                taken.0.push((now, cost));
            }
            if is_given_back && let Some((taken_at, cost)) = taken.0.pop() {
                state.give_back(&quota, Moment::from_nanos(taken_at), at, cost);
            }
            let remaining = state.peek(&quota, at).remaining;
            prop_assert!(remaining == 0 || taken.lets(&quota, at, remaining));
            prop_assert!(!taken.lets(&quota, at, remaining + 1));
        }
    }

    /// No cost that is ever there has to wait for more than two periods, even if the clock jumps back.
    #[test]
    fn a_clock_that_jumps_back_is_survived(
        (previous, current) in (0..11_u32, 0..21_u32),
        cost in 0..11_u32,
        start_s in 0..100_000_u64,
        now in 0..200_000_000_000_000_u64,
    ) {
        let quota = Quota::sliding_window(10, PERIOD).unwrap();
        let mut state = window(start_s / 60 * 60, previous, current);
        let now = Moment::from_nanos(now);
        if let Decision::Refused(retry_after) = state.take(&quota, now, cost, Duration::ZERO).decision {
            prop_assert!(retry_after <= 2 * PERIOD);
            prop_assert!(state.take(&quota, now + retry_after, cost, Duration::ZERO).is_taken());
        }
    }
}
