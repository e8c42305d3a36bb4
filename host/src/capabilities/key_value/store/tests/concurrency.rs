//! Many at once: nothing is lost, fsyncs are shared, a full queue says so at once.

use std::sync::mpsc;
use std::thread;

use tokio::task::JoinSet;

use super::super::{Error, Swap};
use super::*;

#[test]
fn increments_from_many_threads_and_tasks_sum_exactly() {
    let folder = Folder::new();
    let engine = folder.open();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                run(async {
                    let mut tasks = JoinSet::new();
                    for _ in 0..16 {
                        let store = engine.store("s").unwrap();
                        tasks.spawn(async move {
                            for _ in 0..10 {
                                store.increment("n".into(), 3, 0).await.unwrap();
                            }
                        });
                    }
                    tasks.join_all().await;
                });
            });
        }
    });
    let total = run(engine.store("s").unwrap().increment("n".into(), 0, 0));
    assert_eq!(total, Ok(4 * 16 * 10 * 3));
    let stats = engine.stats();
    assert_eq!(stats.writes, 641);
    assert!(stats.commits < stats.writes / 4, "shared fsyncs: {stats:?}");
}

#[test]
fn a_race_of_swaps_has_one_winner() {
    let folder = Folder::new();
    let engine = folder.open();
    for round in 0..10 {
        let wins = run(async {
            let mut tasks = JoinSet::new();
            for racer in 0..32 {
                let store = engine.store("s").unwrap();
                let name = bytes(&format!("{racer}"));
                tasks.spawn(async move { store.compare_and_swap(format!("k{round}"), None, name, 0).await.unwrap() });
            }
            tasks.join_all().await
        });
        let winners = wins.iter().filter(|swap| **swap == Swap::Done).count();
        assert_eq!(winners, 1);
        let store = engine.store("s").unwrap();
        let current = store.get(&format!("k{round}"), 0).unwrap();
        let lost = Swap::Lost { current };
        assert_eq!(wins.iter().filter(|swap| **swap == lost).count(), 31);
    }
}

/// Holds the writer until the sender is dropped.
fn hold(engine: &Engine) -> (mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (release, held) = mpsc::channel::<()>();
    let (started, begun) = mpsc::channel();
    let engine = engine.clone();
    let holder = thread::spawn(move || {
        let held = engine.write(0, move |_| {
            started.send(()).unwrap();
            let _ = held.recv();
            Ok(())
        });
        run(held).unwrap();
    });
    begun.recv().unwrap();
    (release, holder)
}

#[test]
fn a_full_queue_is_an_answer_at_once() {
    let folder = Folder::new();
    let engine = folder.open_with(|options| options.queue_jobs_max = 5);
    let (release, holder) = hold(&engine);
    let store = engine.store("s").unwrap();
    run(async {
        let mut tasks = JoinSet::new();
        for n in 0..8 {
            let store = store.clone();
            tasks.spawn(async move { store.set(format!("{n}"), bytes("v")).await });
        }
        for _ in 0..3 {
            assert_eq!(tasks.join_next().await.unwrap().unwrap(), Err(Error::Busy));
        }
        let stats = engine.stats();
        assert_eq!((stats.queued, stats.refused), (6, 3));
        assert_eq!(store.get("0", 0).unwrap(), None, "reads do not wait");
        drop(release);
        assert_eq!(tasks.join_all().await, vec![Ok(()); 5]);
    });
    holder.join().unwrap();
    assert_eq!(store.keys(None, 10, 0).unwrap().keys, ["0", "1", "2", "3", "4"]);
    let stats = engine.stats();
    assert_eq!((stats.queued, stats.queued_bytes, stats.commits), (0, 0, 1));
    run(store.set("now".into(), bytes("v"))).unwrap();
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let folder = Folder::new();
    let engine = folder.open_with(|options| options.queue_bytes_max = 10_000);
    let (release, holder) = hold(&engine);
    let store = engine.store("s").unwrap();
    let large = Bytes::from(vec![0; 9000]);
    run(async {
        let first = {
            let (store, large) = (store.clone(), large.clone());
            tokio::spawn(async move { store.set("a".into(), large).await })
        };
        tokio::task::yield_now().await;
        assert_eq!(store.set("b".into(), large).await, Err(Error::Busy));
        drop(release);
        assert_eq!(first.await.unwrap(), Ok(()));
    });
    holder.join().unwrap();
    // Larger than the whole queue, but alone.
    run(store.set("c".into(), vec![0; 20_000].into())).unwrap();
}

#[test]
fn a_panic_in_a_batch_fails_that_batch() {
    let folder = Folder::new();
    let engine = folder.open();
    let store = engine.store("s").unwrap();
    run(store.set("a".into(), bytes("1"))).unwrap();
    let result = run(engine.write::<(), _>(0, |_| panic!("a fault that the test asked for")));
    assert!(matches!(result, Err(Error::Storage(_))), "{result:?}");
    assert_eq!(store.get("a", 0).unwrap(), Some(bytes("1")));
    thread::sleep(std::time::Duration::from_millis(1100));
    run(store.set("a".into(), bytes("2"))).unwrap();
    assert_eq!(store.get("a", 0).unwrap(), Some(bytes("2")));
}
