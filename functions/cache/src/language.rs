//! Which language a client gets (RFC 4647 section 3.4, lookup; RFC 9110 section 12.5.4).

use std::cmp::Reverse;
use std::sync::Arc;

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use crate::encoding::weighted;

/// How many ranges of a request are looked at.
const RANGES_MAX: usize = 64;

/// The language that a client likes best of those offered; the first one if it takes none of them, or says nothing.
///
/// Each range is looked up, the one with the highest weight first and among equals the one that it named first, and
/// shortened from its end until a language fits: `de-CH` gets `de`. A range with weight 0 excludes what it matches, if no
/// longer one does; `*` gets the first language that is left.
pub fn negotiate_language<'o>(headers: &HeaderMap, offered: &'o [Arc<str>]) -> Option<&'o Arc<str>> {
    if offered.len() < 2 || !headers.contains_key(ACCEPT_LANGUAGE) {
        return offered.first();
    }
    let mut ranges: Vec<_> = weighted(headers, &ACCEPT_LANGUAGE).take(RANGES_MAX).collect();
    ranges.sort_by_key(|(_, weight)| Reverse(*weight));
    let left: Vec<_> = offered.iter().filter(|language| !is_excluded(&ranges, language.as_bytes())).collect();
    let wanted = ranges.iter().filter(|(_, weight)| *weight > 0);
    wanted.filter_map(|(range, _)| look_up(range, &left)).next().or_else(|| offered.first())
}

/// Whether the longest range that matches a language has weight 0 (RFC 4647 section 3.3.1, basic filtering).
fn is_excluded(ranges: &[(&[u8], u16)], language: &[u8]) -> bool {
    let matching = ranges.iter().filter(|(range, _)| *range == b"*" || begins(language, range));
    // Of equals the first one counts, which has the highest weight.
    let longest = matching.rev().max_by_key(|(range, _)| if *range == b"*" { 0 } else { range.len() });
    longest.is_some_and(|(_, weight)| *weight == 0)
}

/// Whether a language is a range or of it: `de-CH` is of `de`.
fn begins(language: &[u8], range: &[u8]) -> bool {
    let is_same = language.get(..range.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(range));
    is_same && matches!(language.get(range.len()), None | Some(b'-'))
}

/// The language that a range stands for.
fn look_up<'o>(range: &[u8], left: &[&'o Arc<str>]) -> Option<&'o Arc<str>> {
    if range == b"*" {
        return left.first().copied();
    }
    let mut range = range;
    while !range.is_empty() {
        if let Some(language) = left.iter().find(|language| language.as_bytes().eq_ignore_ascii_case(range)) {
            return Some(language);
        }
        range = shortened(range);
    }
    None
}

/// A range without its last subtag, and without a single letter or digit before that, which only introduces it.
fn shortened(range: &[u8]) -> &[u8] {
    let cut = |range: &[u8]| range.iter().rposition(|byte| *byte == b'-').unwrap_or(0);
    let mut end = cut(range);
    while end >= 2 && range[end - 2] == b'-' {
        end -= 2;
    }
    &range[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup() {
        // Accept-Language, offered, chosen; RFC 4647 section 3.4 unless another is named
        let table: &[(&str, &str, &str)] = &[
            ("de", "en de", "de"),
            ("de-CH", "en de", "de"),
            ("de-CH", "en de de-CH", "de-CH"),
            ("DE-ch", "en de-CH", "de-CH"),
            // A range is never made longer.
            ("de", "en de-CH", "en"),
            ("zh-Hant-CN-x-private1-private2", "en zh-Hant-CN-x-private1", "zh-Hant-CN-x-private1"),
            ("zh-Hant-CN-x-private1-private2", "en zh-Hant-CN", "zh-Hant-CN"),
            ("zh-Hant-CN-x-private1-private2", "en zh-Hant", "zh-Hant"),
            // Single letters go with what they introduce.
            ("zh-Hant-CN-x-private1", "en zh-Hant-CN-x", "en"),
            // RFC 9110 section 12.4.2: weights.
            ("da, en-gb;q=0.8, en;q=0.7", "de en da", "da"),
            ("da, en-gb;q=0.8, en;q=0.7", "de en", "en"),
            ("de;q=0.5, fr;q=0.9", "en de fr", "fr"),
            ("fr;q=0.501, de;q=0.5", "en de fr", "fr"),
            ("fr ; q = 0.1 , de", "en de fr", "de"),
            ("de, fr", "en fr de", "de"),
            ("fr;q=x, de;q=0.1", "en fr de", "de"),
            // Weight 0 excludes.
            ("de;q=0", "en de", "en"),
            ("en;q=0, *", "en de", "de"),
            ("en;q=0, en-US;q=0.5, *;q=0.1", "en en-US de", "en-US"),
            ("de-CH, de;q=0", "en de", "en"),
            ("*;q=0", "en de", "en"),
            // Of a range that is said twice the higher weight counts.
            ("en;q=0, en;q=0.5", "de en", "en"),
            ("*", "en de", "en"),
            ("fr, *;q=0.5", "en de", "en"),
            // Nothing of use: the first.
            ("", "en de", "en"),
            (",;q=1,-,--,*-*", "en de", "en"),
            ("de", "en", "en"),
        ];
        for (accepted, offered, chosen) in table {
            let offered: Vec<Arc<str>> = offered.split(' ').map(Arc::from).collect();
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, accepted.parse().unwrap());
            assert_eq!(negotiate_language(&headers, &offered).map(|language| &**language), Some(*chosen), "{accepted}");
        }
        assert_eq!(negotiate_language(&HeaderMap::new(), &[]), None);
        let offered = ["en".into(), "de".into()];
        assert_eq!(negotiate_language(&HeaderMap::new(), &offered), offered.first());
    }
}
