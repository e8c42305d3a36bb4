use proptest::prelude::*;

use super::combine::splice;
use super::*;
use crate::condition::tests::{DAY, NEXT_DAY, fields, stored};

type Fields = [(&'static str, &'static str)];

/// What `select` makes of a request for a body of this length.
fn run(request: &[(&str, &str)], stored: &Stored, length: Option<u64>) -> (Ranged, StatusCode, HeaderMap) {
    let (mut status, mut headers) = (stored.status, stored.headers.clone());
    let ranged = select(&fields(request), stored, length, &mut status, &mut headers);
    (ranged, status, headers)
}

/// What a client gets of this body.
fn read(pieces: &[Piece], body: &[u8]) -> Vec<u8> {
    let of = |piece: &Piece| match piece {
        Piece::Text(text) => text.to_vec(),
        Piece::Range(range) => {
            body[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec()
        }
    };
    pieces.iter().flat_map(of).collect()
}

fn part(first: u64, length: u64, complete_length: u64) -> Stored {
    let mut part = stored(&[("etag", "\"1\"")]);
    part.extent = Extent::Part { first, length, complete_length };
    part
}

/// RFC 9110 section 15.3.7: one part is sent as it is, with the fields that a 200 would have.
#[test]
fn one_part() {
    let response =
        stored(&[("etag", "\"1\""), ("content-type", "a/b"), ("content-digest", "x"), ("cache-control", "a")]);
    let (ranged, status, headers) = run(&[("range", "bytes=2-4")], &response, Some(10));
    assert_eq!((ranged, status), (Ranged::Parts(vec![Piece::Range(2..5)]), StatusCode::PARTIAL_CONTENT));
    let expected =
        [("etag", "\"1\""), ("content-type", "a/b"), ("cache-control", "a"), ("content-range", "bytes 2-4/10")];
    assert_eq!(headers, fields(&expected));
    // The only one of several that there is.
    let (ranged, _, headers) = run(&[("range", "bytes=99-, -1")], &response, Some(10));
    assert_eq!(
        (ranged, &headers[CONTENT_RANGE]),
        (Ranged::Parts(vec![Piece::Range(9..10)]), &visible("bytes 9-9/10".into()))
    );
}

/// RFC 9110 section 14.6.
#[test]
fn several_parts() {
    let response = stored(&[("content-type", "a/b; c=\"d\""), ("etag", "\"1\"")]);
    let (ranged, status, headers) = run(&[("range", "bytes=0-1,3-4,-1")], &response, Some(10));
    let Ranged::Parts(pieces) = ranged else { panic!("{ranged:?}") };
    let media_type = headers[CONTENT_TYPE].to_str().unwrap();
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    assert!(boundary.len() <= 70 && boundary.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
    let expected = "--B\r\nContent-Type: a/b; c=\"d\"\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
        \r\n--B\r\nContent-Type: a/b; c=\"d\"\r\nContent-Range: bytes 3-4/10\r\n\r\n34\
        \r\n--B\r\nContent-Type: a/b; c=\"d\"\r\nContent-Range: bytes 9-9/10\r\n\r\n9\r\n--B--\r\n";
    assert_eq!(String::from_utf8(read(&pieces, b"0123456789")).unwrap(), expected.replace('B', boundary));
    assert_eq!((status, headers.contains_key(CONTENT_RANGE)), (StatusCode::PARTIAL_CONTENT, false));
    // Another request, another line; without a type the parts have none.
    let (ranged, _, headers) = run(&[("range", "bytes=0-1,3-5")], &stored(&[]), Some(10));
    assert!(!headers[CONTENT_TYPE].to_str().unwrap().ends_with(boundary));
    let Ranged::Parts(pieces) = ranged else { panic!("{ranged:?}") };
    assert!(!read(&pieces, b"0123456789").windows(12).any(|bytes| bytes.eq_ignore_ascii_case(b"content-type")));
}

/// RFC 9110 section 15.5.17.
#[test]
fn unsatisfiable() {
    let response = stored(&[
        ("etag", "\"1\""),
        ("last-modified", DAY),
        ("date", NEXT_DAY),
        ("vary", "a"),
        ("content-type", "a/b"),
        ("content-encoding", "br"),
        ("cache-control", "max-age=60"),
        ("expires", NEXT_DAY),
    ]);
    let (ranged, status, headers) = run(&[("range", "bytes=10-")], &response, Some(10));
    assert_eq!((ranged, status), (Ranged::Unsatisfiable, StatusCode::RANGE_NOT_SATISFIABLE));
    let expected = [
        ("etag", "\"1\""),
        ("last-modified", DAY),
        ("date", NEXT_DAY),
        ("vary", "a"),
        ("cache-control", "no-store"),
        ("content-range", "bytes */10"),
    ];
    assert_eq!(headers, fields(&expected));
}

/// RFC 9110 sections 14.2 and 15.3.7: what is answered as if there were no Range, unchanged.
#[test]
fn the_whole() {
    let mut missing = stored(&[("content-type", "a/b")]);
    missing.status = StatusCode::NOT_FOUND;
    let whole = stored(&[("content-type", "a/b")]);
    let table: &[(&str, &Fields, &Stored, Option<u64>)] = &[
        ("no Range", &[], &whole, Some(10)),
        ("If-Range alone", &[("if-range", "\"1\"")], &whole, Some(10)),
        ("invalid", &[("range", "bytes=2-1")], &whole, Some(10)),
        ("another unit", &[("range", "lines=1-2")], &whole, Some(10)),
        ("overlapping", &[("range", "bytes=0-1,1-2")], &whole, Some(10)),
        ("no content", &[("range", "bytes=0-")], &whole, Some(0)),
        ("not 200", &[("range", "bytes=0-")], &missing, Some(10)),
        ("of unknown length", &[("range", "bytes=0-")], &whole, None),
    ];
    for (what, request, response, length) in table {
        let expected = (Ranged::Whole, response.status, response.headers.clone());
        assert_eq!(run(request, response, *length), expected, "{what}");
    }
}

/// RFC 9110 section 13.1.5.
#[test]
fn if_range() {
    let tag: &Fields = &[("etag", "\"1\"")];
    let time: &Fields = &[("last-modified", DAY), ("date", NEXT_DAY)];
    let table: &[(&str, &Fields, &Fields, bool)] = &[
        ("the tag", &[("if-range", "\"1\"")], tag, true),
        ("another tag", &[("if-range", "\"2\"")], tag, false),
        ("a weak tag", &[("if-range", "W/\"1\"")], &[("etag", "W/\"1\"")], false),
        ("a weak tag, a strong one stored", &[("if-range", "W/\"1\"")], tag, false),
        ("a weak tag stored", &[("if-range", "\"1\"")], &[("etag", "W/\"1\"")], false),
        ("no tag stored", &[("if-range", "\"1\"")], time, false),
        ("without quotes", &[("if-range", "1")], &[("etag", "1")], false),
        ("two", &[("if-range", "\"1\""), ("if-range", "\"1\"")], tag, false),
        ("the time", &[("if-range", DAY)], time, true),
        ("the time, in another format", &[("if-range", "Tue Nov 15 12:45:26 1994")], time, true),
        ("later", &[("if-range", NEXT_DAY)], time, false),
        ("no time", &[("if-range", "x")], time, false),
        ("no time stored", &[("if-range", "x")], &[("date", NEXT_DAY)], false),
        ("8.8.2.2 sent then", &[("if-range", DAY)], &[("last-modified", DAY), ("date", DAY)], false),
        (
            "8.8.2.2 sent a second later",
            &[("if-range", DAY)],
            &[("last-modified", DAY), ("date", "Tue, 15 Nov 1994 12:45:27 GMT")],
            true,
        ),
        ("8.8.2.2 nobody knows when sent", &[("if-range", DAY)], &[("last-modified", DAY)], false),
    ];
    for (what, request, response, expected) in table {
        let mut request = request.to_vec();
        request.push(("range", "bytes=0-0"));
        let (ranged, ..) = run(&request, &stored(response), Some(10));
        assert_eq!(matches!(ranged, Ranged::Parts(_)), *expected, "{what}");
        assert_eq!(ranged == Ranged::Whole, !*expected, "{what}");
    }
}

/// RFC 9111 section 3.3: of a part that is stored, of bytes 10 to 19 of 100.
#[test]
fn of_a_stored_part() {
    let one = |start, end| Ranged::Parts(vec![Piece::Range(start..end)]);
    let table: &[(&str, &Fields, Option<u64>, Ranged)] = &[
        ("all of it", &[("range", "bytes=10-19")], None, one(0, 10)),
        ("some of it", &[("range", "bytes=12-13")], Some(10), one(2, 4)),
        ("before", &[("range", "bytes=9-13")], None, Ranged::NotStored),
        ("behind", &[("range", "bytes=12-20")], None, Ranged::NotStored),
        ("without an end", &[("range", "bytes=12-")], None, Ranged::NotStored),
        ("the end", &[("range", "bytes=-5")], None, Ranged::NotStored),
        ("one in, one out", &[("range", "bytes=0-1,12-13")], None, Ranged::NotStored),
        ("the whole", &[], None, Ranged::NotStored),
        ("invalid", &[("range", "bytes=x")], None, Ranged::NotStored),
        ("If-Range is true", &[("range", "bytes=10-10"), ("if-range", "\"1\"")], None, one(0, 1)),
        ("If-Range is false", &[("range", "bytes=10-10"), ("if-range", "\"2\"")], None, Ranged::NotStored),
        ("cut short", &[("range", "bytes=12-13")], Some(3), Ranged::NotStored),
        ("nowhere", &[("range", "bytes=100-")], None, Ranged::Unsatisfiable),
    ];
    for (what, request, length, expected) in table {
        let part = part(10, 10, 100);
        let (ranged, status, headers) = run(request, &part, *length);
        assert_eq!(ranged, *expected, "{what}");
        assert_eq!(status == StatusCode::OK, ranged == Ranged::NotStored, "{what}");
        assert_eq!(headers == part.headers, ranged == Ranged::NotStored, "{what}");
        if length.is_none() {
            assert_eq!(covers(&fields(request), &part), matches!(ranged, Ranged::Parts(_)), "{what}");
        }
    }
    let (ranged, _, headers) = run(&[("range", "bytes=-5")], &part(90, 10, 100), None);
    assert_eq!((ranged, &headers[CONTENT_RANGE]), (one(5, 10), &visible("bytes 95-99/100".into())));
    let (ranged, ..) = run(&[("range", "bytes=10-10,12-13")], &part(10, 10, 100), None);
    let Ranged::Parts(pieces) = ranged else { panic!("{ranged:?}") };
    assert_eq!((&pieces[1], &pieces[3]), (&Piece::Range(0..1), &Piece::Range(2..4)));
}

/// RFC 9110 section 14.4.
#[test]
fn extents() {
    let part = |first, length, complete_length| Some(Extent::Part { first, length, complete_length });
    let table: &[(&Fields, Option<Extent>)] = &[
        (&[("content-range", "bytes 0-9/100")], part(0, 10, 100)),
        (&[("content-range", "bytes 99-99/100")], part(99, 1, 100)),
        (&[("content-range", "bytes 0-99/100")], part(0, 100, 100)),
        (&[("content-range", "bytes 0-99/100"), ("content-length", "100")], Some(Extent::Whole)),
        (&[("content-range", "bytes 0-9/100"), ("content-length", "10")], part(0, 10, 100)),
        (&[("content-range", "bytes 0-9/100"), ("content-length", "11")], None),
        (&[("content-range", "bytes 0-9/100"), ("content-length", "x")], None),
        (&[("content-range", "bytes 0-9/100"), ("content-range", "bytes 0-9/100")], None),
        (&[], None),
        (&[("content-type", "multipart/byteranges; boundary=x")], None),
        (&[("content-range", "bytes 0-100/100")], None),
        (&[("content-range", "bytes 5-4/100")], None),
        (&[("content-range", "bytes 0-9/*")], None),
        (&[("content-range", "bytes */100")], None),
        (&[("content-range", "bytes -9/100")], None),
        (&[("content-range", "bytes 0-/100")], None),
        (&[("content-range", "bytes 0-9/")], None),
        (&[("content-range", "bytes 0-9")], None),
        (&[("content-range", "bytes=0-9/100")], None),
        (&[("content-range", "lines 0-9/100")], None),
        (&[("content-range", "bytes +0-9/100")], None),
        (&[("content-range", "bytes 0-9/100, bytes 0-9/100")], None),
        (&[("content-range", "bytes 0-9/18446744073709551616")], None),
        (
            &[("content-range", "bytes 18446744073709551613-18446744073709551614/18446744073709551615")],
            part(u64::MAX - 2, 2, u64::MAX),
        ),
    ];
    for (list, expected) in table {
        assert_eq!(extent(&fields(list)), *expected, "{list:?}");
    }
}

/// RFC 9111 section 3.4, RFC 9110 section 15.3.7.3.
#[test]
fn splices() {
    let splice_of = |before, after, first, length| {
        Some(Splice { before, after, extent: Extent::Part { first, length, complete_length: 100 } })
    };
    let table = [
        ("behind", part(10, 10, 100), part(20, 10, 100), splice_of(0..10, 0..0, 10, 20)),
        ("before", part(20, 10, 100), part(10, 10, 100), splice_of(0..0, 0..10, 10, 20)),
        ("overlapping", part(10, 10, 100), part(15, 10, 100), splice_of(0..5, 0..0, 10, 15)),
        ("inside", part(10, 10, 100), part(12, 3, 100), splice_of(0..2, 5..10, 10, 10)),
        ("around", part(12, 3, 100), part(10, 10, 100), splice_of(0..0, 0..0, 10, 10)),
        ("the same", part(10, 10, 100), part(10, 10, 100), splice_of(0..0, 0..0, 10, 10)),
        ("apart", part(10, 10, 100), part(21, 10, 100), None),
        ("apart", part(21, 10, 100), part(10, 10, 100), None),
        ("another length", part(10, 10, 100), part(20, 10, 101), None),
        ("a part that cannot be", part(10, 10, 100), part(20, u64::MAX, 100), None),
        ("a part that is nothing", part(10, 10, 100), part(20, 0, 100), None),
    ];
    for (what, old, new, expected) in table {
        assert_eq!(splice(&old, &new), expected, "{what}");
    }
    let whole = splice(&part(0, 60, 100), &part(60, 40, 100));
    assert_eq!(whole, Some(Splice { before: 0..60, after: 0..0, extent: Extent::Whole }));
    let mut whole = part(0, 0, 0);
    whole.extent = Extent::Whole;
    let expected = Some(Splice { before: 0..10, after: 20..100, extent: Extent::Whole });
    assert_eq!(splice(&whole, &part(10, 10, 100)), expected);
    assert_eq!(splice(&part(10, 10, 100), &whole), None);
}

/// RFC 9111 section 3.4: "MUST update the stored response header fields using the header fields provided in the new".
#[test]
fn what_is_combined_has_the_fields_of_both() {
    let (mut old, mut new) = (part(0, 10, 100), part(10, 10, 100));
    old.headers = fields(&[("etag", "\"1\""), ("content-type", "a/b"), ("x", "old"), ("y", "1"), ("vary", "a")]);
    new.headers = fields(&[("etag", "\"1\""), ("x", "new"), ("z", "2"), ("vary", "b")]);
    old.vary = vec![(HeaderName::from_static("a"), Some("1".into()))];
    new.vary = vec![(HeaderName::from_static("b"), None)];
    old.tags = vec!["t".into()];
    new.fresh_for = std::time::Duration::from_secs(7);
    let (splice, combined) = combine(&old, &new).unwrap();
    assert_eq!((splice.before, combined.extent), (0..10, splice.extent));
    let expected = [
        ("etag", "\"1\""),
        ("content-type", "a/b"),
        ("x", "new"),
        ("y", "1"),
        ("z", "2"),
        ("vary", "b"),
        ("vary", "a"),
    ];
    assert_eq!(combined.headers, fields(&expected));
    assert_eq!(combined.vary, [new.vary[0].clone(), old.vary[0].clone()]);
    assert_eq!((combined.fresh_for, combined.received_at, combined.tags), (new.fresh_for, new.received_at, old.tags));
}

#[test]
fn splices_need_the_same_strong_tag() {
    let table: [(&Fields, &Fields, bool); 5] = [
        (&[("etag", "\"1\"")], &[("etag", "\"1\"")], true),
        (&[("etag", "\"1\"")], &[("etag", "\"2\"")], false),
        (&[("etag", "W/\"1\"")], &[("etag", "W/\"1\"")], false),
        (&[("etag", "1")], &[("etag", "1")], false),
        (&[("last-modified", DAY), ("date", NEXT_DAY)], &[("last-modified", DAY), ("date", NEXT_DAY)], false),
    ];
    for (old_fields, new_fields, expected) in table {
        let (mut old, mut new) = (part(0, 10, 100), part(10, 10, 100));
        old.headers = fields(old_fields);
        new.headers = fields(new_fields);
        assert_eq!(splice(&old, &new).is_some(), expected, "{old_fields:?}");
    }
}

const BODY: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

proptest! {
    /// What is spliced reads as the representation does; the new part wins.
    #[test]
    fn spliced_parts_read_as_the_whole(
        parts in proptest::collection::vec((0..36_usize, 1..36_usize), 2..6),
    ) {
        let mut stored: Option<(Stored, Vec<u8>)> = None;
        for (first, length) in parts {
            let length = length.min(BODY.len() - first);
            let new = part(first as u64, length as u64, BODY.len() as u64);
            let body = &BODY[first..first + length];
            let spliced = stored.as_ref().and_then(|(old, old_body)| {
                let splice = splice(old, &new)?;
                let pieces = [Piece::Range(splice.before), Piece::Text(Bytes::from_static(body)), Piece::Range(splice.after)];
                Some((Stored { extent: splice.extent, ..new.clone() }, read(&pieces, old_body)))
            });
            let (next, text) = spliced.unwrap_or_else(|| (new, body.to_vec()));
            let (start, end) = match next.extent {
                Extent::Whole => (0, BODY.len()),
                Extent::Part { first, length, .. } => (first as usize, (first + length) as usize),
            };
            prop_assert_eq!(&*text, &BODY[start..end]);
            prop_assert!(start <= first && end >= first + length);
            stored = Some((next, text));
        }
    }

    /// A range is answered with exactly its bytes, of the whole or of a part, or not at all.
    #[test]
    fn ranges_read_as_the_whole(first in 0..40_u64, last in 0..40_u64, from in 0..36_usize, length in 1..36_usize) {
        let length = length.min(BODY.len() - from);
        let text = format!("bytes={first}-{last}");
        let (whole, _, headers) = run(&[("range", &text)], &stored(&[]), Some(BODY.len() as u64));
        let part = part(from as u64, length as u64, BODY.len() as u64);
        let (of_part, ..) = run(&[("range", &text)], &part, None);
        match &whole {
            Ranged::Parts(pieces) => {
                let end = (last as usize + 1).min(BODY.len());
                let expected = &BODY[first as usize..end];
                prop_assert_eq!(&*read(pieces, BODY), expected);
                let said = Extent::Part { first, length: expected.len() as u64, complete_length: BODY.len() as u64 };
                prop_assert_eq!(extent(&headers), Some(said));
                let is_held = first as usize >= from && end <= from + length;
                match of_part {
                    Ranged::Parts(pieces) => prop_assert_eq!(&*read(&pieces, &BODY[from..from + length]), expected),
                    other => prop_assert!(!is_held && other == Ranged::NotStored),
                }
            }
            Ranged::Whole => prop_assert!(first > last && of_part == Ranged::NotStored),
            other => prop_assert!(*other == Ranged::Unsatisfiable && first >= 36 && of_part == Ranged::Unsatisfiable),
        }
    }

    /// Whatever is asked for, the pieces are in the body, and no more is sent than there is, but for what parts them.
    #[test]
    fn no_request_is_too_odd(text in "(bytes=)?[0-9, -]{0,30}", if_range in "[ -~]{0,8}", length in 0..50_u64) {
        let response = stored(&[("etag", "\"1\""), ("last-modified", DAY), ("date", NEXT_DAY)]);
        let (ranged, status, headers) = run(&[("range", &text)], &response, Some(length));
        if let Ranged::Parts(pieces) = &ranged {
            let ranges: Vec<_> = pieces.iter().filter_map(|piece| match piece {
                Piece::Range(range) => Some(range),
                Piece::Text(_) => None,
            }).collect();
            prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= length));
            prop_assert!(ranges.iter().map(|range| range.end - range.start).sum::<u64>() <= length);
        }
        prop_assert_eq!(status == StatusCode::OK, ranged == Ranged::Whole);
        prop_assert_eq!(headers == response.headers, ranged == Ranged::Whole);
        run(&[("range", &text), ("if-range", &if_range)], &response, Some(length));
    }
}
