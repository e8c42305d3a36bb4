use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::{Recipe, RequestDirectives, StatusTtl};

const REQUESTED: Timestamp = Timestamp::from_unix_ms(784_111_777_000);
const RECEIVED: Timestamp = Timestamp::from_unix_ms(784_111_777_250);
const DATE_NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const MINUTE_AGO: &str = "Sun, 06 Nov 1994 08:48:37 GMT";

type Lines<'a> = &'a [(&'static str, &'a str)];

fn fields(lines: Lines<'_>) -> HeaderMap {
    let line = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    lines.iter().map(line).collect()
}

fn head(status: u16, lines: Lines<'_>) -> response::Parts {
    let (mut head, ()) = http::Response::builder().status(status).body(()).unwrap().into_parts();
    head.headers = fields(lines);
    head
}

/// What becomes of a response to a request.
fn exchange(plan: &Plan, wish: &Wish, request: Lines<'_>, status: u16, lines: Lines<'_>) -> Result<Stored, Unstored> {
    let (request, head) = (fields(request), head(status, lines));
    let (method, url) = (&Method::GET, "https://shop.example/p");
    let (requested_at, received_at) = (REQUESTED, RECEIVED);
    store(plan, wish, Received { method, url, request: &request, head: &head, requested_at, received_at })
}

fn of(status: u16, lines: Lines<'_>) -> Result<Stored, Unstored> {
    exchange(&Plan::default(), &Wish::default(), &[], status, lines)
}

fn cached(line: &str) -> Result<Stored, Unstored> {
    of(200, &[("cache-control", line)])
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn only_get_is_stored() {
    let (request, head) = (HeaderMap::new(), head(200, &[("cache-control", "max-age=60")]));
    for method in [Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS] {
        let url = "https://shop.example/p";
        let received = Received {
            method: &method,
            url,
            request: &request,
            head: &head,
            requested_at: REQUESTED,
            received_at: RECEIVED,
        };
        assert_eq!(store(&Plan::default(), &Wish::default(), received), Err(Unstored::Method), "{method}");
    }
}

/// RFC 9111 section 3: statuses, with explicit freshness and without.
#[test]
fn statuses() {
    let fresh = |status| of(status, &[("cache-control", "max-age=60")]).err();
    for status in 100..1000 {
        let expected = match status {
            206 => Some(Unstored::Partial),
            200..=303 | 305..=415 | 417..=427 | 430 | 432..=510 | 512..=599 => None,
            _ => Some(Unstored::Status),
        };
        assert_eq!(fresh(status), expected, "{status}");
        let understood = of(status, &[("cache-control", "max-age=60, must-understand, no-store")]).err();
        if !is_understood(StatusCode::from_u16(status).unwrap()) {
            assert_eq!(understood, Some(Unstored::Status), "5.2.2.3: {status}");
        }
    }
    for (status, expected) in [(200, None), (404, None), (500, Some(Unstored::Status)), (302, Some(Unstored::Status))] {
        assert_eq!(of(status, &[("etag", "\"a\"")]).err(), expected, "{status}");
    }
    // The plan may name those that RFC 6585 forbids, and what it names with zero is not stored.
    let status_ttl =
        vec![StatusTtl { first: 429, last: 429, ttl: s(5) }, StatusTtl { first: 404, last: 404, ttl: Duration::ZERO }];
    let plan = Plan { status_ttl, ..Plan::default() };
    let of = |status| exchange(&plan, &Wish::default(), &[], status, &[("etag", "\"a\"")]);
    assert_eq!(of(429).map(|stored| stored.fresh_for), Ok(s(5)));
    assert_eq!(of(404), Err(Unstored::Status));
}

#[test]
fn what_forbids_to_store() {
    use Unstored::{NoStore, Private, Stale, Status};
    let cases: &[(&str, u16, &str, Option<Unstored>)] = &[
        ("3: nothing forbids", 200, "max-age=60", None),
        ("5.2.2.5: no-store", 200, "max-age=60, no-store", Some(NoStore)),
        ("5.2.2.5: however it is written", 200, "max-age=60, No-Store=1", Some(NoStore)),
        ("5.2.2.3: must-understand", 200, "max-age=60, must-understand, no-store", None),
        ("5.2.2.3: must-understand, not understood", 299, "max-age=60, must-understand, no-store", Some(Status)),
        ("5.2.2.3: the same without no-store", 299, "max-age=60, must-understand", Some(Status)),
        ("5.2.2.7: private", 200, "max-age=60, private", Some(Private)),
        ("5.2.2.7: private with public", 200, "max-age=60, public, private", Some(Private)),
        ("5.2.2.7: private with must-understand", 200, "max-age=60, must-understand, private", Some(Private)),
        ("5.2.2.7: private for fields", 200, "max-age=60, private=\"x-user\"", None),
        ("3: stale, without a validator", 200, "max-age=0", Some(Stale)),
        ("3: invalid, so stale", 200, "max-age=x", Some(Stale)),
        ("5.2.2.4: no-cache without a validator", 200, "max-age=60, no-cache", Some(Stale)),
        ("5.2.2.4: the same, with a stale window", 200, "max-age=60, no-cache, stale-if-error=60", Some(Stale)),
        ("5.2.2.4: no-cache for fields", 200, "max-age=60, no-cache=\"x-user\"", None),
        ("RFC 5861 3: stale, with a window", 200, "max-age=0, stale-while-revalidate=60", None),
        ("RFC 5861 4: stale, with a window", 200, "max-age=0, stale-if-error=60", None),
        ("5.2.2.2: stale, the window forbidden", 200, "max-age=0, stale-if-error=60, must-revalidate", Some(Stale)),
    ];
    for (case, status, line, expected) in cases {
        assert_eq!(of(*status, &[("cache-control", line)]).err(), *expected, "{case}");
    }
    let no_store = Wish { directives: RequestDirectives { no_store: true, ..Default::default() }, ..Wish::default() };
    for line in ["max-age=60", "max-age=60, must-understand"] {
        let stored = exchange(&Plan::default(), &no_store, &[], 200, &[("cache-control", line)]);
        assert_eq!(stored, Err(NoStore), "5.2.1.5: {line}");
    }
}

#[test]
fn what_can_be_validated_is_stored() {
    let cases: &[(Lines<'_>, Option<Unstored>)] = &[
        (&[("etag", "\"a\"")], None),
        (&[("etag", "W/\"a\"")], None),
        (&[("etag", "")], Some(Unstored::Stale)),
        (&[("last-modified", DATE_NOW)], None),
        (&[("last-modified", "today")], Some(Unstored::Stale)),
        (&[], Some(Unstored::Stale)),
        (&[("cache-control", "no-cache"), ("etag", "\"a\"")], None),
        (&[("cache-control", "max-age=0, must-revalidate"), ("etag", "\"a\"")], None),
        (&[("expires", "0"), ("etag", "\"a\"")], None),
        (&[("expires", "0")], Some(Unstored::Stale)),
        (&[("cache-control", "public")], Some(Unstored::Stale)),
    ];
    for (lines, expected) in cases {
        assert_eq!(of(200, lines).err(), *expected, "{lines:?}");
    }
    let stored = of(200, &[("cache-control", "max-age=60, no-cache"), ("etag", "\"a\"")]).unwrap();
    assert!(stored.no_cache);
}

/// RFC 9111 section 3.5.
#[test]
fn answers_to_authorization() {
    let wish = Wish { is_authorized: true, ..Wish::default() };
    for (line, is_stored) in [
        ("max-age=60", false),
        ("max-age=60, proxy-revalidate", false),
        ("max-age=60, public", true),
        ("max-age=60, must-revalidate", true),
        ("s-maxage=60", true),
    ] {
        let lines = [("cache-control", line)];
        let expected = if is_stored { None } else { Some(Unstored::Authorization) };
        assert_eq!(exchange(&Plan::default(), &wish, &[], 200, &lines).err(), expected, "{line}");
    }
}

#[test]
fn cookies_are_not_shared() {
    let strip = Plan { set_cookie: SetCookie::Strip, ..Plan::default() };
    let cases: &[(&Plan, &str, bool)] = &[
        (&Plan::default(), "max-age=60", false),
        (&Plan::default(), "max-age=60, public", false),
        (&Plan::default(), "max-age=60, private=\"x\"", false),
        (&Plan::default(), "max-age=60, private=\"Set-Cookie, Set-Cookie2\"", true),
        (&Plan::default(), "max-age=60, no-cache=\"set-cookie2, set-cookie\"", true),
        (&Plan::default(), "max-age=60, no-cache=set-cookie", false),
        (&strip, "max-age=60", true),
    ];
    for (plan, line, is_stored) in cases {
        let lines = [("cache-control", *line), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("set-cookie2", "c=3")];
        match exchange(plan, &Wish::default(), &[], 200, &lines) {
            Ok(stored) => {
                assert!(is_stored, "{line}");
                assert!(COOKIE_FIELDS.iter().all(|name| !stored.headers.contains_key(name)), "{line}");
            }
            Err(reason) => assert_eq!((reason, *is_stored), (Unstored::SetCookie, false), "{line}"),
        }
    }
}

/// RFC 9111 section 4.1.
#[test]
fn what_it_varies_by() {
    let request = [("x-a", " 1 "), ("x-b", "2"), ("x-b", "3"), ("cookie", "s=1"), ("x-long", &"x".repeat(2049))];
    let keyed =
        Plan { recipe: Recipe { headers: vec![COOKIE, AUTHORIZATION], ..Recipe::default() }, ..Plan::default() };
    let many = |count| (0..count).map(|i| format!("x-{i}")).collect::<Vec<_>>().join(", ");
    type Case<'a> = (&'a Plan, &'a [&'a str], Option<&'a [(&'a str, Option<&'a str>)]>);
    let cases: &[Case<'_>] = &[
        (&Plan::default(), &[], Some(&[])),
        (&Plan::default(), &["", " , "], Some(&[])),
        (&Plan::default(), &["X-A"], Some(&[("x-a", Some("1"))])),
        (&Plan::default(), &["x-c, X-B", "x-a,x-b"], Some(&[("x-a", Some("1")), ("x-b", Some("2, 3")), ("x-c", None)])),
        (&Plan::default(), &["*"], None),
        (&Plan::default(), &["x-a", "x-b, *"], None),
        (&Plan::default(), &["x a"], None),
        (&Plan::default(), &["Cookie"], None),
        (&Plan::default(), &["x-a, authorization"], None),
        (&keyed, &["authorization, cookie"], Some(&[("authorization", None), ("cookie", Some("s=1"))])),
        (&Plan::default(), &["x-long"], None),
        (&Plan::default(), &[&many(17)], None),
    ];
    for (plan, vary, expected) in cases {
        let lines: Vec<_> = vary.iter().map(|line| ("vary", *line)).chain([("cache-control", "max-age=60")]).collect();
        let stored = exchange(plan, &Wish::default(), &request, 200, &lines);
        let expected = expected.ok_or(Unstored::Vary);
        let found = stored.as_ref().map(|stored| &stored.vary).map_err(|reason| *reason);
        let found =
            found.map(|vary| vary.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expected.as_deref(), "{vary:?}");
        if let Ok(stored) = stored {
            assert!(stored.matches(&fields(&request)), "{vary:?}");
        }
    }
    assert_eq!(
        of(200, &[("vary", &many(16)), ("cache-control", "max-age=60")]).map(|stored| stored.vary.len()),
        Ok(16)
    );
}

/// RFC 9111 section 3.3.
#[test]
fn parts() {
    let range = [("range", "bytes=0-4")];
    let age = ("cache-control", "max-age=60");
    let cases: &[(Lines<'_>, u16, Lines<'_>, Option<Unstored>)] = &[
        (&range, 206, &[age, ("content-range", "bytes 0-4/10")], None),
        (&range, 206, &[age, ("content-range", "bytes 0-4/10"), ("content-length", "5")], None),
        (&range, 206, &[age, ("content-range", "bytes 0-4/10"), ("content-length", "6")], Some(Unstored::Partial)),
        (&range, 206, &[age], Some(Unstored::Partial)),
        (&range, 206, &[age, ("content-range", "bytes 0-4/*")], Some(Unstored::Partial)),
        (
            &range,
            206,
            &[age, ("content-range", "bytes 0-4/10"), ("content-type", "Multipart/Byteranges; boundary=x")],
            Some(Unstored::Partial),
        ),
        (&[], 206, &[age, ("content-range", "bytes 0-4/10")], Some(Unstored::Partial)),
        (&range, 200, &[age, ("content-range", "bytes 0-4/10")], Some(Unstored::Partial)),
        (&range, 200, &[age], None),
        (&range, 416, &[age, ("content-range", "bytes */10")], Some(Unstored::Status)),
    ];
    for (request, status, lines, expected) in cases {
        let stored = exchange(&Plan::default(), &Wish::default(), request, *status, lines);
        assert_eq!(stored.as_ref().err(), expected.as_ref(), "{status} {lines:?}");
        if let Ok(stored) = stored {
            let part = Extent::Part { first: 0, length: 5, complete_length: 10 };
            assert_eq!(stored.status, StatusCode::OK);
            assert_eq!(stored.extent, if *status == 206 { part } else { Extent::Whole });
            assert!(!stored.headers.contains_key(CONTENT_RANGE));
        }
    }
}

#[test]
fn lengths() {
    let plan = Plan { max_body: 100, ..Plan::default() };
    let range = [("range", "bytes=0-")];
    let cases: &[(u16, Lines<'_>, Option<Unstored>)] = &[
        (200, &[("content-length", "100")], None),
        (200, &[("content-length", "101")], Some(Unstored::TooLarge)),
        (200, &[], None),
        (206, &[("content-range", "bytes 0-100/200")], Some(Unstored::TooLarge)),
        (206, &[("content-range", "bytes 0-99/200")], None),
    ];
    for (status, lines, expected) in cases {
        let lines: Vec<_> = lines.iter().copied().chain([("cache-control", "max-age=60")]).collect();
        assert_eq!(exchange(&plan, &Wish::default(), &range, *status, &lines).err(), *expected, "{lines:?}");
    }
}

/// RFC 9111 section 3.1.
#[test]
fn what_is_kept_of_the_fields() {
    let lines = [
        ("cache-control", "max-age=60, private=\"x-user, X-Role\", no-cache=x-visit"),
        ("date", MINUTE_AGO),
        ("age", "5"),
        ("content-length", "3"),
        ("content-type", "text/plain"),
        ("content-encoding", "gzip"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("proxy-authenticate", "Basic"),
        ("proxy-authentication-info", "x"),
        ("proxy-authorization", "x"),
        ("x-user", "1"),
        ("x-role", "2"),
        ("x-visit", "3"),
        ("x-other", "4"),
        ("x-other", "5"),
        ("surrogate-key", "a b"),
        ("cache-tag", "c"),
        ("cache-groups", "\"g\""),
    ];
    let stored = of(200, &lines).unwrap();
    let mut names: Vec<_> = stored.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    // What is said to us alone stays, for a later 304 is judged with it; it is removed from answers.
    let kept = "cache-control cache-groups cache-tag content-encoding content-type date surrogate-key x-other x-other";
    assert_eq!(names.join(" "), kept);
    assert_eq!(stored.headers[DATE], MINUTE_AGO);
    assert_eq!(stored.tags, tags_of(&fields(&lines), "https://shop.example/p"));
}

/// RFC 9110 section 6.6.1.
#[test]
fn there_is_a_date() {
    for lines in [&[("cache-control", "max-age=60")][..], &[("cache-control", "max-age=60"), ("date", "yesterday")]] {
        let stored = of(200, lines).unwrap();
        assert_eq!(stored.headers.get_all(DATE).iter().collect::<Vec<_>>(), [DATE_NOW], "{lines:?}");
    }
}

#[test]
fn what_is_worked_out() {
    let lines = [("cache-control", "max-age=300, stale-if-error=7"), ("age", "30"), ("date", MINUTE_AGO)];
    let plan = Plan { stale_while_revalidate: s(20), stale_if_error: s(40), ..Plan::default() };
    let stored = exchange(&plan, &Wish::default(), &[], 200, &lines).unwrap();
    let expected = Stored {
        status: StatusCode::OK,
        headers: fields(&[lines[0], lines[2]]),
        initial_age: s(60),
        received_at: RECEIVED,
        fresh_for: s(300),
        stale_while_revalidate: s(20),
        stale_if_error: s(7),
        must_revalidate: false,
        no_cache: false,
        vary: Vec::new(),
        tags: Vec::new(),
        extent: Extent::Whole,
    };
    assert_eq!(stored, expected);
}

#[test]
fn stale_windows() {
    let plan = Plan { stale_while_revalidate: s(20), stale_if_error: s(40), ..Plan::default() };
    let cases: &[(&str, Lines<'_>, bool, u64, u64)] = &[
        ("the plan's", &[("cache-control", "max-age=60")], false, 20, 40),
        ("zero is a lifetime", &[("cache-control", "max-age=0")], false, 20, 40),
        ("the origin's", &[("cache-control", "max-age=60, stale-while-revalidate=1, stale-if-error=0")], false, 1, 0),
        ("5.2.2.2: must-revalidate", &[("cache-control", "max-age=60, must-revalidate")], true, 0, 0),
        (
            "5.2.2.8: proxy-revalidate",
            &[("cache-control", "max-age=60, proxy-revalidate, stale-if-error=9")],
            true,
            0,
            0,
        ),
        ("5.2.2.10: s-maxage", &[("cache-control", "s-maxage=60")], true, 0, 0),
        ("5.2.2.10: s-maxage, a window", &[("cache-control", "s-maxage=60, stale-while-revalidate=9")], true, 9, 0),
        ("5.2.2.10: s-maxage, the other", &[("cache-control", "stale-if-error=9, s-maxage=60")], true, 0, 9),
        (
            "5.2.2.8: proxy-revalidate, s-maxage and a window",
            &[("cache-control", "s-maxage=60, stale-if-error=9, proxy-revalidate")],
            true,
            0,
            0,
        ),
        ("Surrogate-Control", &[("surrogate-control", "max-age=60+9")], false, 9, 40),
        ("nobody says a lifetime", &[("etag", "\"a\"")], false, 0, 0),
        ("the same, but the origin a window", &[("cache-control", "stale-if-error=5")], false, 0, 5),
    ];
    for (case, lines, must_revalidate, refresh_s, error_s) in cases {
        let stored = exchange(&plan, &Wish::default(), &[], 200, lines).unwrap();
        let found = (stored.must_revalidate, stored.stale_while_revalidate, stored.stale_if_error);
        assert_eq!(found, (*must_revalidate, s(*refresh_s), s(*error_s)), "{case}");
    }
    // Nobody said that it may be cached: an operator's window alone does not make it so.
    assert_eq!(exchange(&plan, &Wish::default(), &[], 200, &[]), Err(Unstored::Stale));
}

/// RFC 9213 section 2.2.
#[test]
fn targeted_fields_decide() {
    let of = |line| of(200, &[("cache-control", "no-store"), ("cdn-cache-control", line)]);
    assert_eq!(of("max-age=60").map(|stored| stored.fresh_for), Ok(s(60)));
    assert!(of("max-age=60").unwrap().headers.contains_key("cdn-cache-control"));
    assert_eq!(of("max-age=60, private"), Err(Unstored::Private));
    assert_eq!(of("max-age=60,"), Err(Unstored::NoStore));
}

#[test]
fn an_override_does_not_lift_what_is_forbidden() {
    let plan = Plan { override_ttl: Some(s(90)), ..Plan::default() };
    let of = |line| exchange(&plan, &Wish::default(), &[], 200, &[("cache-control", line)]);
    assert_eq!(of("max-age=0").map(|stored| stored.fresh_for), Ok(s(90)));
    assert_eq!(of("no-store"), Err(Unstored::NoStore));
    assert_eq!(of("private"), Err(Unstored::Private));
    assert_eq!(of("no-cache"), Err(Unstored::Stale));
}

#[test]
fn reasons_have_names() {
    assert_eq!(cached("no-store").unwrap_err().reason().as_str(), "cache/no-store");
}

fn lines() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let directive = prop_oneof![
        Just("no-store"),
        Just("private"),
        Just("private=\"set-cookie, x-user\""),
        Just("no-cache"),
        Just("no-cache=\"x-user\""),
        Just("public"),
        Just("max-age=60"),
        Just("max-age=0"),
        Just("s-maxage=9"),
        Just("must-revalidate"),
        Just("must-understand"),
        Just("stale-while-revalidate=5"),
    ];
    let line = prop_oneof![
        8 => directive.prop_map(|directive| ("cache-control", directive.to_owned())),
        1 => Just(("set-cookie", "a=1".to_owned())),
        1 => Just(("x-user", "1".to_owned())),
        1 => Just(("etag", "\"a\"".to_owned())),
        1 => Just(("vary", "x-a".to_owned())),
        1 => Just(("vary", "cookie".to_owned())),
        1 => "[ -~]{0,12}".prop_map(|value| ("age", value)),
        1 => "[ -~]{0,30}".prop_map(|value| ("expires", value)),
    ];
    proptest::collection::vec(line, 0..7)
}

proptest! {
    /// Whatever the origin sends, what is stored may be given to others, and can be used for something.
    #[test]
    fn what_is_stored_is_for_all(lines in lines(), status in 100..600_u16, is_authorized in any::<bool>(), age_s in 0..200_u64) {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let says = |directive: &str| lines.iter().any(|(_, value)| *value == directive);
        let wish = Wish { is_authorized, ..Wish::default() };
        if let Ok(stored) = exchange(&Plan::default(), &wish, &[("x-a", "1")], status, &lines) {
            prop_assert!(!says("private") && (!says("no-store") || says("must-understand")));
            prop_assert!(!is_authorized || says("public") || says("must-revalidate") || says("s-maxage=9"));
            prop_assert!(!says("cookie"));
            prop_assert!(!stored.headers.contains_key(SET_COOKIE) && !stored.headers.contains_key(AGE));
            prop_assert!(!stored.headers.contains_key("x-user") || !says("no-cache=\"x-user\""));
            prop_assert!(stored.headers.contains_key(DATE));
            prop_assert!(!says("must-revalidate") || stored.stale_while_revalidate.is_zero());
            let judgement = crate::judge(&Wish::default(), &stored, false, RECEIVED + s(age_s));
            let is_unasked = matches!(judgement.reuse, crate::Reuse::Answer | crate::Reuse::AnswerThenRefresh);
            let has_time = stored.fresh_for > Duration::ZERO || stored.stale_while_revalidate > Duration::ZERO;
            prop_assert!(has_validator(&stored.headers) || (has_time && !stored.no_cache));
            prop_assert!(!is_unasked || !says("no-cache"));
        }
    }
}
