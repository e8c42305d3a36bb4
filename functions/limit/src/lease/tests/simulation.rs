//! Several nodes share one store, with one key. Time is in nanoseconds of the store's clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const SECOND: u64 = 1_000_000_000;
/// How long a request waits for the store.
const TIMEOUT: u64 = 20 * MILLI;

/// What is simulated.
#[derive(Clone, Debug)]
struct Scenario {
    quota: Quota,
    /// Requests a second of each node.
    rates: Vec<u64>,
    costs: [u32; 2],
    seconds: u64,
    /// A node that has a request has no other one for this long, with a chance of one in a hundred, in milliseconds.
    pause_ms: u64,
    /// Of a thousand messages, how many are lost, and how many take longer than anybody waits.
    lost: [u64; 2],
    /// Of a thousand requests, after how many the node is killed.
    killed: f64,
}

impl Scenario {
    /// Nothing is lost, nobody dies.
    fn calm(quota: Quota) -> Self {
        Self { quota, rates: Vec::new(), costs: [1, 1], seconds: 1, pause_ms: 0, lost: [0, 0], killed: 0.0 }
    }
}

struct Simulation {
    scenario: Scenario,
    terms: LeaseTerms,
    random: u64,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    events_len: u64,
    nodes: Vec<Node>,
    ledger: Ledger,
    seen: Outcome,
}

struct Node {
    lease: Lease,
    /// Its clock runs so much faster, in parts of a million.
    drift: i64,
    /// Questions and answers of its lives before are not its own.
    life: u64,
    questions: u64,
    /// The question that was asked last, until its answer is not waited for any more.
    asking: Option<u64>,
    /// Costs and ends of those that wait.
    waiting: Vec<(u32, u64)>,
}

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    requests: u64,
    asked: u64,
    given_back: u64,
    /// When, and how much.
    admitted: Vec<(u64, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Request {
        node: usize,
    },
    Question {
        node: usize,
        life: u64,
        number: u64,
        asked_at: u64,
        cost: u32,
        want: u32,
        unused: Option<(u32, u64, u64)>,
    },
    Answer {
        node: usize,
        life: u64,
        number: u64,
        asked_at: u64,
        cost: u32,
        grant: (u32, u64, u64, u64),
    },
    Timeout {
        node: usize,
        life: u64,
        number: u64,
    },
    Sweep {
        node: usize,
    },
    GiveBack {
        unused: (u32, u64, u64),
    },
}

impl Simulation {
    fn run(scenario: &Scenario, seed: u64) -> Outcome {
        let node = |drift| {
            let lease = Lease::default();
            Node { lease, drift, life: 0, questions: 0, asking: None, waiting: Vec::new() }
        };
        let mut simulation = Self {
            terms: LeaseTerms::of(&scenario.quota).unwrap(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now: 1000 * SECOND,
            events: BinaryHeap::new(),
            events_len: 0,
            nodes: scenario
                .rates
                .iter()
                .zip([0, -15_000, 15_000].into_iter().cycle())
                .map(|(_, drift)| node(drift))
                .collect(),
            ledger: Ledger::default(),
            seen: Outcome::default(),
            scenario: scenario.clone(),
        };
        for node in 0..simulation.nodes.len() {
            simulation.after(0, Event::Request { node });
            simulation.after(0, Event::Sweep { node });
        }
        let end = simulation.now + scenario.seconds * SECOND;
        while let Some(Reverse((now, _, event))) = simulation.events.pop() {
            if now >= end {
                break;
            }
            simulation.now = now;
            simulation.happen(event);
        }
        simulation.seen
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Request { node } => {
                self.seen.requests += 1;
                let gap = self.gap(self.scenario.rates[node]);
                self.after(gap, Event::Request { node });
                if self.unit() * 1000.0 < self.scenario.killed {
                    let Node { life, .. } = self.nodes[node];
                    let node = &mut self.nodes[node];
                    (node.lease, node.life, node.asking) = (Lease::default(), life + 1, None);
                    node.waiting.clear();
                }
                let [least, most] = self.scenario.costs;
                let cost = least + self.draw(u64::from(most - least) + 1) as u32;
                self.request(node, cost, self.now + TIMEOUT);
            }
            Event::Question { node, life, number, asked_at, cost, want, unused } => {
                let ask = Ask { cost, want, unused: unused.map(unpack) };
                let grant = self.ledger.ask(self.terms.quota(), self.moment(), &ask);
                let grant = (grant.count, grant.level, grant.position.as_nanos(), grant.since.as_nanos());
                self.send(Event::Answer { node, life, number, asked_at, cost, grant });
            }
            Event::Answer { node, life, number, asked_at, cost, grant } if self.nodes[node].life == life => {
                let (count, level, position, since) = grant;
                let moment = Moment::from_nanos;
                let grant = Grant { count, level, position: moment(position), since: moment(since) };
                let is_awaited = self.nodes[node].asking == Some(number);
                let cost = if is_awaited && count > 0 { cost } else { 0 };
                if is_awaited {
                    self.nodes[node].asking = None;
                }
                if cost > 0 {
                    self.seen.admitted.push((self.now, cost));
                }
                let now = self.local(node, self.now);
                let older = self.nodes[node].lease.answer(&self.terms, moment(asked_at), now, &grant, cost);
                self.give_back(older);
                self.wake(node);
            }
            Event::Timeout { node, life, number } if self.nodes[node].life == life => {
                if self.nodes[node].asking == Some(number) {
                    self.nodes[node].asking = None;
                    self.nodes[node].lease.give_up(None);
                    self.wake(node);
                }
            }
            Event::Sweep { node } => {
                let now = self.local(node, self.now);
                let lease = &mut self.nodes[node].lease;
                let unused = if now >= lease.due(&self.terms, now) { lease.unused(now) } else { None };
                self.give_back(unused);
                self.after(10 * MILLI, Event::Sweep { node });
            }
            Event::GiveBack { unused } => {
                self.ledger.give_back(self.terms.quota(), self.moment(), &unpack(unused));
            }
            Event::Answer { .. } | Event::Timeout { .. } => {}
        }
    }

    fn request(&mut self, node: usize, cost: u32, until: u64) {
        if self.now > until {
            return;
        }
        let now = self.local(node, self.now);
        match self.nodes[node].lease.take(&self.terms, now, cost) {
            Leased::Decided(verdict) if verdict.is_taken() => self.seen.admitted.push((self.now, cost)),
            Leased::Decided(_) => {}
            Leased::Wait => self.nodes[node].waiting.push((cost, until)),
            Leased::Ask(Ask { cost, want, unused }) => {
                self.seen.asked += 1;
                let Node { life, questions, asking, .. } = &mut self.nodes[node];
                *questions += 1;
                *asking = Some(*questions);
                let (life, number, asked_at) = (*life, *questions, now.as_nanos());
                let unused = unused.map(pack);
                self.send(Event::Question { node, life, number, asked_at, cost, want, unused });
                self.after(TIMEOUT, Event::Timeout { node, life, number });
            }
        }
    }

    fn wake(&mut self, node: usize) {
        for (cost, until) in std::mem::take(&mut self.nodes[node].waiting) {
            self.request(node, cost, until);
        }
    }

    fn give_back(&mut self, unused: Option<Unused>) {
        if let Some(unused) = unused {
            self.seen.given_back += 1;
            self.send(Event::GiveBack { unused: pack(unused) });
        }
    }

    /// Sends a message, which comes when it does.
    fn send(&mut self, event: Event) {
        let [lost, slow] = self.scenario.lost;
        let luck = self.draw(1000);
        if luck < lost {
            return;
        }
        let longest = if luck < lost + slow { 2 * SECOND } else { MILLI / 2 };
        let delay = MILLI / 20 + self.draw(longest);
        self.after(delay, event);
    }

    fn after(&mut self, delay: u64, event: Event) {
        self.events_len += 1;
        self.events.push(Reverse((self.now + delay, self.events_len, event)));
    }

    fn moment(&self) -> Moment {
        Moment::from_nanos(self.now)
    }

    /// On a node's clock.
    fn local(&self, node: usize, now: u64) -> Moment {
        let drift = now as i128 * i128::from(self.nodes[node].drift) / 1_000_000;
        Moment::from_nanos((now as i128 + drift) as u64)
    }

    fn gap(&mut self, rate: u64) -> u64 {
        let gap = -(1.0 - self.unit()).ln() * SECOND as f64 / rate as f64;
        let pause = if self.draw(100) == 0 { self.scenario.pause_ms * MILLI } else { 0 };
        gap as u64 + 1 + pause
    }

    fn unit(&mut self) -> f64 {
        self.draw(1 << 53) as f64 / (1_u64 << 53) as f64
    }

    /// Xorshift64* (Vigna 2016).
    fn draw(&mut self, below: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let random = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(random) * u128::from(below)) >> 64) as u64
    }
}

fn pack(unused: Unused) -> (u32, u64, u64) {
    (unused.count, unused.position.as_nanos(), unused.since.as_nanos())
}

fn unpack((count, position, since): (u32, u64, u64)) -> Unused {
    Unused { count, position: Moment::from_nanos(position), since: Moment::from_nanos(since) }
}

impl Outcome {
    /// GCRA's promise for the whole quota, in every window of every length: nothing was admitted that it would refuse.
    fn keeps_the_promise(&self, quota: &Quota) -> bool {
        let (interval, tolerance) = (quota.interval_ns(), quota.tolerance_ns());
        let mut tat = 0;
        self.admitted.iter().all(|(now, cost)| {
            tat = tat.max(*now) + u64::from(*cost) * interval;
            tat - now <= tolerance
        })
    }

    /// The most that was admitted within any period.
    fn most(&self, quota: &Quota) -> u64 {
        let (mut first, mut sum, mut most) = (0, 0, 0);
        for (now, cost) in &self.admitted {
            sum += u64::from(*cost);
            while now - self.admitted[first].0 >= quota.period_ns() {
                sum -= u64::from(self.admitted[first].1);
                first += 1;
            }
            most = most.max(sum);
        }
        most
    }

    /// How much of what the quota allows was admitted, if there was demand for all of it.
    fn used(&self, scenario: &Scenario) -> f64 {
        let quota = &scenario.quota;
        let allowed = f64::from(quota.burst()) + 1.0 + (scenario.seconds * SECOND) as f64 / quota.interval_ns() as f64;
        self.admitted.iter().map(|(_, cost)| f64::from(*cost)).sum::<f64>() / allowed
    }

    fn to_store(&self) -> f64 {
        (self.asked + self.given_back) as f64 / self.requests as f64
    }

    fn check(&self, scenario: &Scenario, case: &str) {
        let quota = &scenario.quota;
        assert!(self.keeps_the_promise(quota), "{case}");
        assert!(self.most(quota) <= u64::from(quota.burst()) + u64::from(quota.count()), "{case}");
    }
}

#[test]
fn a_hot_a_warm_and_an_idle_node_use_the_quota_and_hardly_ask() {
    for (count, period_ms, burst, rates, seconds) in [
        (10_000, 1000, 9999, [12_000, 1200, 12], 5),
        (10_000, 1000, 9999, [40_000, 4000, 40], 3),
        (10_000, 1000, 9999, [4000, 4000, 4000], 5),
        (5000, 1000, 4999, [6000, 600, 6], 8),
        (100_000, 60_000, 99_999, [6000, 600, 6], 60),
        (60_000, 60_000, 1000, [2000, 200, 2], 60),
        (2000, 1000, 20_000, [6000, 600, 6], 10),
    ] {
        let quota = quota(count, period_ms, burst);
        let scenario = Scenario { rates: rates.to_vec(), seconds, ..Scenario::calm(quota) };
        for seed in 0..2 {
            let case = format!("{count} in {period_ms} ms, burst {burst}, {rates:?}, seed {seed}");
            let seen = Simulation::run(&scenario, seed);
            seen.check(&scenario, &case);
            assert!(seen.used(&scenario) >= 0.95, "{case}: {}", seen.used(&scenario));
            assert!(seen.to_store() <= 0.01, "{case}: {}", seen.to_store());
        }
    }
}

#[test]
fn while_there_is_enough_nodes_hardly_ask_and_refuse_nothing() {
    let scenario =
        Scenario { rates: vec![20_000, 6000, 1000], seconds: 5, ..Scenario::calm(quota(40_000, 1000, 39_999)) };
    let seen = Simulation::run(&scenario, 1);
    assert_eq!(seen.admitted.len() as u64, seen.requests);
    assert!(seen.to_store() <= 0.005, "{}", seen.to_store());
}

#[test]
fn what_is_lost_is_not_used_and_what_is_late_is_not_used_twice() {
    let quotas = [
        quota(1000, 1000, 999),
        quota(200, 1000, 199),
        quota(100, 60_000, 99),
        quota(6000, 60_000, 200),
        quota(400, 1000, 4000),
        quota(3000, 10_000, 1000),
    ];
    for seed in 0..216 {
        let quota = quotas[seed as usize % quotas.len()];
        let rate = u64::from(quota.count()) * SECOND / quota.period_ns();
        let scenario = Scenario {
            rates: vec![rate * [1, 2, 5][seed as usize / 6 % 3] + 1, rate / 2 + 1, rate / 20 + 1, 1],
            costs: [[1, 1], [1, 3], [1, 20]][seed as usize / 18 % 3],
            seconds: (6000 / (rate * 3 + 10)).clamp(2, 600),
            pause_ms: [0, 50, 500][seed as usize / 2 % 3],
            lost: [[0, 0], [30, 0], [0, 100], [100, 100]][seed as usize / 54 % 4],
            killed: [0.0, 1.0, 20.0][seed as usize % 3],
            quota,
        };
        Simulation::run(&scenario, seed).check(&scenario, &format!("{scenario:?}, seed {seed}"));
    }
}

#[test]
fn losses_cost_little() {
    let scenario = Scenario {
        rates: vec![12_000, 1200, 12],
        seconds: 10,
        lost: [5, 5],
        killed: 0.02,
        ..Scenario::calm(quota(10_000, 1000, 9999))
    };
    let seen = Simulation::run(&scenario, 3);
    seen.check(&scenario, "losses");
    assert!(seen.used(&scenario) >= 0.95, "{}", seen.used(&scenario));
}
