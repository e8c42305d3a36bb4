use super::*;

const fn verdict(decision: Decision, remaining: u32, reset: Duration) -> Verdict {
    Verdict { decision, remaining, reset }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn policies() {
    let millis = Duration::from_millis;
    let table = [
        ("api", Quota::gcra(100, seconds(60), 20), r#""api";q=100;w=60"#),
        ("api", Quota::sliding_window(5000, seconds(86_400)), r#""api";q=5000;w=86400"#),
        ("api", Quota::sliding_log(1, millis(1)), r#""api";q=1;w=1"#),
        ("api", Quota::sliding_log(3, millis(1001)), r#""api";q=3;w=2"#),
        ("api", Quota::concurrency(10, seconds(60)), r#""api";q=10;qu="concurrent-requests""#),
        ("a\"b\\ü", Quota::gcra(1, seconds(1), 0), r#""a\"b\\%C3%BC";q=1;w=1"#),
    ];
    for (name, quota, expected) in table {
        let mut text = String::new();
        policy_item(name, &quota.unwrap(), &mut text);
        assert_eq!(text, expected);
    }
}

#[test]
fn states() {
    let nanos = Duration::from_nanos;
    let table = [
        (verdict(Decision::Taken, 50, seconds(30)), r#""api";r=50;t=30"#),
        (verdict(Decision::Taken, 50, nanos(1)), r#""api";r=50;t=1"#),
        (verdict(Decision::Delayed(seconds(1)), 0, nanos(30_000_000_001)), r#""api";r=0;t=31"#),
        (verdict(Decision::Refused(seconds(10)), 0, seconds(60)), r#""api";r=0;t=10"#),
        (verdict(Decision::Refused(seconds(1)), 0, Duration::ZERO), r#""api";r=0"#),
        (verdict(Decision::Spared, 100, Duration::ZERO), r#""api";r=100"#),
    ];
    for (verdict, expected) in table {
        let mut text = String::new();
        state_item("api", &verdict, &mut text);
        assert_eq!(text, expected);
    }
}

#[test]
fn whole_fields() {
    let (hour, flight) = (Quota::gcra(1000, seconds(3600), 999).unwrap(), Quota::concurrency(4, seconds(60)).unwrap());
    let taken = verdict(Decision::Taken, 3, seconds(2));
    let in_flight = verdict(Decision::Taken, 3, Duration::ZERO);
    let (policy, state) =
        fields([("hour", &hour, &taken), ("gone", &hour, &Verdict::DOWN), ("all", &flight, &in_flight)])
            .expect("something to say");
    assert_eq!(policy, r#""hour";q=1000;w=3600, "all";q=4;qu="concurrent-requests""#);
    assert_eq!(state, r#""hour";r=3;t=2, "all";r=3"#);
    assert_eq!(fields([]), None);
    assert_eq!(fields([("gone", &hour, &Verdict::DOWN), ("not asked", &hour, &Verdict::SPARED)]), None);
}
