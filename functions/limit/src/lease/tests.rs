//! Tables of what one node does, and a simulation of several nodes on a virtual clock, where messages are late or lost
//! and nodes die.

mod simulation;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::quota::Quota;

const MILLI: u64 = 1_000_000;

fn quota(count: u32, period_ms: u64, burst: u32) -> Quota {
    Quota::gcra(count, Duration::from_millis(period_ms), burst).unwrap()
}

fn at(milliseconds: u64) -> Moment {
    Moment::from_nanos(milliseconds * MILLI)
}

/// A node and its store on one clock, without any delay.
struct Pair {
    terms: LeaseTerms,
    lease: Lease,
    ledger: Ledger,
    asked: Vec<Ask>,
}

impl Pair {
    fn new(quota: &Quota) -> Self {
        let terms = LeaseTerms::of(quota).unwrap();
        Self { terms, lease: Lease::default(), ledger: Ledger::default(), asked: Vec::new() }
    }

    fn take(&mut self, now: Moment, cost: u32) -> Verdict {
        match self.lease.take(&self.terms, now, cost) {
            Leased::Decided(verdict) => verdict,
            Leased::Wait => panic!("nobody is asking"),
            Leased::Ask(ask) => {
                self.asked.push(ask);
                let grant = self.ledger.ask(self.terms.quota(), now, &ask);
                let taken = if grant.count > 0 { cost } else { 0 };
                let older = self.lease.answer(&self.terms, now, now, &grant, taken);
                assert_eq!(older, None);
                if taken > 0 {
                    Verdict { decision: Decision::Taken, ..self.lease.peek(&self.terms, now) }
                } else {
                    self.lease.refuse(&self.terms, now, cost)
                }
            }
        }
    }

    /// How many of so many are taken.
    fn taken(&mut self, now: Moment, len: usize) -> usize {
        (0..len).filter(|_| self.take(now, 1).is_taken()).count()
    }
}

#[test]
fn terms_follow_from_the_quota() {
    for (count, period_ms, burst, expected) in [
        // burst left, lifetime in ms, largest slice
        (100, 60_000, 99, Some((97, 1000, 12))),
        (1000, 1000, 999, Some((916, 83, 114))),
        (10_000, 1000, 9999, Some((9166, 83, 1145))),
        (100_000, 60_000, 99_999, Some((98_332, 1000, 12_291))),
        (1000, 3_600_000, 999, Some((998, 1000, 124))),
        (100, 1000, 10_000, Some((9900, 1000, 1237))),
        // Too little for slices.
        (100, 60_000, 0, None),
        (100, 60_000, 14, None),
        (10, 1000, 9, None),
        // Too little time.
        (1000, 1000, 40, None),
        (1000, 100, 999, None),
    ] {
        let terms = LeaseTerms::of(&quota(count, period_ms, burst));
        let seen = terms.map(|terms| (terms.quota().burst(), terms.lifetime().as_millis(), terms.slice_max()));
        assert_eq!(seen, expected, "{count} in {period_ms} ms, burst {burst}");
    }
    assert_eq!(LeaseTerms::of(&Quota::sliding_window(1000, Duration::from_secs(1)).unwrap()), None);
}

#[test]
fn a_slice_doubles_while_it_does_not_last() {
    let mut pair = Pair::new(&quota(1000, 60_000, 999));
    assert_eq!(pair.taken(at(0), 500), 500);
    let wanted: Vec<u32> = pair.asked.iter().map(|ask| ask.want).collect();
    assert_eq!(wanted, [1, 2, 4, 8, 16, 32, 64, 122, 122, 122, 122]);
}

#[test]
fn a_slice_halves_when_most_of_it_was_not_needed() {
    let mut pair = Pair::new(&quota(1000, 60_000, 999));
    pair.taken(at(0), 200);
    pair.asked.clear();
    for second in 1..12 {
        pair.take(at(second * 1000), 1);
    }
    let asked: Vec<(u32, u32)> =
        pair.asked.iter().map(|ask| (ask.want, ask.unused.map_or(0, |unused| unused.count))).collect();
    assert_eq!(asked[..7], [(122, 49), (61, 121), (30, 60), (15, 29), (7, 14), (3, 6), (1, 2)]);
}

#[test]
fn who_comes_rarely_takes_only_what_it_needs() {
    let mut pair = Pair::new(&quota(1000, 60_000, 999));
    for second in 0..20 {
        assert!(pair.take(at(second * 2000), 3).is_taken());
    }
    assert_eq!(pair.asked, [Ask { cost: 3, want: 3, unused: None }; 20]);
}

#[test]
fn all_that_there_is_is_taken_and_then_nothing_is_asked_for_a_while() {
    let quota = quota(1000, 1000, 999);
    let mut pair = Pair::new(&quota);
    assert_eq!(pair.taken(at(0), 2000), 917);
    let asked = pair.asked.len();
    assert_eq!(pair.taken(at(40), 1000), 0, "40 are there, but are not worth a question");
    assert_eq!(pair.asked.len(), asked);
    assert_eq!(pair.taken(at(41), 1000), 41);
    assert_eq!(pair.asked.len(), asked + 1);
}

#[test]
fn who_is_refused_is_told_when_it_would_not_be() {
    // A second is shorter than one of these takes: the store is asked once a second at most.
    let mut pair = Pair::new(&quota(100, 600_000, 99));
    assert_eq!(pair.taken(at(0), 200), 99);
    for (now, cost, expected_ms) in [(0, 1, 6000), (499, 1, 5501), (1000, 1, 5000), (1000, 3, 17_000), (5999, 1, 1)] {
        let verdict = pair.take(at(now), cost);
        assert_eq!(verdict.decision, Decision::Refused(Duration::from_millis(expected_ms)), "{now} ms, {cost}");
        assert_eq!(verdict.remaining, 0);
    }
    assert!(pair.take(at(6000), 1).is_taken());
}

#[test]
fn what_is_left_is_seen_as_there() {
    let mut pair = Pair::new(&quota(1000, 60_000, 999));
    for taken in 1..=500 {
        let verdict = pair.take(at(0), 1);
        assert_eq!((verdict.remaining, verdict.reset), (983 - taken, Duration::from_millis(60) * taken));
    }
}

#[test]
fn one_asks_and_the_others_wait() {
    let terms = LeaseTerms::of(&quota(1000, 60_000, 999)).unwrap();
    let (mut lease, mut ledger) = (Lease::default(), Ledger::default());
    let Leased::Ask(ask) = lease.take(&terms, at(0), 1) else { panic!() };
    assert_eq!(lease.take(&terms, at(1), 1), Leased::Wait);
    lease.give_up(None);
    assert_eq!(lease.take(&terms, at(20), 1), Leased::Ask(ask), "the next one asks");
    let grant = ledger.ask(terms.quota(), at(21), &Ask { want: 10, ..ask });
    // Whoever asked is gone.
    lease.answer(&terms, at(20), at(22), &grant, 0);
    for _ in 0..10 {
        assert!(matches!(lease.take(&terms, at(23), 1), Leased::Decided(verdict) if verdict.is_taken()));
    }
    assert!(matches!(lease.take(&terms, at(24), 1), Leased::Ask(_)));
}

#[test]
fn a_slice_is_used_until_its_end_since_it_was_asked_for() {
    let terms = LeaseTerms::of(&quota(1000, 60_000, 999)).unwrap();
    for (answered, now, is_usable) in
        [(100, 100, true), (100, 984, true), (100, 985, false), (984, 984, true), (990, 990, false)]
    {
        let (mut lease, mut ledger) = (Lease::default(), Ledger::default());
        lease.take(&terms, at(0), 1);
        let grant = ledger.ask(terms.quota(), at(5000), &Ask { cost: 1, want: 10, unused: None });
        lease.answer(&terms, at(0), at(answered), &grant, 0);
        let is_taken = matches!(lease.take(&terms, at(now), 1), Leased::Decided(verdict) if verdict.is_taken());
        assert_eq!(is_taken, is_usable, "{answered}, {now}");
        let left = if is_usable { None } else { Some(10) };
        let mut lease = lease.clone();
        lease.give_up(None);
        if !is_usable {
            // The question takes it along.
            continue;
        }
        assert_eq!(lease.unused(at(now)).map(|unused| unused.count), left);
        assert_eq!(lease.unused(at(2000)).map(|unused| unused.count), Some(9));
        assert_eq!(lease.unused(at(2000)), None);
    }
}

#[test]
fn what_is_given_back_is_of_the_same_slice_or_lost() {
    let mut pair = Pair::new(&quota(1000, 60_000, 999));
    pair.taken(at(0), 4);
    pair.lease.give_back(at(0), 1);
    assert_eq!(pair.lease.slice.left, 4);
    pair.lease.give_back(at(0), 9);
    assert_eq!(pair.lease.slice.left, 4, "no more than it was");
    assert_eq!(pair.taken(at(100), 4), 4);
    pair.taken(at(200), 1);
    pair.lease.give_back(at(100), 1);
    assert_eq!(pair.lease.slice.left, 7, "of the slice before");
}

#[test]
fn only_what_has_not_leaked_away_is_given_back() {
    let quota = quota(10, 1000, 19);
    let mut ledger = Ledger::default();
    let ask = |cost| Ask { cost, want: cost, unused: None };
    let unused = |grant: Grant, count| Unused { count, position: grant.position, since: grant.since };
    let level = |ledger: &Ledger, now| ledger.tat.since(at(now)).as_millis();
    let first = ledger.ask(&quota, at(1000), &ask(5));
    let second = ledger.ask(&quota, at(1000), &ask(5));
    assert_eq!(level(&ledger, 1000), 1000);
    // Done is the first by half: 250 ms of it are left, and then comes the second.
    let mut other = ledger;
    other.give_back(&quota, at(1250), &unused(first, 5));
    assert_eq!(level(&other, 1250), 500);
    other.give_back(&quota, at(1250), &unused(second, 3));
    assert_eq!(level(&other, 1250), 200);
    // The first is done, and so is a part of the second, which has moved up.
    ledger.give_back(&quota, at(1000), &unused(first, 4));
    let third = ledger.ask(&quota, at(1500), &ask(5));
    assert_eq!(level(&ledger, 1500), 600);
    ledger.give_back(&quota, at(1550), &unused(second, 5));
    assert_eq!(level(&ledger, 1550), 500, "50 ms of it were not done");
    ledger.give_back(&quota, at(1550), &unused(second, 5));
    assert_eq!(level(&ledger, 1550), 500, "nothing is left of it");
    // Of a bucket that was empty meanwhile nothing comes back.
    let fourth = ledger.ask(&quota, at(9000), &ask(5));
    ledger.give_back(&quota, at(9000), &unused(third, 5));
    assert_eq!(level(&ledger, 9000), 500);
    ledger.give_back(&quota, at(9000), &unused(fourth, 5));
    assert_eq!(level(&ledger, 9000), 0);
}

#[test]
fn a_clock_that_jumps_back_leaves_no_more_than_can_be_owed() {
    let quota = quota(10, 1000, 19);
    let mut ledger = Ledger::default();
    let grant = ledger.ask(&quota, at(1_000_000), &Ask { cost: 5, want: 5, unused: None });
    let refused = ledger.ask(&quota, at(1000), &Ask { cost: 1, want: 1, unused: None });
    assert_eq!((refused.count, refused.level / MILLI), (0, 3000));
    ledger.give_back(&quota, at(1000), &Unused { count: 5, position: grant.position, since: grant.since });
    assert_eq!(ledger.tat.since(at(1000)).as_millis(), 2500, "it could be as if all of it were still there");
    assert_eq!(ledger.ask(&quota, at(3500), &Ask { cost: 1, want: 99, unused: None }).count, 20);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Take { cost: u32, want: u32 },
    GiveBack { slice: prop::sample::Index, part: u32 },
    Wait { milliseconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let take = (1..8_u32, 0..20_u32).prop_map(|(cost, more)| Step::Take { cost, want: cost + more });
    let give_back = (any::<prop::sample::Index>(), 0..5_u32).prop_map(|(slice, part)| Step::GiveBack { slice, part });
    let wait = (0..4_u64, 1..300_u64)
        .prop_map(|(is_long, ms)| Step::Wait { milliseconds: if is_long == 0 { ms * 10 } else { ms } });
    prop_oneof![3 => take, 2 => give_back, 3 => wait]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// What was never given back is what GCRA would have let through, whatever was given back in between.
    #[test]
    fn giving_back_breaks_no_promise(steps in prop::collection::vec(step(), 1..60)) {
        let quota = quota(10, 1000, 19);
        let (mut ledger, mut now, mut slices) = (Ledger::default(), at(1000), Vec::new());
        for step in steps {
            match step {
                Step::Wait { milliseconds } => now = now + Duration::from_millis(milliseconds),
                Step::Take { cost, want } => {
                    let grant = ledger.ask(&quota, now, &Ask { cost, want, unused: None });
                    prop_assert!(grant.count == 0 || (cost..=want).contains(&grant.count));
                    slices.push((now, grant, grant.count));
                }
                Step::GiveBack { slice, part } if !slices.is_empty() => {
                    let (_, Grant { position, since, .. }, left) = slice.get_mut(&mut slices);
                    let count = *left * part / 4;
                    *left -= count;
                    ledger.give_back(&quota, now, &Unused { count, position: *position, since: *since });
                }
                Step::GiveBack { .. } => {}
            }
        }
        let mut tat = 0;
        for (now, _, count) in slices.iter().filter(|(.., count)| *count > 0) {
            tat = now.as_nanos().max(tat) + u64::from(*count) * quota.interval_ns();
            prop_assert!(tat - now.as_nanos() <= quota.tolerance_ns());
        }
    }

    /// And what is given back at once is there again.
    #[test]
    fn what_comes_back_at_once_is_as_if_it_had_not_been(before in 0..20_u32, count in 1..20_u32, after_ms in 0..3000_u64) {
        let quota = quota(10, 1000, 39);
        let mut ledger = Ledger::default();
        ledger.ask(&quota, at(1000), &Ask { cost: before, want: before, unused: None });
        let now = at(1000 + after_ms);
        let level = ledger.tat.since(now);
        let Grant { position, since, .. } = ledger.ask(&quota, now, &Ask { cost: 1, want: count, unused: None });
        ledger.give_back(&quota, now, &Unused { count, position, since });
        prop_assert_eq!(ledger.tat.since(now), level);
    }
}

/// Two nodes hold slices while the bucket empties; then the third takes all there is, and they use what they hold.
#[test]
fn what_is_held_breaks_no_promise() {
    let quota = quota(100, 1000, 199);
    let terms = LeaseTerms::of(&quota).unwrap();
    for held_ms in 0..400 {
        let (mut ledger, mut leases, mut tat) = (Ledger::default(), [const { None::<Lease> }; 3], 0);
        let mut take = |node: usize, now: Moment, len| {
            let lease = leases[node].get_or_insert_default();
            for _ in 0..len {
                let is_taken = match lease.take(&terms, now, 1) {
                    Leased::Decided(verdict) => verdict.is_taken(),
                    Leased::Wait => false,
                    Leased::Ask(ask) => {
                        let grant = ledger.ask(terms.quota(), now, &ask);
                        lease.answer(&terms, now, now, &grant, u32::from(grant.count > 0));
                        grant.count > 0
                    }
                };
                if is_taken {
                    tat = now.as_nanos().max(tat) + quota.interval_ns();
                    assert!(tat - now.as_nanos() <= quota.tolerance_ns(), "held for {held_ms} ms");
                }
            }
        };
        take(0, at(1000), 31);
        take(1, at(1000), 31);
        take(0, at(1700), 1);
        take(1, at(1700), 1);
        take(2, at(1700 + held_ms), 300);
        take(0, at(1700 + held_ms), 15);
        take(1, at(1700 + held_ms), 15);
    }
}
