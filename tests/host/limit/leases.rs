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
    const DURATION: Duration = Duration::from_millis(3000);
    // Of 64 clients 80 %, 15 % and 5 %; then it is another host that is busy.
    const CLIENTS: [[usize; 3]; 2] = [[51, 10, 3], [3, 10, 51]];
    for rate in [1000, 500, 250, 125] {
        let redis = Redis::start();
        let gcra = Gcra { rate, burst: rate };
        let keys = format!("rate = \"{rate}/s\"\nburst = {}", gcra.burst);
        let hosts = [(); 3].map(|()| host(&redis, &keys));
        let (began, mut outcomes, mut used) = (Instant::now(), Vec::new(), Vec::new());
        for clients in CLIENTS {
            let clients: Vec<_> = hosts.iter().map(|host| host.address).zip(clients).collect();
            let some = hammer_since(began, &clients, "/few", DURATION);
            assert!(some.iter().all(|outcome| [200, 429].contains(&outcome.status)));
            // Both begin with all that can be taken at once, or with nothing.
            let burst = if outcomes.is_empty() { gcra.burst } else { 0 };
            let promised = Gcra { rate, burst }.promised_in(DURATION);
            used.push(passes(&some) as f64 / promised);
            outcomes.extend(some);
        }
        outcomes.sort_by_key(|outcome| outcome.sent);
        let asked = scripts(&redis);
        let most = gcra.never_exceeded(&outcomes, 1.001);
        eprintln!(
            "limit: leases of 3 hosts, {rate}/s and {}: of {} requests {} passed, {:.1} % and {:.1} % of what was promised, \
             at most {most} in a second; Redis was asked {asked} times, for one in {:.0}",
            gcra.burst,
            outcomes.len(),
            passes(&outcomes),
            used[0] * 100.0,
            used[1] * 100.0,
            outcomes.len() as f64 / asked as f64,
        );
        if outcomes.len() < 8 * DURATION.as_secs() as usize * rate as usize {
            eprintln!("limit: {rate}/s is too fast for this machine");
            continue;
        }
        assert!(asked * 100 <= outcomes.len(), "{asked} of {}", outcomes.len());
        assert!(used.iter().all(|used| *used >= 0.95), "{used:?}");
        return;
    }
    panic!("this machine is too slow to tell");
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
