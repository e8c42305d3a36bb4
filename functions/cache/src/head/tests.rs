use std::time::Duration;

use super::*;
use crate::condition::tests::{DAY, NEXT_DAY, fields, stored, with_received};
use crate::{Coding, Compress};

type Fields = [(&'static str, &'static str)];

/// RFC 9111 section 4.3.5, of a stored body of 10 bytes.
#[test]
fn what_a_head_says() {
    let both: &Fields = &[("etag", "\"1\""), ("last-modified", DAY)];
    let tag: &Fields = &[("etag", "\"1\"")];
    let length: &Fields = &[("content-length", "10")];
    let table: &[(&str, &Fields, &Fields, bool)] = &[
        ("all the same", both, both, true),
        ("one of them", tag, both, true),
        ("the other", &[("last-modified", DAY)], both, true),
        ("another tag", &[("etag", "\"2\""), ("last-modified", DAY)], both, false),
        ("a weaker tag", &[("etag", "W/\"1\"")], both, false),
        ("another time", &[("etag", "\"1\""), ("last-modified", NEXT_DAY)], both, false),
        ("a tag that was not there", tag, &[], false),
        ("a time that was not there", both, tag, false),
        ("the same length", &[("etag", "\"1\""), ("content-length", "10")], both, true),
        ("another length", &[("etag", "\"1\""), ("content-length", "11")], both, false),
        ("no length", &[("content-length", "x")], &[], false),
        ("a length alone", length, both, true),
        ("a length alone, no validators", length, &[], true),
        ("nothing, no validators", &[], &[], true),
        ("nothing, but validators", &[], both, true),
    ];
    for (what, head, response, expected) in table {
        assert_eq!(is_of_it(&Plan::default(), &stored(response), 10, &fields(head)), *expected, "{what}");
    }
}

#[test]
fn parts_statuses_and_codings() {
    let head = fields(&[("content-length", "10")]);
    let mut part = stored(&[]);
    part.extent = Extent::Part { first: 0, length: 2, complete_length: 10 };
    assert!(is_of_it(&Plan::default(), &part, 2, &head));
    let mut missing = stored(&[]);
    missing.status = StatusCode::NOT_FOUND;
    assert!(!is_of_it(&Plan::default(), &missing, 10, &head));
    // Compressed here: the origin's length is that of something else.
    let compress = Compress { codings: vec![Coding::Zstd], min_size: 0, types: Vec::new() };
    let plan = Plan { compress: Some(compress), ..Plan::default() };
    let coded = stored(&[("etag", "W/\"1\""), ("content-encoding", "zstd")]);
    let head = fields(&[("etag", "\"1\""), ("content-length", "10")]);
    assert!(is_of_it(&plan, &coded, 2, &head));
    assert!(!is_of_it(&Plan::default(), &coded, 2, &head));
}

#[test]
fn what_becomes_of_it() {
    let old = stored(&[("etag", "\"1\""), ("cache-control", "max-age=60"), ("x", "old")]);
    let run = |wish: &Wish, method: &Method, status: u16, list: &Fields| {
        with_received((method, status), list, |received| update_by_head(&Plan::default(), wish, &old, 10, received))
    };
    let wish = Wish { is_head: true, ..Wish::default() };
    let same: &Fields = &[("etag", "\"1\""), ("x", "new"), ("content-length", "10")];
    let HeadUpdate::Renew(new) = run(&wish, &Method::HEAD, 200, same) else { panic!("not renewed") };
    assert_eq!((&new.headers["x"], new.fresh_for), (&http::HeaderValue::from_static("new"), Duration::from_secs(60)));
    assert!(!new.headers.contains_key(CONTENT_LENGTH));
    assert_eq!(run(&wish, &Method::HEAD, 200, &[("etag", "\"2\"")]), HeadUpdate::Invalidate);
    assert_eq!(
        run(&wish, &Method::HEAD, 200, &[("etag", "\"1\""), ("cache-control", "no-store")]),
        HeadUpdate::Invalidate
    );
    assert_eq!(run(&wish, &Method::GET, 200, &[("etag", "\"2\"")]), HeadUpdate::Keep);
    for status in [204, 304, 404, 410, 500] {
        assert_eq!(run(&wish, &Method::HEAD, status, &[("etag", "\"2\"")]), HeadUpdate::Keep, "{status}");
    }
    let mut private = wish.clone();
    private.directives.no_store = true;
    assert_eq!(run(&private, &Method::HEAD, 200, &[("etag", "\"1\"")]), HeadUpdate::Keep);
}
