use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn key(number: u32) -> Key {
    Key::from_text(&format!("client={number}"))
}

fn counted(capacity: usize, occurrences: &[u32]) -> TopKeys {
    let mut top = TopKeys::new(capacity);
    occurrences.iter().for_each(|number| top.add(&key(*number)));
    top
}

fn heavy(number: u32, count: u64, error: u64) -> Heavy {
    Heavy { key: key(number), count, error }
}

#[test]
fn counts_are_exact_while_there_is_room() {
    let top = counted(3, &[1, 2, 1, 3, 1, 2]);
    assert_eq!(TopKeys::merged([&top], 9), [heavy(1, 3, 0), heavy(2, 2, 0), heavy(3, 1, 0)]);
    assert_eq!(TopKeys::merged([&top], 1), [heavy(1, 3, 0)]);
    assert_eq!(TopKeys::merged([], 9), []);
    assert_eq!(TopKeys::merged([&TopKeys::new(3)], 9), []);
}

#[test]
fn a_new_key_takes_the_place_of_the_rarest() {
    let top = counted(2, &[1, 1, 1, 2, 2, 3]);
    assert_eq!(TopKeys::merged([&top], 9), [heavy(1, 3, 0), heavy(3, 3, 2)]);
    assert_eq!(TopKeys::merged([&counted(0, &[1, 2])], 9), [heavy(2, 2, 1)]);
}

#[test]
fn several_are_added_up() {
    let (one, other) = (counted(2, &[1, 1, 2, 2, 2]), counted(2, &[1, 3, 3]));
    // Both are full: a key that one does not count may have occurred there as often as its rarest.
    let expected = [heavy(2, 4, 1), heavy(3, 4, 2), heavy(1, 3, 0)];
    assert_eq!(TopKeys::merged([&one, &other], 9), expected);
}

#[test]
fn a_flood_takes_no_more_memory() {
    let mut top = TopKeys::new(64);
    for number in 0..100_000 {
        top.add(&key(number % 1000 + 7));
        top.add(&key(number % 3));
    }
    assert_eq!((top.hashes.len(), top.counts.len(), top.others.len()), (64, 64, 64));
    let mut first: Vec<_> = TopKeys::merged([&top], 3).into_iter().map(|heavy| heavy.key).collect();
    first.sort();
    assert_eq!(first, [key(0), key(1), key(2)]);
}

proptest! {
    /// Each core of some sees a part of what occurs.
    #[test]
    fn what_is_frequent_is_there(
        capacity in 1..8_usize,
        cores in proptest::collection::vec(proptest::collection::vec((0..12_u32).prop_map(|n| n * n / 12), 0..80), 1..4),
    ) {
        let mut truth = BTreeMap::<Key, u64>::new();
        for number in cores.iter().flatten() {
            *truth.entry(key(*number)).or_default() += 1;
        }
        let total: u64 = truth.values().sum();
        let sketches: Vec<_> = cores.iter().map(|occurrences| counted(capacity, occurrences)).collect();
        let merged = TopKeys::merged(&sketches, usize::MAX);
        prop_assert!(merged.len() <= capacity * cores.len());
        for heavy in &merged {
            let is = truth[&heavy.key];
            prop_assert!(heavy.count - heavy.error <= is && is <= heavy.count, "{heavy:?} is {is}");
        }
        for (key, is) in &truth {
            let is_there = merged.iter().any(|heavy| heavy.key == *key);
            prop_assert!(is_there || *is <= total / capacity as u64, "{key} of {is} in {total}");
        }
        prop_assert!(merged.is_sorted_by_key(|heavy| Reverse(heavy.count)));
    }
}
