//! `kill -9` at any moment, and files that end anywhere.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "TIDEGATE_TEST_CACHE_FOLDER";
const ROUND: &str = "TIDEGATE_TEST_CACHE_ROUND";
const KEYS: u64 = 20;

/// The one that is killed says before each step what it will do, and after it that it was written.
#[tokio::test]
async fn what_was_written_survives_being_killed() {
    let bench = Bench::new();
    let mut last = [0_u64; KEYS as usize];
    for round in 1..=10_u64 {
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", &format!("{module}::the_one_that_is_killed")])
            .env(FOLDER, bench.folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut written = |line: String| {
            let Some(version) = line.strip_prefix("wrote ") else { return };
            let version: u64 = version.parse().unwrap();
            last[(version % KEYS) as usize] = version;
        };
        lines.by_ref().filter(|line| line.starts_with("wrote")).take(137 + 11 * round as usize).for_each(&mut written);
        child.kill().unwrap();
        child.wait().unwrap();
        lines.for_each(&mut written);
        check(&bench, &last, round).await;
    }
}

async fn check(bench: &Bench, last: &[u64; KEYS as usize], round: u64) {
    let disk = bench.open().await;
    let mut found = 0;
    for (n, version) in (0..KEYS).zip(last) {
        let Some(record) = disk.get(&key(n)).await else { continue };
        // Perhaps newer: written, but killed before it said so.
        assert!(record.sequence >= *version, "round {round}: {n} is of {}, not {version}", record.sequence);
        assert_eq!(record.body, body(n, record.sequence, 7000));
        found += 1;
    }
    assert!(found >= KEYS - 1, "round {round}: {found} were found");
    disk.close().await;
}

#[tokio::test]
#[ignore = "what_was_written_survives_being_killed runs it in a process of its own"]
async fn the_one_that_is_killed() {
    let (Ok(folder), Ok(round)) = (env::var(FOLDER), env::var(ROUND)) else { return };
    let round: u64 = round.parse().unwrap();
    let disk = Disk::open(Path::new(&folder), BYTES_LEAST).await.unwrap();
    for version in round * 1_000_000.. {
        let n = version % KEYS;
        disk.put(&key(n), &record("", &body(n, version, 7000), version));
        disk.settled().await;
        // One write of one line, so that the kill cannot cut it.
        let line = format!("\nwrote {version}\n");
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn the_newest_segment_may_end_anywhere() {
    let bench = Bench::new();
    let disk = bench.open().await;
    for n in 0..5 {
        disk.put(&key(n), &record("", &body(n, 0, 40), n));
    }
    disk.settled().await;
    let file = bench.files().pop().unwrap();
    let whole = fs::read(&file).unwrap();
    let record_bytes = whole.len() / 5;
    disk.close().await;
    for end in 0..=whole.len() {
        fs::write(&file, &whole[..end]).unwrap();
        let disk = bench.open().await;
        for n in 0..5 {
            let is_whole = (n as usize + 1) * record_bytes <= end;
            let found = disk.get(&key(n)).await.map(|record| record.body);
            assert_eq!(found, is_whole.then(|| body(n, 0, 40).into()), "{n} of a file cut to {end}");
        }
        disk.put(&key(9), &record("", b"new", 9));
        disk.close().await;
        // Twice: what was repaired is whole.
        let disk = bench.open().await;
        assert!(disk.get(&key(9)).await.is_some());
        assert_eq!(disk.get(&key(0)).await.is_some(), record_bytes <= end);
        disk.close().await;
    }
}

#[tokio::test]
async fn zeros_that_a_power_cut_left_are_an_end() {
    let bench = Bench::new();
    let disk = bench.open().await;
    for n in 0..5 {
        disk.put(&key(n), &record("", &body(n, 0, 400), n));
    }
    disk.settled().await;
    let file = bench.files().pop().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    disk.close().await;
    let end = bytes.len() / 5 * 3;
    bytes[end..].fill(0);
    fs::write(&file, &bytes).unwrap();
    let disk = bench.open().await;
    for n in 0..5 {
        assert_eq!(disk.get(&key(n)).await.is_some(), n < 3, "{n}");
    }
}
