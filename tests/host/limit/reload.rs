//! A new configuration for the old one: what was counted stays.

use harness::{Answer, Host, Trial, tests};

use super::{DECISIONS, ask, edge, fixed, has_left, left, limit, limited, order, parameter, write};

pub fn tests() -> Vec<Trial> {
    tests!(
        "limit",
        needs [],
        a_reload_keeps_what_was_counted,
        a_changed_rate_counts_at_once,
        a_changed_period_keeps_what_was_counted,
        another_algorithm_begins_anew,
        what_is_removed_is_gone,
        a_bad_reload_keeps_the_old,
        reloads_lose_nothing_under_load,
    )
}

fn reload(host: &Host, text: &str) -> Answer {
    write(host.setup(), text);
    order(host, "/reload", "", &[])
}

#[track_caller]
fn reloaded(host: &Host, text: &str) {
    reload(host, text).is(200, "reloaded\n");
}

const ALGORITHMS: [&str; 3] = ["gcra", "sliding-window", "sliding-log"];

fn text(algorithm: &str, rate: &str) -> String {
    limited("few", &format!("algorithm = \"{algorithm}\"\nrate = \"{rate}\""))
}

fn a_reload_keeps_what_was_counted() {
    for algorithm in ALGORITHMS {
        let host = edge(text(algorithm, "10/h")).start();
        for expected in (6..10).rev() {
            assert_eq!(left(&ask(&host, "/few", &[]), "few"), Some(expected), "{algorithm}");
        }
        // The same, the same with others before it, and the same for another route.
        reloaded(&host, &text(algorithm, "10/h"));
        assert_eq!(left(&ask(&host, "/few", &[]), "few"), Some(5), "{algorithm}");
        let other = limited("other", "rate = \"3/h\"") + &text(algorithm, "10/h");
        reloaded(&host, &other);
        assert_eq!(left(&ask(&host, "/few", &[]), "few"), Some(4), "{algorithm}");
        let routes = limit("few", &format!("algorithm = \"{algorithm}\"\nrate = \"10/h\"\nmissing = \"skip\""))
            + &fixed("new", "[\"few\"]");
        reloaded(&host, &routes);
        assert_eq!(left(&ask(&host, "/new", &[]), "few"), Some(3), "{algorithm}");
        has_left(&host, "/new", 3);
    }
}

fn a_changed_rate_counts_at_once() {
    for algorithm in ALGORITHMS {
        let host = edge(text(algorithm, "4/h")).start();
        has_left(&host, "/few", 4);
        reloaded(&host, &text(algorithm, "7/h"));
        // What GCRA keeps is how long it takes until all is there again, which does not change by itself.
        let answer = ask(&host, "/few", &[]);
        assert_eq!(answer.status, if algorithm == "gcra" { 429 } else { 200 }, "{algorithm}");
        assert_eq!(parameter(&answer, "ratelimit-policy", "few", "q").as_deref(), Some("7"));
        reloaded(&host, &text(algorithm, "2/h"));
        let answer = ask(&host, "/few", &[]);
        assert_eq!(answer.status, 429, "{algorithm}");
        assert_eq!(parameter(&answer, "ratelimit-policy", "few", "q").as_deref(), Some("2"));
    }
    // With a rate of so many a second nobody waits for a day, whatever was taken before.
    let host = edge(text("gcra", "2/d")).start();
    has_left(&host, "/few", 2);
    reloaded(&host, &text("gcra", "1000/s"));
    harness::wait_for("the new rate", || (ask(&host, "/few", &[]).status == 200).then_some(()));
}

/// Whoever has used up an hour's quota has used as much of a day's.
fn a_changed_period_keeps_what_was_counted() {
    for (algorithm, passes) in [("gcra", 3), ("sliding-log", 0)] {
        let host = edge(text(algorithm, "4/h")).start();
        has_left(&host, "/few", 4);
        reloaded(&host, &text(algorithm, "4/d"));
        // What GCRA keeps is an hour until all is there again, of which a day has room for three more.
        has_left(&host, "/few", passes);
    }
    // Nor is it forgotten because of other keys of the limit.
    let host = edge(text("gcra", "4/h")).start();
    has_left(&host, "/few", 4);
    let tier = "[[limit.tier]]\nplan = \"gold\"\nrate = \"9/d\"\nmembers = [\"192.0.2.1\"]\n";
    reloaded(&host, &(limit("few", "rate = \"4/h\"") + tier + &fixed("few", "\"few\"")));
    assert_eq!(ask(&host, "/few", &[]).status, 429);
}

fn another_algorithm_begins_anew() {
    let host = edge(text("gcra", "2/h")).start();
    for algorithm in ["sliding-log", "gcra", "sliding-window"] {
        ask(&host, "/few", &[]);
        reloaded(&host, &text(algorithm, "2/h"));
        has_left(&host, "/few", 2);
    }
    // Another name is another limit.
    reloaded(&host, &text("sliding-window", "2/h").replace("few", "several"));
    has_left(&host, "/several", 2);
}

fn what_is_removed_is_gone() {
    let both = limited("few", "rate = \"2/h\"") + &limited("other", "rate = \"2/h\"");
    let host = edge(&both).start();
    has_left(&host, "/few", 2);
    has_left(&host, "/other", 2);
    let is_told = |name: &str| {
        let in_metrics =
            host.metrics().samples().iter().any(|sample| sample.labels.get("limit").is_some_and(|it| it == name));
        let limits = host.admin("/limits").json();
        let in_limits = limits["limits"].as_array().unwrap().iter().any(|limit| limit["name"] == name);
        (in_metrics, in_limits)
    };
    assert_eq!((is_told("few"), is_told("other")), ((true, true), (true, true)));
    reloaded(&host, &limited("other", "rate = \"2/h\""));
    assert_eq!((is_told("few"), is_told("other")), ((false, false), (true, true)));
    has_left(&host, "/other", 0);
    assert_eq!(host.metrics().sum(DECISIONS, &[("limit", "other"), ("decision", "pass")]), 2.0);
    assert_eq!(host.metrics().sum(DECISIONS, &[("limit", "other"), ("decision", "refuse")]), 4.0);
    // A route that names it no more is not limited.
    reloaded(&host, &fixed("few", "false"));
    assert_eq!(super::statuses(&host, "/few", 5), [200; 5]);
    assert_eq!(ask(&host, "/few", &[]).header("ratelimit"), None);
}

fn a_bad_reload_keeps_the_old() {
    let host = edge(text("gcra", "3/h")).start();
    assert_eq!(left(&ask(&host, "/few", &[]), "few"), Some(2));
    for bad in [
        text("gcra", "0/h"),
        text("gcra", "10/0s"),
        text("bucket", "10/s"),
        limited("few", "rate = \"100/m\"\nkey = \"claim:nonsense\""),
        limited("few", "rate = \"1/d\"\nburst = 1000000000"),
        limited("few", "rate = \"10/m\"\nstore = \"redis\""),
        limit("few", "rate = \"10/m\"") + &fixed("few", "\"many\""),
    ] {
        let answer = reload(&host, &bad);
        assert_eq!(answer.status, 422, "{bad}: {answer:?}");
        assert!(answer.text().contains("edge.toml:"), "{answer:?}");
        // `check` says the same.
        let checked =
            host.setup().run(["check", "--edge", &host.setup().folder().join("edge.toml").display().to_string()]);
        assert_eq!(checked.code, Some(2), "{checked:?}");
        assert!(answer.text().lines().all(|line| checked.stderr.contains(line)), "{answer:?}\n{checked:?}");
    }
    assert_eq!(left(&ask(&host, "/few", &[]), "few"), Some(1));
    has_left(&host, "/few", 1);
}

/// While many ask, not one is let through for a second time because of a reload.
fn reloads_lose_nothing_under_load() {
    const QUOTA: usize = 500;
    for algorithm in ALGORITHMS {
        // A day, of which next to nothing passes meanwhile.
        let text = |name: &str| text(algorithm, &format!("{QUOTA}/d")) + &fixed(name, "\"few\"");
        let host = edge(text("version")).start();
        let passed = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut raw = host.raw();
                        let mut ask = || raw.send("GET /few HTTP/1.1\r\nhost: a\r\n\r\n").answer().status;
                        let mut passed = 0;
                        for _ in 0..QUOTA / 2 {
                            passed += usize::from(ask() == 200);
                        }
                        passed
                    })
                })
                .collect();
            for number in 0..15 {
                reloaded(&host, &text(&format!("version-{number}")));
            }
            clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
        });
        assert!((QUOTA..=QUOTA + 1).contains(&passed), "{algorithm}: {passed} of {QUOTA}");
    }
}
