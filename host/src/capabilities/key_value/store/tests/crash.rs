//! `kill -9` at any moment: every write that was answered is there.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{io::Write, thread};

use super::*;

const FOLDER: &str = "TIDEGATE_TEST_KV_FOLDER";
const ROUND: &str = "TIDEGATE_TEST_KV_ROUND";
const WRITERS: u64 = 8;

#[test]
fn what_was_answered_survives_being_killed() {
    let folder = Folder::new();
    let mut answered = Vec::new();
    for round in 0..10 {
        let mut child = start(&folder, round);
        let lines = BufReader::new(child.stdout.take().unwrap());
        let killer = thread::spawn(move || {
            thread::sleep(Duration::from_millis(150 + 37 * round));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let lines = lines.lines().map_while(Result::ok);
        answered.extend(lines.filter_map(|line| line.strip_prefix("wrote ").map(str::to_owned)));
        killer.join().unwrap();
        check(&folder, &answered, round + 1);
    }
    assert!(answered.len() > 50, "{} writes were answered", answered.len());
}

fn start(folder: &Folder, round: u64) -> Child {
    // The name of a test is its path without the crate's.
    let (_, module) = module_path!().split_once("::").unwrap();
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", &format!("{module}::the_one_that_is_killed")])
        .env(FOLDER, &folder.0)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn check(folder: &Folder, answered: &[String], rounds: u64) {
    let store = folder.open().store("s").unwrap();
    for key in answered {
        assert_eq!(store.get(key, 0).unwrap(), Some(bytes(key)), "round {rounds}");
    }
    // Each writer increments before it sets, and may have been stopped in between.
    let sum = run(store.increment("sum".into(), 0, 0)).unwrap() as u64;
    let least = answered.len() as u64;
    assert!((least..=least + 2 * WRITERS * rounds).contains(&sum), "{sum} for {least}");
}

#[test]
#[ignore = "what_was_answered_survives_being_killed runs it in a process of its own"]
fn the_one_that_is_killed() {
    let (Ok(folder), Ok(round)) = (env::var(FOLDER), env::var(ROUND)) else {
        return;
    };
    let engine = Engine::open(Path::new(&folder)).unwrap();
    run(async {
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let (store, round) = (engine.store("s").unwrap(), round.clone());
            tasks.spawn(async move {
                for n in 0.. {
                    let key = format!("{round}-{writer}-{n}");
                    store.increment("sum".into(), 1, 0).await.unwrap();
                    store.set(key.clone(), bytes(&key)).await.unwrap();
                    // One write of one line, so that the kill cannot cut it.
                    let line = format!("\nwrote {key}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
        tasks.join_all().await;
    });
}
