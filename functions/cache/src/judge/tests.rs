use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::{Extent, RequestDirectives};

const RECEIVED: Timestamp = Timestamp::from_unix_ms(1_000_000);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Fresh for a minute, five seconds old when it was received, and never to be used stale.
fn stored() -> Stored {
    Stored {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        initial_age: s(5),
        received_at: RECEIVED,
        fresh_for: s(60),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        must_revalidate: false,
        no_cache: false,
        vary: Vec::new(),
        tags: Vec::new(),
        extent: Extent::Whole,
    }
}

fn wish(directives: RequestDirectives) -> Wish {
    Wish { directives, ..Wish::default() }
}

fn asks(line: &str) -> Wish {
    let headers = [(http::header::CACHE_CONTROL, line.parse().unwrap())].into_iter().collect();
    wish(RequestDirectives::read(&headers))
}

#[test]
fn what_it_is_good_for() {
    use Reuse::{Answer, AnswerThenRefresh, Asked, Stale};
    let plain = stored();
    let refreshed = Stored { stale_while_revalidate: s(30), ..stored() };
    let strict = Stored { must_revalidate: true, ..stored() };
    let windowed = Stored { must_revalidate: true, ..refreshed.clone() };
    let checked = Stored { no_cache: true, ..refreshed.clone() };
    let cases: &[(&str, &Stored, &str, u64, Reuse)] = &[
        ("4.2: fresh", &plain, "", 5_000, Answer),
        ("4.2: at its end", &plain, "", 59_999, Answer),
        ("4.2: the end is not part of it", &plain, "", 60_000, Stale),
        ("4.2.4: stale", &plain, "", 70_000, Stale),
        ("RFC 5861 3: within the window", &refreshed, "", 60_000, AnswerThenRefresh),
        ("RFC 5861 3: at its end", &refreshed, "", 89_999, AnswerThenRefresh),
        ("RFC 5861 3: beyond it", &refreshed, "", 90_000, Stale),
        ("RFC 5861 3: fresh is fresh", &refreshed, "", 59_999, Answer),
        ("5.2.2.2: must-revalidate, fresh", &strict, "", 59_999, Answer),
        ("5.2.2.2: must-revalidate, stale", &strict, "max-stale", 60_000, Stale),
        ("5.2.2.10: its own window", &windowed, "", 60_000, AnswerThenRefresh),
        ("5.2.2.10: its own window, max-stale", &windowed, "max-stale", 89_999, AnswerThenRefresh),
        ("5.2.2.10: beyond its own window", &windowed, "max-stale", 90_000, Stale),
        ("5.2.2.4: no-cache", &checked, "", 5_000, Asked),
        ("5.2.2.4: no-cache, stale", &checked, "max-stale", 70_000, Asked),
        ("5.2.1.4: no-cache", &plain, "no-cache", 5_000, Asked),
        ("5.2.1.4: no-cache and max-stale", &refreshed, "no-cache, max-stale", 70_000, Asked),
        ("5.2.1.1: not older", &plain, "max-age=10", 10_000, Answer),
        ("5.2.1.1: older", &plain, "max-age=10", 10_001, Asked),
        ("5.2.1.1: zero", &plain, "max-age=0", 5_000, Asked),
        ("5.2.1.1: older than both", &plain, "max-age=10", 60_000, Stale),
        ("5.2.1.1: stale, though not too old", &refreshed, "max-age=100", 60_000, Stale),
        ("5.2.1.1: with max-stale", &plain, "max-age=100, max-stale=10", 70_000, Answer),
        ("5.2.1.1: too old with max-stale", &refreshed, "max-age=65, max-stale=10", 70_000, Stale),
        ("5.2.1.1: too old with max-stale, fresh", &plain, "max-age=10, max-stale", 20_000, Asked),
        ("5.2.1.2: no more", &plain, "max-stale=10", 70_000, Answer),
        ("5.2.1.2: more", &plain, "max-stale=10", 70_001, Stale),
        ("5.2.1.2: any", &plain, "max-stale", 1_000_000_000, Answer),
        ("5.2.1.2: and a window", &refreshed, "max-stale", 70_000, AnswerThenRefresh),
        ("5.2.1.2: less than the window", &refreshed, "max-stale=5", 70_000, Stale),
        ("5.2.1.2: beyond the window", &refreshed, "max-stale=100", 100_000, Answer),
        ("5.2.1.3: fresh for long enough", &plain, "min-fresh=20", 40_000, Answer),
        ("5.2.1.3: not for long enough", &plain, "min-fresh=20", 40_001, Asked),
        ("5.2.1.3: stale", &refreshed, "min-fresh=0", 60_000, Stale),
        ("5.2.1.5: no-store says nothing of what is stored", &plain, "no-store", 5_000, Answer),
        ("5.2.1.7: only-if-cached is the caller's", &plain, "only-if-cached", 5_000, Answer),
    ];
    for (case, stored, request, age_ms, expected) in cases {
        let now = Timestamp::from_unix_ms(RECEIVED.as_unix_ms() + age_ms - 5_000);
        let judgement = judge(&asks(request), stored, false, now);
        let ttl_s = (60_000 - i64::try_from(*age_ms).unwrap()).div_euclid(1000);
        assert_eq!(judgement, Judgement { reuse: *expected, ttl_s }, "{case}");
    }
}

#[test]
fn what_was_purged_softly_is_stale() {
    let refreshed = Stored { stale_while_revalidate: s(30), ..stored() };
    let at = |age_s: u64| RECEIVED + s(age_s - 5);
    let of = |stored: &Stored, request, now| judge(&asks(request), stored, true, now);
    assert_eq!(of(&stored(), "", at(20)), Judgement { reuse: Reuse::Stale, ttl_s: 0 });
    assert_eq!(of(&refreshed, "", at(20)), Judgement { reuse: Reuse::AnswerThenRefresh, ttl_s: 0 });
    // What was stale before is not less so.
    assert_eq!(of(&refreshed, "", at(70)), Judgement { reuse: Reuse::AnswerThenRefresh, ttl_s: -10 });
    assert_eq!(of(&refreshed, "", at(90)), Judgement { reuse: Reuse::Stale, ttl_s: -30 });
    assert_eq!(of(&Stored { must_revalidate: true, ..stored() }, "max-stale", at(20)).reuse, Reuse::Stale);
}

#[test]
fn what_stands_in_for_an_error() {
    let plain = stored();
    let lasting = Stored { stale_if_error: s(30), ..stored() };
    let strict = Stored { must_revalidate: true, ..plain.clone() };
    let windowed = Stored { must_revalidate: true, ..lasting.clone() };
    let checked = Stored { no_cache: true, ..lasting.clone() };
    type Case<'a> = (&'a str, &'a Stored, &'a str, Option<u16>, u64, bool);
    let cases: &[Case<'_>] = &[
        ("RFC 5861 4: no window", &plain, "", Some(503), 60_000, false),
        ("RFC 5861 4: within it", &lasting, "", Some(503), 89_999, true),
        ("RFC 5861 4: beyond it", &lasting, "", Some(503), 90_000, false),
        ("RFC 5861 4: while it is fresh", &lasting, "", Some(503), 20_000, true),
        ("RFC 5861 4: the client's window", &plain, "stale-if-error=10", Some(503), 69_999, true),
        ("RFC 5861 4: beyond the client's", &plain, "stale-if-error=10", Some(503), 70_000, false),
        ("RFC 5861 4: the larger one", &lasting, "stale-if-error=10", Some(503), 80_000, true),
        ("RFC 5861 4: whatever its age", &lasting, "max-age=0", Some(503), 80_000, true),
        ("RFC 5861 4: 500", &lasting, "", Some(500), 80_000, true),
        ("RFC 5861 4: 502", &lasting, "", Some(502), 80_000, true),
        ("RFC 5861 4: 504", &lasting, "", Some(504), 80_000, true),
        ("RFC 5861 4: other errors", &lasting, "", Some(501), 80_000, false),
        ("RFC 5861 4: the client's errors", &lasting, "", Some(404), 80_000, false),
        ("RFC 9111 4.2.4: disconnected", &lasting, "", None, 80_000, true),
        ("RFC 9111 4.2.4: disconnected, beyond it", &lasting, "", None, 90_000, false),
        ("RFC 9111 5.2.2.2: must-revalidate", &strict, "stale-if-error=100", None, 80_000, false),
        ("RFC 9111 5.2.2.10: its own window", &windowed, "", None, 80_000, true),
        ("RFC 9111 5.2.2.10: beyond it", &windowed, "stale-if-error=100", None, 90_000, false),
        ("RFC 9111 5.2.2.4: no-cache", &checked, "", Some(503), 20_000, false),
        ("RFC 9111 5.2.1.4: no-cache", &lasting, "no-cache", Some(503), 80_000, false),
    ];
    for (case, stored, request, status, age_ms, expected) in cases {
        let now = Timestamp::from_unix_ms(RECEIVED.as_unix_ms() + age_ms - 5_000);
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        assert_eq!(serves_on_error(&asks(request), stored, status, now), *expected, "{case}");
    }
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), (0..200_000_u64).prop_map(Duration::from_millis), Just(Duration::MAX)]
}

fn directives() -> impl Strategy<Value = RequestDirectives> {
    let limit = || proptest::option::of(durations());
    (any::<bool>(), limit(), limit(), limit(), limit()).prop_map(
        |(no_cache, max_age, min_fresh, max_stale, on_error)| RequestDirectives {
            no_cache,
            max_age,
            min_fresh,
            max_stale,
            stale_if_error: on_error,
            ..Default::default()
        },
    )
}

fn any_stored() -> impl Strategy<Value = Stored> {
    (durations(), durations(), durations(), durations(), any::<bool>(), any::<bool>()).prop_map(
        |(initial_age, fresh_for, stale_while_revalidate, stale_if_error, must_revalidate, no_cache)| Stored {
            initial_age,
            fresh_for,
            stale_while_revalidate,
            stale_if_error,
            must_revalidate,
            no_cache,
            ..stored()
        },
    )
}

proptest! {
    /// RFC 9111 section 4: what is answered unasked is fresh, or allowed to be stale; nothing that is to be validated.
    #[test]
    fn nothing_forbidden_is_answered(stored in any_stored(), asked in directives(), is_purged in any::<bool>(), ms in 0..400_000_u64) {
        let now = RECEIVED + Duration::from_millis(ms);
        let judgement = judge(&wish(asked.clone()), &stored, is_purged, now);
        let age = stored.age(now);
        let is_fresh = age < stored.fresh_for && !is_purged;
        prop_assert_eq!(judgement.ttl_s >= 0, age <= stored.fresh_for);
        if matches!(judgement.reuse, Reuse::Answer | Reuse::AnswerThenRefresh) {
            prop_assert!(!stored.no_cache && !asked.no_cache);
            prop_assert!(asked.max_age.is_none_or(|limit| age <= limit));
            let staleness = age.saturating_sub(stored.fresh_for);
            let is_taken = !stored.must_revalidate && asked.max_stale.is_some_and(|limit| staleness <= limit);
            prop_assert!(is_fresh || is_taken || staleness < stored.stale_while_revalidate);
        }
        prop_assert_eq!(judgement.reuse == Reuse::AnswerThenRefresh && is_fresh, false);
    }

    /// What can be answered later can be answered earlier, as long as nothing is purged.
    #[test]
    fn nothing_gets_better_with_age(stored in any_stored(), asked in directives(), one in 0..400_000_u64, more in 0..400_000_u64) {
        let earlier = RECEIVED + Duration::from_millis(one);
        let later = earlier + Duration::from_millis(more);
        let wish = wish(asked);
        let is_answer = |now| matches!(judge(&wish, &stored, false, now).reuse, Reuse::Answer | Reuse::AnswerThenRefresh);
        prop_assert!(is_answer(earlier) || !is_answer(later));
        let stands_in = |now| serves_on_error(&wish, &stored, None, now);
        prop_assert!(stands_in(earlier) || !stands_in(later));
    }
}
