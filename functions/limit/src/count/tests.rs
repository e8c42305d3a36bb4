use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const NOW: Moment = Moment::from_nanos(1_000_000_000_000);

/// What a quota of 2 in a second makes of a request: it has taken so much, may delay so long.
#[derive(Clone, Copy, Debug)]
enum Of {
    /// Nothing was taken yet.
    Free,
    /// All was.
    Full,
    /// All was, but requests may wait for a second.
    Slow,
}

/// What is needed; what there is, whether it is in shadow; what is decided, whether the request passes, after how long.
type Case<'a> = (Need, &'a [(Of, bool)], &'a [Decision], bool, Duration);

fn take_of(place: usize, of: Of, is_shadow: bool) -> (Take, State) {
    let quota = Quota::gcra(2, SECOND, 1).unwrap();
    let mut state = State::new(&quota);
    if !matches!(of, Of::Free) {
        state.take(&quota, NOW, 2, Duration::ZERO);
    }
    let max_delay = if matches!(of, Of::Slow) { SECOND } else { Duration::ZERO };
    let (limit, key) = (LimitId(place), Key::default());
    (Take { limit, key, quota, cost: 1, max_delay, is_shadow }, state)
}

fn all_of(need: Need, of: &[(Of, bool)]) -> (Count, Vec<State>) {
    let takes = of.iter().enumerate().map(|(place, (of, is_shadow))| take_of(place, *of, *is_shadow));
    let (takes, states) = takes.unzip();
    (Count { takes, need }, states)
}

#[test]
fn what_becomes_of_each() {
    use Decision::{Spared, Taken};
    use Need::{All, Any};
    use Of::{Free, Full, Slow};
    let refused = Decision::Refused(SECOND / 2);
    let delayed = Decision::Delayed(SECOND / 2);
    let (enforced, shadow) = (false, true);
    let cases: &[Case<'_>] = &[
        (All, &[], &[], true, Duration::ZERO),
        (Any, &[], &[], true, Duration::ZERO),
        (All, &[(Free, enforced)], &[Taken], true, Duration::ZERO),
        (All, &[(Full, enforced)], &[refused], false, Duration::ZERO),
        (Any, &[(Free, enforced)], &[Taken], true, Duration::ZERO),
        (Any, &[(Full, enforced)], &[refused], false, Duration::ZERO),
        (All, &[(Slow, enforced)], &[delayed], true, SECOND / 2),
        (All, &[(Free, enforced), (Free, enforced)], &[Taken, Taken], true, Duration::ZERO),
        (All, &[(Free, enforced), (Full, enforced)], &[Spared, refused], false, Duration::ZERO),
        (All, &[(Full, enforced), (Slow, enforced)], &[refused, Spared], false, Duration::ZERO),
        (All, &[(Full, enforced), (Full, enforced)], &[refused, refused], false, Duration::ZERO),
        (All, &[(Slow, enforced), (Free, enforced)], &[delayed, Taken], true, SECOND / 2),
        (Any, &[(Free, enforced), (Free, enforced)], &[Taken, Spared], true, Duration::ZERO),
        (Any, &[(Free, enforced), (Full, enforced)], &[Taken, Spared], true, Duration::ZERO),
        (Any, &[(Full, enforced), (Free, enforced)], &[refused, Taken], true, Duration::ZERO),
        (Any, &[(Full, enforced), (Slow, enforced), (Free, enforced)], &[refused, delayed, Spared], true, SECOND / 2),
        (Any, &[(Full, enforced), (Full, enforced)], &[refused, refused], false, Duration::ZERO),
        // Those in shadow.
        (All, &[(Full, shadow)], &[refused], true, Duration::ZERO),
        (All, &[(Slow, shadow)], &[delayed], true, Duration::ZERO),
        (Any, &[(Full, shadow), (Free, shadow)], &[refused, Taken], true, Duration::ZERO),
        (All, &[(Full, shadow), (Free, enforced)], &[refused, Taken], true, Duration::ZERO),
        (All, &[(Free, shadow), (Full, enforced)], &[Spared, refused], false, Duration::ZERO),
        (All, &[(Full, shadow), (Full, enforced)], &[refused, refused], false, Duration::ZERO),
        (All, &[(Slow, shadow), (Free, enforced)], &[delayed, Taken], true, Duration::ZERO),
        (Any, &[(Free, shadow), (Free, enforced), (Free, enforced)], &[Taken, Taken, Spared], true, Duration::ZERO),
        (Any, &[(Free, enforced), (Free, shadow), (Full, shadow)], &[Taken, Taken, refused], true, Duration::ZERO),
        (Any, &[(Free, shadow), (Full, enforced)], &[Spared, refused], false, Duration::ZERO),
    ];
    for (need, of, expected, passes, delay) in cases {
        let (asked, mut states) = all_of(*need, of);
        let before = states.clone();
        let counted = count(&asked, &mut states, NOW);
        let decisions: Vec<_> = counted.verdicts.iter().map(|verdict| verdict.decision).collect();
        assert_eq!(&decisions, expected, "{need:?} {of:?}");
        assert_eq!(counted.passes(&asked, |_| unreachable!("none is down")), *passes, "{need:?} {of:?}");
        assert_eq!(counted.delay(&asked), *delay, "{need:?} {of:?}");
        for ((verdict, state), before) in counted.verdicts.iter().zip(&states).zip(&before) {
            assert_eq!(verdict.is_taken(), state != before, "{need:?} {of:?}");
            let peeked = state.peek(&asked.takes[0].quota, NOW);
            assert_eq!((verdict.remaining, verdict.reset), (peeked.remaining, peeked.reset), "{need:?} {of:?}");
        }
    }
}

#[test]
fn what_is_down_counts_as_it_says() {
    use Decision::{Down, Refused, Spared, Taken};
    let refused = Refused(SECOND);
    // Verdicts of those that are enforced, whether the request passes where those that are down are open, and closed.
    let cases: &[(Need, &[Decision], bool, bool)] = &[
        (Need::All, &[Down], true, false),
        (Need::Any, &[Down], true, false),
        (Need::All, &[Down, Taken], true, false),
        (Need::All, &[Down, refused], false, false),
        (Need::All, &[Down, Spared], false, false),
        (Need::Any, &[refused, Down], true, false),
        (Need::Any, &[Down, Taken, Spared], true, true),
        (Need::Any, &[Down, refused], true, false),
    ];
    for (need, decisions, open, closed) in cases {
        let (mut asked, _) = all_of(*need, &vec![(Of::Free, false); decisions.len()]);
        let verdict = |decision: &Decision| Verdict { decision: *decision, ..Verdict::DOWN };
        let mut counted = Counted { verdicts: decisions.iter().map(verdict).collect() };
        assert_eq!(counted.passes(&asked, |_| true), *open, "{need:?} {decisions:?}");
        assert_eq!(counted.passes(&asked, |_| false), *closed, "{need:?} {decisions:?}");
        let is_down = |place: usize| decisions[place] == Down;
        assert_eq!(counted.passes(&asked, is_down), *open, "it is asked by its place");
        // One in shadow changes nothing.
        asked.takes.insert(0, take_of(9, Of::Free, true).0);
        counted.verdicts.insert(0, Verdict::DOWN);
        assert_eq!(counted.passes(&asked, |place| place == 0), *closed, "{need:?} {decisions:?}");
    }
}

fn any_take() -> impl Strategy<Value = (Take, State)> {
    let quotas = [
        Quota::gcra(4, SECOND, 2),
        Quota::sliding_window(4, SECOND),
        Quota::sliding_log(4, SECOND),
        Quota::concurrency(4, SECOND),
    ];
    let quota = prop::sample::select(quotas.map(Result::unwrap).to_vec());
    (quota, 0..5_u32, 0..4_u32, any::<bool>(), 0..3_u32).prop_map(|(quota, before, cost, is_shadow, delay)| {
        let mut state = State::new(&quota);
        state.charge(&quota, NOW, i64::from(before));
        if let State::Flight(flight) = &mut state {
            flight.count = before;
        }
        let max_delay = SECOND / 4 * delay;
        (Take { limit: LimitId(0), key: Key::default(), quota, cost, max_delay, is_shadow }, state)
    })
}

proptest! {
    /// Each take by itself tells what becomes of all.
    #[test]
    fn all_or_any(need in prop::sample::select(vec![Need::All, Need::Any]), takes in vec(any_take(), 0..5)) {
        let (takes, mut states): (Vec<_>, Vec<_>) = takes.into_iter().unzip();
        let asked = Count { takes, need };
        let before = states.clone();
        let alone: Vec<(Verdict, State)> = asked.takes.iter().zip(&before).map(|(take, state)| {
            let mut state = state.clone();
            (state.take(&take.quota, NOW, take.cost, take.max_delay), state)
        }).collect();
        let counted = count(&asked, &mut states, NOW);

        let enforced: Vec<usize> = (0..alone.len()).filter(|place| !asked.takes[*place].is_shadow).collect();
        let first = enforced.iter().copied().find(|place| alone[*place].0.is_taken());
        let passes = match need {
            Need::All => enforced.iter().all(|place| alone[*place].0.is_taken()),
            Need::Any => enforced.is_empty() || first.is_some(),
        };
        prop_assert_eq!(counted.passes(&asked, |_| false), passes);
        if !passes {
            prop_assert_eq!(&states, &before);
        }
        for (place, (verdict, taken)) in alone.iter().enumerate() {
            let is_spared = need == Need::Any && !asked.takes[place].is_shadow && first.is_some_and(|first| first < place);
            let expected = if is_spared || !passes && verdict.is_taken() { Decision::Spared } else { verdict.decision };
            prop_assert_eq!(counted.verdicts[place].decision, expected);
            let is_taken = matches!(expected, Decision::Taken | Decision::Delayed(_));
            prop_assert_eq!(&states[place], if is_taken { taken } else { &before[place] });
            let peeked = states[place].peek(&asked.takes[place].quota, NOW);
            prop_assert_eq!(Verdict { decision: Decision::Spared, ..counted.verdicts[place] }, peeked);
        }
    }
}
