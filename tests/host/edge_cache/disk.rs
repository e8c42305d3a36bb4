//! The disk: what is stored survives restarts and kill -9, damage is a miss, and a disk that fails harms nothing.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Answer, Host, Setup, Trial, tests, wait_for};

use super::purge::order;
use super::{Origin, ask, edge, is_hit, is_no_hit, response, status};

pub fn tests() -> Vec<Trial> {
    let mut all = tests!(
        "edge_cache",
        needs [],
        what_is_stored_survives_a_restart,
        what_is_stored_survives_kill_9,
        memory_that_is_too_small_is_helped_by_the_disk,
        the_disk_is_bounded,
        damage_is_a_miss,
        damage_while_it_runs_is_a_miss,
        purges_survive_kill_9,
        invalidations_survive_a_restart,
        a_folder_is_for_one_at_a_time,
        a_folder_that_cannot_be_used_is_told,
    );
    let full = Trial::test("edge_cache::a_full_disk_harms_nothing", || {
        a_full_disk_harms_nothing();
        Ok(())
    });
    all.push(match can_mount() {
        true => full,
        false => full.with_kind("needs the right to mount").with_ignored_flag(true),
    });
    all
}

const DISK: &str = "[cache_store]\ndisk = { path = \"cache\", size = \"64MiB\" }";
const WRITES: &str = "tidegate_cache_disk_writes_total";
const HITS: &str = "tidegate_cache_disk_hits_total";
const COUNT: usize = 40;

/// What is at `/NUMBER`: a body that tells which it is, all over, and longer for higher numbers.
fn body(number: usize) -> String {
    format!("this is {number:04}; ").repeat(1 + number * 10)
}

/// An origin of such bodies, those with odd numbers by encoding; their tags say the number.
fn numbered() -> Origin {
    Origin::answering(|request, _| {
        let number: usize = request.target[1..].parse().unwrap();
        let vary = if number % 2 == 1 { "\nvary: x-kind" } else { "" };
        response(&format!("cache-control: max-age=3600\nage: 100\ncache-tag: n{number}{vary}"), body(number))
    })
}

fn get(host: &Host, number: usize) -> Answer {
    let answer = ask(host, &format!("/{number}"), &[("x-kind", "k")]);
    assert!(answer.status == 200 && answer.text() == body(number), "{number}: {answer:?}");
    answer
}

/// Fetches them all, and waits until they are on disk; markers are written too.
fn fill(host: &Host) {
    (0..COUNT).for_each(|number| is_no_hit(&get(host, number)));
    wait_for_writes(host, COUNT + COUNT / 2);
}

fn wait_for_writes(host: &Host, count: usize) {
    host.wait_for_metric(WRITES, &[], count as f64);
}

fn survives(end: impl Fn(Host)) {
    let origin = numbered();
    let setup = edge(&origin.server, DISK);
    let host = setup.start();
    fill(&host);
    end(host);
    for _ in 0..2 {
        let host = setup.start();
        for number in 0..COUNT {
            let answer = get(&host, number);
            is_hit(&answer);
            // Time has not stood still meanwhile.
            let age: u64 = answer.header("age").unwrap().parse().unwrap();
            assert!((100..3600).contains(&age), "{age}");
        }
        assert_eq!(origin.asked(), COUNT);
        assert!(host.metrics().sum(HITS, &[]) >= COUNT as f64);
        end(host);
    }
}

fn what_is_stored_survives_a_restart() {
    survives(|host| assert_eq!(host.stop().code, Some(0)));
}

fn what_is_stored_survives_kill_9() {
    survives(|host| assert_eq!(host.kill().code, None));
}

fn memory_that_is_too_small_is_helped_by_the_disk() {
    const BODY: usize = 100 * 1024;
    let origin = Origin::answering(|request, _| {
        response("cache-control: max-age=3600", format!("{:04}", &request.target[1..]).repeat(BODY / 4))
    });
    // 40 times 100 KiB do not fit.
    let host = edge(&origin.server, &format!("{DISK}\nmemory = \"1MiB\"")).start();
    let get =
        |number: usize| ask(&host, &format!("/{number:04}"), &[]).is(200, &format!("{number:04}").repeat(BODY / 4));
    (0..COUNT).for_each(get);
    wait_for_writes(&host, COUNT);
    (0..COUNT).for_each(get);
    assert_eq!(origin.asked(), COUNT);
    let metrics = host.metrics();
    assert!(metrics.sum(HITS, &[]) >= (COUNT / 2) as f64);
    assert!(metrics.sum("tidegate_cache_memory_bytes", &[]) <= 1_048_576.0);
}

fn the_disk_is_bounded() {
    const BODY: usize = 1 << 20;
    let origin = Origin::answering(|request, _| {
        response("cache-control: max-age=3600", format!("{:04}", &request.target[1..]).repeat(BODY / 4))
    });
    let host = edge(&origin.server, &format!("{DISK}\nmemory = \"1MiB\"")).start();
    let get = |number: usize| {
        let answer = ask(&host, &format!("/{number:04}"), &[]);
        assert!(answer.text() == format!("{number:04}").repeat(BODY / 4), "{number}");
        answer
    };
    // More than there is room for; not so fast that the queue overflows.
    for number in 0..100 {
        get(number);
        wait_for_writes(&host, number + 1);
    }
    let files = fs::read_dir(host.setup().folder().join("cache")).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!((32 << 20..=64 << 20).contains(&bytes), "{bytes}");
    // What came last is there, and what came first made room for it.
    (90..100).for_each(|number| is_hit(&get(number)));
    is_no_hit(&get(0));
    assert_eq!(host.metrics().sum("tidegate_cache_disk_dropped_total", &[]), 0.0);
}

/// Files of the cache that have something in them, but for the file of purges and the folder's mark.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| fs::metadata(path).unwrap().len() > 1000).collect();
    files.sort();
    files
}

/// A random number, and the next ones: the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Changes one bit in each of so many places.
fn damage(folder: &Path, random: &mut Random, places: usize) {
    let files = segments(folder);
    assert!(!files.is_empty());
    for _ in 0..places {
        let path = &files[random.below(files.len() as u64) as usize];
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let (at, mut byte) = (random.below(file.metadata().unwrap().len()), [0]);
        file.read_exact_at(&mut byte, at).unwrap();
        byte[0] ^= 1 << random.below(8);
        file.write_all_at(&byte, at).unwrap();
    }
}

fn damage_is_a_miss() {
    let origin = numbered();
    let setup = edge(&origin.server, DISK);
    let folder = setup.folder().join("cache");
    let mut random = Random(1);
    let host = setup.start();
    fill(&host);
    host.kill();
    for round in 0..6 {
        // From a single bit to so many that hardly anything is left.
        damage(&folder, &mut random, 1 << (2 * round));
        let host = setup.start();
        let before = origin.asked();
        // Whatever is served is what the origin would have sent: see `get`.
        (0..COUNT).for_each(|number| drop(get(&host, number)));
        eprintln!("edge_cache: {} bits damaged, {} of {COUNT} lost", 1 << (2 * round), origin.asked() - before);
        if round % 2 == 0 {
            host.stop();
        } else {
            host.kill();
        }
    }
    // A file that is cut off, or not of a cache at all.
    for path in segments(&folder) {
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    }
    let host = setup.start();
    (0..COUNT).for_each(|number| drop(get(&host, number)));
}

fn damage_while_it_runs_is_a_miss() {
    let origin = numbered();
    // Nearly nothing is in memory.
    let setup = edge(&origin.server, &format!("{DISK}\nmemory = \"1MiB\""));
    let host = setup.start();
    fill(&host);
    host.kill();
    let host = setup.start();
    damage(&setup.folder().join("cache"), &mut Random(2), 200);
    (0..COUNT).for_each(|number| drop(get(&host, number)));
    assert!(host.metrics().sum("tidegate_cache_disk_errors_total", &[]) > 0.0);
    let lost = origin.asked() - COUNT;
    assert!(lost > 0);
    // What was lost is there again.
    (0..COUNT).for_each(|number| is_hit(&get(&host, number)));
}

fn purges_survive_kill_9() {
    let origin = numbered();
    let setup = edge(&origin.server, DISK);
    let host = setup.start();
    fill(&host);
    let soft = r#"{"urls": ["http://shop.example/6"], "soft": true}"#;
    for text in [r#"{"tags": ["n3"]}"#, r#"{"urls": ["http://shop.example/4"]}"#, soft] {
        order(&host, text).is(200, "{\"purged\":1}\n");
    }
    host.kill();
    let host = setup.start();
    let mut fetched = BTreeSet::new();
    for number in 0..COUNT {
        let before = origin.asked();
        get(&host, number);
        if origin.asked() > before {
            fetched.insert(number);
        }
    }
    assert_eq!(fetched, BTreeSet::from([3, 4, 6]));
    // Everything, and what was stored since then is found.
    order(&host, r#"{"everything": true}"#).is(200, "{\"purged\":1}\n");
    is_no_hit(&get(&host, 7));
    wait_for_writes(&host, 3 + 1 + 2);
    host.kill();
    let host = setup.start();
    is_hit(&get(&host, 7));
    is_no_hit(&get(&host, 8));
    order(&host, r#"{"hosts": ["shop.example"]}"#).is(200, "{\"purged\":1}\n");
    host.kill();
    let host = setup.start();
    is_no_hit(&get(&host, 7));
}

/// RFC 9111 section 4.4.
fn invalidations_survive_a_restart() {
    let origin = Origin::answering(|request, number| match request.method.as_str() {
        "GET" => response("cache-control: max-age=3600", number.to_string()),
        _ => response("", "changed"),
    });
    let setup = edge(&origin.server, DISK);
    let host = setup.start();
    ask(&host, "/", &[]).is(200, "1");
    wait_for_writes(&host, 1);
    let change = http::Request::delete("/").header("host", "shop.example").body(harness::client::empty()).unwrap();
    host.send(change).is(200, "changed");
    assert_eq!(host.stop().code, Some(0));
    ask(&setup.start(), "/", &[]).is(200, "3");
}

fn a_folder_is_for_one_at_a_time() {
    let origin = numbered();
    let first = edge(&origin.server, DISK);
    let path = first.folder().join("cache");
    let second = edge(&origin.server, &DISK.replace("\"cache\"", &format!("{:?}", path.display().to_string())));
    let host = first.start();
    get(&host, 1);
    wait_for_writes(&host, 2);
    let ended = second.fail();
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    let expected = format!("the cache folder {} is in use by another process", path.display());
    assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    // The first one has not noticed, and when it has ended, the second one takes over what is there.
    is_hit(&get(&host, 1));
    host.stop();
    is_hit(&get(&second.start(), 1));
    assert_eq!(origin.asked(), 1);
}

fn a_folder_that_cannot_be_used_is_told() {
    let origin = numbered();
    for (path, file, said) in [
        ("file/cache", "file", "cannot use the cache folder"),
        ("folder", "folder/something", "is not empty and not a cache folder"),
        ("folder", "folder/tidegate-cache", "was written by another version"),
    ] {
        let setup = edge(&origin.server, &DISK.replace("\"cache\"", &format!("{path:?}"))).file(file, "x");
        let ended = setup.fail();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        assert!(ended.stderr.contains(said) && ended.stderr.contains(path), "{}", ended.stderr);
    }
}

/// A folder of a size, for a moment.
struct Mounted(PathBuf);

impl Mounted {
    fn new(folder: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

fn can_mount() -> bool {
    tempfile::tempdir().is_ok_and(|folder| Mounted::new(folder.path(), "1m").is_some())
}

fn a_full_disk_harms_nothing() {
    let origin = numbered();
    // More is allowed than there is.
    let setup: Setup = edge(&origin.server, DISK);
    let folder = setup.folder().join("cache");
    let _mounted = Mounted::new(&folder, "64k").unwrap();
    let host = setup.start();
    (0..COUNT).for_each(|number| is_no_hit(&get(&host, number)));
    wait_for("the disk to be full", || {
        (host.metrics().sum("tidegate_cache_disk_errors_total", &[]) > 0.0).then_some(())
    });
    // Memory has it all.
    (0..COUNT).for_each(|number| is_hit(&get(&host, number)));
    // A purge is obeyed, whether or not it can be written.
    let answer = order(&host, r#"{"everything": true}"#);
    assert!([200, 500].contains(&answer.status), "{answer:?}");
    is_no_hit(&get(&host, 1));
    host.kill();
    // What is served after a restart is right, whatever was written.
    let host = setup.start();
    for number in 0..COUNT {
        let answer = get(&host, number);
        assert!(!status(&answer).is_empty());
    }
}
