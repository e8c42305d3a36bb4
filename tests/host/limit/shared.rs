//! Hosts that share a Redis count together, whatever the algorithm.

use std::time::Duration;

use harness::{Host, Redis, Trial, wait_for};

use super::in_flight::Slow;
use super::leases::scripts;
use super::{ask, edge, fixed, has_left, left, limit, limited, redis_tests, store};

pub fn tests() -> Vec<Trial> {
    redis_tests([
        ("hosts_that_share_a_redis_count_together", hosts_that_share_a_redis_count_together),
        ("all_limits_of_a_request_cost_one_round_trip", all_limits_of_a_request_cost_one_round_trip),
        ("what_is_in_redis_expires_by_itself", what_is_in_redis_expires_by_itself),
        ("limits_in_redis_are_reset_and_explained", limits_in_redis_are_reset_and_explained),
        ("the_redis_has_metrics", the_redis_has_metrics),
        ("places_in_redis_are_kept_while_their_host_lives", places_in_redis_are_kept_while_their_host_lives),
    ])
}

const SHARED: &str = "store = \"redis\"\nlease = false\nwhen_down = \"closed\"";
const PATIENT: &str = "timeout = \"1s\"";

fn hosts_that_share_a_redis_count_together() {
    let redis = Redis::start();
    let limits = [
        limited("gcra", &format!("rate = \"6/h\"\n{SHARED}")),
        limited("window", "algorithm = \"sliding-window\"\nrate = \"6/d\"\nstore = \"redis\"\nwhen_down = \"closed\""),
        limited("log", "algorithm = \"sliding-log\"\nrate = \"6/h\"\nstore = \"redis\"\nwhen_down = \"closed\""),
    ];
    let text = limits.concat() + &store(&redis.url(), PATIENT);
    let (one, other) = (edge(&text).start(), edge(&text).start());
    for path in ["/gcra", "/window", "/log"] {
        let limit = &path[1..];
        for expected in [4, 2] {
            assert_eq!(left(&ask(&one, path, &[]), limit), Some(expected + 1), "{path}");
            assert_eq!(left(&ask(&other, path, &[]), limit), Some(expected), "{path}");
        }
        has_left(&one, path, 2);
        let refusal = ask(&other, path, &[]);
        refusal.is_problem(429);
        assert_eq!(left(&refusal, limit), Some(0));
        let retry_after: u64 = refusal.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=24 * 3600).contains(&retry_after), "{refusal:?}");
    }
    // Others with another prefix have nothing to do with it.
    let stranger = edge(limits.concat() + &store(&redis.url(), &format!("{PATIENT}\nprefix = \"other:\""))).start();
    has_left(&stranger, "/gcra", 6);
}

fn all_limits_of_a_request_cost_one_round_trip() {
    let redis = Redis::start();
    let names = ["a", "b", "c"];
    let limits: String = names
        .iter()
        .zip([9, 3, 6])
        .map(|(name, count)| limit(name, &format!("rate = \"{count}/h\"\n{SHARED}")))
        .collect();
    let text = limits
        + &fixed("all", "[\"a\", \"b\", \"c\"]")
        + &fixed("any", "{ any = [\"b\", \"c\"] }")
        + &store(&redis.url(), PATIENT);
    let host = edge(text).start();
    // The script is there from then on.
    let lefts = |path: &str| {
        let answer = ask(&host, path, &[]);
        (answer.status, names.map(|name| left(&answer, name)))
    };
    assert_eq!(lefts("/all"), (200, [Some(8), Some(2), Some(5)]));
    let before = scripts(&redis);
    assert_eq!(lefts("/all"), (200, [Some(7), Some(1), Some(4)]));
    assert_eq!(lefts("/all"), (200, [Some(6), Some(0), Some(3)]));
    // A refusal of one takes nothing of the others.
    for _ in 0..5 {
        assert_eq!(lefts("/all"), (429, [Some(6), Some(0), Some(3)]));
    }
    assert_eq!(scripts(&redis) - before, 7);
    // One is enough: b has none.
    for left in [2, 1, 0] {
        assert_eq!(lefts("/any").0, 200);
        assert_eq!(lefts("/all"), (429, [Some(6), Some(0), Some(left)]));
    }
    assert_eq!(lefts("/any").0, 429);
    assert_eq!(scripts(&redis) - before, 14);
}

fn what_is_in_redis_expires_by_itself() {
    let redis = Redis::start();
    let limits = [
        limited("gcra", &format!("rate = \"60/m\"\n{SHARED}")),
        limited("window", "algorithm = \"sliding-window\"\nrate = \"60/m\"\nstore = \"redis\""),
        limited("log", "algorithm = \"sliding-log\"\nrate = \"60/m\"\nstore = \"redis\""),
        limited("lease", "rate = \"60/m\"\nstore = \"redis\"\nlease = true"),
        limited("flight", "algorithm = \"concurrency\"\nin_flight = 5\nforget_after = \"60s\"\nstore = \"redis\""),
    ];
    let host = edge(limits.concat() + &store(&redis.url(), PATIENT)).start();
    for path in ["/gcra", "/window", "/log", "/lease", "/flight"] {
        for _ in 0..3 {
            assert_eq!(ask(&host, path, &[]).status, 200, "{path}");
        }
    }
    let names = redis.command(&[b"KEYS", b"*"]);
    let names: Vec<_> = names.lines().filter(|line| line.starts_with("tidegate:")).collect();
    assert!((3..=10).contains(&names.len()), "{names:?}");
    for name in names {
        let answer = redis.command(&[b"PTTL", name.as_bytes()]);
        let left: i64 = answer.trim_start_matches(':').trim().parse().unwrap();
        // -2: it is gone already. What counts windows counts the last one too.
        assert!(left == -2 || (0..=2 * 60_000 + 10_000).contains(&left), "{name}: {left}");
    }
}

/// A place is kept for as long as it takes, and forgotten when nobody is there who could give it back.
fn places_in_redis_are_kept_while_their_host_lives() {
    let redis = Redis::start();
    let slow = Slow::start();
    let limit =
        "algorithm = \"concurrency\"\nin_flight = 2\nforget_after = \"2s\"\nstore = \"redis\"\nwhen_down = \"closed\"";
    let text = slow.edge(limit) + &store(&redis.url(), PATIENT);
    let (one, other) = (edge(&text).start(), edge(&text).start());
    let downloads = [slow.download(&one, "/a"), slow.download(&one, "/b")];
    let is_free = || ask(&other, "/free", &[]).status == 200;
    let until = std::time::Instant::now() + Duration::from_secs(3);
    while std::time::Instant::now() < until {
        assert!(!is_free());
        std::thread::sleep(Duration::from_millis(50));
    }
    one.kill();
    wait_for("places to be forgotten", || is_free().then_some(()));
    drop(downloads);
    // All of them are there again.
    wait_for("all places", || (left(&ask(&other, "/free", &[]), "slow") == Some(1)).then_some(()));
}

fn limits_in_redis_are_reset_and_explained() {
    let redis = Redis::start();
    let limits = [
        limited("gcra", &format!("rate = \"3/h\"\nkey = \"header:x-user\"\n{SHARED}")),
        limited("log", "algorithm = \"sliding-log\"\nrate = \"3/h\"\nkey = \"header:x-user\"\nstore = \"redis\""),
        limited("lease", "rate = \"1000/h\"\nburst = 99\nkey = \"header:x-user\"\nstore = \"redis\"\nlease = true"),
    ];
    let text = limits.concat() + &store(&redis.url(), PATIENT);
    let (one, other) = (edge(&text).start(), edge(&text).start());
    let status = |host: &Host, path: &str, user: &str| ask(host, path, &[("x-user", user)]).status;
    let reset = |order: &str| super::order(&one, "/limits/reset", order, &[]).is(200, "{\"reset\":true}\n");
    for path in ["/gcra", "/log"] {
        for user in ["a", "b"] {
            assert_eq!([(); 4].map(|()| status(&one, path, user)), [200, 200, 200, 429]);
        }
        // One of them; then all. Other hosts see it.
        reset(&format!("{{\"limit\": \"{}\", \"key\": \"header:x-user=a\"}}", &path[1..]));
        assert_eq!((status(&other, path, "a"), status(&other, path, "b")), (200, 429), "{path}");
        reset(&format!("{{\"limit\": \"{}\"}}", &path[1..]));
        assert_eq!([(); 4].map(|()| status(&other, path, "b")), [200, 200, 200, 429], "{path}");
    }
    while status(&one, "/lease", "a") == 200 {}
    reset("{\"limit\": \"lease\"}");
    wait_for("what was reset", || (status(&one, "/lease", "a") == 200).then_some(()));

    // To look at it takes nothing.
    assert_eq!(status(&one, "/gcra", "c"), 200);
    for _ in 0..5 {
        let peeked =
            super::order(&other, "/limits/peek", r#"{"takes": [{"limit": "gcra", "key": "header:x-user=c"}]}"#, &[]);
        assert_eq!(
            (peeked.status, &peeked.json()["takes"][0]["remaining"]),
            (200, &serde_json::json!(2)),
            "{peeked:?}"
        );
    }
    assert_eq!(left(&ask(&other, "/gcra", &[("x-user", "c")]), "gcra"), Some(1));
}

fn the_redis_has_metrics() {
    let mut redis = Redis::start();
    let host = edge(limited("few", &format!("rate = \"100/h\"\n{SHARED}")) + &store(&redis.url(), PATIENT)).start();
    let metric = |name: &str| host.metrics().sum(&format!("tidegate_limit_redis_{name}"), &[]);
    for _ in 0..5 {
        assert_eq!(ask(&host, "/few", &[]).status, 200);
    }
    assert_eq!((metric("asked_total"), metric("failed_total")), (5.0, 0.0));
    redis.kill();
    for _ in 0..50 {
        assert_eq!(ask(&host, "/few", &[]).status, 503);
    }
    assert!(metric("opened_total") >= 1.0 && metric("skipped_total") > 25.0, "{}", host.admin("/metrics").text());
    assert!(metric("failed_total") + metric("skipped_total") >= 50.0);
    let limits = host.admin("/limits").json();
    assert_eq!(limits["limits"][0]["store"], "redis");
    assert_eq!(limits["limits"][0]["decisions"]["down"], 50, "{limits:#}");
    assert!(limits["redis"].is_object(), "{limits:#}");
    // What cannot be reset is not said to be.
    let answer = super::order(&host, "/limits/reset", "{\"limit\": \"few\"}", &[]);
    answer.is_problem(503);
}
