//! Random operations, in step with a `BTreeMap`.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::super::{Engine, Error, Store, Swap};
use super::*;

type Map = BTreeMap<(&'static str, String), Bytes>;

const STORES: [&str; 3] = ["", "a", "ab"];

#[test]
fn agrees_with_a_map() {
    for seed in 1..=4 {
        let mut world = World::new(seed);
        for _ in 0..60 {
            world.round();
        }
    }
}

struct World {
    seed: u64,
    random: fastrand::Rng,
    folder: Folder,
    engine: Option<Engine>,
    map: Map,
    now: u64,
}

/// What was asked for, to be compared with what the map says.
enum Ask {
    Set(Vec<(String, Bytes)>),
    Delete(Vec<String>),
    Increment(String, i64),
    Swap(String, Option<Bytes>, Bytes),
}

#[derive(Debug, PartialEq)]
enum Answer {
    Done,
    Sum(i64),
    Swap(Swap),
}

impl World {
    fn new(seed: u64) -> Self {
        let folder = Folder::new();
        let engine = Some(folder.open());
        Self { seed, random: fastrand::Rng::with_seed(seed), folder, engine, map: Map::new(), now: 1000 }
    }

    fn round(&mut self) {
        self.now += self.random.u64(..50);
        let context = format!("seed {}, at {}", self.seed, self.now);
        match self.random.u32(..20) {
            0 => self.reopen(),
            1..=3 => self.sweep(&context),
            _ => self.write_together(&context),
        }
        self.compare(&context);
    }

    fn engine(&self) -> Engine {
        self.engine.clone().unwrap()
    }

    fn reopen(&mut self) {
        self.engine = None;
        self.engine = Some(self.folder.open());
    }

    fn sweep(&mut self, context: &str) {
        let due = |value: &Bytes| super::super::layout::is_expired(value, self.now);
        let expected = self.map.values().filter(|value| due(value)).count();
        let now = self.now;
        self.map.retain(|_, value| !super::super::layout::is_expired(value, now));
        let engine = self.engine();
        assert_eq!(run(engine.sweep(now, 1000)), Ok(expected), "{context}");
    }

    /// Some writes at once, so that they share transactions, in an order that is known.
    fn write_together(&mut self, context: &str) {
        let now = self.now;
        let asks: Vec<_> =
            (0..self.random.usize(1..20)).map(|_| (*self.random.choice(&STORES).unwrap(), self.ask())).collect();
        let expected: Vec<_> = asks.iter().map(|(label, ask)| expect(&mut self.map, label, ask, now)).collect();
        let engine = self.engine();
        let answers = run(async {
            let mut tasks = JoinSet::new();
            for (number, (label, ask)) in asks.into_iter().enumerate() {
                let store = engine.store(label).unwrap();
                tasks.spawn(async move { (number, answer(&store, ask, now).await) });
            }
            let mut answers = tasks.join_all().await;
            answers.sort_by_key(|(number, _)| *number);
            answers
        });
        let answers: Vec<_> = answers.into_iter().map(|(_, answer)| answer).collect();
        assert_eq!(answers, expected, "{context}");
    }

    fn ask(&mut self) -> Ask {
        match self.random.u32(..10) {
            0..4 => Ask::Set(vec![(self.key(), self.value())]),
            4 => Ask::Set((0..5).map(|_| (self.key(), self.value())).collect()),
            5 => Ask::Delete(vec![self.key()]),
            6 => Ask::Delete((0..4).map(|_| self.key()).collect()),
            7 => Ask::Increment(self.key(), self.random.i64(-5..5)),
            _ => {
                let expected = self.random.bool().then(|| self.value());
                Ask::Swap(self.key(), expected, self.value())
            }
        }
    }

    fn key(&mut self) -> String {
        let length = self.random.usize(..3);
        (0..length).map(|_| self.random.choice(['a', 'b', '\u{ff}', '\0']).unwrap()).collect()
    }

    fn value(&mut self) -> Bytes {
        let number = self.random.i64(..4).to_le_bytes();
        let expires_at = self.now + self.random.u64(..200);
        match self.random.u32(..6) {
            0 => until(expires_at, &number),
            1 => until(expires_at, b"text"),
            2 => number.to_vec().into(),
            3 => vec![7; self.random.usize(..20_000)].into(),
            _ => bytes(["x", "y"][self.random.usize(..2)]),
        }
    }

    /// Every read, in every store.
    fn compare(&mut self, context: &str) {
        for label in STORES {
            let store = self.engine().store(label).unwrap();
            let live: BTreeMap<_, _> = self
                .map
                .iter()
                .filter(|((store, _), value)| *store == label && live(value, self.now))
                .map(|((_, key), value)| (key.clone(), value.clone()))
                .collect();
            let mut listed = Vec::new();
            let mut cursor = None;
            loop {
                let limit = self.random.usize(1..8);
                let page = store.keys(cursor.as_deref(), limit, self.now).unwrap();
                listed.extend(page.keys);
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(listed, live.keys().cloned().collect::<Vec<_>>(), "{context}");
            for (key, value) in &live {
                assert_eq!(store.get(key, self.now).unwrap().as_ref(), Some(value), "{context}");
            }
            let key = self.key();
            let exists = store.exists(&key, self.now).unwrap();
            assert_eq!(exists, live.contains_key(&key), "{context}");
        }
    }
}

fn live(value: &Bytes, now: u64) -> bool {
    !super::super::layout::is_expired(value, now)
}

async fn answer(store: &Store, ask: Ask, now: u64) -> Result<Answer, Error> {
    match ask {
        Ask::Set(items) => store.set_many(items).await.map(|()| Answer::Done),
        Ask::Delete(keys) => store.delete_many(keys).await.map(|()| Answer::Done),
        Ask::Increment(key, delta) => store.increment(key, delta, now).await.map(Answer::Sum),
        Ask::Swap(key, expected, value) => {
            let swap = store.compare_and_swap(key, expected, value, now).await;
            swap.map(Answer::Swap)
        }
    }
}

fn expect(map: &mut Map, label: &'static str, ask: &Ask, now: u64) -> Result<Answer, Error> {
    match ask {
        Ask::Set(items) => {
            for (key, value) in items {
                map.insert((label, key.clone()), value.clone());
            }
            Ok(Answer::Done)
        }
        Ask::Delete(keys) => {
            for key in keys {
                map.remove(&(label, key.clone()));
            }
            Ok(Answer::Done)
        }
        Ask::Increment(key, delta) => {
            let at = (label, key.clone());
            let current = map.get(&at).filter(|value| live(value, now)).cloned();
            let current = current.unwrap_or_else(|| vec![0; 8].into());
            let head = if current.starts_with(TTL_MARK) { 16 } else { 0 };
            let number: [u8; 8] = current[head..].try_into().map_err(|_| Error::NotANumber)?;
            let sum = i64::from_le_bytes(number) + delta;
            map.insert(at, [&current[..head], &sum.to_le_bytes()].concat().into());
            Ok(Answer::Sum(sum))
        }
        Ask::Swap(key, expected, value) => {
            let at = (label, key.clone());
            let current = map.get(&at).filter(|value| live(value, now)).cloned();
            if current != *expected {
                return Ok(Answer::Swap(Swap::Lost { current }));
            }
            map.insert(at, value.clone());
            Ok(Answer::Swap(Swap::Done))
        }
    }
}
