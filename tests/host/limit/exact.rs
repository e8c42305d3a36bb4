//! Exactness: 64 clients on both cores, one key. In no time are more let through than the algorithm promises, and what
//! it promises is reached.

use std::time::Duration;

use harness::{Redis, Trial, tests};

use super::load::{Outcome, hammer, most_within, passes};
use super::{edge, limited, redis_tests, store};

pub fn tests() -> Vec<Trial> {
    let in_memory = tests!(
        "limit",
        needs [],
        gcra_is_exact_under_64_clients,
        a_log_is_exact_under_64_clients,
        a_window_is_about_right_under_64_clients,
    );
    let in_redis = redis_tests([
        ("gcra_in_redis_is_exact_under_64_clients", gcra_in_redis_is_exact_under_64_clients),
        ("a_log_in_redis_is_exact_under_64_clients", a_log_in_redis_is_exact_under_64_clients),
    ]);
    in_memory.into_iter().chain(in_redis).collect()
}

const CLIENTS: usize = 64;

/// How often a test that wants a faster machine tries again.
const TRIES: usize = 6;

/// Redis's clock is set by others, and may run a little faster or slower than the clients'.
const DRIFT: f64 = 1.001;

/// Where a limit keeps what it counts: more keys of it, and tables that it needs.
struct Place {
    name: &'static str,
    keys: &'static str,
    tables: String,
    drift: f64,
}

impl Place {
    fn memory() -> Self {
        Self { name: "memory", keys: "", tables: String::new(), drift: 1.0 }
    }

    /// One that is waited for, and where an error is no pass.
    fn redis(redis: &Redis) -> Self {
        let keys = "store = \"redis\"\nlease = false\nwhen_down = \"closed\"";
        Self { name: "Redis", keys, tables: store(&redis.url(), "timeout = \"1s\""), drift: DRIFT }
    }

    /// What becomes of the requests of 64 clients who are counted together.
    fn hammer(&self, keys: &str, duration: Duration) -> Vec<Outcome> {
        let text = limited("few", &format!("key = []\n{keys}\n{}", self.keys));
        let host = edge(text + &self.tables).start();
        let outcomes = hammer(&[(host.address, CLIENTS)], "/few", duration);
        let others = outcomes.iter().filter(|outcome| ![200, 429].contains(&outcome.status));
        assert_eq!(others.count(), 0);
        outcomes
    }
}

/// What GCRA promises.
#[derive(Clone, Copy)]
pub(super) struct Gcra {
    pub rate: u32,
    pub burst: u32,
}

impl Gcra {
    /// The time that makes up for one.
    fn interval(self) -> Duration {
        Duration::from_nanos(1_000_000_000_u64.div_ceil(u64::from(self.rate)))
    }

    /// The most in any time of this length, without its ends: what can be taken at once, and one for each interval.
    pub fn most_within(self, length: Duration) -> u128 {
        u128::from(self.burst) + length.as_nanos().div_ceil(self.interval().as_nanos())
    }

    /// What has to be let through if all is asked for: what can be taken at once, and one for each interval of this time,
    /// of which the last may not be over.
    pub fn promised_in(self, time: Duration) -> f64 {
        f64::from(self.burst) + (time.as_secs_f64() / self.interval().as_secs_f64()).floor()
    }

    /// Asserts that no time has more than that, of several lengths. What is promised of the period is burst and quota.
    #[track_caller]
    pub fn never_exceeded(self, outcomes: &[Outcome], drift: f64) -> usize {
        assert_eq!(self.most_within(Duration::from_secs(1)), u128::from(self.burst + self.rate));
        for milliseconds in [1, 20, 300, 700, 1000, 1500, 2500] {
            let length = Duration::from_millis(milliseconds);
            let most = most_within(outcomes, length);
            let promised = self.most_within(length.mul_f64(drift));
            assert!(most as u128 <= promised, "{most} in {length:?}, and {promised} were promised");
        }
        most_within(outcomes, Duration::from_secs(1))
    }

    /// How long it is known that everything that was there was asked for; none if the clients were too slow to say.
    ///
    /// A refusal proves that nothing was there at a moment between its ends, and from then on the bucket takes `burst`
    /// intervals to be full again. So nothing ran over if refusals are that close to each other, and if before the first of
    /// them the clients took faster than the bucket filled. The time ends with the last refusal; it begins
    /// when each client may have been heard once, for until then nobody knows from outside.
    fn asked_for_all(self, outcomes: &[Outcome]) -> Option<Duration> {
        let mut refusals: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_pass()).collect();
        refusals.sort_by_key(|outcome| outcome.received);
        let mut answers: Vec<_> = outcomes.iter().map(|outcome| outcome.received).collect();
        answers.sort();
        let (began, first) = (outcomes.first()?.sent, refusals.first()?.received);
        let drained = answers.iter().enumerate().skip(CLIENTS).take_while(|(_, received)| **received <= first);
        let was_drained = |(taken, received): (usize, &Duration)| {
            self.interval() * u32::try_from(taken).unwrap() >= received.saturating_sub(began)
        };
        if !drained.into_iter().all(was_drained) {
            return None;
        }
        let slack = self.interval() * self.burst;
        let mut empty = refusals.first()?.sent;
        for refusal in &refusals {
            if refusal.received.saturating_sub(empty) > slack {
                return None;
            }
            empty = empty.max(refusal.sent);
        }
        Some(empty.saturating_sub(*answers.get(CLIENTS - 1)?))
    }
}

/// At ever lower rates, until the machine is fast enough to ask for more than the rate all the time.
fn gcra(place: &Place, first_rate: u32) {
    const DURATION: Duration = Duration::from_millis(2500);
    for rate in (0..TRIES).map(|tries| first_rate >> tries) {
        let gcra = Gcra { rate, burst: rate / 2 };
        let outcomes = place.hammer(&format!("rate = \"{rate}/s\"\nburst = {}", gcra.burst), DURATION);
        let most = gcra.never_exceeded(&outcomes, place.drift);
        let Some(time) = gcra.asked_for_all(&outcomes).filter(|time| *time > DURATION / 2) else {
            eprintln!("limit: {rate}/s is too fast for this machine: {} requests in {DURATION:?}", outcomes.len());
            continue;
        };
        let passed = passes(&outcomes);
        let promised = gcra.promised_in(time);
        eprintln!(
            "limit: gcra in {}, {rate}/s and {}: of {} requests {passed} passed, {:.2} % of what was promised in {time:?}; \
             at most {most} in a second, and {} were promised",
            place.name,
            gcra.burst,
            outcomes.len(),
            passed as f64 / promised * 100.0,
            gcra.burst + rate,
        );
        assert!(passed as f64 >= promised * 0.999 / place.drift, "{passed} of {promised}");
        return;
    }
    panic!("this machine is too slow to tell");
}

/// A quota is taken at once, again when that is a period ago, and so on: within three periods and a half four times.
fn log(place: &Place, rate: u32) {
    const PERIOD: Duration = Duration::from_secs(1);
    for _ in 0..TRIES {
        let keys = format!("algorithm = \"sliding-log\"\nrate = \"{rate}/s\"");
        let outcomes = place.hammer(&keys, PERIOD * 7 / 2);
        let (most, passed) = (most_within(&outcomes, PERIOD.div_f64(place.drift)), passes(&outcomes));
        for periods in 1..=4 {
            let most = most_within(&outcomes, (PERIOD * periods).div_f64(place.drift));
            assert!(most <= (rate * periods) as usize, "{most} in {periods} periods");
        }
        // What is free waits for the next who asks: each time a little, four times.
        let slow = outcomes.windows(2).filter(|pair| pair[1].sent - pair[0].sent > PERIOD / 20).count();
        if slow > 0 && passed < 4 * rate as usize {
            eprintln!("limit: nobody asked for a while, {slow} times: once more");
            continue;
        }
        eprintln!(
            "limit: log in {}, {rate}/s: of {} requests {passed} passed, {:.2} % of what was promised; at most {most} in a second",
            place.name,
            outcomes.len(),
            passed as f64 / f64::from(4 * rate) * 100.0
        );
        assert!(passed as f64 >= f64::from(4 * rate) * 0.999, "{passed} of {}", 4 * rate);
        return;
    }
    panic!("this machine is too slow to tell");
}

fn gcra_is_exact_under_64_clients() {
    gcra(&Place::memory(), 2000);
}

fn a_log_is_exact_under_64_clients() {
    log(&Place::memory(), 100);
}

/// The counter takes what was taken in the window before as spread over it, so nothing is promised of any window but this:
/// not more than two quotas, and in windows of which all is asked for, about one.
fn a_window_is_about_right_under_64_clients() {
    const QUOTA: usize = 400;
    let keys = format!("algorithm = \"sliding-window\"\nrate = \"{QUOTA}/s\"");
    let outcomes = Place::memory().hammer(&keys, Duration::from_millis(3500));
    let (most, passed) = (most_within(&outcomes, Duration::from_secs(1)), passes(&outcomes));
    eprintln!(
        "limit: window in memory, {QUOTA}/s: of {} requests {passed} passed; at most {most} in a second",
        outcomes.len()
    );
    assert!(most <= 2 * QUOTA, "{most}");
    // Three whole windows at least, and the quota that is taken at once.
    assert!((3 * QUOTA..=5 * QUOTA).contains(&passed), "{passed}");
}

fn gcra_in_redis_is_exact_under_64_clients() {
    let redis = Redis::start();
    gcra(&Place::redis(&redis), 1000);
}

fn a_log_in_redis_is_exact_under_64_clients() {
    let redis = Redis::start();
    log(&Place::redis(&redis), 100);
}
