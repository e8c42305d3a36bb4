//! Any sequence of operations, beside a map that forgets nothing.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const BYTES_MAX: usize = 16_000;

#[derive(Debug, Clone)]
enum Operation {
    Get(u8),
    Insert(u8, usize),
    Remove(u8),
    RemoveIf(u8, bool),
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = || 0u8..24;
    prop_oneof![
        8 => key().prop_map(Operation::Get),
        8 => (key(), 0usize..2200).prop_map(|(key, bytes)| Operation::Insert(key, bytes)),
        2 => key().prop_map(Operation::Remove),
        2 => (key(), any::<bool>()).prop_map(|(key, is_same)| Operation::RemoveIf(key, is_same)),
        1 => Just(Operation::Clear),
    ]
}

/// What is stored, told by what was answered: value and weight by key.
type Model = HashMap<u8, (Arc<usize>, usize)>;

fn apply(memory: &Memory<u8, usize>, model: &mut Model, number: usize, operation: &Operation) {
    match *operation {
        Operation::Get(key) => {
            let found = memory.get(&key);
            assert_eq!(found.is_some(), model.contains_key(&key));
            assert!(found.is_none_or(|value| Arc::ptr_eq(&value, &model[&key].0)));
        }
        Operation::Insert(key, bytes) => {
            let value = Arc::new(number);
            let inserted = memory.insert(key, Arc::clone(&value), bytes);
            model.remove(&key);
            for (key, value) in &inserted.evicted {
                assert!(
                    Arc::ptr_eq(&model.remove(key).unwrap().0, value),
                    "evicted {key}, which is not what was stored"
                );
            }
            if inserted.is_kept {
                model.insert(key, (value, bytes.max(ENTRY_OVERHEAD)));
            }
            assert!(bytes <= BYTES_MAX / 8 || !inserted.is_kept);
        }
        Operation::Remove(key) => assert_eq!(memory.remove(&key), model.remove(&key).map(|(value, _)| value)),
        Operation::RemoveIf(key, is_same) => {
            let stored = model.get(&key).filter(|_| is_same).map(|(value, _)| Arc::clone(value));
            let is_removed = memory.remove_if(&key, &stored.clone().unwrap_or_default());
            assert_eq!(is_removed, stored.is_some());
            if is_removed {
                model.remove(&key);
            }
        }
        Operation::Clear => {
            memory.clear();
            model.clear();
        }
    }
}

proptest! {
    #[test]
    fn answers_are_those_of_a_map_less_what_left(operations in prop::collection::vec(operation(), 1..200)) {
        let memory = Memory::new(BYTES_MAX);
        let mut model = Model::new();
        for (number, operation) in operations.iter().enumerate() {
            apply(&memory, &mut model, number, operation);
            prop_assert_eq!(memory.len(), model.len());
            prop_assert_eq!(memory.bytes(), model.values().map(|(_, bytes)| bytes).sum::<usize>());
            prop_assert!(memory.bytes() <= BYTES_MAX);
        }
        for key in 0..24 {
            prop_assert_eq!(memory.get(&key), model.get(&key).map(|(value, _)| Arc::clone(value)));
        }
    }
}
