//! The sliding-window counter, judged against the log over days of traffic:
//! `cargo test -p tidegate-limit --release -- --ignored zipf --nocapture`.
//!
//! There are three questions.
//! - *Is this client above its rate?* is Cloudflare's, who had 0.003 % wrong answers. Here it is 0.006 % under a limit that
//!   is seldom reached. Each time that a client crosses its limit some answers are wrong, the more the slower it does; so
//!   it is 0.08 to 0.65 % where some stay close to it all day.
//! - *How many get through?* As many as by the log, within 0.2 %. But in one period it may be almost twice the quota, if the
//!   client has waited for the end of a window.
//! - *Does the same request get through?* Of those who ask for more than they get, often not: both refuse most of it, but
//!   by turns, as any two algorithms do.

#![allow(clippy::unwrap_used, reason = "a test that panics fails")]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tidegate_limit::{Moment, Quota, State};

const SECOND_NS: u64 = 1_000_000_000;
const DAY_S: u64 = 86_400;
/// At most one page is asked for in each.
const SLOTS_A_SECOND: u64 = 10_000;
/// What a page brings with it is asked for within so long.
const PAGE_NS: u64 = 2 * SECOND_NS;
const PERIOD: Duration = Duration::from_secs(60);

/// Days of requests. They are made of whole numbers, sums and divisions, by the number of the day, so they are the same
/// everywhere: recordings.
struct Traffic {
    name: &'static str,
    /// Clients; how often each asks for a page is by Zipf's law, with exponent 1.
    clients: u32,
    /// Pages asked for, in a second of the mean: by day 1.6 times as many, by night 0.4 times.
    pages_a_second: f64,
    /// A page brings with it up to so many further requests.
    further_max: u64,
    /// How often in a day a client, any of them, runs wild: for 1 to 15 minutes it sends 1 to 256 requests a second, as
    /// often between 1 and 2 as between 128 and 256.
    floods: u64,
}

/// 20 million requests a day; in the busiest minutes of the busiest client about 1850.
const CALLS: Traffic = Traffic { name: "calls", clients: 100_000, pages_a_second: 231.0, further_max: 0, floods: 20 };
/// The same, but 5.5 at a time.
const PAGES: Traffic = Traffic { name: "pages", pages_a_second: 42.0, further_max: 9, ..CALLS };

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

impl Traffic {
    /// All requests of a day in their order: moments in nanoseconds, and clients.
    fn replay(&self, day: u64, mut each: impl FnMut(u64, u32)) {
        let mut random = Random(day);
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
        let gap_ns = (SECOND_NS >> random.below(8)) * 128 / (128 + random.below(128));
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
    let_through: Last,
    asked_counter: State,
    /// What it asked for.
    asked: Last,
}

/// What there was in the last period.
#[derive(Default)]
struct Last(VecDeque<u64>);

impl Last {
    fn add(&mut self, at: u64) {
        self.0.push_back(at);
    }

    fn count(&mut self, now: u64) -> u32 {
        while self.0.front().is_some_and(|at| now - at >= PERIOD.as_nanos() as u64) {
            self.0.pop_front();
        }
        self.0.len() as u32
    }
}

fn judge(traffic: &Traffic, day: u64, limit: u32, judged: &mut Judged) {
    let counter = Quota::sliding_window(limit, PERIOD).unwrap();
    let log = Quota::sliding_log(limit, PERIOD).unwrap();
    // It only counts: nobody asks for that much.
    let counting = Quota::sliding_window(Quota::WINDOW_MAX, PERIOD).unwrap();
    let new = || Client {
        counter: State::new(&counter),
        log: State::new(&log),
        let_through: Last::default(),
        asked_counter: State::new(&counting),
        asked: Last::default(),
    };
    let mut clients: Vec<_> = (0..traffic.clients).map(|_| new()).collect();
    traffic.replay(day, |at, client| {
        judged.requests += 1;
        judged.digest = (judged.digest.rotate_left(5) ^ at ^ u64::from(client)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (client, now) = (&mut clients[client as usize], Moment::from_nanos(at));
        let takes = |state: &mut State, quota: &Quota| state.take(quota, now, 1, Duration::ZERO).is_taken();
        let by_log = takes(&mut client.log, &log);
        let by_counter = takes(&mut client.counter, &counter);
        let is_full = client.let_through.count(at) >= limit;
        if by_counter {
            client.let_through.add(at);
        }
        client.asked.add(at);
        let is_above = client.asked.count(at) > limit;
        assert!(takes(&mut client.asked_counter, &counting));
        let is_said_above = counting.count() - client.asked_counter.peek(&counting, now).remaining > limit;
        judged.refused += u64::from(!by_log);
        judged.differs += u64::from(by_log != by_counter);
        judged.admitted[0] += u64::from(by_counter);
        judged.admitted[1] += u64::from(by_log);
        judged.over += u64::from(by_counter && is_full);
        judged.under += u64::from(!by_counter && !is_full);
        judged.at_most = judged.at_most.max(client.let_through.count(at));
        judged.missed += u64::from(is_above && !is_said_above);
        judged.accused += u64::from(is_said_above && !is_above);
    });
}

#[test]
#[ignore = "days of traffic take minutes, and an optimised build"]
fn zipf() {
    println!(
        "| requests | limit | days | refused | differs | over | under | at most | let through | missed | accused |"
    );
    // What limits are for: twice what the busiest client asks for when it is busiest, so that those who run wild are
    // refused, 1 % of all.
    let week = judge_days(&CALLS, 4000, 7);
    judge_days(&PAGES, 4000, 1);
    // What is harder: 5 % are refused, and there always are clients that ask for just about what they may. And a limit
    // that is much too low, by which a fifth is refused.
    for limit in [700, 100] {
        judge_days(&CALLS, limit, 1);
        judge_days(&PAGES, limit, 1);
    }
    assert_eq!(week.digest, 0xc98d_f914_31b2_4871, "these are not the days that were recorded");
    assert!((week.missed + week.accused) * 10_000 < week.requests, "0.01 % are wrong");
}

fn judge_days(traffic: &Traffic, limit: u32, days: u64) -> Judged {
    let mut judged = Judged::default();
    (1..=days).for_each(|day| judge(traffic, day, limit, &mut judged));
    judged.print(traffic.name, limit, days);
    judged
}

impl Judged {
    fn print(&self, name: &str, limit: u32, days: u64) {
        let part = |count: u64| format!("{:.4} %", 100.0 * count as f64 / self.requests as f64);
        println!(
            "| {} {name} {:016x} | {limit}/m | {days} | {} | {} | {} | {} | {:.3} | {:.4} | {} | {} |",
            self.requests,
            self.digest,
            part(self.refused),
            part(self.differs),
            part(self.over),
            part(self.under),
            f64::from(self.at_most) / f64::from(limit),
            self.admitted[0] as f64 / self.admitted[1] as f64,
            part(self.missed),
            part(self.accused),
        );
    }
}
