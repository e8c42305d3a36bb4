//! The script decides as the pure functions do: the same calls, on a clock that the test sets.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use redis::Connection;
use tidegate_limit::{Ask, Count, Ledger, LimitId, Moment, State, Unused, count};

use super::*;
use crate::limit::redis::wire::{Outcome, Reply, SCRIPT};

const MINUTE: Duration = Duration::from_secs(60);

/// A Redis whose script has a clock that the test sets.
struct Clocked {
    _server: Server,
    connection: Connection,
    digest: String,
    now: Moment,
}

impl Clocked {
    fn start() -> Self {
        let server = Server::start();
        let mut connection = redis::Client::open(("127.0.0.1", server.port)).unwrap().get_connection().unwrap();
        let script = SCRIPT.replace("redis.call('TIME')", "{ 0, redis.call('GET', 'clock') }");
        assert_ne!(script, SCRIPT);
        let digest = redis::cmd("SCRIPT").arg("LOAD").arg(script).query(&mut connection).unwrap();
        Self { _server: server, connection, digest, now: Moment::from_nanos(1_700_000_000_123_456_000) }
    }

    fn forget(&mut self) {
        redis::cmd("FLUSHDB").exec(&mut self.connection).unwrap();
    }

    fn run(&mut self, call: &Call) -> Reply {
        redis::cmd("SET").arg("clock").arg(self.now.as_nanos() / 1000).exec(&mut self.connection).unwrap();
        let value = call.command(&self.digest).query(&mut self.connection).unwrap();
        let reply = Reply::decode(&value).unwrap();
        assert_eq!(reply.now, self.now);
        reply
    }

    /// Microseconds pass; or the clock jumps back.
    fn pass(&mut self, microseconds: i64) {
        let now = self.now.as_nanos().saturating_add_signed(microseconds * 1000);
        self.now = Moment::from_nanos(now.max(1_000_000_000_000_000));
    }

    /// As if time had really passed, for this key.
    fn expire(&mut self, place: usize) {
        redis::cmd("DEL").arg(name(place)).exec(&mut self.connection).unwrap();
    }

    fn keys_without_end(&mut self) -> Vec<String> {
        let keys: Vec<String> = redis::cmd("KEYS").arg("key*").query(&mut self.connection).unwrap();
        let connection = &mut self.connection;
        let is_endless = |key: &String| {
            let left: i64 = redis::cmd("PTTL").arg(key).query(connection).unwrap();
            left == -1
        };
        keys.into_iter().filter(is_endless).collect()
    }
}

fn quotas() -> Vec<Quota> {
    let year = Quota::PERIOD_MAX;
    vec![
        Quota::gcra(10, MINUTE, 4).unwrap(),
        Quota::gcra(7, MINUTE + Duration::from_millis(1), 0).unwrap(),
        Quota::gcra(333, Duration::from_secs(10_000), 1_000_000).unwrap(),
        Quota::gcra(3, year, 2).unwrap(),
        Quota::sliding_window(10, MINUTE).unwrap(),
        Quota::sliding_window(Quota::WINDOW_MAX, year).unwrap(),
        Quota::sliding_log(10, MINUTE).unwrap(),
        Quota::sliding_log(5, MINUTE * 60).unwrap(),
        Quota::concurrency(4, year).unwrap(),
    ]
}

#[derive(Clone, Debug)]
struct Step {
    pass: i64,
    /// One for each quota.
    takes: Vec<Wish>,
    is_any: bool,
    /// Which is charged, and with what; or given back at once.
    charged: Option<(prop::sample::Index, i64)>,
    is_given_back: bool,
}

/// What is taken of a quota, if anything.
#[derive(Clone, Copy, Debug)]
struct Wish {
    is_asked: bool,
    /// Of all that can be taken at once.
    eighths: u32,
    /// How many intervals it may be held back.
    delays: u32,
    is_shadow: bool,
}

fn wish() -> impl Strategy<Value = Wish> {
    let delays = prop_oneof![3 => Just(0), 1 => 0..4_u32];
    (prop::bool::weighted(0.4), 0..9_u32, delays, prop::bool::weighted(0.2))
        .prop_map(|(is_asked, eighths, delays, is_shadow)| Wish { is_asked, eighths, delays, is_shadow })
}

fn step() -> impl Strategy<Value = Step> {
    let pass = prop_oneof![
        8 => 0..20_000_000_i64,
        4 => 0..10_i64,
        2 => 0..200_000_000_i64,
        1 => 0..1_000_000_000_000_i64,
        1 => -100_000_000_i64..0,
        1 => -31_000_000_000_000_i64..0,
    ];
    let takes = prop::collection::vec(wish(), quotas().len());
    let charged = prop::option::weighted(0.3, (any::<prop::sample::Index>(), -12..20_i64));
    (pass, takes, any::<bool>(), charged, prop::bool::weighted(0.1))
        .prop_map(|(pass, takes, is_any, charged, is_given_back)| Step { pass, takes, is_any, charged, is_given_back })
}

fn name(place: usize) -> String {
    format!("key{place}")
}

fn count_of(step: &Step, quotas: &[Quota]) -> Count {
    let wishes = step.takes.iter().zip(quotas).enumerate().filter(|(_, (wish, _))| wish.is_asked);
    let takes = wishes.map(|(place, (wish, quota))| Take {
        limit: LimitId(place),
        key: Key::default(),
        quota: *quota,
        cost: (u64::from(quota.at_once()) * u64::from(wish.eighths) / 8).max(1) as u32,
        max_delay: if quota.algorithm() == Algorithm::Gcra { quota.interval() * wish.delays } else { Duration::ZERO },
        is_shadow: wish.is_shadow,
    });
    Count { takes: takes.collect(), need: if step.is_any { Need::Any } else { Need::All } }
}

fn line<'a>(verb: Verb, take: &'a Take, number: u64) -> Line<'a> {
    let Take { is_shadow, max_delay, .. } = *take;
    Line { is_shadow, max_delay, place: (7, number), ..Line::new(verb, &take.quota, i64::from(take.cost)) }
}

/// Runs the steps in Redis and by the pure functions.
fn compare(clocked: &mut Clocked, steps: &[Step]) -> Result<(), TestCaseError> {
    clocked.forget();
    let quotas = quotas();
    let mut states: Vec<State> = quotas.iter().map(State::new).collect();
    for (number, step) in steps.iter().enumerate() {
        clocked.pass(step.pass);
        let now = clocked.now;
        // The script corrects whatever it looks at; in memory, only takes do.
        for (quota, state) in quotas.iter().zip(&mut states) {
            assert!(!state.take(quota, now, u32::MAX, Duration::ZERO).is_taken());
            if quota.algorithm() == Algorithm::SlidingLog {
                // And forgets what does not count any more.
                state.charge(quota, now, 0);
            }
        }
        let counted = count_of(step, &quotas);
        let mut call = Call::new(counted.need);
        for take in &counted.takes {
            call.push(name(take.limit.0), &line(Verb::Take, take, number as u64).encode());
        }
        let reply = clocked.run(&call);
        let mut of_takes: Vec<State> = counted.takes.iter().map(|take| states[take.limit.0].clone()).collect();
        let expected = count(&counted, &mut of_takes, now);
        for (((take, told), state), expected) in
            counted.takes.iter().zip(&reply.lines).zip(of_takes).zip(&expected.verdicts)
        {
            let verdict = told.verdict(now, &take.quota, take.cost, take.max_delay);
            prop_assert_eq!(&verdict, expected, "step {} of {:?}: {:?}", number, step, take);
            states[take.limit.0] = state;
            if step.is_given_back && verdict.is_taken() {
                let mut call = Call::new(Need::All);
                call.push(name(take.limit.0), &line(Verb::GiveBack, take, number as u64).encode());
                clocked.run(&call);
                states[take.limit.0].give_back(&take.quota, now, now, take.cost);
            }
        }
        if let Some((place, cost)) = &step.charged {
            let place = place.index(quotas.len());
            let mut call = Call::new(Need::All);
            call.push(name(place), &Line::new(Verb::Charge, &quotas[place], *cost).encode());
            clocked.run(&call);
            states[place].charge(&quotas[place], now, *cost);
        }
        for (place, (quota, state)) in quotas.iter().zip(&states).enumerate() {
            let mut call = Call::new(Need::All);
            call.push(name(place), &Line::new(Verb::Peek, quota, 0).encode());
            let told = clocked.run(&call).lines[0];
            prop_assert_eq!(
                told.verdict(now, quota, 0, Duration::ZERO),
                state.peek(quota, now),
                "{:?}, {:?}",
                quota,
                step
            );
        }
        for (place, (quota, state)) in quotas.iter().zip(&mut states).enumerate() {
            if state.expires_in(quota, now) == Some(Duration::ZERO) {
                *state = State::new(quota);
                clocked.expire(place);
            }
        }
    }
    prop_assert_eq!(clocked.keys_without_end(), Vec::<String>::new());
    Ok(())
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) })
}

#[test]
#[ignore = "needs redis-server"]
fn the_script_decides_as_the_pure_functions_do() {
    let clocked = RefCell::new(Clocked::start());
    let mut runner = runner(300);
    let steps = prop::collection::vec(step(), 1..30);
    runner.run(&steps, |steps| compare(&mut clocked.borrow_mut(), &steps)).unwrap();
}

#[derive(Clone, Copy, Debug)]
enum LeaseStep {
    Take { cost: u32, more: u32, unused: Option<(prop::sample::Index, u32)> },
    GiveBack { slice: prop::sample::Index, part: u32 },
    Pass { microseconds: i64 },
}

fn lease_step() -> impl Strategy<Value = LeaseStep> {
    let slice = || (any::<prop::sample::Index>(), 0..5_u32);
    prop_oneof![
        3 => (1..8_u32, 0..60_u32, prop::option::of(slice())).prop_map(|(cost, more, unused)| LeaseStep::Take { cost, more, unused }),
        2 => slice().prop_map(|(slice, part)| LeaseStep::GiveBack { slice, part }),
        3 => prop_oneof![6 => 0..60_000_000_i64, 2 => 0..900_000_000_i64, 1 => -900_000_000_i64..0].prop_map(|microseconds| LeaseStep::Pass { microseconds }),
    ]
}

/// Slices in Redis and in the pure ledger.
fn compare_leases(clocked: &mut Clocked, steps: &[LeaseStep]) -> Result<(), TestCaseError> {
    clocked.forget();
    let quota = Quota::gcra(7, MINUTE, 100).unwrap();
    let (mut ledger, mut slices) = (Ledger::default(), Vec::<(u32, tidegate_limit::Grant)>::new());
    let unused_of = |slices: &mut Vec<(u32, tidegate_limit::Grant)>, place: prop::sample::Index, part: u32| {
        let (left, grant) = if slices.is_empty() { return None } else { place.get_mut(slices) };
        let count = *left * part / 4;
        *left -= count;
        Some(Unused { count, position: grant.position, since: grant.since })
    };
    for step in steps {
        let mut call = Call::new(Need::All);
        match *step {
            LeaseStep::Pass { microseconds } => clocked.pass(microseconds),
            LeaseStep::Take { cost, more, unused } => {
                let unused = unused.and_then(|(place, part)| unused_of(&mut slices, place, part));
                let ask = Ask { cost, want: cost + more, unused };
                call.push(name(0), &Line { ask: Some(ask), ..Line::new(Verb::Take, &quota, i64::from(cost)) }.encode());
                let told = clocked.run(&call).lines[0];
                let expected = ledger.ask(&quota, clocked.now, &ask);
                prop_assert_eq!(told.outcome == Outcome::Taken, expected.count > 0);
                prop_assert_eq!((told.grant().count, told.grant().level), (expected.count, expected.level));
                if expected.count > 0 {
                    prop_assert_eq!(told.grant(), expected);
                    slices.push((expected.count, expected));
                }
            }
            LeaseStep::GiveBack { slice, part } => {
                let Some(unused) = unused_of(&mut slices, slice, part) else { continue };
                call.push(name(0), &Line::unused(&quota, unused).encode());
                let told = clocked.run(&call).lines[0];
                ledger.give_back(&quota, clocked.now, &unused);
                let level = ledger.tat.since(clocked.now);
                prop_assert_eq!(u128::from(told.grant().level), level.as_nanos());
            }
        }
        if ledger.tat <= clocked.now {
            ledger = Ledger::default();
            clocked.expire(0);
        }
    }
    prop_assert_eq!(clocked.keys_without_end(), Vec::<String>::new());
    Ok(())
}

#[test]
#[ignore = "needs redis-server"]
fn slices_in_the_script_are_those_of_the_pure_ledger() {
    let clocked = RefCell::new(Clocked::start());
    let mut runner = runner(400);
    let steps = prop::collection::vec(lease_step(), 1..50);
    runner.run(&steps, |steps| compare_leases(&mut clocked.borrow_mut(), &steps)).unwrap();
}
