//! What it opens, and what it refuses, in a sentence.

use std::fs;

use super::*;

async fn refusal(path: &Path) -> String {
    match Disk::open(path, 64 << 20).await {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn a_folder_is_made() {
    let folder = TempDir::new().unwrap();
    let disk = Disk::open(&folder.path().join("a/b"), 64 << 20).await.unwrap();
    disk.put(&key(1), &record("", b"1", 1));
    disk.settled().await;
    assert!(disk.get(&key(1)).await.is_some());
}

#[tokio::test]
async fn a_folder_in_use_is_refused_until_it_is_closed() {
    let bench = Bench::new();
    let disk = bench.open().await;
    let refusal = refusal(bench.folder.path()).await;
    assert!(refusal.contains("in use by another process"), "{refusal}");
    disk.close().await;
    bench.open().await;
}

#[tokio::test]
async fn a_folder_of_somebody_else_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let refusal = refusal(folder.path()).await;
    assert!(refusal.contains("not a cache folder"), "{refusal}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let refusal = refusal(&file).await;
    assert!(refusal.starts_with("cannot use the cache folder"), "{refusal}");
}

#[tokio::test]
async fn another_version_is_refused_and_left_alone() {
    let bench = Bench::new();
    bench.open().await.close().await;
    let mark = bench.folder.path().join("tidegate-cache");
    for found in ["tidegate cache 2\n", "tidegate cache 1", "\u{fffd}"] {
        fs::write(&mark, found).unwrap();
        let refusal = refusal(bench.folder.path()).await;
        assert!(refusal.contains("written by another version"), "{refusal}");
        assert_eq!(fs::read_to_string(&mark).unwrap(), found);
    }
}

#[tokio::test]
async fn too_little_room_is_refused() {
    let folder = TempDir::new().unwrap();
    let error = Disk::open(folder.path(), BYTES_LEAST - 1).await.err().unwrap();
    assert!(matches!(error, DiskError::Small { .. }), "{error}");
}

#[tokio::test]
async fn less_room_than_before_forgets_the_oldest() {
    let mut bench = Bench::of(4 << 20);
    let disk = bench.open().await;
    for n in 0..400 {
        disk.put(&key(n), &record("", &body(n, 0, 9000), n));
    }
    disk.close().await;
    bench.options.bytes_max = 2 << 20;
    let disk = bench.open().await;
    assert!(bench.bytes() <= 2 << 20);
    assert!(disk.get(&key(0)).await.is_none());
    assert_eq!(disk.get(&key(399)).await.unwrap().body, body(399, 0, 9000));
}

#[tokio::test]
async fn a_start_without_time_is_an_empty_one() {
    let mut bench = Bench::new();
    let disk = bench.open().await;
    disk.put(&key(1), &record("", b"1", 1));
    disk.close().await;
    bench.options.recover_time_max = Duration::ZERO;
    let disk = bench.open().await;
    assert!(disk.get(&key(1)).await.is_none());
    disk.put(&key(1), &record("", b"2", 2));
    disk.settled().await;
    assert!(disk.get(&key(1)).await.is_some());
}
