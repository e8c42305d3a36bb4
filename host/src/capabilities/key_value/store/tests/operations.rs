//! Each operation, its bounds, and time.

use super::super::{Error, KEY_MAX, MANY_MAX, PAGE_MAX, Page, REQUEST_MAX, Swap, VALUE_MAX};
use super::*;

#[test]
fn set_get_delete() {
    let folder = Folder::new();
    let engine = folder.open();
    let (carts, other) = (engine.store("carts").unwrap(), engine.store("other").unwrap());
    run(async {
        assert_eq!(carts.get("a", 0).unwrap(), None);
        carts.set("a".into(), bytes("1")).await.unwrap();
        carts.set("a".into(), bytes("2")).await.unwrap();
        carts.set("".into(), bytes("")).await.unwrap();
        assert_eq!(carts.get("a", 0).unwrap(), Some(bytes("2")));
        assert_eq!(carts.get("", 0).unwrap(), Some(bytes("")));
        assert!(carts.exists("a", 0).unwrap());
        assert!(!other.exists("a", 0).unwrap());
        other.delete("a".into()).await.unwrap();
        assert!(carts.exists("a", 0).unwrap());
        carts.delete("a".into()).await.unwrap();
        carts.delete("a".into()).await.unwrap();
        assert_eq!(carts.get("a", 0).unwrap(), None);
    });
}

#[test]
fn everything_is_there_after_a_restart() {
    let folder = Folder::new();
    let engine = folder.open();
    let store = engine.store("s").unwrap();
    run(store.set("a".into(), bytes("1"))).unwrap();
    // Queued, never waited for: closing writes it.
    let unawaited = {
        let store = store.clone();
        async move { store.set("b".into(), bytes("2")).await }
    };
    run(async {
        let task = tokio::spawn(unawaited);
        tokio::task::yield_now().await;
        task.abort();
    });
    engine.close();
    assert_eq!(run(store.set("c".into(), bytes("3"))), Err(Error::Closed));
    drop((engine, store));

    let store = folder.open().store("s").unwrap();
    assert_eq!(store.get("a", 0).unwrap(), Some(bytes("1")));
    assert_eq!(store.get("b", 0).unwrap(), Some(bytes("2")));
    assert_eq!(store.get("c", 0).unwrap(), None);
}

#[test]
fn many() {
    let folder = Folder::new();
    let store = folder.open().store("s").unwrap();
    let key = |n: usize| format!("key-{n}");
    run(async {
        let mut items: Vec<_> = (0..10).map(|n| (key(n), bytes(&key(n)))).collect();
        items.push((key(3), bytes("the last one counts")));
        store.set_many(items).await.unwrap();
        store.set_many(Vec::new()).await.unwrap();
        let gone = vec![key(1), key(1), key(99)];
        store.delete_many(gone).await.unwrap();
        let found = store.get_many(&[key(3), key(1), key(0), key(3)], 0).unwrap();
        let three = Some(bytes("the last one counts"));
        assert_eq!(found, [three.clone(), None, Some(bytes("key-0")), three]);
    });
}

#[test]
fn increment() {
    let folder = Folder::new();
    let store = folder.open().store("s").unwrap();
    run(async {
        let add = |key: &str, delta| store.increment(key.into(), delta, 100);
        assert_eq!(add("n", 5).await, Ok(5));
        assert_eq!(add("n", -7).await, Ok(-2));
        assert_eq!(store.get("n", 0).unwrap().unwrap(), (-2i64).to_le_bytes()[..]);

        store.set("n".into(), i64::MAX.to_le_bytes().to_vec().into()).await.unwrap();
        assert_eq!(add("n", 1).await, Err(Error::Overflow));
        assert_eq!(add("n", 0).await, Ok(i64::MAX));

        for wrong in [&b""[..], b"7", b"123456789"] {
            store.set("text".into(), Bytes::copy_from_slice(wrong)).await.unwrap();
            assert_eq!(add("text", 1).await, Err(Error::NotANumber));
        }

        // A counter with a time keeps it, and begins anew when it has come.
        store.set("ttl".into(), until(101, &9i64.to_le_bytes())).await.unwrap();
        assert_eq!(add("ttl", 1).await, Ok(10));
        assert_eq!(store.get("ttl", 100).unwrap().unwrap(), until(101, &10i64.to_le_bytes()));
        store.set("ttl".into(), until(100, &9i64.to_le_bytes())).await.unwrap();
        assert_eq!(add("ttl", 1).await, Ok(1));
        assert_eq!(store.get("ttl", 100).unwrap().unwrap(), 1i64.to_le_bytes()[..]);
    });
}

#[test]
fn compare_and_swap() {
    let folder = Folder::new();
    let store = folder.open().store("s").unwrap();
    let swap = |expected: Option<&str>, new: &str| {
        let expected = expected.map(bytes);
        run(store.compare_and_swap("k".into(), expected, bytes(new), 100))
    };
    let lost = |current: Option<&str>| Ok(Swap::Lost { current: current.map(bytes) });
    assert_eq!(swap(Some("x"), "1"), lost(None));
    assert_eq!(swap(None, "1"), Ok(Swap::Done));
    assert_eq!(swap(None, "2"), lost(Some("1")));
    assert_eq!(swap(Some("1"), "2"), Ok(Swap::Done));
    assert_eq!(swap(Some("1"), "3"), lost(Some("2")));

    run(store.set("k".into(), until(100, b"past"))).unwrap();
    assert_eq!(swap(Some("2"), "3"), lost(None));
    assert_eq!(swap(None, "3"), Ok(Swap::Done));
}

#[test]
fn listing() {
    let folder = Folder::new();
    let engine = folder.open();
    let store = engine.store("s").unwrap();
    let key = |n: usize| format!("{n:05}");
    run(async {
        let (before, after) = (engine.store("r").unwrap(), engine.store("t").unwrap());
        before.set("zzz".into(), bytes("")).await.unwrap();
        after.set("".into(), bytes("")).await.unwrap();
        assert_eq!(store.keys(None, 10, 0).unwrap(), Page { keys: vec![], cursor: None });
        for chunk in (0..2500).collect::<Vec<_>>().chunks(MANY_MAX) {
            let items = chunk.iter().map(|n| (key(*n), bytes("v"))).collect();
            store.set_many(items).await.unwrap();
        }
        store.set(key(7), until(5, b"")).await.unwrap();
    });
    let all = |limit, now| {
        let (mut keys, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = store.keys(cursor.as_deref(), limit, now).unwrap();
            assert!(page.keys.len() <= limit.min(PAGE_MAX));
            keys.extend(page.keys);
            cursor = page.cursor;
            pages += 1;
            if cursor.is_none() {
                return (keys, pages);
            }
        }
    };
    let expected: Vec<_> = (0..2500).map(key).collect();
    assert_eq!(all(usize::MAX, 4), (expected.clone(), 3));
    assert_eq!(all(700, 4), (expected.clone(), 4));
    let mut without_7 = expected;
    without_7.remove(7);
    assert_eq!(all(1000, 5).0, without_7);
    // A cursor need not be a key that is still there.
    let page = store.keys(Some("00006x"), 1, 5).unwrap();
    assert_eq!(page.keys, ["00008"]);
}

#[test]
fn a_listing_stops_after_so_many_expired_entries() {
    let folder = Folder::new();
    let store = folder.open().store("s").unwrap();
    run(async {
        for n in 0..5 {
            let items = (0..MANY_MAX).map(|m| (format!("{n}-{m:04}"), until(1, b""))).collect();
            store.set_many(items).await.unwrap();
        }
        store.set("z".into(), bytes("live")).await.unwrap();
    });
    let page = store.keys(None, 10, 1).unwrap();
    assert_eq!(page.keys, Vec::<String>::new());
    let page = store.keys(page.cursor.as_deref(), 10, 1).unwrap();
    assert_eq!(page, Page { keys: vec!["z".into()], cursor: None });
}

#[test]
fn bounds() {
    let folder = Folder::new();
    let engine = folder.open();
    let store = engine.store("s").unwrap();
    let (long, large) = ("k".repeat(KEY_MAX + 1), Bytes::from(vec![0; VALUE_MAX + 1]));
    let too_long = Error::KeyTooLong(KEY_MAX + 1);
    assert_eq!(engine.store(&"x".repeat(256)).err(), Some(Error::LabelTooLong(256)));
    assert_eq!(store.get(&long, 0), Err(too_long.clone()));
    assert_eq!(run(store.delete(long.clone())), Err(too_long.clone()));
    assert_eq!(run(store.increment(long.clone(), 1, 0)), Err(too_long.clone()));
    assert_eq!(run(store.set(long.clone(), bytes(""))), Err(too_long));
    let refused = run(store.set("k".into(), large.clone()));
    assert_eq!(refused, Err(Error::ValueTooLarge(VALUE_MAX + 1)));
    let keys = vec![String::new(); MANY_MAX + 1];
    assert_eq!(store.get_many(&keys, 0), Err(Error::TooMany(MANY_MAX + 1)));
    assert_eq!(run(store.delete_many(keys)), Err(Error::TooMany(MANY_MAX + 1)));

    let largest = large.slice(1..);
    let two = vec![("a".into(), largest.clone()), ("b".into(), largest.clone())];
    const { assert!(2 * VALUE_MAX > REQUEST_MAX) };
    assert_eq!(run(store.set_many(two)), Err(Error::RequestTooLarge));
    run(store.set("a".into(), largest.clone())).unwrap();
    assert_eq!(store.get("a", 0).unwrap(), Some(largest));
    assert_eq!(store.get_many(&["a".into(), "a".into()], 0), Err(Error::RequestTooLarge));
    run(store.set("k".repeat(KEY_MAX), bytes(""))).unwrap();
}

#[test]
fn a_full_store_refuses_growth_alone() {
    let folder = Folder::new();
    let engine = folder.open_with(|options| options.store_bytes_max = 1000);
    let (store, other) = (engine.store("s").unwrap(), engine.store("t").unwrap());
    let full = Err(Error::StoreFull { max: 1000 });
    let value = |length: usize| Bytes::from(vec![b'x'; length]);
    // An entry counts 3 bytes of key (label and its length included), its value, and 32.
    run(async {
        store.set("a".into(), value(500)).await.unwrap();
        store.set("b".into(), value(430)).await.unwrap();
        assert_eq!(store.set("b".into(), value(431)).await, full);
        assert_eq!(store.increment("n".into(), 1, 0).await, Err(Error::StoreFull { max: 1000 }));
        let items = vec![("a".into(), value(1)), ("c".into(), value(900))];
        assert_eq!(store.set_many(items).await, full);
        assert_eq!(store.get("a", 0).unwrap(), Some(value(500)), "all of them or none");
        other.set("a".into(), value(900)).await.unwrap();
        let items = vec![("a".into(), value(0)), ("c".into(), value(465))];
        store.set_many(items).await.unwrap();
        store.delete("b".into()).await.unwrap();
        store.set("d".into(), value(430)).await.unwrap();
        assert_eq!(store.set("e".into(), value(0)).await, full);
    });
    drop((store, other, engine));

    // A smaller bound than what is there: it may shrink, or stay.
    let engine = folder.open_with(|options| options.store_bytes_max = 100);
    let store = engine.store("s").unwrap();
    run(async {
        store.set("d".into(), value(429)).await.unwrap();
        store.set("d".into(), value(429)).await.unwrap();
        assert_eq!(store.set("d".into(), value(430)).await, Err(Error::StoreFull { max: 100 }));
    });
}

#[test]
fn expired_entries_are_absent_and_swept() {
    let folder = Folder::new();
    let engine = folder.open();
    let (store, other) = (engine.store("s").unwrap(), engine.store("t").unwrap());
    run(async {
        store.set("soon".into(), until(100, b"x")).await.unwrap();
        store.set("later".into(), until(200, b"x")).await.unwrap();
        store.set("again".into(), until(100, b"x")).await.unwrap();
        store.set("again".into(), until(300, b"x")).await.unwrap();
        store.set("kept".into(), until(100, b"x")).await.unwrap();
        store.set("kept".into(), bytes("for good")).await.unwrap();
        store.set("gone".into(), until(100, b"x")).await.unwrap();
        store.delete("gone".into()).await.unwrap();
        other.set("soon".into(), until(100, b"x")).await.unwrap();

        assert_eq!(store.get("soon", 99).unwrap(), Some(until(100, b"x")));
        assert_eq!(store.get("soon", 100).unwrap(), None);
        assert!(!store.exists("soon", 100).unwrap());
        assert_eq!(store.get_many(&["soon".into()], 100).unwrap(), [None]);

        assert_eq!(engine.sweep(99, 10).await, Ok(0));
        assert_eq!(store.get("soon", 0).unwrap(), Some(until(100, b"x")));
        assert_eq!(engine.sweep(100, 1).await, Ok(1));
        assert_eq!(engine.sweep(100, 10).await, Ok(1));
        assert_eq!(engine.sweep(100, 10).await, Ok(0));
        assert_eq!(store.get("soon", 0).unwrap(), None);
        assert_eq!(other.get("soon", 0).unwrap(), None);
        assert_eq!(store.keys(None, 10, 0).unwrap().keys, ["again", "kept", "later"]);
        assert_eq!(engine.sweep(u64::MAX, 10).await, Ok(2));
        assert_eq!(store.keys(None, 10, 0).unwrap().keys, ["kept"]);
    });
}

#[test]
fn nothing_to_do_costs_no_commit() {
    let folder = Folder::new();
    let engine = folder.open();
    let store = engine.store("s").unwrap();
    run(async {
        store.delete("a".into()).await.unwrap();
        store.compare_and_swap("a".into(), Some(bytes("x")), bytes(""), 0).await.unwrap();
        engine.sweep(1, 10).await.unwrap();
    });
    let stats = engine.stats();
    assert_eq!((stats.writes, stats.commits, stats.queued, stats.queued_bytes), (3, 0, 0, 0));
}
