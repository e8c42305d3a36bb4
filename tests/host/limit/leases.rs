//! Leases: hosts that share a Redis take slices of the quota in advance.

use std::time::{Duration, Instant};

use harness::{Host, Redis, Trial};

use super::exact::Gcra;
use super::load::{hammer_since, passes};
use super::{ask, edge, limited, redis_tests, store};

pub fn tests() -> Vec<Trial> {
    redis_tests([
        ("leases_of_three_hosts_share_a_quota", leases_of_three_hosts_share_a_quota),
        ("a_host_that_is_killed_takes_its_slice_with_it", a_host_that_is_killed_takes_its_slice_with_it),
    ])
}

/// How often scripts were run.
pub(super) fn scripts(redis: &Redis) -> usize {
    let stats = redis.command(&[b"INFO", b"commandstats"]);
    let calls = |name: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |line| line.split(',').next().unwrap().parse::<usize>().unwrap())
    };
    calls("evalsha") + calls("eval") + calls("fcall")
}

fn host(redis: &Redis, keys: &str) -> Host {
    // Where an error is no pass, and time is taken to answer.
    let keys = format!("key = []\nstore = \"redis\"\nlease = true\nwhen_down = \"closed\"\n{keys}");
    edge(limited("few", &keys) + &store(&redis.url(), "timeout = \"1s\"\nnodes = 3")).start()
}

fn leases_of_three_hosts_share_a_quota() {
    // Rates, and for how many seconds the burst would be enough. The larger it is, the longer are leases, and the fewer
    // requests there have to be for one to be rare among them: for machines that are slow, or busy.
    let rates = [(4000, 4), (800, 4), (400, 8), (200, 16), (100, 32), (25, 32)];
    let is_told = rates.into_iter().skip(usize::from(cfg!(debug_assertions))).any(|(rate, factor)| {
        let shared = share(Gcra { rate, burst: rate * factor });
        // Of what is there all was asked for several times.
        let is_enough = shared.requests > 2 * shared.promised;
        if is_enough {
            assert!(shared.used >= 0.95, "{}", shared.used);
        }
        is_enough && shared.asked * 100 <= shared.requests
    });
    assert!(is_told, "Redis was asked too often, at whatever rate");
}

/// What came of a quota that three hosts shared.
struct Shared {
    requests: usize,
    /// How many should have been let through.
    promised: usize,
    /// Which part of that was.
    used: f64,
    /// How often Redis was asked.
    asked: usize,
}

/// Of 64 clients 80 %, 15 % and 5 % ask each of three hosts; then it is another host that is busy.
fn share(gcra: Gcra) -> Shared {
    const DURATION: Duration = Duration::from_millis(2500);
    const CLIENTS: [[usize; 3]; 2] = [[51, 10, 3], [3, 10, 51]];
    let redis = Redis::start();
    let keys = format!("rate = \"{}/s\"\nburst = {}", gcra.rate, gcra.burst);
    let hosts = [(); 3].map(|()| host(&redis, &keys));
    let began = Instant::now();
    let halves = CLIENTS.map(|clients| {
        let clients: Vec<_> = hosts.iter().map(|host| host.address).zip(clients).collect();
        hammer_since(began, &clients, "/few", DURATION)
    });
    assert!(halves.iter().flatten().all(|outcome| [200, 429].contains(&outcome.status)));
    let asked = scripts(&redis);
    let mut outcomes = halves.concat();
    outcomes.sort_by_key(|outcome| outcome.sent);
    // From the first who was heard to the last who asked.
    let (first, last) = (outcomes.iter().map(|outcome| outcome.received).min(), outcomes.last());
    let promised = gcra.promised_in(last.unwrap().sent - first.unwrap());
    let used = passes(&outcomes) as f64 / promised;
    let most = gcra.never_exceeded(&outcomes, 1.001);
    eprintln!(
        "limit: leases of 3 hosts, {}/s and {}: of {} requests {} passed, {:.1} % of what was promised; at most {most} in a \
         second, and {} were promised; Redis was asked {asked} times, for one in {:.0}",
        gcra.rate,
        gcra.burst,
        outcomes.len(),
        passes(&outcomes),
        used * 100.0,
        gcra.burst + gcra.rate,
        outcomes.len() as f64 / asked as f64,
    );
    Shared { requests: outcomes.len(), promised: promised as usize, used, asked }
}

/// What a host that is gone had taken in advance nobody gets: never more than the quota in sum.
fn a_host_that_is_killed_takes_its_slice_with_it() {
    const QUOTA: usize = 1000;
    let redis = Redis::start();
    let keys = format!("rate = \"{QUOTA}/h\"");
    let mut passed = 0;
    let mut take = |host: &Host, requests: usize| {
        let taken = (0..requests).filter(|_| ask(host, "/few", &[]).status == 200).count();
        passed += taken;
        taken
    };
    let (one, other) = (host(&redis, &keys), host(&redis, &keys));
    assert_eq!(take(&one, 5), 5);
    assert_eq!(take(&other, 5), 5);
    one.kill();
    while take(&other, 50) == 50 {}
    // Nor does a host that starts anew.
    let third = host(&redis, &keys);
    take(&third, 50);
    eprintln!("limit: leases with a host that is killed: {passed} of {QUOTA}");
    // What comes back within the time this takes is not much.
    assert!((QUOTA * 4 / 5..=QUOTA + 20).contains(&passed), "{passed}");
}
