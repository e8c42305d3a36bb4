//! A Redis that is away, silent or forgetful.

use std::time::Instant;

use super::*;

const TIMEOUT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_silent_server_is_asked_five_times_and_then_not() {
    let redis = Redis::open(options(serve_with(stall), TIMEOUT)).unwrap();
    let take = take(daily(10));
    let started = Instant::now();
    for _ in 0..105 {
        assert_eq!(redis.one("limit", &take).await, Err(Down));
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let counts = Counts { round_trips: redis.counts().round_trips, ..redis.counts() };
    assert_eq!((counts.asked, counts.failed, counts.skipped, counts.opened), (5, 5, 100, 1));
}

#[tokio::test]
async fn nobody_waits_longer_than_the_timeout() {
    let redis = Redis::open(options(serve_with(stall), TIMEOUT)).unwrap();
    let (each, by_lease) = (take(daily(10)), take(daily(1000)));
    let waits = (0..50).map(async |n| {
        let started = Instant::now();
        let orders = [order("each", &each), leased("leased", &by_lease)];
        assert_eq!(redis.take(&orders[n % 2..], Need::All).await, Err(Down));
        started.elapsed()
    });
    for wait in futures_all(waits).await {
        // And what a busy machine adds.
        assert!(wait < TIMEOUT * 20, "{wait:?}");
    }
}

/// Waits for all at the same time.
async fn futures_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in &mut pending {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if pending.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    pending.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_script_that_was_forgotten_is_told_again() {
    let server = Server::start();
    let redis = open(&server);
    let take = take(daily(10));
    for left in [9, 8, 7] {
        assert_eq!(redis.one("limit", &take).await.unwrap().remaining, left);
        let _: () = server.ask("SCRIPT", "FLUSH", &[]);
    }
    assert_eq!((redis.counts().failed, redis.counts().round_trips), (0, 3));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_that_is_killed_and_comes_back_is_used_again() {
    let server = Server::start();
    let port = server.port;
    let redis = open(&server);
    let (quota, flying) = (take(daily(10)), take(in_flight(10, HOUR)));
    let orders = [order("quota", &quota), order("flying", &flying)];
    assert_eq!(decisions(&redis.take(&orders, Need::All).await.unwrap()), "tt");
    drop(server);
    let started = Instant::now();
    for _ in 0..50 {
        assert_eq!(redis.take(&orders, Need::All).await, Err(Down));
    }
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    assert_eq!((redis.counts().opened, redis.counts().skipped), (1, 45));
    redis.land("flying", &flying.key, &flying.quota, 1);
    let _server = Server::start_on(port);
    until(async || redis.one("quota", &quota).await.is_ok_and(|verdict| verdict.remaining == 9)).await;
    assert_eq!(decisions(&redis.take(&orders, Need::All).await.unwrap()), "tt");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_is_answered_too_late_is_put_in_order() {
    let server = Server::start();
    let redis = Redis::open(options(server.port, Duration::from_millis(200))).unwrap();
    let (flying, held) = (take(in_flight(10, HOUR)), take(daily(1000)));
    redis.taken(order("flying", &flying), 1).await;
    redis.taken(leased("held", &held), 7).await;
    server.signal("-STOP");
    for orders in [[order("flying", &flying)], [leased("held", &held)]] {
        assert_eq!(redis.take(&orders, Need::All).await, Err(Down));
    }
    server.signal("-CONT");
    redis.until_left("flying", &flying, 9).await;
    // The slice that came late is used.
    let asked = redis.counts().asked;
    assert_eq!(redis.taken(leased("held", &held), 8).await, 8);
    assert_eq!(redis.counts().asked, asked);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_goes_away_while_asking_leaves_no_place_taken() {
    let server = Server::start();
    let redis = open(&server);
    let flying = take(in_flight(10, HOUR));
    let orders = [order("flying", &flying)];
    redis.taken(orders[0], 1).await;
    for _ in 0..40 {
        let asking = redis.take(&orders, Need::All);
        let _ = tokio::time::timeout(Duration::from_micros(fastrand::u64(1..400)), asking).await.map(|verdicts| {
            verdicts
                .unwrap()
                .iter()
                .filter(|verdict| verdict.is_taken())
                .for_each(|_| redis.land("flying", &flying.key, &flying.quota, 1));
        });
    }
    redis.until_left("flying", &flying, 9).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_that_stands_still_is_left_alone_and_used_again() {
    let server = Server::start();
    let redis = Redis::open(options(server.port, TIMEOUT)).unwrap();
    let take = take(daily(1000));
    until(async || redis.one("limit", &take).await.is_ok()).await;
    server.signal("-STOP");
    let started = Instant::now();
    for _ in 0..200 {
        assert_eq!(redis.one("limit", &take).await, Err(Down));
    }
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    server.signal("-CONT");
    until(async || redis.one("limit", &take).await.is_ok()).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_server_that_refuses_is_down() {
    let server = Server::start();
    let redis = open(&server);
    let take = take(daily(1000));
    assert!(redis.one("limit", &take).await.is_ok());
    let _: () = server.ask("CONFIG", "SET", &[b"maxmemory", b"1"]);
    for _ in 0..10 {
        assert_eq!(redis.one("limit", &take).await, Err(Down));
    }
    assert_eq!((redis.counts().failed, redis.counts().opened), (5, 1));
}
