//! What is stored is found, within the bounds.

use super::*;

#[tokio::test]
async fn what_is_stored_is_found_and_survives_a_restart() {
    let bench = Bench::new();
    let disk = bench.open().await;
    assert!(disk.get(&key(1)).await.is_none());
    disk.put(&key(1), &record("one", b"first", 1));
    disk.put(&key(2), &record("two", b"", 2));
    disk.settled().await;
    assert_eq!(disk.seen(&key(1)).await, Some(("one".to_owned(), Bytes::from_static(b"first"), 1)));
    disk.put(&key(1), &record("one", b"second", 3));
    disk.close().await;
    assert_eq!(disk.seen(&key(1)).await, Some(("one".to_owned(), Bytes::from_static(b"second"), 3)), "after close");
    let counts = Counts { hits: 2, misses: 1, writes: 3, dropped: 0, errors: 0 };
    assert_eq!(disk.counts(), counts);
    let disk = bench.open().await;
    assert_eq!(disk.seen(&key(1)).await, Some(("one".to_owned(), Bytes::from_static(b"second"), 3)));
    assert_eq!(disk.seen(&key(2)).await, Some(("two".to_owned(), Bytes::new(), 2)));
}

#[tokio::test]
async fn what_is_removed_is_gone_when_the_call_returns_and_stays_gone() {
    let bench = Bench::new();
    let disk = bench.open().await;
    for n in 0..100 {
        disk.put(&key(n), &record("", b"there", n));
    }
    disk.settled().await;
    let held = disk.hold();
    for n in 0..50 {
        disk.remove(&key(n));
        assert!(disk.get(&key(n)).await.is_none(), "{n}");
    }
    // On its way when it is removed.
    disk.put(&key(200), &record("", b"new", 200));
    disk.remove(&key(200));
    drop(held);
    disk.close().await;
    for restart in 0..4 {
        let disk = bench.open().await;
        for n in 0..100 {
            assert_eq!(disk.get(&key(n)).await.is_some(), n >= 50, "{n} after restart {restart}");
        }
        assert!(disk.get(&key(200)).await.is_none());
        disk.put(&key(300), &record("", b"something", restart));
        disk.close().await;
    }
}

#[tokio::test]
async fn stored_again_after_a_removal_it_is_found() {
    let bench = Bench::new();
    let disk = bench.open().await;
    disk.put(&key(1), &record("", b"old", 1));
    disk.remove(&key(1));
    disk.put(&key(1), &record("", b"new", 2));
    disk.close().await;
    assert_eq!(&disk.get(&key(1)).await.unwrap().body[..], b"new");
    assert_eq!(&bench.open().await.get(&key(1)).await.unwrap().body[..], b"new");
}

#[tokio::test]
async fn the_files_stay_below_the_bound_and_the_oldest_go_first() {
    let bench = Bench::new();
    let disk = bench.open().await;
    for n in 0..2000 {
        disk.put(&key(n), &record("", &body(n, 0, 5000), n));
        if n % 10 == 0 {
            disk.settled().await;
            assert!(bench.bytes() <= BYTES_LEAST, "{} bytes", bench.bytes());
        }
    }
    disk.settled().await;
    let mut found = Vec::new();
    for n in 0..2000 {
        if let Some(record) = disk.get(&key(n)).await {
            assert_eq!(record.body, body(n, 0, 5000));
            found.push(n);
        }
    }
    assert!(found.len() > 140 && found.len() < 210, "{}", found.len());
    assert!(found.iter().copied().eq(2000 - found.len() as u64..2000), "{found:?}");
    disk.close().await;
    assert!(bench.bytes() <= BYTES_LEAST);
}

#[tokio::test]
async fn many_restarts_cost_nothing() {
    let bench = Bench::new();
    for n in 0..200 {
        let disk = bench.open().await;
        disk.put(&key(n), &record("", &body(n, 0, 1000), n));
        disk.close().await;
    }
    let disk = bench.open().await;
    for n in 0..200 {
        assert_eq!(disk.get(&key(n)).await.unwrap().body, body(n, 0, 1000));
    }
    assert_eq!(bench.files().len(), 2, "a segment has 128 entries");
}

#[tokio::test]
async fn small_responses_are_charged_for_the_index() {
    let bench = Bench::new();
    let disk = bench.open().await;
    for n in 0..3000 {
        disk.put(&key(n), &record("", b"", n));
    }
    disk.settled().await;
    let mut found = 0;
    for n in 0..3000 {
        found += u64::from(disk.get(&key(n)).await.is_some());
    }
    assert!(found <= BYTES_LEAST / ENTRY_BYTES_LEAST && found > 300, "{found}");
}

#[tokio::test]
async fn a_body_of_sixteen_mebibytes_fits_and_a_larger_one_is_refused() {
    let bench = Bench::of(128 << 20);
    let disk = bench.open().await;
    let largest = Bytes::from(body(1, 1, BODY_BYTES_MAX));
    disk.put(&key(1), &record("", &largest, 1));
    disk.settled().await;
    assert!(disk.get(&key(1)).await.unwrap().body == largest);
    disk.put(&key(1), &record("", &vec![0; BODY_BYTES_MAX + 1], 2));
    assert!(disk.get(&key(1)).await.is_none(), "the old one is superseded all the same");
    assert_eq!(disk.counts().dropped, 1);
    disk.close().await;
    assert!(bench.open().await.get(&key(1)).await.is_none());
}

#[tokio::test]
async fn what_is_larger_than_a_segment_is_refused() {
    let bench = Bench::new();
    let disk = bench.open().await;
    disk.put(&key(1), &record("", b"small", 1));
    disk.put(&key(1), &record("", &vec![0; BYTES_LEAST as usize / 4], 2));
    disk.settled().await;
    assert!(disk.get(&key(1)).await.is_none());
    assert_eq!(disk.counts().dropped, 1);
    disk.put(&key(1), &record("", b"small again", 3));
    disk.settled().await;
    assert!(disk.get(&key(1)).await.is_some());
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_the_old_response_is_not_found() {
    let mut bench = Bench::new();
    bench.options.queue_bytes_max = 20_000;
    let disk = bench.open().await;
    for n in 0..10 {
        disk.put(&key(n), &record("", b"old", n));
        disk.settled().await;
    }
    let held = disk.hold();
    for n in 0..10 {
        disk.put(&key(n), &record("", &body(n, 1, 4000), n));
        assert!(disk.get(&key(n)).await.is_none());
    }
    drop(held);
    disk.settled().await;
    assert_eq!(disk.counts().dropped, 7);
    disk.close().await;
    let again = bench.open().await;
    for n in 0..10 {
        let found = [disk.get(&key(n)).await, again.get(&key(n)).await].map(|found| found.map(|record| record.body));
        let expected = (n < 3).then(|| Bytes::from(body(n, 1, 4000)));
        assert_eq!(found, [expected.clone(), expected], "{n}");
    }
}

#[tokio::test]
async fn too_many_removals_forget_everything() {
    let bench = Bench::new();
    let disk = bench.open().await;
    disk.put(&key(0), &record("", b"kept", 0));
    disk.settled().await;
    let held = disk.hold();
    for n in 0..70_000 {
        disk.put(&key(1), &record("", b"", n));
        disk.remove(&key(1));
    }
    assert!(disk.get(&key(0)).await.is_none());
    disk.put(&key(2), &record("", b"new", 2));
    drop(held);
    disk.settled().await;
    disk.close().await;
    let disk = bench.open().await;
    assert!(disk.get(&key(0)).await.is_none());
    assert!(disk.get(&key(1)).await.is_none());
}

#[tokio::test]
async fn of_keys_with_one_hash_neither_gets_the_others_response() {
    let bench = Bench::new();
    let disk = bench.open().await;
    disk.put(&key(1), &record("", b"of key 1", 1));
    disk.settled().await;
    let place = disk.shared.index.find(record::hash(&key(1))).unwrap();
    // As if key 2 had the same hash.
    disk.shared.index.recover(record::hash(&key(2)), Some(place));
    assert!(disk.get(&key(2)).await.is_none());
    assert!(disk.get(&key(1)).await.is_some());
    assert_eq!(disk.counts().errors, 0);
}

#[tokio::test]
async fn after_close_nothing_is_stored_and_removals_count() {
    let bench = Bench::new();
    let disk = bench.open().await;
    disk.put(&key(1), &record("", b"1", 1));
    disk.put(&key(2), &record("", b"2", 2));
    disk.close().await;
    disk.close().await;
    disk.put(&key(1), &record("", b"new", 3));
    disk.remove(&key(2));
    assert!(disk.get(&key(1)).await.is_none());
    assert!(disk.get(&key(2)).await.is_none());
    assert_eq!(disk.counts().dropped, 1);
}

#[tokio::test]
async fn many_threads_with_runtimes_of_their_own_share_it() {
    let bench = Bench::of(64 << 20);
    let disk = Arc::new(bench.open().await);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let disk = disk.clone();
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    for n in 0..300 {
                        let (mine, shared) = (1000 * (thread + 1) + n, n % 10);
                        disk.put(&key(mine), &record("", &body(mine, 0, 3000), n));
                        disk.put(&key(shared), &record("", &body(shared, thread, 3000), n));
                        if n % 7 == 0 {
                            disk.remove(&key(shared));
                        }
                        if let Some(found) = disk.get(&key(shared)).await {
                            assert!((0..4).any(|thread| found.body == body(shared, thread, 3000)));
                        }
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    disk.settled().await;
    for mine in (1..=4).flat_map(|thread| (0..300).map(move |n| 1000 * thread + n)) {
        assert_eq!(disk.get(&key(mine)).await.unwrap().body, body(mine, 0, 3000));
    }
    let mut after = Vec::new();
    for n in 0..10 {
        after.push(disk.get(&key(n)).await.map(|record| record.body));
    }
    disk.close().await;
    let disk = bench.open().await;
    for (n, before) in after.into_iter().enumerate() {
        assert_eq!(disk.get(&key(n as u64)).await.map(|record| record.body), before, "{n}");
    }
}
