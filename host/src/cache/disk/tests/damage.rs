//! Files in which bits have changed, that are cut, or gone: what is found is what was stored last, or nothing.

use std::fs;
use std::os::unix::fs::FileExt;

use super::*;

const KEYS: u64 = 60;
const VERSIONS: u64 = 5;

/// Every key several times, and every seventh removed in the end.
async fn fill(disk: &Disk) {
    for version in 1..=VERSIONS {
        for n in 0..KEYS {
            disk.put(&key(n), &record("", &body(n, version, 2500), version));
        }
        disk.settled().await;
    }
    (0..KEYS).step_by(7).for_each(|n| disk.remove(&key(n)));
}

/// How many are found.
async fn check(disk: &Disk, what: &str) -> usize {
    let mut found = 0;
    for n in 0..KEYS {
        let Some(record) = disk.get(&key(n)).await else { continue };
        assert_eq!((record.sequence, n % 7 != 0), (VERSIONS, true), "{what}: {n}");
        assert_eq!(record.body, body(n, VERSIONS, 2500), "{what}: {n}");
        found += 1;
    }
    found
}

fn flip(path: &Path, at: u64, bit: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    byte[0] ^= 1 << (bit % 8);
    file.write_all_at(&byte, at).unwrap();
}

#[tokio::test]
async fn flipped_bits_are_misses_after_a_restart_and_before() {
    let mut all = 0;
    for seed in 1..=60_u64 {
        let bench = Bench::new();
        let mut disk = bench.open().await;
        fill(&disk).await;
        let is_restarted = seed % 2 == 0;
        disk.settled().await;
        if is_restarted {
            disk.close().await;
        }
        let mut state = seed;
        for _ in 0..=seed % 20 {
            let files = bench.files();
            let file = &files[random(&mut state) as usize % files.len()];
            let length = file.metadata().unwrap().len();
            flip(file, random(&mut state) % length, random(&mut state));
        }
        if is_restarted {
            disk = bench.open().await;
        }
        all += check(&disk, &format!("seed {seed}")).await;
        // And it still works.
        disk.put(&key(1), &record("", &body(1, VERSIONS, 2500), VERSIONS));
        disk.settled().await;
        assert!(disk.get(&key(1)).await.is_some(), "seed {seed}");
    }
    assert!(all > 500, "only {all} of {} were found", 60 * KEYS);
}

#[tokio::test]
async fn one_damaged_body_costs_one_response() {
    let bench = Bench::new();
    let disk = bench.open().await;
    fill(&disk).await;
    disk.close().await;
    let place = disk.shared.index.find(record::hash(&key(1))).unwrap();
    let file = bench.folder.path().join(segment::name(place.segment));
    flip(&file, u64::from(place.offset + place.length - 1), 3);
    let disk = bench.open().await;
    assert_eq!(check(&disk, "").await, 60 - 9 - 1);
    assert!(disk.get(&key(1)).await.is_none());
    assert_eq!(disk.counts().errors, 1, "found once, forgotten then");
}

/// Of the segment that was being written there is no list: where a header is damaged, all behind it is lost, and with it
/// what it superseded.
#[tokio::test]
async fn a_damaged_header_where_there_is_no_list_costs_all_that_is_older() {
    let bench = Bench::new();
    let disk = bench.open().await;
    fill(&disk).await;
    disk.settled().await;
    // As if the process was killed now.
    let copy = Bench::new();
    for file in bench.files() {
        fs::copy(&file, copy.folder.path().join(file.file_name().unwrap())).unwrap();
    }
    fs::copy(bench.folder.path().join("tidegate-cache"), copy.folder.path().join("tidegate-cache")).unwrap();
    let again = copy.open().await;
    assert_eq!(check(&again, "whole").await, 60 - 9);
    again.close().await;
    let newest = bench.files().pop().unwrap();
    fs::copy(&newest, copy.folder.path().join(newest.file_name().unwrap())).unwrap();
    flip(&copy.files().pop().unwrap(), 30, 0);
    let again = copy.open().await;
    assert_eq!(check(&again, "damaged").await, 0);
    again.put(&key(1), &record("", &body(1, VERSIONS, 2500), VERSIONS));
    again.settled().await;
    assert_eq!(check(&again, "after it").await, 1);
}

/// Each file in turn, damaged as a whole.
#[tokio::test]
async fn files_may_be_cut_emptied_or_gone() {
    for (case, damage) in [
        ("cut", (|path| fs::File::options().write(true).open(path).unwrap().set_len(70_000).unwrap()) as fn(&Path)),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("gone", |path| fs::remove_file(path).unwrap()),
        ("zero", |path| fs::write(path, vec![0; 200_000]).unwrap()),
        ("other", |path| fs::write(path, vec![0x55; 200_000]).unwrap()),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ] {
        for file in 0.. {
            let bench = Bench::new();
            let disk = bench.open().await;
            fill(&disk).await;
            disk.close().await;
            let files = bench.files();
            let Some(path) = files.get(file) else { break };
            damage(path);
            let Ok(disk) = Disk::open_with(bench.folder.path(), bench.options).await else {
                assert_eq!(case, "a folder");
                continue;
            };
            // The newest one's end may be missing; of the others, nothing that it superseded is found.
            if file + 1 < files.len() {
                check(&disk, &format!("{case}: file {file}")).await;
            }
        }
    }
}
