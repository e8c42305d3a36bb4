//! What a slot of the [table](super::table) holds: whose it is and what was taken, in one word.

use tidegate_limit::{Algorithm, Flight, Gcra, Moment, State, Window};

const NANOS_IN_MILLI: u64 = 1_000_000;

/// How the state of an algorithm lies in a word of 128 bits: above it, the mark of its key.
///
/// | algorithm | mark | state |
/// |---|---|---|
/// | GCRA | 64 | 64: its theoretical arrival time in ns |
/// | sliding window | 40 | 40: its start in ms (34 years of a process), 24: in the one before, 24: in this one |
/// | concurrency | 64 | 64: how many are in flight |
///
/// A word of zeros is an empty slot; a mark is never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Gcra,
    Window,
    Flight,
}

/// What a key is known by: the bits of its hash that stand in a word, where they stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u128);

impl Layout {
    /// None: its states are too large for a word.
    pub fn of(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Gcra => Some(Self::Gcra),
            Algorithm::SlidingWindow => Some(Self::Window),
            Algorithm::Concurrency => Some(Self::Flight),
            Algorithm::SlidingLog => None,
        }
    }

    const fn state_bits(self) -> u32 {
        match self {
            Self::Gcra | Self::Flight => 64,
            Self::Window => Start::BITS + 2 * COUNTER_BITS,
        }
    }

    /// The mark of a key with this hash, of which the lower bits count.
    pub fn mark(self, hash: u64) -> Mark {
        let mark = u128::from(hash) << self.state_bits();
        Mark(if mark == 0 { 1 << self.state_bits() } else { mark })
    }

    /// Whether a word is of the key with this mark.
    pub fn is_of(self, word: u128, mark: Mark) -> bool {
        (word ^ mark.0) >> self.state_bits() == 0
    }

    #[cfg(test)]
    pub fn mark_in(self, word: u128) -> u128 {
        word >> self.state_bits()
    }

    /// The state in a word.
    pub fn state(self, word: u128) -> State {
        match self {
            Self::Gcra => State::Gcra(Gcra { tat: Moment::from_nanos(word as u64) }),
            Self::Window => State::Window(Window {
                start: Start::of(word).moment(),
                previous: (word >> COUNTER_BITS) as u32 & COUNTER_MAX,
                current: word as u32 & COUNTER_MAX,
            }),
            Self::Flight => State::Flight(Flight { count: word as u32 }),
        }
    }

    /// The word of a key with this mark and state. The states of other algorithms count as new.
    pub fn word(self, mark: Mark, state: &State) -> u128 {
        let state = match (self, state) {
            (Self::Gcra, State::Gcra(gcra)) => u128::from(gcra.tat.as_nanos()),
            (Self::Window, State::Window(window)) => {
                u128::from(Start::from(window.start).0) << (2 * COUNTER_BITS)
                    | u128::from(window.previous.min(COUNTER_MAX)) << COUNTER_BITS
                    | u128::from(window.current.min(COUNTER_MAX))
            }
            (Self::Flight, State::Flight(flight)) => u128::from(flight.count),
            _ => 0,
        };
        mark.0 | state
    }

    /// How much harm it does to forget what a word says: the least is forgotten first, and none at all is done by what
    /// has expired. `None`: it must not be forgotten, for those in flight will land. `period_ms` is the longest of all
    /// quotas.
    ///
    /// Of GCRA that is the time until it expires, for what is owed leaks away at a steady rate. Windows expire together,
    /// so of them it is what still counts.
    pub fn harm(self, word: u128, period_ms: u64, now: Moment) -> Option<u64> {
        match self {
            Self::Gcra => Some((word as u64).saturating_sub(now.as_nanos())),
            Self::Window => {
                let elapsed = (now.as_nanos() / NANOS_IN_MILLI).saturating_sub(Start::of(word).0);
                let (previous, current) = ((word >> COUNTER_BITS) as u32 & COUNTER_MAX, word as u32 & COUNTER_MAX);
                // 24 bits times the milliseconds of a year, twice: less than 64 bits.
                let overlap = |count: u32, until: u64| u64::from(count) * until.saturating_sub(elapsed).min(period_ms);
                Some(overlap(previous, period_ms) + overlap(current, 2 * period_ms))
            }
            Self::Flight if word as u32 == 0 => Some(0),
            Self::Flight => None,
        }
    }
}

const COUNTER_BITS: u32 = 24;
const COUNTER_MAX: u32 = (1 << COUNTER_BITS) - 1;

/// When a window began: whole milliseconds on the process's clock, as far as they fit.
struct Start(u64);

impl Start {
    const BITS: u32 = 40;
    const MAX: u64 = (1 << Self::BITS) - 1;

    const fn of(word: u128) -> Self {
        Self((word >> (2 * COUNTER_BITS)) as u64 & Self::MAX)
    }

    const fn moment(self) -> Moment {
        Moment::from_nanos(self.0 * NANOS_IN_MILLI)
    }
}

impl From<Moment> for Start {
    fn from(moment: Moment) -> Self {
        Self((moment.as_nanos() / NANOS_IN_MILLI).min(Self::MAX))
    }
}
