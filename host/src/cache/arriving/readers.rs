//! Where the readers of a body are, and which of them wait.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;

/// The readers of a body. Every operation takes logarithmic time, beside what it wakes.
#[derive(Default)]
pub struct Readers {
    last_id: u64,
    /// How many stand at each position.
    positions: BTreeMap<u64, usize>,
    /// Those that wait for more than is there, by position and reader.
    waiting: BTreeMap<(u64, u64), Waker>,
}

impl Readers {
    /// One more, at the beginning. Returns what it is known by.
    pub fn join(&mut self) -> u64 {
        self.last_id += 1;
        self.enter(0);
        self.last_id
    }

    /// One goes on to another position.
    pub fn advance(&mut self, id: u64, from: u64, to: u64) {
        self.leave(id, from);
        self.enter(to);
    }

    /// One less.
    pub fn leave(&mut self, id: u64, position: u64) {
        self.waiting.remove(&(position, id));
        if let Some(count) = self.positions.get_mut(&position) {
            *count -= 1;
            if *count == 0 {
                self.positions.remove(&position);
            }
        }
    }

    /// One waits for what comes at its position.
    pub fn wait(&mut self, position: u64, id: u64, waker: &Waker) {
        self.waiting.insert((position, id), waker.clone());
    }

    /// Where the slowest one is; none if there is none.
    pub fn slowest(&self) -> Option<u64> {
        self.positions.first_key_value().map(|(position, _)| *position)
    }

    /// Those that wait for something before `end`. They wait no longer.
    pub fn wake_up_to(&mut self, end: u64) -> impl Iterator<Item = Waker> + use<> {
        let later = self.waiting.split_off(&(end, 0));
        mem::replace(&mut self.waiting, later).into_values()
    }

    /// All that wait.
    pub fn wake_all(&mut self) -> impl Iterator<Item = Waker> + use<> {
        mem::take(&mut self.waiting).into_values()
    }

    fn enter(&mut self, position: u64) {
        *self.positions.entry(position).or_default() += 1;
    }
}
