use proptest::prelude::*;

use super::*;
use crate::StatusTtl;

type Lines<'a> = &'a [(&'static str, &'a str)];

/// Sun, 06 Nov 1994 08:49:37 GMT, and half a second.
const NOW: Timestamp = Timestamp::from_unix_ms(784_111_777_500);
const NOW_DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const MINUTE_AGO: &str = "Sun, 06 Nov 1994 08:48:37 GMT";
const IN_A_MINUTE: &str = "Sun, 06 Nov 1994 08:50:37 GMT";
const TEN_DAYS_AGO: &str = "Thu, 27 Oct 1994 08:49:37 GMT";
const YEAR_AGO: &str = "Sat, 06 Nov 1993 08:49:37 GMT";

fn fields(lines: Lines<'_>) -> HeaderMap {
    let line = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
    lines.iter().map(line).collect()
}

fn of(plan: &Plan, status: u16, lines: Lines<'_>) -> Freshness {
    let headers = fields(lines);
    let directives = ResponseDirectives::read(plan, &headers);
    freshness(plan, &directives, StatusCode::from_u16(status).unwrap(), &headers, NOW)
}

fn seconds_of(seconds: u64) -> Freshness {
    Freshness::For(Duration::from_secs(seconds))
}

#[test]
fn what_the_origin_says() {
    let cases: &[(&str, Lines<'_>, u64)] = &[
        ("4.2.1: s-maxage", &[("cache-control", "max-age=1, s-maxage=60"), ("expires", NOW_DATE)], 60),
        ("4.2.1: max-age", &[("cache-control", "max-age=60"), ("expires", NOW_DATE)], 60),
        ("4.2.1: an invalid max-age is one", &[("cache-control", "max-age=x"), ("expires", IN_A_MINUTE)], 0),
        ("4.2.1: Expires less Date", &[("expires", IN_A_MINUTE), ("date", MINUTE_AGO)], 120),
        ("RFC 9110 6.6.1: no Date", &[("expires", IN_A_MINUTE)], 60),
        ("RFC 9110 6.6.1: an invalid Date", &[("expires", IN_A_MINUTE), ("date", "0")], 60),
        ("4.2.1: Expires in the past", &[("expires", MINUTE_AGO)], 0),
        ("4.2.1: Expires at Date", &[("expires", IN_A_MINUTE), ("date", IN_A_MINUTE)], 0),
        ("4.2.1: the first Expires", &[("expires", MINUTE_AGO), ("expires", IN_A_MINUTE)], 0),
        ("5.3: an invalid Expires", &[("expires", "0"), ("last-modified", TEN_DAYS_AGO)], 0),
        ("5.3: an empty one", &[("expires", ""), ("last-modified", TEN_DAYS_AGO)], 0),
        ("5.3: another zone", &[("expires", "Sun, 06 Nov 2094 08:49:37 PST")], 0),
        ("4.2: any case", &[("expires", "sun, 06 NOV 1994 08:50:37 gmt")], 60),
        ("RFC 9110 5.6.7: RFC 850", &[("expires", "Sunday, 06-Nov-94 08:50:37 GMT")], 60),
        ("RFC 9110 5.6.7: asctime", &[("expires", "Sun Nov  6 08:50:37 1994")], 60),
        (
            "RFC 9213 2.2: Expires does not count",
            &[("cdn-cache-control", "foo, max-age=5"), ("expires", IN_A_MINUTE)],
            5,
        ),
        ("1.2.2: the plan's largest", &[("cache-control", "max-age=2147483648")], 365 * 24 * 3600),
    ];
    for (case, lines, expected) in cases {
        // Whatever the status, and whatever the plan says for those that say nothing.
        let status_ttl = vec![StatusTtl { first: 200, last: 599, ttl: Duration::ZERO }];
        let plan = Plan { default_ttl: Some(Duration::from_secs(7)), status_ttl, ..Plan::default() };
        for (plan, status) in [(&Plan::default(), 200), (&Plan::default(), 503), (&plan, 200), (&plan, 599)] {
            assert_eq!(of(plan, status, lines), seconds_of(*expected), "{case} ({status})");
        }
    }
}

/// RFC 9111 section 4.2.2.
#[test]
fn what_is_guessed() {
    let public = ("cache-control", "public");
    let cases: &[(u16, Lines<'_>, Freshness)] = &[
        (200, &[("last-modified", TEN_DAYS_AGO)], seconds_of(24 * 3600)),
        (200, &[("last-modified", MINUTE_AGO)], seconds_of(6)),
        (200, &[("last-modified", MINUTE_AGO), ("date", IN_A_MINUTE)], seconds_of(12)),
        (200, &[("last-modified", YEAR_AGO)], seconds_of(24 * 3600)),
        (200, &[("last-modified", IN_A_MINUTE)], Freshness::Unknown),
        (200, &[("last-modified", "yesterday")], Freshness::Unknown),
        (200, &[], Freshness::Unknown),
        (200, &[("cdn-cache-control", "none"), ("expires", IN_A_MINUTE)], Freshness::Unknown),
        (500, &[("last-modified", YEAR_AGO)], Freshness::Never),
        (500, &[("last-modified", MINUTE_AGO), public], seconds_of(6)),
        (500, &[public], Freshness::Unknown),
    ];
    for (status, lines, expected) in cases {
        assert_eq!(of(&Plan::default(), *status, lines), *expected, "{status} {lines:?}");
    }
    let plan = Plan { heuristics: false, ..Plan::default() };
    assert_eq!(of(&plan, 200, &[("last-modified", YEAR_AGO)]), Freshness::Unknown);
}

/// RFC 9110 section 15.1.
#[test]
fn statuses_that_are_cacheable_by_default() {
    for status in 200..600 {
        let is_one = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501].contains(&status);
        let expected = if is_one { seconds_of(6) } else { Freshness::Never };
        assert_eq!(of(&Plan::default(), status, &[("last-modified", MINUTE_AGO)]), expected, "{status}");
    }
}

#[test]
fn what_the_plan_says() {
    let ttl = |first, last, ttl_s| StatusTtl { first, last, ttl: Duration::from_secs(ttl_s) };
    let status_ttl = vec![ttl(404, 404, 10), ttl(400, 499, 20), ttl(410, 410, 30), ttl(501, 501, 0)];
    let planned = Plan { default_ttl: Some(Duration::from_secs(60)), status_ttl, ..Plan::default() };
    let forced = Plan { override_ttl: Some(Duration::from_secs(90)), ..planned.clone() };
    let capped = Plan { max_ttl: Duration::from_secs(15), ..planned.clone() };
    let age = ("cache-control", "max-age=5");
    let modified = ("last-modified", MINUTE_AGO);
    let cases: &[(&str, &Plan, u16, Lines<'_>, Freshness)] = &[
        ("default", &planned, 200, &[], seconds_of(60)),
        ("default before guesses", &planned, 200, &[modified], seconds_of(60)),
        ("not default", &planned, 500, &[], Freshness::Never),
        ("default, public", &planned, 500, &[("cache-control", "public")], seconds_of(60)),
        ("the origin's before the default", &planned, 200, &[age], seconds_of(5)),
        ("status", &planned, 404, &[], seconds_of(10)),
        ("status, the first that fits", &planned, 410, &[], seconds_of(20)),
        ("status, not cacheable by default", &planned, 403, &[], seconds_of(20)),
        ("status, zero", &planned, 501, &[], Freshness::Never),
        ("status, zero, but the origin says more", &planned, 501, &[age], seconds_of(5)),
        ("the origin's before the status", &planned, 404, &[age], seconds_of(5)),
        ("override", &forced, 200, &[age], seconds_of(90)),
        ("override of nothing", &forced, 200, &[], seconds_of(90)),
        ("override of a status", &forced, 404, &[], seconds_of(90)),
        ("override of an error that is said to be cacheable", &forced, 500, &[age], seconds_of(90)),
        ("no override of an error", &forced, 500, &[], Freshness::Never),
        ("largest: default", &capped, 200, &[], seconds_of(15)),
        ("largest: status", &capped, 403, &[], seconds_of(15)),
        ("largest: less", &capped, 200, &[age], seconds_of(5)),
        ("largest: override", &Plan { max_ttl: Duration::from_secs(15), ..forced.clone() }, 200, &[], seconds_of(15)),
    ];
    for (case, plan, status, lines, expected) in cases {
        assert_eq!(of(plan, *status, lines), *expected, "{case}");
    }
}

/// RFC 9111 section 4.2.3.
#[test]
fn initial_ages() {
    let cases: &[(&str, Lines<'_>, u64, u64)] = &[
        ("nothing said: the delay", &[], 250, 250),
        ("apparent_age", &[("date", MINUTE_AGO)], 0, 60_000),
        ("apparent_age is more than the delay", &[("date", MINUTE_AGO)], 2_000, 60_000),
        ("Date in the future", &[("date", IN_A_MINUTE)], 100, 100),
        ("the part of a second is no age", &[("date", NOW_DATE)], 0, 0),
        ("age_value and the delay", &[("age", "30")], 250, 30_250),
        ("the larger one: Age", &[("age", "90"), ("date", MINUTE_AGO)], 0, 90_000),
        ("the larger one: Date", &[("age", "30"), ("date", MINUTE_AGO)], 0, 60_000),
        ("5.1: the first of a list", &[("age", "30, 90")], 0, 30_000),
        ("5.1: the first of the lines", &[("age", "30"), ("age", "90")], 0, 30_000),
        ("5.1: an invalid first one", &[("age", "x, 90")], 0, 0),
        ("5.1: negative", &[("age", "-30")], 0, 0),
        ("5.1: fractional", &[("age", "30.5")], 0, 0),
        ("5.1: signed", &[("age", "+30")], 0, 0),
        ("5.1: quoted", &[("age", "\"30\"")], 0, 0),
        ("5.1: empty", &[("age", "")], 0, 0),
        ("1.2.2: overflow", &[("age", "99999999999999999999999")], 0, (1 << 31) * 1000),
    ];
    for (case, lines, delay_ms, expected_ms) in cases {
        let requested_at = Timestamp::from_unix_ms(NOW.as_unix_ms() - delay_ms);
        let age = initial_age(&fields(lines), requested_at, NOW);
        assert_eq!(age, Duration::from_millis(*expected_ms), "{case}");
    }
    // A clock that was set back.
    assert_eq!(initial_age(&HeaderMap::new(), NOW + Duration::from_secs(5), NOW), Duration::ZERO);
}

proptest! {
    /// No date that we write is one that we cannot read, and nothing panics at the end of time.
    #[test]
    fn dates_are_read_as_written(at_ms in prop_oneof![0..400_000_000_000_000_u64, any::<u64>()]) {
        let value = date_value(Timestamp::from_unix_ms(at_ms)).unwrap();
        prop_assert_eq!(http_date(&value), Some((at_ms / 1000).min(DATE_S_MAX)));
        let lower = value.to_str().unwrap().to_ascii_lowercase();
        prop_assert_eq!(http_date(&lower.parse().unwrap()), http_date(&value));
    }

    #[test]
    fn no_date_panics(text in "[ -~]{0,50}|[A-Z][a-z]{2}, [0-9]{2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT") {
        http_date(&text.parse().unwrap());
    }

    /// RFC 9111 section 4.2.3: it is never younger than any of what is known of its age.
    #[test]
    fn nothing_is_younger_than_it_says(age_s in 0..1_000_000_u64, date_s in 0..1_000_000_u64, delay_ms in 0..100_000_u64) {
        let date = Timestamp::from_unix_ms(NOW.as_unix_ms() - date_s * 1000);
        let mut headers = fields(&[("age", &age_s.to_string())]);
        headers.insert(DATE, date_value(date).unwrap());
        let requested_at = Timestamp::from_unix_ms(NOW.as_unix_ms() - delay_ms);
        let age = initial_age(&headers, requested_at, NOW);
        prop_assert!(age >= Duration::from_secs(date_s));
        prop_assert!(age >= Duration::from_secs(age_s) + Duration::from_millis(delay_ms));
    }
}
