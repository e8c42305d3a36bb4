use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const CDN: &str = "cdn-cache-control";
const SURROGATE: &str = "surrogate-control";

fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    lines.iter().map(line).collect()
}

fn response(lines: &[(&'static str, &str)]) -> ResponseDirectives {
    ResponseDirectives::read(&Plan::default(), &fields(lines))
}

fn of(line: &str) -> ResponseDirectives {
    response(&[("cache-control", line)])
}

fn s(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn lifetimes_of_responses() {
    let cases: &[(&str, &str, Option<u64>)] = &[
        ("5.2: a token", "max-age=60", Some(60)),
        ("5.2: a quoted string", "max-age=\"60\"", Some(60)),
        ("5.2: escapes", "max-age=\"6\\0\"", Some(60)),
        ("5.2: any case", "MAX-Age=60", Some(60)),
        ("5.2: unknown ones are ignored", "foo, bar=\"max-age=1, x\", max-age=60, baz=1", Some(60)),
        ("5.2.3: another name is another directive", "x-max-age=60, max-age-x=60", None),
        ("RFC 9110 5.6.1: empty members, odd spaces", " ,\t,max-age=60 \t, ,public", Some(60)),
        ("1.2.2: leading zeros", "max-age=0060", Some(60)),
        ("1.2.2: 2^31", "max-age=2147483648", Some(1 << 31)),
        ("1.2.2: more than that", "max-age=2147483649", Some(1 << 31)),
        ("1.2.2: overflow", "max-age=99999999999999999999999999999999", Some(1 << 31)),
        ("4.2.1: the first", "max-age=60, max-age=3600", Some(60)),
        ("4.2.1: the first, be it the longer one", "max-age=3600, max-age=60", Some(3600)),
        ("4.2.1: the first, be it invalid", "max-age=x, max-age=60", Some(0)),
        ("4.2.1: negative", "max-age=-60", Some(0)),
        ("4.2.1: fractional", "max-age=60.5", Some(0)),
        ("4.2.1: no number", "max-age=a60", Some(0)),
        ("4.2.1: a number and more", "max-age=60a", Some(0)),
        ("4.2.1: without an argument", "max-age", Some(0)),
        ("4.2.1: with an empty one", "max-age=", Some(0)),
        ("4.2.1: with an empty quoted one", "max-age=\"\"", Some(0)),
        ("4.2.1: single quotes", "max-age='60'", Some(0)),
        ("4.2.1: a space before =", "max-age =60", Some(0)),
        ("4.2.1: a space behind =", "max-age= 60", Some(0)),
        ("4.2.1: something behind the quotes", "max-age=\"60\"0", Some(0)),
        ("4.2.1: a semicolon", "max-age=60; public", Some(0)),
        ("4.2.1: a quote without an end", "max-age=\"60", Some(0)),
    ];
    for (case, line, expected) in cases {
        assert_eq!(of(line).max_age, expected.map(Duration::from_secs), "{case}: {line}");
        let line = line.to_ascii_lowercase().replace("max-age", "s-maxage");
        assert_eq!(of(&line).s_maxage, expected.map(Duration::from_secs), "{case}: {line}");
    }
}

#[test]
fn flags_of_responses() {
    let none = ResponseDirectives::default;
    let cases = [
        ("", none()),
        ("no-store", ResponseDirectives { no_store: true, ..none() }),
        ("No-Store", ResponseDirectives { no_store: true, ..none() }),
        // What restricts counts however it is written.
        ("no-store=1", ResponseDirectives { no_store: true, ..none() }),
        ("no-store; foo", ResponseDirectives { no_store: true, ..none() }),
        ("foo=\"a, no-store", ResponseDirectives { no_store: true, ..none() }),
        ("no-store\"", ResponseDirectives { no_store: true, ..none() }),
        ("foo = \"a, no-store\"", ResponseDirectives { no_store: true, ..none() }),
        ("must-revalidate=x y", ResponseDirectives { must_revalidate: true, ..none() }),
        ("proxy-revalidate, no-transform", ResponseDirectives { proxy_revalidate: true, no_transform: true, ..none() }),
        // What allows does not.
        ("public; must-understand x, immutable y", none()),
        (
            "public, must-understand, immutable",
            ResponseDirectives { public: true, must_understand: true, immutable: true, ..none() },
        ),
        // In a quoted string nothing is a directive.
        ("foo=\"a, no-store\"", none()),
        ("foo=\"a\\\", no-store\"", none()),
        ("=no-store, \"no-store\", no-stores, xno-store", none()),
        ("a-name-that-is-longer-than-any-that-we-know, public", ResponseDirectives { public: true, ..none() }),
        (
            "stale-while-revalidate=30, stale-if-error=\"40\"",
            ResponseDirectives { stale_while_revalidate: s(30), stale_if_error: s(40), ..none() },
        ),
        ("stale-while-revalidate=x", ResponseDirectives { stale_while_revalidate: s(0), ..none() }),
    ];
    for (line, expected) in cases {
        assert_eq!(of(line), expected, "{line}");
    }
}

#[test]
fn lines_are_one_list() {
    let read = response(&[("cache-control", "max-age=60, foo=\"a"), ("cache-control", "no-store, max-age=1")]);
    assert_eq!(read, ResponseDirectives { no_store: true, max_age: s(60), ..ResponseDirectives::default() });
}

/// RFC 9111 sections 5.2.2.4 and 5.2.2.7.
#[test]
fn fields_may_be_named() {
    let many = (0..=NAMES_MAX).map(|i| format!("f{i}")).collect::<Vec<_>>().join(",");
    let cases: &[(&str, bool, &[&str])] = &[
        ("", true, &[]),
        ("=\"Set-Cookie\"", false, &["set-cookie"]),
        ("=set-cookie", false, &["set-cookie"]),
        ("=\"a, B ,, c\"", false, &["a", "b", "c"]),
        ("=\"a\", X=\"b\", X=a", false, &["a", "b"]),
        ("=\"a\", X", true, &["a"]),
        // What names no field is about all of them.
        ("=", true, &[]),
        ("=\"\"", true, &[]),
        ("=\" , \"", true, &[]),
        ("=\"a b\"", true, &[]),
        ("=\"a", true, &[]),
        (" = \"a\"", true, &[]),
        (&format!("=\"{many}\""), true, &[]),
    ];
    for (argument, is_unqualified, names) in cases {
        let line = |name: &str| format!("{name}{}", argument.replace('X', name));
        let (no_cache, private) = (of(&line("no-cache")), of(&line("private")));
        assert_eq!(
            (no_cache.no_cache, &no_cache.no_cache_fields[..]),
            (*is_unqualified, &to_owned(names)[..]),
            "{argument}"
        );
        assert_eq!(
            (private.private, &private.private_fields[..]),
            (*is_unqualified, &to_owned(names)[..]),
            "{argument}"
        );
    }
}

fn to_owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// RFC 9213 sections 2.1 and 2.2.
#[test]
fn targeted_fields_stand_in() {
    let none = || ResponseDirectives { is_targeted: true, ..ResponseDirectives::default() };
    let cases = [
        ("max-age=60", ResponseDirectives { max_age: s(60), ..none() }),
        ("max-age=60;p=1, s-maxage=70;q", ResponseDirectives { max_age: s(60), s_maxage: s(70), ..none() }),
        ("no-store", ResponseDirectives { no_store: true, ..none() }),
        ("no-store=?1, public=?0", ResponseDirectives { no_store: true, ..none() }),
        ("none", none()),
        // RFC 9651 section 3.2: of the same key the last one.
        ("max-age=60, max-age=30", ResponseDirectives { max_age: s(30), ..none() }),
        ("max-age=60, max-age=x", none()),
        ("no-store, no-store=?0", none()),
        ("private, private=\"a\"", ResponseDirectives { private_fields: to_owned(&["a"]), ..none() }),
        ("private=\"a\", private", ResponseDirectives { private: true, ..none() }),
        // Values of other types do not count.
        ("max-age=60.0, s-maxage=\"60\", stale-if-error, max-age=(60)", none()),
        ("no-store=1, public=\"x\", private=(a), no-cache=1.5", none()),
        ("max-age=-1", ResponseDirectives { max_age: s(0), ..none() }),
        ("max-age=999999999999999", ResponseDirectives { max_age: s(1 << 31), ..none() }),
        (
            "no-cache=\"Set-Cookie, a\", private=b",
            ResponseDirectives {
                no_cache_fields: to_owned(&["set-cookie", "a"]),
                private_fields: to_owned(&["b"]),
                ..none()
            },
        ),
        ("private=\"a b\"", ResponseDirectives { private: true, ..none() }),
        (
            "stale-while-revalidate=1, stale-if-error=2, must-revalidate",
            ResponseDirectives { stale_while_revalidate: s(1), stale_if_error: s(2), must_revalidate: true, ..none() },
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(response(&[("cache-control", "no-store, max-age=1"), (CDN, line)]), expected, "{line}");
    }
    // Empty or invalid: as if it were not there.
    for line in ["", " ", "Max-Age=60", "max-age=60,", "max-age=60 foo", "max-age=", "max-age=60, &&", "a=\"b", "ü"] {
        let read = response(&[("cache-control", "max-age=1"), (CDN, line)]);
        assert_eq!(read, ResponseDirectives { max_age: s(1), ..ResponseDirectives::default() }, "{line}");
    }
    let lines = response(&[(CDN, "max-age=60"), (CDN, "private")]);
    assert_eq!(lines, ResponseDirectives { max_age: s(60), private: true, ..none() });
}

/// RFC 9213 section 2.2: the first of the list that is valid; others are not looked at.
#[test]
fn the_first_valid_target_counts() {
    let both = [(CDN, "max-age=60"), (SURROGATE, "max-age=30")];
    assert_eq!(response(&both).max_age, s(30));
    let targets = vec![HeaderName::from_static(CDN), HeaderName::from_static(SURROGATE)];
    let plan = Plan { targets, ..Plan::default() };
    assert_eq!(ResponseDirectives::read(&plan, &fields(&both)).max_age, s(60));
    let broken = [(CDN, "max-age=60 x"), (SURROGATE, "max-age=30")];
    assert_eq!(ResponseDirectives::read(&plan, &fields(&broken)).max_age, s(30));
    let plan = Plan { targets: Vec::new(), ..Plan::default() };
    assert_eq!(ResponseDirectives::read(&plan, &fields(&both)), ResponseDirectives::default());
}

/// Edge Architecture Specification 1.0.
#[test]
fn surrogate_control_is_older() {
    let none = || ResponseDirectives { is_targeted: true, ..ResponseDirectives::default() };
    let cases = [
        ("max-age=3600", ResponseDirectives { max_age: s(3600), ..none() }),
        (
            "max-age=3600+600, content=\"ESI/1.0\"",
            ResponseDirectives { max_age: s(3600), stale_while_revalidate: s(600), ..none() },
        ),
        (
            "stale-while-revalidate=5, Max-Age=60+30, max-age=1+1",
            ResponseDirectives { max_age: s(60), stale_while_revalidate: s(5), ..none() },
        ),
        ("max-age=60+", ResponseDirectives { max_age: s(60), stale_while_revalidate: s(0), ..none() }),
        ("max-age=+60", ResponseDirectives { max_age: s(0), stale_while_revalidate: s(60), ..none() }),
        ("max-age=1+2+3", ResponseDirectives { max_age: s(1), stale_while_revalidate: s(0), ..none() }),
        ("NO-STORE", ResponseDirectives { no_store: true, ..none() }),
        ("max-age=10;other, max-age=20", ResponseDirectives { max_age: s(20), ..none() }),
    ];
    for (line, expected) in cases {
        assert_eq!(response(&[("cache-control", "no-store"), (SURROGATE, line)]), expected, "{line}");
    }
    // What says nothing about caching does not stand in.
    for line in ["", "content=\"ESI/1.0\"", "max-age=10;other"] {
        assert!(response(&[("cache-control", "no-store"), (SURROGATE, line)]).no_store, "{line}");
    }
}

#[test]
fn requests() {
    let none = RequestDirectives::default;
    let cases = [
        ("RFC 9111 5.2.1.5", "no-store", RequestDirectives { no_store: true, ..none() }),
        ("5.2.1.4", "No-Cache", RequestDirectives { no_cache: true, ..none() }),
        ("5.2.1.7", "only-if-cached", RequestDirectives { only_if_cached: true, ..none() }),
        ("5.2.1.1", "max-age=5", RequestDirectives { max_age: s(5), ..none() }),
        ("5.2.1.1: no number", "max-age=x", RequestDirectives { max_age: s(0), ..none() }),
        ("5.2.1.3", "min-fresh=\"5\"", RequestDirectives { min_fresh: s(5), ..none() }),
        ("5.2.1.3: no number", "min-fresh=x, min-fresh", none()),
        ("5.2.1.2", "max-stale=5", RequestDirectives { max_stale: s(5), ..none() }),
        ("5.2.1.2: any age", "max-stale", RequestDirectives { max_stale: Some(Duration::MAX), ..none() }),
        ("5.2.1.2: no number", "max-stale=x, max-stale=", none()),
        ("RFC 5861 4", "stale-if-error=5", RequestDirectives { stale_if_error: s(5), ..none() }),
        ("5.2.3", "public, private, s-maxage=5, foo", none()),
        ("4.2.1", "max-age=5, max-age=6", RequestDirectives { max_age: s(5), ..none() }),
    ];
    for (case, line, expected) in cases {
        assert_eq!(RequestDirectives::read(&fields(&[("cache-control", line)])), expected, "{case}: {line}");
    }
}

/// RFC 9111 section 5.4.
#[test]
fn pragma_counts_without_cache_control() {
    let cases: &[(&[(&'static str, &str)], bool)] = &[
        (&[], false),
        (&[("pragma", "no-cache")], true),
        (&[("pragma", "foo=\"bar\", No-Cache")], true),
        (&[("pragma", "foo"), ("pragma", "no-cache")], true),
        (&[("pragma", "foo=\"no-cache\"")], false),
        (&[("pragma", "no-cache"), ("cache-control", "max-age=5")], false),
        (&[("pragma", "no-cache"), ("cache-control", "")], false),
    ];
    for (lines, expected) in cases {
        assert_eq!(RequestDirectives::read(&fields(lines)).no_cache, *expected, "{lines:?}");
    }
}

proptest! {
    /// Whatever is sent, it is read, and nothing in it grows beyond its bounds.
    #[test]
    fn anything_is_read(line in r#"([ -~]|,|"|=|\\|max-age|private|no-cache|=[0-9]{1,30}){0,60}"#) {
        for field in ["cache-control", CDN, SURROGATE] {
            let read = response(&[(field, &line)]);
            let lifetimes = [read.max_age, read.s_maxage, read.stale_while_revalidate, read.stale_if_error];
            prop_assert!(lifetimes.into_iter().flatten().all(|time| time.as_secs() <= 1 << 31));
            prop_assert!(read.private_fields.len() <= NAMES_MAX && read.no_cache_fields.len() <= NAMES_MAX);
        }
        RequestDirectives::read(&fields(&[("cache-control", &line)]));
    }

    /// What restricts counts beside whatever else is said, if that does not end inside a quoted string.
    #[test]
    fn restrictions_are_not_hidden(before in "[ -!#-~]{0,30}", after in "[ -~]{0,30}") {
        let line = format!("{before},no-store,private,{after}");
        let read = of(&line);
        prop_assert!(read.no_store && read.private, "{line}");
    }

    /// Where a list is cut into lines does not matter.
    #[test]
    fn lines_are_joined(members in proptest::collection::vec(r#"(max-age|private|x)(=([0-9]{1,3}|"[a-c, ]{0,5}"))?"#, 1..6)) {
        let lines: Vec<_> = members.iter().map(|member| ("cache-control", member.as_str())).collect();
        prop_assert_eq!(response(&lines), of(&members.join(" , ")));
    }

    /// A structured field says the same as Cache-Control where both are well formed and name nothing twice.
    #[test]
    fn targeted_fields_mean_the_same(age in 0..1_000_000_u64, stale in 0..1_000_000_u64, names in "[a-z]{1,5}(, [a-z]{1,5})?") {
        let line = format!("max-age={age}, stale-if-error={stale}, private=\"{names}\", must-revalidate, foo=bar");
        prop_assert_eq!(response(&[(CDN, &line)]), ResponseDirectives { is_targeted: true, ..of(&line) });
    }
}
