//! A disk that fails: what was answered is there, what failed was said to have failed.

use std::thread;
use std::time::Duration;

use super::super::Error;
use super::*;

/// Writes until one fails; how many succeeded.
fn write_until_failure(engine: &Engine, from: usize) -> usize {
    let store = engine.store("s").unwrap();
    for n in from..from + 100 {
        let value = Bytes::from(vec![n as u8; 3000]);
        match run(store.set(format!("{n:03}"), value)) {
            Ok(()) => {}
            Err(Error::Storage(_)) => return n,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the disk did not fail");
}

fn assert_there(engine: &Engine, count: usize) {
    let store = engine.store("s").unwrap();
    for n in 0..count {
        let value = store.get(&format!("{n:03}"), 0).unwrap();
        assert!(value.is_some_and(|v| v == vec![n as u8; 3000]), "{n} of {count}");
    }
}

#[test]
fn whichever_write_fails_nothing_answered_is_lost() {
    for writes in (0..60).step_by(3) {
        let folder = Folder::new();
        let engine = folder.open();
        engine.shared.health.faults.set(writes, i64::MAX);
        let written = write_until_failure(&engine, 0);
        drop(engine);
        assert_there(&folder.open(), written);
    }
}

#[test]
fn a_full_disk_that_has_room_again_needs_no_restart() {
    let folder = Folder::new();
    // No cache, so that reads need the file.
    let engine = folder.open_with(|options| options.cache_bytes = 0);
    engine.shared.health.faults.set(25, i64::MAX);
    let written = write_until_failure(&engine, 0);
    assert!(written > 0);
    engine.shared.health.faults.clear();
    let store = engine.store("s").unwrap();
    let refused = run(store.set("x".into(), bytes("1")));
    assert!(matches!(refused, Err(Error::Storage(_))), "not at once: {refused:?}");
    thread::sleep(Duration::from_millis(1100));
    run(store.set("x".into(), bytes("1"))).unwrap();
    assert_there(&engine, written);
    let full = engine.stats();
    assert!(full.failures >= 2, "{full:?}");
    drop((engine, store));
    assert_there(&folder.open(), written);
}

#[test]
fn after_a_failed_fsync_nothing_is_written_until_a_restart() {
    let folder = Folder::new();
    let engine = folder.open();
    engine.shared.health.faults.set(i64::MAX, 3);
    assert_eq!(write_until_failure(&engine, 0), 3);
    engine.shared.health.faults.clear();
    thread::sleep(Duration::from_millis(1100));
    let store = engine.store("s").unwrap();
    let refused = run(store.set("x".into(), bytes("1")));
    assert!(matches!(refused, Err(Error::Storage(_))), "{refused:?}");
    drop((engine, store));
    let engine = folder.open();
    assert_there(&engine, 3);
    run(engine.store("s").unwrap().set("x".into(), bytes("1"))).unwrap();
}
