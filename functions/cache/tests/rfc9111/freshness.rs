//! Sections 4.2, 4.2.1, 4.2.2, 5.2.2.1, 5.2.2.10 and 5.3: how long a response is fresh.

use tidegate_cache::Plan;

use crate::model::s;
use crate::{Case, run};

/// The fields of a response that came at 0, and for how many seconds it is fresh; nothing if it is stale at once or not
/// stored.
const LIFETIMES: &[(&str, &str, u64)] = &[
    ("5.2.2.1: max-age", "cache-control: max-age=60", 60),
    ("5.2.2.1: zero", "cache-control: max-age=0", 0),
    ("5.2: names are compared case-insensitively", "cache-control: Max-AGE=60", 60),
    ("5.2: quoted-string ought to be accepted", "cache-control: max-age=\"60\"", 60),
    ("5.2: with an escape", "cache-control: max-age=\"6\\0\"", 60),
    ("5.2: single quotes are no quotes", "cache-control: max-age='60'", 0),
    ("5.2: a quote without an end", "cache-control: max-age=\"60", 0),
    ("4.2.1: space before the argument is invalid", "cache-control: max-age= 60", 0),
    ("4.2.1: space behind the name", "cache-control: max-age =60", 0),
    ("4.2.1: no argument", "cache-control: max-age", 0),
    ("4.2.1: an empty argument", "cache-control: max-age=", 0),
    ("4.2.1: an empty string", "cache-control: max-age=\"\"", 0),
    ("4.2.1: non-integer", "cache-control: max-age=60.0", 0),
    ("4.2.1: negative", "cache-control: max-age=-60", 0),
    ("4.2.1: signed", "cache-control: max-age=+60", 0),
    ("4.2.1: with a unit", "cache-control: max-age=60s", 0),
    ("4.2.1: with something behind it", "cache-control: max-age=60 60", 0),
    ("4.2.1: with a parameter", "cache-control: max-age=60;x", 0),
    ("1.2.2: leading zeros", "cache-control: max-age=0060", 60),
    ("RFC 9110 5.6.1: empty members, spaces and tabs", "cache-control: ,, \tmax-age=60\t , ,", 60),
    ("RFC 9110 5.2: several lines", "cache-control: public | cache-control: max-age=60", 60),
    (
        "5.2.3: MUST ignore unrecognized directives",
        "cache-control: a, b=1, c=\"d,max-age=9,e\", max-age=60, max-age-x=1",
        60,
    ),
    (
        "5.2.3: also one whose string has commas and escapes",
        "cache-control: a=\"no-store, \\\", private\", max-age=60",
        60,
    ),
    ("5.2.3: semicolons make one unrecognized directive", "cache-control: a; max-age=60", 0),
    ("4.2.1: the first occurrence", "cache-control: max-age=60, max-age=1", 60),
    ("4.2.1: the first occurrence, in lines", "cache-control: max-age=1 | cache-control: max-age=60", 1),
    ("4.2.1: s-maxage first", "cache-control: max-age=1, s-maxage=60", 60),
    ("5.2.2.10: s-maxage overrides", "cache-control: s-maxage=1, max-age=60", 1),
    ("5.2.2.10: zero overrides", "cache-control: s-maxage=0, max-age=60", 0),
    ("4.2.1: an invalid s-maxage is stale", "cache-control: s-maxage=x, max-age=60", 0),
    ("5.2: quoted s-maxage", "cache-control: S-MaxAge=\"60\"", 60),
    ("5.3: Expires minus Date", "expires: @60 | date: @0", 60),
    ("5.3: without a Date, minus the time of receipt", "expires: @60", 60),
    ("5.3: with an invalid Date, too", "expires: @60 | date: today", 60),
    ("4.2.1: the clock of the origin counts: it is ahead", "expires: @1060 | date: @1000", 60),
    ("4.2.1: a Date behind ours is age", "expires: @60 | date: @-20", 80),
    ("5.3: in the past", "expires: @-60 | date: @0", 0),
    ("5.3: now", "expires: @0 | date: @0", 0),
    ("5.3: zero MUST be already expired", "expires: 0", 0),
    ("5.3: minus one", "expires: -1", 0),
    ("5.3: a number", "expires: 784111837", 0),
    ("5.3: empty", "expires:", 0),
    ("5.3: invalid, though there is Last-Modified", "expires: 0 | last-modified: @-100000", 0),
    ("5.3: MUST be ignored beside max-age", "expires: @-60 | cache-control: max-age=60", 60),
    ("5.3: also if that is shorter", "expires: @600 | cache-control: max-age=60", 60),
    ("5.3: also if that is invalid", "expires: @600 | cache-control: max-age=x", 0),
    ("5.3: MUST be ignored beside s-maxage", "expires: 0 | cache-control: s-maxage=60", 60),
    ("4.2.1: the first Expires", "expires: @60 | expires: @90", 60),
    ("RFC 9110 5.6.7: IMF-fixdate", "expires: Sun, 06 Nov 1994 08:50:37 GMT", 60),
    ("RFC 9110 5.6.7: rfc850-date", "expires: Sunday, 06-Nov-94 08:50:37 GMT", 60),
    ("RFC 9110 5.6.7: asctime-date", "expires: Sun Nov  6 08:50:37 1994", 60),
    ("4.2: SHOULD match case-insensitively", "expires: SUN, 06 nov 1994 08:50:37 gmt", 60),
    ("4.2: a zone other than GMT is invalid", "expires: Sun, 06 Nov 1994 08:50:37 UTC", 0),
    ("4.2: local time zones", "expires: Sun, 06 Nov 1994 08:50:37 +0000", 0),
    ("4.2: local time zones, by name", "expires: Sun, 06 Nov 1994 16:50:37 EST", 0),
    ("4.2: no zone", "expires: Sun, 06 Nov 1994 08:50:37", 0),
    ("5.3: ISO 8601 is no HTTP-date", "expires: 1994-11-06T08:50:37Z", 0),
    ("5.3: two dates in a line", "expires: Sun, 06 Nov 1994 08:50:37 GMT, Sun, 06 Nov 1994 08:50:37 GMT", 0),
    ("5.3: one digit for the day", "expires: Sun, 6 Nov 1994 08:50:37 GMT", 0),
    ("5.3: two digits for the year", "expires: Sun, 06 Nov 94 08:50:37 GMT", 0),
    ("5.3: more spaces", "expires: Sun, 06  Nov  1994  08:50:37  GMT", 0),
    ("5.3: a day that is none", "expires: Sun, 99 Nov 1994 08:50:37 GMT", 0),
    ("4.2.2: a tenth of the time since it was modified", "last-modified: @-600 | date: @0", 60),
    ("4.2.2: without a Date", "last-modified: @-600", 60),
    ("4.2.2: not beside explicit freshness", "last-modified: @-600 | cache-control: max-age=5", 5),
    ("4.2.2: modified later than now", "last-modified: @600", 0),
    ("4.2.2: an invalid date", "last-modified: yesterday", 0),
    ("4.2.2: public makes nothing fresh by itself", "cache-control: public", 0),
    ("5.4: Pragma in a response was never specified", "pragma: no-cache | cache-control: max-age=60", 60),
    ("5.4: nor does it stop heuristics", "pragma: no-cache | last-modified: @-600", 60),
    ("4.2.1: conflicts: the most restrictive", "cache-control: max-age=60, no-cache", 0),
    ("4.2.1: conflicts: no-store and public", "cache-control: max-age=60, public, no-store", 0),
    ("RFC 8246 2: immutable is fresh no longer", "cache-control: max-age=60, immutable", 60),
];

#[test]
fn lifetimes() {
    let cases: Vec<_> =
        LIFETIMES.iter().map(|(rule, fields, lifetime_s)| (*rule, script(fields, *lifetime_s))).collect();
    run(&Plan::default(), &cases.iter().map(|(rule, script)| (*rule, leaked(script))).collect::<Vec<_>>());
}

/// It is an answer up to its last second, and none from then on. A Date behind our clock is age already.
fn script(fields: &str, lifetime_s: u64) -> String {
    let age_s = if fields.contains("date: @-20") { 20 } else { 0 };
    let left_s = lifetime_s - age_s.min(lifetime_s);
    let first = format!("0 GET <- 200 | {fields} => miss");
    if left_s == 0 {
        return format!("{first}\n0 GET <- 200 => asked");
    }
    let last_s = left_s - 1;
    format!("{first}\n{last_s} GET => hit | age: {} | = at 0\n{left_s} GET <- 200 => asked", last_s + age_s)
}

fn leaked(script: &str) -> &'static str {
    script.to_owned().leak()
}

const LONG: &[Case] = &[
    (
        "1.2.2: 2^31 and more",
        "0 GET <- 200 | cache-control: max-age=2147483648 => miss\n31535999 GET => hit | age: 31535999",
    ),
    ("1.2.2: 2^32", "0 GET <- 200 | cache-control: max-age=4294967296 => miss\n31535999 GET => hit | age: 31535999"),
    (
        "1.2.2: more than any integer",
        "0 GET <- 200 | cache-control: max-age=99999999999999999999999999999 => miss\n31535999 GET => hit | age: 31535999",
    ),
    (
        "5.3: extremely large Expires",
        "0 GET <- 200 | expires: Fri, 31 Dec 9999 23:59:59 GMT => miss\n31535999 GET => hit | age: 31535999",
    ),
    (
        "4.2.2: no guess is longer than a day",
        "0 GET <- 200 | last-modified: @-99999999 => miss
         86399 GET => hit | age: 86399
         86400 GET <- 304 => check | age: 0",
    ),
    (
        "4.2.2: URIs with queries are no exception",
        "0 GET /?a <- 200 | last-modified: @-600 => miss\n59 GET /?a => hit | age: 59",
    ),
];

#[test]
fn long_lifetimes() {
    run(&Plan::default(), LONG);
}

#[test]
fn lifetimes_of_the_plan() {
    let plan = Plan { default_ttl: Some(s(5)), max_ttl: s(50), ..Plan::default() };
    let cases = &[
        ("nothing is said", "0 GET <- 200 => miss\n4 GET => hit | age: 4\n5 GET => miss"),
        ("something is said", "0 GET <- 200 | cache-control: max-age=9 => miss\n8 GET => hit | age: 8\n9 GET => miss"),
        (
            "too much is said",
            "0 GET <- 200 | cache-control: max-age=99 => miss\n49 GET => hit | age: 49\n50 GET => miss",
        ),
        ("not cacheable by default", "0 GET <- 500 => miss 500\n1 GET => miss"),
    ];
    run(&plan, cases);
}
