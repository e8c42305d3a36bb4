//! What the script is asked, and what it answers.
//!
//! Each line is about one key; what becomes of the takes among them is decided together. The answers are states: what
//! they come to is worked out here, by the same functions as for states in memory.

use std::time::Duration;

use redis::{Cmd, Value};
use tidegate_limit::{
    Algorithm, Ask, Decision, Flight, Gcra, Grant, Moment, Need, Quota, State, Unused, Verdict, Window,
};

/// The script. Redis runs it alone, at one moment of its clock.
pub const SCRIPT: &str = concat!(
    include_str!("script/begin.lua"),
    include_str!("script/gcra.lua"),
    include_str!("script/window.lua"),
    include_str!("script/log.lua"),
    include_str!("script/flight.lua"),
    include_str!("script/count.lua"),
);

/// Numbers of a state.
const NUMBERS: usize = 6;

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Take,
    Peek,
    Charge,
    GiveBack,
    GiveBackUnused,
    /// Of what is in flight alone. 5 is [`KNOWN`].
    Renew = 6,
}

/// A line.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub verb: Verb,
    pub quota: &'a Quota,
    pub cost: i64,
    pub is_shadow: bool,
    pub max_delay: Duration,
    /// Whose place it is, among what is in flight: a node and a number.
    pub place: (u64, u64),
    /// The slice that is asked for.
    pub ask: Option<Ask>,
}

impl<'a> Line<'a> {
    pub fn new(verb: Verb, quota: &'a Quota, cost: i64) -> Self {
        Self { verb, quota, cost, is_shadow: false, max_delay: Duration::ZERO, place: (0, 0), ask: None }
    }

    /// What is given back of a slice.
    pub fn unused(quota: &'a Quota, unused: Unused) -> Self {
        let ask = Some(Ask { cost: 0, want: 0, unused: Some(unused) });
        Self { ask, ..Self::new(Verb::GiveBackUnused, quota, 0) }
    }

    /// The numbers that the script reads.
    pub fn encode(&self) -> Numbers {
        let mut numbers = Numbers::with_capacity(NUMBERS_OF_LINE);
        let algorithm = match self.quota.algorithm() {
            Algorithm::Gcra => 0,
            Algorithm::SlidingWindow => 1,
            Algorithm::SlidingLog => 2,
            Algorithm::Concurrency => 3,
        };
        numbers.extend([self.verb as i64, algorithm, i64::from(self.is_shadow), self.cost]);
        match self.quota.algorithm() {
            Algorithm::Gcra => self.encode_gcra(&mut numbers),
            Algorithm::SlidingWindow | Algorithm::SlidingLog => self.encode_count(&mut numbers),
            Algorithm::Concurrency => {
                self.encode_count(&mut numbers);
                numbers.extend([self.place.0, self.place.1].map(signed));
            }
        }
        numbers
    }

    fn encode_count(&self, numbers: &mut Numbers) {
        numbers.extend([i64::from(self.quota.count()), signed(nanos(self.quota.period()) / 1_000_000)]);
    }

    fn encode_gcra(&self, numbers: &mut Numbers) {
        let (tolerance, max_delay) = (self.quota.tolerance(), self.max_delay.min(Quota::PERIOD_MAX));
        let level_max = tolerance + self.quota.period().max(max_delay);
        for time in [self.quota.interval(), tolerance, level_max, max_delay] {
            numbers.extend(pair(nanos(time)));
        }
        let ask = self.ask.unwrap_or(Ask { cost: 0, want: 0, unused: None });
        let nothing = Unused { count: 0, position: Moment::default(), since: Moment::default() };
        let Unused { count, position, since } = ask.unused.unwrap_or(nothing);
        numbers.extend([i64::from(ask.want), i64::from(count)]);
        numbers.extend(pair(position.as_nanos()));
        numbers.push(signed(since.as_nanos() / 1000));
    }
}

/// What the script reads of a line.
pub type Numbers = Vec<i64>;

/// Most of them.
const NUMBERS_OF_LINE: usize = 17;

/// Microseconds, and nanoseconds below 1000.
fn pair(nanos: u64) -> [i64; 2] {
    [signed(nanos / 1000), signed(nanos % 1000)]
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Something that another place has decided: it fits, and is not in shadow.
const KNOWN: [i64; 3] = [5, 0, 0];

/// Lines that are sent together.
#[derive(Clone, Debug)]
pub struct Call {
    keys: Vec<String>,
    numbers: Numbers,
}

impl Call {
    pub fn new(need: Need) -> Self {
        Self { keys: Vec::new(), numbers: vec![if need == Need::Any { 1 } else { 0 }] }
    }

    /// Adds a line about a key.
    pub fn push(&mut self, key: String, line: &[i64]) {
        self.keys.push(key);
        self.numbers.extend(line);
    }

    /// Adds a take that fits.
    pub fn push_known(&mut self) {
        self.numbers.extend(KNOWN);
    }

    /// The command that runs the script with this digest.
    pub fn command(&self, digest: &str) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(digest).arg(self.keys.len()).arg(&self.keys).arg(&self.numbers);
        command
    }
}

/// What the script answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Redis's clock.
    pub now: Moment,
    /// One for each line.
    pub lines: Vec<Told>,
}

/// What it answers to one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub outcome: Outcome,
    numbers: [u64; NUMBERS],
}

/// What became of a take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Taken,
    Refused,
    Spared,
}

impl Reply {
    /// None: this is not what the script answers.
    pub fn decode(value: &Value) -> Option<Self> {
        let Value::Array(values) = value else { return None };
        let (now, lines) = values.split_first()?;
        let now = Moment::from_nanos(number(now)?.checked_mul(1000)?);
        Some(Self { now, lines: lines.iter().map(Told::decode).collect::<Option<_>>()? })
    }
}

impl Told {
    fn decode(value: &Value) -> Option<Self> {
        let Value::Array(values) = value else { return None };
        let (outcome, told) = values.split_first()?;
        let outcome = match number(outcome)? {
            0 => Outcome::Taken,
            1 => Outcome::Refused,
            2 => Outcome::Spared,
            _ => return None,
        };
        let mut numbers = [0; NUMBERS];
        for (to, value) in numbers.iter_mut().zip(told) {
            *to = number(value)?;
        }
        Some(Self { outcome, numbers })
    }

    /// What became of a take at a moment of Redis's clock.
    pub fn verdict(&self, now: Moment, quota: &Quota, cost: u32, max_delay: Duration) -> Verdict {
        let [first, second, third, ..] = self.numbers;
        let state = match quota.algorithm() {
            Algorithm::Gcra => State::Gcra(Gcra { tat: now + Duration::from_nanos(self.level()) }),
            Algorithm::SlidingWindow => State::Window(Window {
                start: Moment::from_nanos(first.saturating_mul(1_000_000)),
                previous: count(second),
                current: count(third),
            }),
            Algorithm::Concurrency => State::Flight(Flight { count: count(first) }),
            Algorithm::SlidingLog => return self.log_verdict(now, quota),
        };
        let decision = match self.outcome {
            Outcome::Taken => match self.level_if(quota).saturating_sub(nanos(quota.tolerance())) {
                0 => Decision::Taken,
                delay => Decision::Delayed(Duration::from_nanos(delay)),
            },
            Outcome::Refused => match state.clone().take(quota, now, cost, max_delay).decision {
                refused @ Decision::Refused(_) => refused,
                _ => Decision::Refused(Duration::ZERO),
            },
            Outcome::Spared => Decision::Spared,
        };
        Verdict { decision, ..state.peek(quota, now) }
    }

    /// Of a log there is only what it comes to: how much counts, the newest moment, and the one that has to be forgotten.
    fn log_verdict(&self, now: Moment, quota: &Quota) -> Verdict {
        let [used, newest, freed_at, ..] = self.numbers;
        let until_forgotten = |us: u64| match us {
            0 => Duration::ZERO,
            _ => quota.period().saturating_sub(now.since(Moment::from_nanos(us.saturating_mul(1000)))),
        };
        let decision = match self.outcome {
            Outcome::Taken => Decision::Taken,
            Outcome::Refused => Decision::Refused(until_forgotten(freed_at)),
            Outcome::Spared => Decision::Spared,
        };
        Verdict { decision, remaining: quota.count().saturating_sub(count(used)), reset: until_forgotten(newest) }
    }

    /// What was granted of a slice.
    pub fn grant(&self) -> Grant {
        let [_, _, count_taken, position_us, position_ns, since_us] = self.numbers;
        let moment = |us: u64, ns: u64| Moment::from_nanos(us.saturating_mul(1000).saturating_add(ns));
        Grant {
            count: count(count_taken),
            level: self.level(),
            position: moment(position_us, position_ns),
            since: moment(since_us, 0),
        }
    }

    /// Of GCRA, in nanoseconds.
    const fn level(&self) -> u64 {
        self.numbers[0].saturating_mul(1000).saturating_add(self.numbers[1])
    }

    fn level_if(&self, quota: &Quota) -> u64 {
        if quota.algorithm() == Algorithm::Gcra { self.level() } else { 0 }
    }
}

fn number(value: &Value) -> Option<u64> {
    let Value::Int(number) = value else { return None };
    u64::try_from(*number).ok()
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Of quotas: their times are at most a year.
const fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
