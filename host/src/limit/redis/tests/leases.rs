//! Slices that several nodes take of one quota in Redis.

use std::time::Instant;

use super::*;

#[tokio::test]
#[ignore = "needs redis-server"]
async fn slices_grow_while_they_are_used_up() {
    let server = Server::start();
    let redis = open(&server);
    let take = take(daily(1000));
    assert_eq!(redis.taken(leased("limit", &take), 500).await, 500);
    let counts = redis.counts();
    assert!(counts.round_trips <= 14, "{counts:?}");
    assert_eq!(counts.lease_hits + counts.lease_refills, 500);
    assert_eq!(server.calls("evalsha"), counts.round_trips);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_not_used_comes_back() {
    let server = Server::start();
    let (here, there) = (open(&server), open(&server));
    let take = take(daily(1000));
    assert_eq!(here.taken(leased("limit", &take), 100).await, 100);
    assert!(there.left("limit", &take).await < 900);
    there.until_left("limit", &take, 900).await;
    until(async || here.counts().leases == 0).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn all_of_it_is_used_and_refusals_are_not_asked_for() {
    let server = Server::start();
    let (here, there) = (open(&server), open(&server));
    let take = take(daily(200));
    let mut taken = 0;
    for n in 0..400 {
        let node = if n % 3 == 0 { &there } else { &here };
        taken += node.taken(leased("limit", &take), 1).await;
    }
    // A reserve of one, and what a node holds.
    assert!((190..=199).contains(&taken), "{taken}");
    let asked = here.counts().asked;
    assert_eq!(here.taken(leased("limit", &take), 10_000).await, 0);
    assert!(here.counts().asked - asked <= 20, "{:?}", here.counts());
    assert!(here.counts().lease_refusals > 9000);
    let verdict = here.take(&[leased("limit", &take)], Need::All).await.unwrap()[0];
    let Decision::Refused(wait) = verdict.decision else { panic!("{verdict:?}") };
    assert!(wait > Duration::from_secs(400) && wait <= Duration::from_secs(432), "{wait:?}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_comes_while_one_asks_waits_for_that_answer() {
    let server = Server::start();
    let redis = std::sync::Arc::new(open(&server));
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let asking: Vec<_> = (0..100)
                .map(|_| {
                    let redis = redis.clone();
                    tokio::task::spawn_local(async move {
                        let take = take(daily(1000));
                        redis.taken(leased("limit", &take), 1).await
                    })
                })
                .collect();
            for asked in asking {
                assert_eq!(asked.await.unwrap(), 1);
            }
        })
        .await;
    assert!(redis.counts().asked <= 8, "{:?}", redis.counts());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_slice_and_the_other_quotas_of_a_request_are_one_round_trip() {
    let server = Server::start();
    let redis = open(&server);
    let (quota, window) = (take(daily(1000)), take(Quota::sliding_window(3, HOUR).unwrap()));
    let orders = [leased("leased", &quota), order("window", &window)];
    for expected in ["tt", "tt", "tt", "sr", "sr"] {
        assert_eq!(decisions(&redis.take(&orders, Need::All).await.unwrap()), expected);
    }
    assert_eq!(redis.counts().round_trips, 5);
    // What was refused has taken nothing, and what was asked for ahead is used or comes back.
    redis.until_left("leased", &quota, 997).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn all_or_one_of_several_leases() {
    let server = Server::start();
    let redis = open(&server);
    let (large, small) = (take(daily(1000)), take(daily(32)));
    let shadow = Take { is_shadow: true, ..small.clone() };
    let all = [leased("large", &large), leased("small", &small)];
    let mut taken = 0;
    while decisions(&redis.take(&all, Need::All).await.unwrap()) == "tt" {
        taken += 1;
    }
    assert_eq!(taken, 31, "a reserve of one");
    let asked = redis.counts().asked;
    for _ in 0..100 {
        assert_eq!(decisions(&redis.take(&all, Need::All).await.unwrap()), "sr");
    }
    assert_eq!(redis.counts().asked, asked);
    for (orders, need, expected) in [
        ([leased("small", &small), leased("large", &large)], Need::Any, "rt"),
        ([leased("large", &large), leased("small", &small)], Need::Any, "ts"),
        ([leased("small", &shadow), leased("large", &large)], Need::All, "rt"),
    ] {
        assert_eq!(decisions(&redis.take(&orders, need).await.unwrap()), expected);
    }
    redis.until_left("large", &large, 1000 - taken - 3).await;
    // One that is asked for stands before one that is at hand.
    let window = take(Quota::sliding_window(1, HOUR).unwrap());
    let orders = [order("window", &window), leased("large", &large)];
    for expected in ["ts", "rt", "rt", "rt"] {
        assert_eq!(decisions(&redis.take(&orders, Need::Any).await.unwrap()), expected);
    }
    redis.until_left("large", &large, 1000 - taken - 6).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_reset_forgets_what_was_leased() {
    let server = Server::start();
    let redis = open(&server);
    let take = take(daily(100));
    while redis.taken(leased("limit", &take), 1).await == 1 {}
    redis.reset("limit", Some(&take.key)).await.unwrap();
    assert_eq!(redis.taken(leased("limit", &take), 50).await, 50);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_slice_is_used_while_redis_is_away() {
    let server = Server::start();
    let redis = open(&server);
    let take = take(daily(10_000));
    redis.taken(leased("limit", &take), 1500).await;
    drop(server);
    let mut taken = 0;
    while redis.take(&[leased("limit", &take)], Need::All).await.is_ok() {
        taken += 1;
    }
    assert!(taken > 100, "{taken}");
}

/// Three nodes, of which one has most of the requests, another a tenth of it and the last one hardly any.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn three_nodes_use_the_quota_and_no_more() {
    const SECONDS: u64 = 3;
    let server = Server::start();
    let quota = Quota::gcra(5000, Duration::from_secs(1), 4999).unwrap();
    let started = Instant::now();
    let nodes: Vec<_> = [12, 2, 0]
        .into_iter()
        .map(|per_ms| {
            let redis = open(&server);
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let taken = runtime.block_on(async {
                    let (take, mut taken, mut len) = (take(quota), 0, 0);
                    for tick in 0..SECONDS * 1000 {
                        let some = if tick % 100 == 0 { per_ms + 1 } else { per_ms };
                        for _ in 0..some {
                            let verdicts = redis.take(&[leased("limit", &take)], Need::All).await;
                            taken += usize::from(verdicts.is_ok_and(|verdicts| verdicts[0].is_taken()));
                        }
                        len += some;
                        tokio::time::sleep_until((started + Duration::from_millis(tick)).into()).await;
                    }
                    (taken, len)
                });
                (taken, redis.counts())
            })
        })
        .collect();
    let seen: Vec<_> = nodes.into_iter().map(|node| node.join().unwrap()).collect();
    let allowed = 5000.0 + 5000.0 * started.elapsed().as_secs_f64();
    let taken: usize = seen.iter().map(|((taken, _), _)| taken).sum();
    let len: usize = seen.iter().map(|((_, len), _)| len).sum();
    let asked = server.calls("evalsha");
    assert!(taken as f64 <= allowed, "{taken} of {allowed}");
    // How much exactly, says the simulation; here the machine may be busy with something else.
    assert!(taken as f64 >= 0.9 * allowed, "{taken} of {allowed}");
    assert!(asked * 100 <= len as u64, "{asked} of {len}");
}
