//! The sliding-window counter, judged against the log over a day of traffic.
//!
//! `cargo test -p tidegate-limit --release -- --ignored zipf --nocapture` prints what came of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tidegate_limit::{Moment, Quota, State};

const SECOND_NS: u64 = 1_000_000_000;
const DAY_S: u64 = 86_400;
/// At most one page is asked for in each.
const SLOTS_A_SECOND: u64 = 10_000;
/// What a page brings with it is asked for within so long.
const PAGE_NS: u64 = 2 * SECOND_NS;
const PERIOD: Duration = Duration::from_secs(60);

/// A day of requests. It is made of whole numbers and divisions by one seed, so it is the same everywhere: a recording.
struct Day {
    name: &'static str,
    seed: u64,
    /// Clients; how often each asks for a page is by Zipf's law, with exponent 1.
    clients: u32,
    /// Pages asked for, in a second of the mean: by day 1.6 times as many, by night 0.4 times.
    pages_a_second: f64,
    /// A page brings with it up to so many further requests.
    further_max: u64,
    /// How often a client, any of them, runs wild: for 1 to 15 minutes it sends 5 to 60 requests a second.
    floods: u64,
    /// What tells this day from others: of all moments and clients.
    digest: u64,
}

const DAYS: [Day; 2] = [
    Day {
        name: "pages",
        seed: 1,
        clients: 100_000,
        pages_a_second: 42.0,
        further_max: 9,
        floods: 30,
        digest: 0,
    },
    Day {
        name: "calls",
        seed: 2,
        clients: 100_000,
        pages_a_second: 231.0,
        further_max: 0,
        floods: 30,
        digest: 0,
    },
];

/// SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// From 0 up to 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Day {
    /// All requests in their order: moments in nanoseconds, and clients.
    fn replay(&self, mut each: impl FnMut(u64, u32)) {
        let mut random = Random(self.seed);
        let shares = self.shares();
        let mut later = BinaryHeap::new();
        for _ in 0..self.floods {
            self.flood(&mut random, &mut later);
        }
        let slot_ns = SECOND_NS / SLOTS_A_SECOND;
        for second in 0..DAY_S {
            // How likely it is that a page is asked for in a slot, out of 2^63.
            let likely = self.pages_a_second * daily(second) / SLOTS_A_SECOND as f64;
            let likely = (likely * (1_u64 << 63) as f64) as u64;
            for slot in 0..SLOTS_A_SECOND {
                if random.next() >> 1 >= likely {
                    continue;
                }
                let now = second * SECOND_NS + slot * slot_ns + random.below(slot_ns);
                while let Some(Reverse((at, client))) = later.peek().copied()
                    && at <= now
                {
                    later.pop();
                    each(at, client);
                }
                let share = random.part() * shares[shares.len() - 1];
                let client = shares.partition_point(|to| *to <= share) as u32;
                each(now, client);
                for _ in 0..random.below(self.further_max + 1) {
                    later.push(Reverse((now + random.below(PAGE_NS), client)));
                }
            }
        }
    }

    /// Where each client's part ends, of what is asked for most on.
    fn shares(&self) -> Vec<f64> {
        let mut sum = 0.0;
        let add = |rank: u32| {
            sum += 1.0 / f64::from(rank);
            sum
        };
        (1..=self.clients).map(add).collect()
    }

    fn flood(&self, random: &mut Random, later: &mut BinaryHeap<Reverse<(u64, u32)>>) {
        let client = random.below(u64::from(self.clients)) as u32;
        let mut at = random.below(DAY_S * SECOND_NS);
        let until = at + SECOND_NS * (60 + random.below(14 * 60));
        let gap_ns = SECOND_NS / (5 + random.below(56));
        while at < until {
            later.push(Reverse((at, client)));
            at += random.below(2 * gap_ns) + 1;
        }
    }
}

/// How much is asked for in a second of the day: 1 in the mean, from 0.4 to 1.6. A sine after Bhaskara I, which needs no
/// more than a division.
fn daily(second: u64) -> f64 {
    let half = (DAY_S / 2) as f64;
    let (part, sign) = if second < DAY_S / 2 { (second as f64, -1.0) } else { (second as f64 - half, 1.0) };
    let part = part / half * (1.0 - part / half);
    1.0 + sign * 0.6 * 16.0 * part / (5.0 - 4.0 * part)
}

/// Wrong decisions, of all.
#[derive(Default)]
struct Judged {
    requests: u64,
    digest: u64,
    /// What the log refuses.
    refused: u64,
    /// The counter and the log decide each by what it let through itself, and not the same.
    differs: u64,
    /// The same, of what both let through.
    admitted: [u64; 2],
    /// The counter lets through what is more than the quota, by all that it let through in the last period itself.
    over: u64,
    /// How many it let through in a period at most.
    at_most: u32,
    /// It refuses what would not be more than the quota.
    under: u64,
    /// A client is judged by all that it asks for, refused or not, as at Cloudflare: it is above the rate and said not to
    /// be, or said to be and is not.
    missed: u64,
    accused: u64,
}

/// What a client has done.
struct Client {
    counter: State,
    log: State,
    /// What the counter let through.
    let_through: State,
    asked_counter: State,
    asked_log: State,
}

fn judge(day: &Day, limit: u32) -> Judged {
    let counter = Quota::sliding_window(limit, PERIOD).unwrap();
    let log = Quota::sliding_log(limit, PERIOD).unwrap();
    // To count only: nothing here is that much.
    let counting_counter = Quota::sliding_window(Quota::WINDOW_MAX, PERIOD).unwrap();
    let counting_log = Quota::sliding_log(Quota::LOG_MAX, PERIOD).unwrap();
    let new = || Client {
        counter: State::new(&counter),
        log: State::new(&log),
        let_through: State::new(&counting_log),
        asked_counter: State::new(&counting_counter),
        asked_log: State::new(&counting_log),
    };
    let mut clients: Vec<_> = (0..day.clients).map(|_| new()).collect();
    let mut judged = Judged::default();
    day.replay(|at, client| {
        judged.requests += 1;
        judged.digest = (judged.digest.rotate_left(5) ^ at ^ u64::from(client)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (client, now) = (&mut clients[client as usize], Moment::from_nanos(at));
        let takes = |state: &mut State, quota: &Quota| state.take(quota, now, 1, Duration::ZERO).is_taken();
        // How many there are with this one.
        let counts = |state: &mut State, quota: &Quota| {
            assert!(takes(state, quota), "more than can be counted");
            quota.count() - state.peek(quota, now).remaining
        };
        let by_log = takes(&mut client.log, &log);
        let by_counter = takes(&mut client.counter, &counter);
        let before = counting_log.count() - client.let_through.peek(&counting_log, now).remaining;
        if by_counter {
            judged.at_most = judged.at_most.max(counts(&mut client.let_through, &counting_log));
        }
        judged.refused += u64::from(!by_log);
        judged.differs += u64::from(by_log != by_counter);
        judged.admitted[0] += u64::from(by_counter);
        judged.admitted[1] += u64::from(by_log);
        judged.over += u64::from(by_counter && before >= limit);
        judged.under += u64::from(!by_counter && before < limit);
        let is_above = counts(&mut client.asked_log, &counting_log) > limit;
        let is_said_above = counts(&mut client.asked_counter, &counting_counter) > limit;
        judged.missed += u64::from(is_above && !is_said_above);
        judged.accused += u64::from(is_said_above && !is_above);
    });
    judged
}

#[test]
#[ignore = "a day of traffic takes minutes, and an optimised build"]
fn zipf() {
    println!("| day | limit | requests | refused | differs | over | under | at most | let through | missed | accused |");
    for day in &DAYS {
        for limit in [30, 100, 300, 600, 1000, 2000, 3000] {
            let judged = judge(day, limit);
            let part = |count: u64| format!("{:.4} %", 100.0 * count as f64 / judged.requests as f64);
            println!(
                "| {} | {limit}/m | {} {:016x} | {} | {} | {} | {} | {:.3} | {:.4} | {} | {} |",
                day.name,
                judged.requests,
                judged.digest,
                part(judged.refused),
                part(judged.differs),
                part(judged.over),
                part(judged.under),
                f64::from(judged.at_most) / f64::from(limit),
                judged.admitted[0] as f64 / judged.admitted[1] as f64,
                part(judged.missed),
                part(judged.accused),
            );
        }
    }
}
