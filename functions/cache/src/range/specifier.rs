//! What a request asks for with Range (RFC 9110 sections 14.1.1, 14.1.2 and 14.2).

use std::ops::Range;

use http::header::RANGE;
use http::{HeaderMap, HeaderValue};

use crate::condition::validator::only;

/// More ranges than this are not answered one by one.
const RANGES_MAX: usize = 16;

/// What is asked for, of a representation of known length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it: nothing else is said, or nothing that is heeded.
    Whole,
    /// These ranges, at least one; in ascending order, and none overlaps another.
    Ranges(Vec<Range<u64>>),
    /// Nothing that there is.
    Unsatisfiable,
}

/// A range as it is written (RFC 9110 section 14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    /// From the first to the last byte, as far as there are any.
    From(u64, u64),
    /// So many bytes at the end.
    Suffix(u64),
}

/// What a request asks for with Range, its `If-Range` apart.
///
/// What is invalid is ignored, and so are ranges that are too many, overlap or do not ascend, and ranges of nothing: a
/// server may (RFC 9110 section 14.2).
pub(super) fn asked(request: &HeaderMap, complete_length: u64) -> Asked {
    let Some(specs) = only(request, &RANGE).filter(|_| complete_length > 0).and_then(specs) else {
        return Asked::Whole;
    };
    let ranges: Vec<_> = specs.iter().filter_map(|spec| spec.of(complete_length)).collect();
    let ascends = ranges.is_sorted_by(|one, next| one.end <= next.start);
    match (ranges.is_empty(), ascends) {
        (true, _) => Asked::Unsatisfiable,
        (_, true) => Asked::Ranges(ranges),
        (_, false) => Asked::Whole,
    }
}

fn specs(value: &HeaderValue) -> Option<Vec<Spec>> {
    let (unit, set) = value.to_str().ok()?.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        if specs.len() == RANGES_MAX {
            return None;
        }
        specs.push(Spec::parse(spec)?);
    }
    (!specs.is_empty()).then_some(specs)
}

impl Spec {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('-')? {
            ("", length) => Some(Self::Suffix(number(length)?)),
            (first, "") => Some(Self::From(number(first)?, u64::MAX)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, last))
            }
        }
    }

    /// The bytes that it means, if there are any.
    fn of(self, complete_length: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => first..last.saturating_add(1).min(complete_length),
            Self::Suffix(length) => complete_length.saturating_sub(length)..complete_length,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// Digits; more than fit mean very many.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::tests::fields;

    /// RFC 9110 sections 14.1.2 and 14.2, of 10 bytes.
    #[test]
    fn grammar() {
        let ranges = |list: &[(u64, u64)]| Asked::Ranges(list.iter().map(|(start, end)| *start..*end).collect());
        let many = |count| format!("bytes={}", (0..count).map(|at| format!("{at}-{at},")).collect::<String>());
        let (sixteen, seventeen) = (many(16), many(17));
        let table: &[(&str, Asked)] = &[
            ("bytes=0-0", ranges(&[(0, 1)])),
            ("bytes=2-5", ranges(&[(2, 6)])),
            ("bytes=0-", ranges(&[(0, 10)])),
            ("bytes=9-", ranges(&[(9, 10)])),
            ("bytes=5-99", ranges(&[(5, 10)])),
            ("bytes=5-18446744073709551615", ranges(&[(5, 10)])),
            ("bytes=5-99999999999999999999999999", ranges(&[(5, 10)])),
            ("bytes=99999999999999999999999998-99999999999999999999999999", Asked::Unsatisfiable),
            ("bytes=007-8", ranges(&[(7, 9)])),
            ("bytes=-3", ranges(&[(7, 10)])),
            ("bytes=-10", ranges(&[(0, 10)])),
            ("bytes=-99", ranges(&[(0, 10)])),
            ("bytes=-99999999999999999999999999", ranges(&[(0, 10)])),
            ("bytes=-0", Asked::Unsatisfiable),
            ("bytes=10-", Asked::Unsatisfiable),
            ("bytes=10-12,-0,99-", Asked::Unsatisfiable),
            ("bytes=0-0,99-,-1", ranges(&[(0, 1), (9, 10)])),
            ("bytes=0-1,2-3", ranges(&[(0, 2), (2, 4)])),
            ("Bytes=0-0", ranges(&[(0, 1)])),
            (" bytes = 0-0 ,\t, 2-2 ", ranges(&[(0, 1), (2, 3)])),
            // Invalid.
            ("bytes=5-4", Asked::Whole),
            ("bytes=0-0,5-4", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("bytes=,", Asked::Whole),
            ("bytes", Asked::Whole),
            ("bytes 0-0", Asked::Whole),
            ("bytes=0", Asked::Whole),
            ("bytes=0-1-2", Asked::Whole),
            ("bytes=0--1", Asked::Whole),
            ("bytes=+0-1", Asked::Whole),
            ("bytes=0x0-1", Asked::Whole),
            ("bytes=0-1;2-3", Asked::Whole),
            ("bytes=0 - 1", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("", Asked::Whole),
            // Not heeded.
            ("bytes=0-2,2-3", Asked::Whole),
            ("bytes=0-,-1", Asked::Whole),
            ("bytes=5-6,0-1", Asked::Whole),
            ("bytes=0-0,0-0", Asked::Whole),
            (&sixteen, ranges(&(0..10).map(|at| (at, at + 1)).collect::<Vec<_>>())),
            (&seventeen, Asked::Whole),
        ];
        for (text, expected) in table {
            assert_eq!(asked(&fields(&[("range", text)]), 10), *expected, "{text:?}");
        }
        assert_eq!(asked(&fields(&[("range", "bytes=0-0"), ("range", "bytes=1-1")]), 10), Asked::Whole);
        assert_eq!(asked(&fields(&[]), 10), Asked::Whole);
    }

    /// RFC 9110 section 14.2: a server may ignore it when there is no content.
    #[test]
    fn nothing_has_no_ranges() {
        for text in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"] {
            assert_eq!(asked(&fields(&[("range", text)]), 0), Asked::Whole, "{text}");
        }
    }
}
