//! What is taken, of one quota and of several.

use super::*;

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_one_node_takes_the_others_do_not_get() {
    let server = Server::start();
    let (here, there) = (open(&server), open(&server));
    for quota in
        [daily(5), Quota::sliding_window(5, HOUR).unwrap(), Quota::sliding_log(5, HOUR).unwrap(), in_flight(5, HOUR)]
    {
        let name = quota.algorithm().as_str();
        let take = Take { cost: 2, ..take(quota) };
        assert_eq!(here.taken(order(name, &take), 1).await, 1, "{name}");
        assert_eq!(there.left(name, &take).await, 3, "{name}");
        assert_eq!(there.taken(order(name, &take), 3).await, 1, "{name}");
        assert_eq!(here.taken(order(name, &Take { cost: 1, ..take.clone() }), 3).await, 1, "{name}");
        assert_eq!((here.left(name, &take).await, there.left(name, &take).await), (0, 0), "{name}");
        let other = Take { key: Key::from_text("client=192.0.2.2"), ..take.clone() };
        assert_eq!((here.left(name, &other).await, here.left("other", &take).await), (5, 5), "{name}");
        let refused = here.one(name, &take).await.unwrap();
        assert!(matches!(refused.decision, Decision::Refused(wait) if !wait.is_zero()), "{name}: {refused:?}");
    }
    let other = Redis::open(Options { prefix: "other:".to_owned(), ..options(server.port, LONG) }).unwrap();
    assert_eq!(other.left("gcra", &take(daily(5))).await, 5);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn all_quotas_of_a_request_are_one_round_trip() {
    let server = Server::start();
    let redis = open(&server);
    let takes = [
        daily(100),
        Quota::sliding_window(100, HOUR).unwrap(),
        Quota::sliding_log(100, HOUR).unwrap(),
        in_flight(100, HOUR),
    ];
    let takes = takes.map(take);
    let orders: Vec<_> = takes.iter().map(|take| order(take.quota.algorithm().as_str(), take)).collect();
    for _ in 0..20 {
        assert_eq!(decisions(&redis.take(&orders, Need::All).await.unwrap()), "tttt");
    }
    assert_eq!((server.calls("evalsha"), server.calls("script|load"), server.calls("eval")), (20, 1, 0));
    assert_eq!((redis.counts().asked, redis.counts().round_trips, redis.counts().failed), (20, 20, 0));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn all_or_nothing_or_the_first_that_lets_through() {
    let server = Server::start();
    let redis = open(&server);
    // The limits a, b and c have 2, 1 and 3 left; capitals are in shadow.
    let quotas = [("a", 2), ("b", 1), ("c", 3)];
    for (number, (case, need, expected)) in [
        ("abc", Need::All, "ttt srs srs"),
        ("abC", Need::All, "ttt srs srs"),
        ("aBc", Need::All, "ttt trt rrs"),
        ("ABC", Need::All, "ttt trt rrt"),
        ("abc", Need::Any, "tss tss rts"),
        ("bac", Need::Any, "tss rts rts"),
        ("Bac", Need::Any, "tts rts rrt"),
        ("baC", Need::Any, "tst rtt rtt"),
        ("AB", Need::Any, "tt tr rr"),
        ("bB", Need::Any, "tt rr rr"),
    ]
    .into_iter()
    .enumerate()
    {
        let takes: Vec<_> = case
            .chars()
            .map(|name| {
                let (_, count) =
                    quotas.iter().find(|(quota, _)| *quota == name.to_ascii_lowercase().to_string()).unwrap();
                // Each case has its own keys; bB are two keys of a kind.
                let key = Key::from_text(&format!("route={number}{name}"));
                Take { key, is_shadow: name.is_ascii_uppercase(), ..take(daily(*count)) }
            })
            .collect();
        let orders: Vec<_> = takes.iter().map(|take| order("limit", take)).collect();
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(decisions(&redis.take(&orders, need).await.unwrap()));
        }
        assert_eq!(seen.join(" "), expected, "{case}, {need:?}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_refused_says_when_it_would_not_be() {
    let server = Server::start();
    let redis = open(&server);
    let second = Duration::from_secs(1);
    for quota in [
        Quota::gcra(2, second, 0).unwrap(),
        Quota::sliding_window(1, second / 2).unwrap(),
        Quota::sliding_log(1, second / 2).unwrap(),
    ] {
        let take = take(quota);
        let name = quota.algorithm().as_str();
        assert!(redis.one(name, &take).await.unwrap().is_taken());
        let Decision::Refused(wait) = redis.one(name, &take).await.unwrap().decision else { panic!("{name}") };
        assert!(wait <= second, "{name}: {wait:?}");
        tokio::time::sleep(wait).await;
        assert!(redis.one(name, &take).await.unwrap().is_taken(), "{name}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_will_be_there_soon_is_taken_already() {
    let server = Server::start();
    let redis = open(&server);
    let quota = Quota::gcra(10, Duration::from_secs(10), 0).unwrap();
    let take = Take { max_delay: Duration::from_millis(1500), ..take(quota) };
    // Even if slices are allowed: they are not for this.
    let order = [leased("limit", &take)];
    assert_eq!(decisions(&redis.take(&order, Need::All).await.unwrap()), "t");
    let Decision::Delayed(delay) = redis.take(&order, Need::All).await.unwrap()[0].decision else { panic!() };
    assert!((Duration::from_millis(500)..=Duration::from_secs(1)).contains(&delay), "{delay:?}");
    assert_eq!(decisions(&redis.take(&order, Need::All).await.unwrap()), "r");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_has_landed_leaves_its_place_and_what_is_lost_is_forgotten() {
    let server = Server::start();
    let (here, there) = (open(&server), open(&server));
    let forget_after = Duration::from_millis(300);
    let kept = Take { cost: 2, ..take(in_flight(5, HOUR)) };
    let Take { key, quota, .. } = kept.clone();
    assert_eq!(here.taken(order("kept", &kept), 3).await, 2);
    here.land("kept", &key, &quota, 2);
    here.until_left("kept", &kept, 3).await;
    there.land("kept", &key, &quota, 2);
    here.land("kept", &key, &quota, 1);
    assert_eq!(there.taken(order("kept", &kept), 3).await, 1, "who has nothing in flight gives nothing back");
    here.land("kept", &key, &quota, 2);
    there.land("kept", &key, &quota, 2);
    here.until_left("kept", &kept, 5).await;
    assert!(server.keys().is_empty(), "{:?}", server.keys());

    let lost = take(in_flight(3, forget_after));
    assert_eq!(there.taken(order("lost", &lost), 4).await, 3);
    drop(there);
    let started = std::time::Instant::now();
    here.until_left("lost", &lost, 3).await;
    assert!(started.elapsed() >= forget_after / 2);
    assert_eq!(here.taken(order("lost", &lost), 4).await, 3);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_in_flight_for_long_is_not_forgotten() {
    let server = Server::start();
    let port = server.port;
    let (here, there) = (open(&server), open(&server));
    let take = Take { cost: 2, ..take(in_flight(5, Duration::from_millis(600))) };
    assert_eq!(here.taken(order("limit", &take), 1).await, 1);
    tokio::time::sleep(Duration::from_millis(2000)).await;
    assert_eq!(there.left("limit", &take).await, 3);
    // Not even by a Redis that has forgotten everything.
    drop(server);
    let server = Server::start_on(port);
    until(async || there.peek("limit", &take.key, &take.quota).await.is_ok_and(|verdict| verdict.remaining == 3)).await;
    here.land("limit", &take.key, &take.quota, 2);
    there.until_left("limit", &take, 5).await;
    assert!(server.keys().is_empty(), "{:?}", server.keys());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_a_request_cost_in_the_end_is_charged() {
    let server = Server::start();
    let redis = open(&server);
    for quota in [daily(10), Quota::sliding_window(10, HOUR).unwrap(), Quota::sliding_log(10, HOUR).unwrap()] {
        let take = take(quota);
        let name = quota.algorithm().as_str();
        assert!(redis.one(name, &take).await.unwrap().is_taken());
        for (cost, left) in [(4, 5), (-2, 7), (100, 0), (-15, 5), (i64::MAX, 0), (i64::MIN, 10), (3, 7)] {
            redis.charge(name, &take.key, &quota, cost);
            redis.until_left(name, &take, left).await;
        }
        redis.give_back(name, &take.key, &quota, 2);
        redis.until_left(name, &take, 9).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_reset_forgets_a_key_or_all_of_a_limit() {
    let server = Server::start();
    let redis = Redis::open(Options { prefix: "t[a]*?{x}:".to_owned(), ..options(server.port, LONG) }).unwrap();
    let of = |n: usize| Take { key: Key::from_text(&format!("client=2001:db8::{n:x}")), ..take(daily(2)) };
    for n in 0..2500 {
        assert!(redis.one("one", &of(n)).await.unwrap().is_taken());
    }
    for other in ["on", "one-more", "two"] {
        assert!(redis.one(other, &of(0)).await.unwrap().is_taken());
    }
    redis.reset("one", Some(&of(7).key)).await.unwrap();
    assert_eq!((redis.left("one", &of(7)).await, redis.left("one", &of(8)).await), (2, 1));
    redis.reset("one", None).await.unwrap();
    assert_eq!(server.keys().len(), 3);
    for other in ["on", "one-more", "two"] {
        assert_eq!(redis.left(other, &of(0)).await, 1, "{other}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn every_key_expires() {
    let server = Server::start();
    let redis = open(&server);
    let period = Duration::from_millis(400);
    for quota in [
        Quota::gcra(10, period, 9).unwrap(),
        Quota::sliding_window(10, period).unwrap(),
        Quota::sliding_log(10, period).unwrap(),
        in_flight(10, period),
    ] {
        let take = take(quota);
        let name = quota.algorithm().as_str();
        redis.taken(order(name, &take), 12).await;
        redis.charge(name, &take.key, &quota, 30);
    }
    assert_eq!(server.keys().len(), 4);
    for key in server.keys() {
        let left: i64 = server.ask("PTTL", &key, &[]);
        assert!((0..=1300).contains(&left), "{key}: {left} ms");
    }
    // What is in flight is renewed as long as its node is there.
    drop(redis);
    until(async || server.keys().is_empty()).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_limit_that_counts_in_another_way_now_begins_anew() {
    let server = Server::start();
    let redis = open(&server);
    let quotas =
        [daily(3), Quota::sliding_window(3, HOUR).unwrap(), Quota::sliding_log(3, HOUR).unwrap(), in_flight(3, HOUR)];
    for first in quotas {
        for second in quotas {
            let (before, after) = (take(first), take(second));
            assert_eq!(redis.taken(order("limit", &before), 4).await, 3);
            let expected = if first.algorithm() == second.algorithm() { 0 } else { 3 };
            assert_eq!(redis.taken(order("limit", &after), 4).await, expected, "{first:?}, {second:?}");
            redis.reset("limit", None).await.unwrap();
        }
    }
}
