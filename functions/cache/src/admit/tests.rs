use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use std::time::Duration;
use tidegate_core::Client;

use super::*;
use crate::Recipe;

fn admitted(plan: &Plan, method: &Method, query: Option<&str>, lines: &[(&'static str, &str)]) -> Result<Wish, Bypass> {
    let line = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let headers: HeaderMap = lines.iter().map(line).collect();
    let client = Client::new([192, 0, 2, 1].into());
    let (host, path) = ("shop.example", "/");
    admit(plan, &RequestView { method, is_https: true, host, path, query, headers: &headers, client: &client })
}

fn get(plan: &Plan, lines: &[(&'static str, &str)]) -> Result<Wish, Bypass> {
    admitted(plan, &Method::GET, None, lines)
}

#[test]
fn methods() {
    let plan = Plan::default();
    assert_eq!(admitted(&plan, &Method::GET, None, &[]), Ok(Wish::default()));
    assert_eq!(admitted(&plan, &Method::HEAD, None, &[]), Ok(Wish { is_head: true, ..Wish::default() }));
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY", "get", "PURGE"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(admitted(&plan, &method, None, &[]), Err(Bypass::Method), "{method}");
    }
}

#[test]
fn requests_that_only_the_origin_can_answer() {
    let cases: &[(&[(&'static str, &str)], bool)] = &[
        (&[("content-length", "0")], true),
        (&[("content-length", "1")], false),
        (&[("content-length", "x")], false),
        (&[("content-length", "0"), ("content-length", "5")], false),
        (&[("transfer-encoding", "chunked")], false),
        (&[("upgrade", "websocket"), ("connection", "upgrade")], false),
        // RFC 9110 sections 13.1.1 and 13.1.4.
        (&[("if-match", "\"a\"")], false),
        (&[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT")], false),
        // Those that a cache answers: RFC 9111 section 4.3.2.
        (&[("if-none-match", "\"a\""), ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")], true),
    ];
    for (lines, is_admitted) in cases {
        let expected = if *is_admitted { Ok(Wish::default()) } else { Err(Bypass::Request) };
        assert_eq!(get(&Plan::default(), lines), expected, "{lines:?}");
    }
}

/// RFC 9110 section 14.2: Range is defined for GET alone.
#[test]
fn ranges() {
    let line = [("range", "bytes=0-5")];
    let plan = Plan::default();
    assert_eq!(get(&plan, &line), Ok(Wish { is_range: true, ..Wish::default() }));
    assert_eq!(admitted(&plan, &Method::HEAD, None, &line), Ok(Wish { is_head: true, ..Wish::default() }));
}

#[test]
fn conditions_of_the_plan() {
    let text = |text: &str| Some(Arc::from(text));
    let header = |value| Condition::Header(HeaderName::from_static("x-preview"), value);
    let cookie = |value| Condition::Cookie("preview".into(), value);
    let query = |value| Condition::Query("preview".into(), value);
    type Case<'a> = (Condition, Option<&'a str>, &'a [(&'static str, &'a str)], bool);
    let cases: &[Case<'_>] = &[
        (header(None), None, &[("x-preview", "")], true),
        (header(None), None, &[("x-other", "1")], false),
        (header(text("1")), None, &[("x-preview", "0"), ("x-preview", " 1 ")], true),
        (header(text("1")), None, &[("x-preview", "11")], false),
        (cookie(None), None, &[("cookie", "a=1; preview")], true),
        (cookie(None), None, &[("cookie", "a=1"), ("cookie", "preview=0")], true),
        (cookie(None), None, &[("cookie", "a=preview; xpreview=1; preview2=1")], false),
        (cookie(text("1")), None, &[("cookie", "preview=0; preview=\"1\"")], true),
        (cookie(text("1")), None, &[("cookie", "preview=0")], false),
        (cookie(text("1")), None, &[("cookie", "a=ü; preview=1")], true),
        (query(None), Some("a=1&preview"), &[], true),
        (query(None), Some("a=preview"), &[], false),
        (query(None), None, &[], false),
        (query(text("1")), Some("preview=0&preview=1"), &[], true),
        (query(text("1")), Some("preview=10"), &[], false),
    ];
    for (condition, query, lines, passes_by) in cases {
        let plan = Plan { bypass: vec![condition.clone()], ..Plan::default() };
        let expected = if *passes_by { Err(Bypass::Condition) } else { Ok(Wish::default()) };
        assert_eq!(admitted(&plan, &Method::GET, *query, lines), expected, "{condition:?} {query:?} {lines:?}");
    }
}

#[test]
fn signed_in_users_pass_by() {
    let plan = Plan { session_cookies: vec!["session".into(), "sid".into()], ..Plan::default() };
    let keyed = Recipe { cookies: vec!["session".into()], ..Recipe::default() };
    let keyed = Plan { recipe: keyed, ..plan.clone() };
    let whole = Plan { recipe: Recipe { headers: vec![COOKIE], ..Recipe::default() }, ..plan.clone() };
    let cases = [
        (&plan, "theme=dark", Ok(Wish::default())),
        (&plan, "theme=dark; session=1", Err(Bypass::SignedIn)),
        (&plan, "theme=\u{fc}; sid=1", Err(Bypass::SignedIn)),
        (&plan, "session", Err(Bypass::SignedIn)),
        (&plan, "Session=1; xsid=1", Ok(Wish::default())),
        (&keyed, "session=1", Ok(Wish::default())),
        (&keyed, "session=1; sid=2", Err(Bypass::SignedIn)),
        (&whole, "session=1; sid=2", Ok(Wish::default())),
    ];
    for (plan, cookies, expected) in cases {
        assert_eq!(get(plan, &[("cookie", cookies)]), expected, "{cookies}");
    }
}

/// RFC 9111 section 3.5.
#[test]
fn authorization_is_told() {
    let line = [("authorization", "Basic eDp5")];
    assert_eq!(get(&Plan::default(), &line), Ok(Wish { is_authorized: true, ..Wish::default() }));
    let recipe = Recipe { headers: vec![AUTHORIZATION], ..Recipe::default() };
    assert_eq!(get(&Plan { recipe, ..Plan::default() }, &line), Ok(Wish::default()));
}

/// RFC 9111 section 5.2.1: they are advisory.
#[test]
fn directives_count_if_the_plan_says_so() {
    let line = [("cache-control", "max-age=5, no-cache")];
    let directives = RequestDirectives { no_cache: true, max_age: Some(Duration::from_secs(5)), ..Default::default() };
    assert_eq!(get(&Plan::default(), &line), Ok(Wish { directives, ..Wish::default() }));
    assert_eq!(get(&Plan { client_directives: false, ..Plan::default() }, &line), Ok(Wish::default()));
}

proptest! {
    /// Wherever the cookie is among others, and however they are written, its user is seen.
    #[test]
    fn no_session_is_overlooked(before in "([a-z]{1,3}(=[ -:<-~]{0,5})?; ?){0,3}", after in "(; ?[ -~]{0,8}){0,2}") {
        let plan = Plan { session_cookies: vec!["session".into()], ..Plan::default() };
        prop_assert_eq!(get(&plan, &[("cookie", &format!("{before}session=1{after}"))]), Err(Bypass::SignedIn));
    }
}
