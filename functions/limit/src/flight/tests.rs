use super::*;
use crate::moment::Moment;
use crate::state::State;

#[test]
fn as_many_as_there_are_places() {
    let quota = Quota::concurrency(3, Duration::from_secs(60)).unwrap();
    let (mut state, now) = (State::new(&quota), Moment::from_nanos(5));
    assert_eq!(state.expires_in(&quota, now), Some(Duration::ZERO));
    for (cost, decision, remaining) in [
        (2, Decision::Taken, 1),
        (2, Decision::Refused(Duration::from_secs(1)), 1),
        (0, Decision::Taken, 1),
        (1, Decision::Taken, 0),
        (u32::MAX, Decision::Refused(Duration::from_secs(1)), 0),
    ] {
        let verdict = state.take(&quota, now, cost, Duration::from_secs(9));
        assert_eq!((verdict.decision, verdict.remaining, verdict.reset), (decision, remaining, Duration::ZERO));
    }
    assert_eq!(state.expires_in(&quota, now), None);
    state.charge(&quota, now, 5);
    state.charge(&quota, now, -5);
    assert_eq!(state, State::Flight(Flight { count: 3 }));
    state.give_back(&quota, now, now, 2);
    assert_eq!(state.peek(&quota, now).remaining, 2);
    // Some landed twice, or were forgotten meanwhile.
    state.give_back(&quota, now, now, 2);
    assert_eq!(state, State::new(&quota));
}
