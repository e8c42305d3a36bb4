//! With a real Redis, which is started for each test:
//! `cargo test -p tidegate-host --lib limit::redis -- --include-ignored`.

mod equality;
mod faults;
mod leases;
mod takes;

use tidegate_limit::{Decision, LimitId};

use super::*;
use crate::redis::tests::{Server, serve_with, stall};

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);

fn options(port: u16, timeout: Duration) -> Options {
    Options { url: format!("redis://127.0.0.1:{port}"), timeout, prefix: "tidegate:".to_owned() }
}

fn open(server: &Server) -> Redis {
    Redis::open(options(server.port, LONG)).unwrap()
}

/// One of cost 1.
fn take(quota: Quota) -> Take {
    let key = Key::from_text("client=192.0.2.1");
    Take { limit: LimitId(0), key, quota, cost: 1, max_delay: Duration::ZERO, is_shadow: false }
}

const fn order<'a>(limit: &'a str, take: &'a Take) -> Order<'a> {
    Order { limit, take, is_leased: false }
}

const fn leased<'a>(limit: &'a str, take: &'a Take) -> Order<'a> {
    Order { limit, take, is_leased: true }
}

/// So many a day, and all at once.
fn daily(count: u32) -> Quota {
    Quota::gcra(count, HOUR * 24, count - 1).unwrap()
}

fn in_flight(count: u32, forget_after: Duration) -> Quota {
    Quota::concurrency(count, forget_after).unwrap()
}

impl Redis {
    async fn one(&self, limit: &str, take: &Take) -> Result<Verdict, Down> {
        self.take(&[order(limit, take)], Need::All).await.map(|verdicts| verdicts[0])
    }

    /// How many of so many are taken, one after the other.
    async fn taken(&self, order: Order<'_>, len: usize) -> usize {
        let mut taken = 0;
        for _ in 0..len {
            taken += usize::from(self.take(&[order], Need::All).await.unwrap()[0].is_taken());
        }
        taken
    }

    /// How much is left of a quota, by what Redis says.
    async fn left(&self, limit: &str, take: &Take) -> u32 {
        self.peek(limit, &take.key, &take.quota).await.unwrap().remaining
    }

    /// Waits until so much is left.
    async fn until_left(&self, limit: &str, take: &Take, expected: u32) {
        until(async || self.left(limit, take).await == expected).await;
    }
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

impl Server {
    /// How often a command was run.
    fn calls(&self, command: &str) -> u64 {
        let info: String = self.ask("INFO", "commandstats", &[]);
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls="))).unwrap_or("0");
        line.split(',').next().unwrap().parse().unwrap()
    }

    fn keys(&self) -> Vec<String> {
        self.ask("KEYS", "*", &[])
    }
}

fn decisions(verdicts: &[Verdict]) -> String {
    let word = |verdict: &Verdict| match verdict.decision {
        Decision::Taken => 't',
        Decision::Delayed(_) => 'd',
        Decision::Refused(_) => 'r',
        Decision::Spared => 's',
        Decision::Down => '-',
    };
    verdicts.iter().map(word).collect()
}

#[test]
fn a_url_of_something_else_is_an_error_that_does_not_tell_it() {
    for url in ["", "http://secret@example/", "redis://", "redis://secret@host:port"] {
        let Err(error) = Redis::open(Options { url: url.to_owned(), ..options(1, LONG) }) else { panic!("{url}") };
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
