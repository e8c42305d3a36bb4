use tidegate_limit::{Flight, Gcra, Moment, State, Window};

use super::super::word::Layout;
use super::ms;

const LAYOUTS: [Layout; 3] = [Layout::Gcra, Layout::Window, Layout::Flight];
const HOUR_MS: u64 = 3_600_000;

fn gcra(tat: Moment) -> State {
    State::Gcra(Gcra { tat })
}

fn window(start: u64, previous: u32, current: u32) -> State {
    State::Window(Window { start: ms(start), previous, current })
}

fn flight(count: u32) -> State {
    State::Flight(Flight { count })
}

#[test]
fn a_word_says_what_was_written_into_it() {
    let full = (1 << 24) - 1;
    let states = [
        (Layout::Gcra, gcra(Moment::from_nanos(0))),
        (Layout::Gcra, gcra(Moment::from_nanos(1))),
        (Layout::Gcra, gcra(Moment::from_nanos(u64::MAX))),
        (Layout::Window, window(0, 0, 0)),
        (Layout::Window, window(1, 2, 3)),
        (Layout::Window, window((1 << 40) - 1, full, 0)),
        (Layout::Window, window(0, 0, full)),
        (Layout::Flight, flight(0)),
        (Layout::Flight, flight(u32::MAX)),
    ];
    for (layout, state) in states {
        for hash in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            let mark = layout.mark(hash);
            let word = layout.word(mark, &state);
            assert_eq!(layout.state(word), state, "{layout:?}");
            assert!(layout.is_of(word, mark), "{layout:?} {hash:x}");
            assert!(!layout.is_of(word, layout.mark(hash ^ 2)), "{layout:?} {hash:x}");
            assert!(!layout.is_of(0, mark), "an empty slot is nobody's");
        }
    }
}

#[test]
fn what_does_not_fit_is_cut_not_spilt() {
    let mark = Layout::Window.mark(7);
    let large = State::Window(Window { start: Moment::from_nanos(u64::MAX), previous: u32::MAX, current: u32::MAX });
    let word = Layout::Window.word(mark, &large);
    assert!(Layout::Window.is_of(word, mark));
    assert_eq!(Layout::Window.state(word), window((1 << 40) - 1, (1 << 24) - 1, (1 << 24) - 1));
}

#[test]
fn a_state_of_another_algorithm_is_new() {
    for layout in LAYOUTS {
        let mark = layout.mark(7);
        let other = if layout == Layout::Flight { gcra(ms(5)) } else { flight(5) };
        assert_eq!(layout.state(layout.word(mark, &other)), layout.state(0), "{layout:?}");
    }
}

#[test]
fn what_has_expired_does_no_harm() {
    let now = ms(10 * HOUR_MS);
    let expired = [
        (Layout::Gcra, gcra(now)),
        (Layout::Gcra, gcra(ms(0))),
        (Layout::Window, window(8 * HOUR_MS, 9, 9)),
        (Layout::Window, window(9 * HOUR_MS, 9, 0)),
        (Layout::Flight, flight(0)),
    ];
    for (layout, state) in expired {
        let word = layout.word(layout.mark(1), &state);
        assert_eq!(layout.harm(word, HOUR_MS, now), Some(0), "{state:?}");
        assert_eq!(layout.harm(0, HOUR_MS, now), Some(0), "an empty slot");
    }
}

#[test]
fn the_more_is_lost_the_greater_the_harm() {
    let now = ms(10 * HOUR_MS + HOUR_MS / 2);
    let ordered = [
        (Layout::Gcra, vec![gcra(ms(10 * HOUR_MS)), gcra(ms(11 * HOUR_MS)), gcra(ms(12 * HOUR_MS))]),
        (
            Layout::Window,
            vec![
                window(8 * HOUR_MS, 900, 900),
                window(10 * HOUR_MS, 0, 1),
                window(9 * HOUR_MS, 1000, 4),
                window(10 * HOUR_MS, 4, 1),
                window(10 * HOUR_MS, 0, 1000),
                window(10 * HOUR_MS, 1, 1000),
                window(11 * HOUR_MS, 1 << 23, 1 << 23),
            ],
        ),
    ];
    for (layout, states) in ordered {
        let harms = states.iter().map(|state| layout.harm(layout.word(layout.mark(1), state), HOUR_MS, now));
        let harms: Vec<u64> = harms.map(|harm| harm.expect("it can be forgotten")).collect();
        assert!(harms.is_sorted_by(|less, more| less < more), "{layout:?} {harms:?}");
    }
    let in_flight = Layout::Flight.word(Layout::Flight.mark(1), &flight(1));
    assert_eq!(Layout::Flight.harm(in_flight, HOUR_MS, now), None);
}

#[test]
fn harm_does_not_overflow() {
    let longest = 366 * 24 * HOUR_MS;
    let full = window(0, u32::MAX, u32::MAX);
    let word = Layout::Window.word(Layout::Window.mark(1), &full);
    assert!(Layout::Window.harm(word, longest, ms(0)) > Layout::Window.harm(word, longest, ms(longest / 2)));
}
