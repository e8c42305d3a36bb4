//! A disk that fails: nothing old is found in place of what could not be written.

use super::*;

#[tokio::test]
async fn whichever_write_fails_nothing_old_is_found() {
    for writes in 0..14 {
        let bench = Bench::new();
        let disk = bench.open().await;
        for n in 0..10 {
            disk.put(&key(n), &record("", b"old", n));
        }
        disk.settled().await;
        disk.shared.faults.set(writes, i64::MAX);
        let held = disk.hold();
        for n in 0..10 {
            disk.put(&key(n), &record("", &body(n, 2, 3000), n));
            disk.remove(&key(n + 5));
        }
        drop(held);
        disk.settled().await;
        let found = check(&disk, 10).await;
        disk.shared.faults.set(i64::MAX, i64::MAX);
        disk.close().await;
        // Five are stored, and five removed.
        assert_eq!(disk.counts().errors > 0, writes < 10, "{writes}");
        let disk = bench.open().await;
        assert_eq!(check(&disk, 10).await, found, "{writes}");
        disk.put(&key(1), &record("", b"works again", 1));
        disk.settled().await;
        assert!(disk.get(&key(1)).await.is_some());
    }
}

/// How many are found.
async fn check(disk: &Disk, keys: u64) -> usize {
    let mut found = 0;
    for n in 0..keys {
        if let Some(record) = disk.get(&key(n)).await {
            assert_eq!(record.body, body(n, 2, 3000), "{n}");
            found += 1;
        }
    }
    found
}

#[tokio::test]
async fn a_full_disk_makes_room_by_deleting_the_oldest() {
    let bench = Bench::new();
    let disk = bench.open().await;
    for n in 0..150 {
        disk.put(&key(n), &record("", &body(n, 2, 3000), n));
    }
    disk.settled().await;
    // One write fails, the next succeeds.
    let faults = &disk.shared.faults;
    let files = bench.files().len();
    faults.set(0, i64::MAX);
    faults.writes_left.store(i64::MIN, Ordering::SeqCst); // Wraps to the largest number with the write that fails.
    disk.put(&key(200), &record("", &body(200, 2, 3000), 200));
    disk.settled().await;
    assert_eq!(bench.files().len(), files - 1);
    assert!(disk.get(&key(200)).await.is_some());
    assert!(disk.get(&key(149)).await.is_some());
    assert!(disk.get(&key(0)).await.is_none());
    assert_eq!(disk.counts().errors, 0);
}

#[tokio::test]
async fn after_a_failure_the_disk_is_left_alone_for_a_while() {
    let mut bench = Bench::new();
    bench.options.pause = Duration::from_secs(3600);
    let disk = bench.open().await;
    disk.put(&key(1), &record("", b"old", 1));
    disk.settled().await;
    disk.shared.faults.set(0, i64::MAX);
    disk.put(&key(2), &record("", b"2", 2));
    disk.settled().await;
    assert!(disk.get(&key(1)).await.is_none(), "a disk that fails is emptied");
    let attempts = disk.shared.faults.writes_left.load(Ordering::SeqCst);
    disk.shared.faults.set(attempts, i64::MAX);
    disk.put(&key(3), &record("", b"3", 3));
    disk.settled().await;
    assert_eq!(disk.shared.faults.writes_left.load(Ordering::SeqCst), attempts, "nothing was tried");
    assert!(disk.get(&key(3)).await.is_none());
}

#[tokio::test]
async fn a_read_that_fails_is_a_miss() {
    let bench = Bench::new();
    let disk = bench.open().await;
    disk.put(&key(1), &record("", b"1", 1));
    disk.settled().await;
    disk.shared.faults.set(i64::MAX, 0);
    assert!(disk.get(&key(1)).await.is_none());
    assert_eq!(disk.counts().errors, 1);
}
