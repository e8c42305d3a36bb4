use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use proptest::prelude::*;
use tidegate_core::Timestamp;

use super::*;
use crate::{Coding, Compress};

pub(crate) const DAY: &str = "Tue, 15 Nov 1994 12:45:26 GMT";
const DAY_850: &str = "Tuesday, 15-Nov-94 12:45:26 GMT";
const DAY_ASC: &str = "Tue Nov 15 12:45:26 1994";
pub(crate) const NEXT_DAY: &str = "Wed, 16 Nov 1994 12:45:26 GMT";
const DAY_BEFORE: &str = "Mon, 14 Nov 1994 12:45:26 GMT";

type Fields = [(&'static str, &'static str)];

/// Fields of these names and values.
pub(crate) fn fields(list: &[(&str, &str)]) -> HeaderMap {
    let parse = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in list.iter().map(parse) {
        headers.append(name, value);
    }
    headers
}

/// A whole 200 with these fields, received at 1,000 s, fresh for a minute.
pub(crate) fn stored(list: &[(&str, &str)]) -> Stored {
    Stored {
        status: StatusCode::OK,
        headers: fields(list),
        initial_age: Duration::from_secs(5),
        received_at: Timestamp::from_unix_ms(1_000_000),
        fresh_for: Duration::from_secs(60),
        stale_while_revalidate: Duration::from_secs(10),
        stale_if_error: Duration::from_secs(10),
        must_revalidate: false,
        no_cache: false,
        vary: Vec::new(),
        tags: Vec::new(),
        extent: Extent::Whole,
    }
}

/// Does something with a response that has this status and these fields, received at 2,000 s.
pub(crate) fn with_received<T>(
    (method, status): (&Method, u16),
    list: &[(&str, &str)],
    run: impl FnOnce(Received<'_>) -> T,
) -> T {
    let mut head = Response::new(()).into_parts().0;
    head.status = StatusCode::from_u16(status).unwrap();
    head.headers = fields(list);
    let at = Timestamp::from_unix_ms(2_000_000);
    let url = "https://shop.example/a/b?c";
    run(Received { method, url, request: &HeaderMap::new(), head: &head, requested_at: at, received_at: at })
}

#[test]
fn conditions_of_clients() {
    let both = [("etag", "\"1\""), ("last-modified", DAY), ("date", NEXT_DAY)];
    let weak = [("etag", "W/\"1\"")];
    let table: &[(&str, &Fields, &Fields, bool)] = &[
        ("no condition", &[], &both, false),
        ("13.1.2 the tag", &[("if-none-match", "\"1\"")], &both, true),
        ("13.1.2 another", &[("if-none-match", "\"2\"")], &both, false),
        ("13.1.2 in a list", &[("if-none-match", "\"0\" ,, W/\"3\",\"1\"")], &both, true),
        ("13.1.2 on a second line", &[("if-none-match", "\"0\""), ("if-none-match", "\"1\"")], &both, true),
        ("8.8.3 a comma in a tag", &[("if-none-match", "\"0,\"1\"")], &[("etag", "\"0,\"")], true),
        ("8.8.3 a part of a tag", &[("if-none-match", "\"0,1\"")], &[("etag", "\"1\"")], false),
        ("13.1.2 weak comparison", &[("if-none-match", "W/\"1\"")], &both, true),
        ("13.1.2 weak comparison", &[("if-none-match", "\"1\"")], &weak, true),
        ("13.1.2 any", &[("if-none-match", "*")], &both, true),
        ("13.1.2 any, without a tag", &[("if-none-match", " * ")], &[], true),
        ("13.1.2 no tag stored", &[("if-none-match", "\"1\"")], &[("last-modified", DAY)], false),
        ("8.8.3 without quotes", &[("if-none-match", "1")], &both, true),
        ("13.1.2 empty", &[("if-none-match", "")], &both, false),
        ("8.8.3 case", &[("if-none-match", "\"A\"")], &[("etag", "\"a\"")], false),
        ("13.1.3 then", &[("if-modified-since", DAY)], &both, true),
        ("13.1.3 later", &[("if-modified-since", NEXT_DAY)], &both, true),
        ("13.1.3 before", &[("if-modified-since", DAY_BEFORE)], &both, false),
        ("5.6.7 obsolete formats", &[("if-modified-since", DAY_850)], &both, true),
        ("5.6.7 obsolete formats", &[("if-modified-since", DAY_ASC)], &both, true),
        ("5.6.7 stored in one", &[("if-modified-since", DAY)], &[("last-modified", DAY_ASC)], true),
        ("13.1.3 no date", &[("if-modified-since", "soon")], &both, false),
        ("13.1.3 no date", &[("if-modified-since", "0")], &[("last-modified", "0")], false),
        ("13.1.3 a list", &[("if-modified-since", DAY), ("if-modified-since", DAY)], &both, false),
        ("13.1.3 ignored", &[("if-none-match", "\"2\""), ("if-modified-since", DAY)], &both, false),
        ("13.1.3 ignored", &[("if-none-match", "\"1\""), ("if-modified-since", DAY_BEFORE)], &both, true),
        ("9111 4.3.2 by Date", &[("if-modified-since", DAY)], &[("date", DAY)], true),
        ("9111 4.3.2 by Date", &[("if-modified-since", DAY_BEFORE)], &[("date", DAY)], false),
        ("9111 4.3.2 not by Date", &[("if-modified-since", DAY)], &[("last-modified", "x"), ("date", DAY)], false),
        ("13.1.4 the origin's", &[("if-match", "\"1\""), ("if-unmodified-since", DAY)], &both, false),
    ];
    for (what, request, response, expected) in table {
        assert_eq!(is_not_modified(&fields(request), &stored(response)), *expected, "{what}: {request:?} {response:?}");
    }
}

/// RFC 9110 section 13.2.1 and RFC 9111 section 4.3.2: only what would be 200, or a part that is stored.
#[test]
fn conditions_are_judged_where_the_answer_is_stored() {
    let request = fields(&[("if-none-match", "\"1\"")]);
    let ranged = fields(&[("if-none-match", "\"1\""), ("range", "bytes=2-3")]);
    let elsewhere = fields(&[("if-none-match", "\"1\""), ("range", "bytes=0-3")]);
    let mut response = stored(&[("etag", "\"1\"")]);
    assert!(is_not_modified(&request, &response) && is_not_modified(&elsewhere, &response));
    response.extent = Extent::Part { first: 2, length: 2, complete_length: 9 };
    assert!(is_not_modified(&ranged, &response));
    assert!(!is_not_modified(&request, &response) && !is_not_modified(&elsewhere, &response));
    response.extent = Extent::Whole;
    response.status = StatusCode::NOT_FOUND;
    assert!(!is_not_modified(&request, &response));
}

/// RFC 9111 section 4.3.1.
#[test]
fn conditions_of_ours() {
    let client = [
        ("if-none-match", "\"c\""),
        ("if-modified-since", DAY),
        ("if-range", "\"c\""),
        ("range", "bytes=0-1"),
        ("content-length", "0"),
        ("accept", "a/b"),
    ];
    let mut part = stored(&[("etag", "\"1\"")]);
    part.extent = Extent::Part { first: 2, length: 2, complete_length: 9 };
    let mut missing = stored(&[("etag", "\"1\"")]);
    missing.status = StatusCode::NOT_FOUND;
    let table: &[(&str, Option<Stored>, bool, &Fields)] = &[
        ("nothing stored", None, false, &[]),
        ("no validator", Some(stored(&[("date", DAY)])), false, &[]),
        ("a tag", Some(stored(&[("etag", "W/\"1\""), ("date", DAY)])), false, &[("if-none-match", "W/\"1\"")]),
        ("a time", Some(stored(&[("last-modified", DAY)])), false, &[("if-modified-since", DAY)]),
        (
            "both",
            Some(stored(&[("etag", "\"1\""), ("last-modified", NEXT_DAY)])),
            false,
            &[("if-none-match", "\"1\""), ("if-modified-since", NEXT_DAY)],
        ),
        ("an empty tag", Some(stored(&[("etag", "")])), false, &[]),
        ("a part", Some(part), false, &[]),
        ("13.2.1 no success", Some(missing), false, &[]),
        ("a range", Some(stored(&[("etag", "\"1\"")])), true, &[("if-range", "\"c\""), ("range", "bytes=0-1")]),
    ];
    for (what, stored, keeps_range, expected) in table {
        let mut request = fields(&client);
        let has_condition = set_validators(&mut request, stored.as_ref(), *keeps_range);
        let mut all = expected.to_vec();
        all.push(("accept", "a/b"));
        assert_eq!(request, fields(&all), "{what}");
        assert_eq!(
            has_condition,
            expected.iter().any(|(name, _)| matches!(*name, "if-none-match" | "if-modified-since"))
        );
    }
    // If-Range means nothing without Range (RFC 9110 section 13.1.5).
    let mut request = fields(&[("if-range", "\"c\"")]);
    assert!(set_validators(&mut request, Some(&stored(&[("etag", "\"1\"")])), true));
    assert_eq!(request, fields(&[("if-none-match", "\"1\"")]));
}

/// RFC 9111 section 4.3.4.
#[test]
fn which_304_is_of_it() {
    let tag: &Fields = &[("etag", "\"1\"")];
    let weak: &Fields = &[("etag", "W/\"1\"")];
    let time: &Fields = &[("last-modified", DAY)];
    let both: &Fields = &[("etag", "\"1\""), ("last-modified", DAY)];
    let table: &[(&str, &Fields, &Fields, bool)] = &[
        ("strong, the same", tag, tag, true),
        ("strong, another", &[("etag", "\"2\"")], tag, false),
        ("strong, another, same time", &[("etag", "\"2\""), ("last-modified", DAY)], both, false),
        ("strong, a weak one stored", tag, weak, false),
        ("strong, none stored", both, time, false),
        ("weak, the same", weak, weak, true),
        ("weak, a strong one stored", weak, tag, true),
        ("weak, another", &[("etag", "W/\"2\"")], weak, false),
        ("weak, none stored", weak, &[], false),
        ("weak, none stored, same time", &[("etag", "W/\"1\""), ("last-modified", DAY)], time, true),
        ("time, the same", time, both, true),
        ("time, another format", &[("last-modified", DAY_ASC)], time, true),
        ("time, the same text", &[("last-modified", "x")], &[("last-modified", "x")], true),
        ("time, another", &[("last-modified", NEXT_DAY)], both, false),
        ("time, a tag stored", time, tag, true),
        ("time, nothing stored", time, &[], false),
        ("none, none stored", &[], &[], true),
        ("none, a tag stored", &[], tag, true),
        ("none, a time stored", &[], time, true),
    ];
    for (what, head, response, expected) in table {
        assert_eq!(selects(&Plan::default(), &stored(response), &fields(head)), *expected, "{what}");
    }
    let compress = Compress { codings: vec![Coding::Gzip], min_size: 0, types: Vec::new() };
    let plan = Plan { compress: Some(compress), ..Plan::default() };
    let coded = stored(&[("etag", "W/\"1\""), ("content-encoding", "gzip")]);
    assert!(selects(&plan, &coded, &fields(tag)));
    assert!(!selects(&plan, &coded, &fields(&[("etag", "\"2\"")])));
}

/// RFC 9111 sections 4.3.4 and 4.2: freshness follows from the fields of both.
#[test]
fn a_304_makes_fresh() {
    let old = stored(&[("etag", "\"1\""), ("cache-control", "max-age=60"), ("date", "Thu, 01 Jan 1970 00:16:40 GMT")]);
    let date = ("date", "Thu, 01 Jan 1970 00:33:20 GMT");
    let (plan, wish) = (Plan::default(), Wish::default());
    let renewed = |list: &[(&str, &str)]| {
        with_received((&Method::GET, 304), list, |received| renew(&plan, &wish, &old, received)).unwrap()
    };
    let new = renewed(&[date, ("etag", "\"1\""), ("x", "1")]);
    assert_eq!((new.status, new.fresh_for), (StatusCode::OK, Duration::from_secs(60)));
    assert_eq!((new.age(new.received_at), new.received_at), (Duration::ZERO, Timestamp::from_unix_ms(2_000_000)));
    assert_eq!(new.headers["x"], "1");
    let new = renewed(&[date, ("etag", "\"1\""), ("cache-control", "max-age=7"), ("age", "3")]);
    assert_eq!((new.fresh_for, new.initial_age), (Duration::from_secs(7), Duration::from_secs(3)));
    assert_eq!(renewed(&[("etag", "\"1\"")]).age(Timestamp::from_unix_ms(2_000_000)), Duration::ZERO);
}

/// RFC 9111 section 4.3.4: what is not of it does nothing. Sections 3 and 5.2: what may not be stored is not.
#[test]
fn a_304_that_forbids() {
    let old = stored(&[("etag", "\"1\""), ("cache-control", "max-age=60"), ("x", "old")]);
    let run = |wish: &Wish, status: u16, list: &[(&str, &str)]| {
        with_received((&Method::GET, status), list, |received| renew(&Plan::default(), wish, &old, received))
    };
    let wish = Wish::default();
    assert_eq!(run(&wish, 304, &[("etag", "\"2\"")]), None);
    assert_eq!(run(&wish, 200, &[("etag", "\"1\"")]), None);
    for forbids in [("cache-control", "no-store"), ("cache-control", "private"), ("set-cookie", "a=b"), ("vary", "*")] {
        let new = run(&wish, 304, &[forbids, ("x", "new")]).unwrap();
        assert_eq!((&new.headers["x"], new.no_cache, new.fresh_for), (&old.headers["x"], true, Duration::ZERO));
        assert_eq!(new.headers.len(), old.headers.len(), "{forbids:?}");
        let is_said = new.headers.get_all(forbids.0).iter().any(|value| value == forbids.1);
        assert_eq!(is_said, forbids.0 == "cache-control", "{forbids:?}");
        assert_eq!(new.age(new.received_at), Duration::ZERO);
    }
    // The client forbids it, not the origin.
    let mut private = Wish::default();
    private.directives.no_store = true;
    assert_eq!(run(&private, 304, &[("x", "new")]), Some(old.clone()));
    let authorized = Wish { is_authorized: true, ..Wish::default() };
    assert_eq!(run(&authorized, 304, &[("x", "new")]), Some(old.clone()));
}

fn validators() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let tag = "(W/)?\"[!#-~]{0,6}\"".prop_map(|tag| ("etag", tag));
    let day = (0_u64..20_000).prop_map(|day| {
        let date = std::time::UNIX_EPOCH + Duration::from_secs(day * 86_400);
        ("last-modified", httpdate::fmt_http_date(date))
    });
    (proptest::option::of(tag), proptest::option::of(day)).prop_map(|(tag, day)| tag.into_iter().chain(day).collect())
}

fn with(list: &[(&'static str, String)]) -> Stored {
    stored(&list.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
}

proptest! {
    /// An origin that has the same representation says 304 to our condition, and that 304 is of it.
    #[test]
    fn what_did_not_change_is_not_modified(list in validators()) {
        let stored = with(&list);
        let mut request = HeaderMap::new();
        let has_condition = set_validators(&mut request, Some(&stored), false);
        prop_assert_eq!(has_condition, !list.is_empty());
        prop_assert_eq!(is_not_modified(&request, &stored), has_condition);
        prop_assert!(selects(&Plan::default(), &stored, &stored.headers));
    }

    /// A 304 is never of two representations with different strong tags.
    #[test]
    fn strong_tags_part(one in "\"[a-c]{0,2}\"", other in "\"[a-c]{0,2}\"") {
        let head = fields(&[("etag", &one)]);
        prop_assert_eq!(selects(&Plan::default(), &stored(&[("etag", &other)]), &head), one == other);
    }

    /// Nothing that a client or an origin writes is too much.
    #[test]
    fn no_text_is_too_odd(text in proptest::collection::vec(0x20_u8..0xff, 0..40), name in 0..4_usize) {
        let text: Vec<u8> = text.into_iter().filter(|byte| *byte != 0x7f).collect();
        let value = HeaderValue::from_bytes(&text).unwrap();
        let mut request = HeaderMap::new();
        request.insert([IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE][name].clone(), value.clone());
        let mut response = stored(&[]);
        response.headers.insert([ETAG, LAST_MODIFIED, DATE, ETAG][name].clone(), value);
        is_not_modified(&request, &response);
        selects(&Plan::default(), &response, &response.headers);
    }
}
