//! A stored response gets the fields of a newer one of the same representation (RFC 9111 section 3.2).

use std::sync::Arc;

use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, TRANSFER_ENCODING, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, response};
use tidegate_core::members;

use super::validator::EntityTag;
use crate::tags::TAGS_MAX;
use crate::{Plan, Received, Stored, Unstored, Wish, store};

/// What is stored, with the fields of a newer response; all that follows from them is worked out anew.
///
/// # Errors
/// Why it could not be stored as it is now.
pub(crate) fn freshen(plan: &Plan, wish: &Wish, stored: &Stored, received: Received<'_>) -> Result<Stored, Unstored> {
    let head = merged(plan, stored, received.head);
    let wish = Wish { is_head: false, is_range: false, ..wish.clone() };
    let renewed = store(plan, &wish, Received { method: &Method::GET, head: &head, ..received })?;
    Ok(kept(stored, renewed))
}

/// Whether what is stored was compressed here, not by its origin: [`crate::compress`] left no strong validator to it. The
/// origin means the same representation by the strong one.
pub(crate) fn is_coded_here(plan: &Plan, stored: &Stored) -> bool {
    let coding = stored.headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes().trim_ascii());
    let is_ours = coding.zip(plan.compress.as_ref()).is_some_and(|(coding, config)| {
        config.codings.iter().any(|ours| ours.as_str().as_bytes().eq_ignore_ascii_case(coding))
    });
    is_ours && !EntityTag::of(&stored.headers).is_some_and(EntityTag::is_strong)
}

/// The head that the stored response would have had, had it come now.
fn merged(plan: &Plan, stored: &Stored, new: &response::Parts) -> response::Parts {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = stored.status;
    head.version = new.version;
    head.headers = stored.headers.clone();
    // Its Date is not that of the answer that came just now (RFC 9110 section 6.6.1).
    head.headers.remove(DATE);
    let is_coded_here = is_coded_here(plan, stored);
    update(&mut head.headers, &new.headers, |name| !(is_coded_here && (name == ETAG || name == ACCEPT_RANGES)));
    head
}

/// The fields of a stored response, updated by those of a newer one (RFC 9111 section 3.2) that pass.
pub(crate) fn update(headers: &mut HeaderMap, new: &HeaderMap, passes: impl Fn(&HeaderName) -> bool) {
    let vary: Vec<_> = headers.get_all(VARY).iter().cloned().collect();
    for name in new.keys() {
        if !is_of_stored_body(name) && passes(name) {
            replace(headers, name, new);
        }
    }
    widen_vary(headers, &vary);
}

/// Fields that say what the stored bytes are, and stay with them. All others are replaced, `Content-Type` among them: it
/// is not what makes the bytes readable, and nothing here depends on it.
fn is_of_stored_body(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE, TRANSFER_ENCODING].contains(name)
}

fn replace(headers: &mut HeaderMap, name: &HeaderName, by: &HeaderMap) {
    headers.remove(name);
    for value in by.get_all(name) {
        headers.append(name, value.clone());
    }
}

/// What was chosen by a field of the request once goes on to be: the newer response can only add such fields.
fn widen_vary(headers: &mut HeaderMap, old: &[HeaderValue]) {
    for field in old.iter().flat_map(members) {
        let is_said = headers.get_all(VARY).iter().flat_map(members).any(|said| said.eq_ignore_ascii_case(field));
        if let (false, Ok(value)) = (is_said, HeaderValue::from_bytes(field)) {
            headers.append(VARY, value);
        }
    }
}

/// What a newer head does not change: the status, how much of it is there, and what it was chosen by.
fn kept(stored: &Stored, mut renewed: Stored) -> Stored {
    renewed.status = stored.status;
    renewed.extent = stored.extent;
    let is_chosen_alike = renewed.vary.iter().map(|(name, _)| name).eq(stored.vary.iter().map(|(name, _)| name));
    if is_chosen_alike {
        renewed.vary.clone_from(&stored.vary);
    }
    renewed
}

/// Adds the tags that are missing.
pub(crate) fn add_tags(tags: &mut Vec<Arc<str>>, others: &[Arc<str>]) {
    let missing: Vec<_> = others.iter().filter(|tag| !tags.contains(tag)).cloned().collect();
    tags.extend(missing);
    tags.truncate(TAGS_MAX);
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::condition::tests::{DAY, NEXT_DAY, fields, stored};
    use crate::{Coding, Compress, Extent};

    fn merge(plan: &Plan, old: &[(&str, &str)], new: &[(&str, &str)]) -> response::Parts {
        let mut head = Response::new(()).into_parts().0;
        head.status = StatusCode::NOT_MODIFIED;
        head.headers = fields(new);
        merged(plan, &stored(old), &head)
    }

    /// RFC 9111 section 3.2: what is replaced, added, kept.
    #[test]
    fn fields_are_replaced_but_those_of_the_body() {
        type Fields = [(&'static str, &'static str)];
        let table: [(&str, &Fields, &Fields, &Fields); 9] = [
            ("replaced", &[("a", "1")], &[("a", "2")], &[("a", "2")]),
            ("all lines of it", &[("a", "1"), ("a", "2")], &[("a", "3")], &[("a", "3")]),
            ("by all lines", &[("a", "1")], &[("a", "2"), ("a", "3")], &[("a", "2"), ("a", "3")]),
            ("added and kept", &[("a", "1")], &[("b", "2")], &[("a", "1"), ("b", "2")]),
            ("length", &[], &[("content-length", "0")], &[]),
            ("coding", &[("content-encoding", "br")], &[("content-encoding", "gzip")], &[("content-encoding", "br")]),
            ("range", &[], &[("content-range", "bytes 0-1/2")], &[]),
            ("type", &[("content-type", "a/b")], &[("content-type", "a/c")], &[("content-type", "a/c")]),
            ("tag", &[("etag", "\"1\"")], &[("etag", "W/\"1\"")], &[("etag", "W/\"1\"")]),
        ];
        for (what, old, new, expected) in table {
            assert_eq!(merge(&Plan::default(), old, new).headers, fields(expected), "{what}");
        }
        assert_eq!(merge(&Plan::default(), &[], &[]).status, StatusCode::OK);
    }

    /// RFC 9110 section 6.6.1: without a Date it is as old as its arrival, not as what was stored.
    #[test]
    fn the_old_date_goes() {
        assert!(!merge(&Plan::default(), &[("date", DAY)], &[]).headers.contains_key(DATE));
        let head = merge(&Plan::default(), &[("date", DAY)], &[("date", NEXT_DAY)]);
        assert_eq!(head.headers[DATE], NEXT_DAY);
    }

    #[test]
    fn vary_only_grows() {
        let table: [(&[&str], &[&str], &[&str]); 5] = [
            (&["a"], &[], &["a"]),
            (&["a, b"], &["B"], &["B", "a"]),
            (&["a"], &["a, c"], &["a, c"]),
            (&[], &["a"], &["a"]),
            (&["a"], &["*"], &["*", "a"]),
        ];
        let vary = |lines: &[&'static str]| lines.iter().map(|line| ("vary", *line)).collect::<Vec<_>>();
        for (old, new, expected) in table {
            let head = merge(&Plan::default(), &vary(old), &vary(new));
            assert_eq!(head.headers, fields(&vary(expected)), "{old:?} {new:?}");
        }
    }

    /// RFC 9110 section 8.8.1: what was compressed here has a weak validator, though the origin's is strong.
    #[test]
    fn what_was_compressed_here_keeps_its_tag() {
        let compress = Compress { codings: vec![Coding::Brotli], min_size: 0, types: Vec::new() };
        let plan = Plan { compress: Some(compress), ..Plan::default() };
        let old = [("etag", "W/\"1\""), ("content-encoding", "br"), ("vary", "accept-encoding")];
        let new = [("etag", "\"1\""), ("accept-ranges", "bytes"), ("vary", "origin")];
        let expected =
            [("etag", "W/\"1\""), ("content-encoding", "br"), ("vary", "origin"), ("vary", "accept-encoding")];
        assert_eq!(merge(&plan, &old, &new).headers, fields(&expected));
        assert!(is_coded_here(&plan, &stored(&old)));
        assert!(!is_coded_here(&Plan::default(), &stored(&old)));
        assert!(!is_coded_here(&plan, &stored(&[("etag", "\"1\""), ("content-encoding", "br")])));
        assert!(!is_coded_here(&plan, &stored(&[("etag", "W/\"1\""), ("content-encoding", "gzip")])));
    }

    #[test]
    fn extent_and_choice_stay() {
        let name = HeaderName::from_static("a");
        let mut old = stored(&[]);
        old.extent = Extent::Part { first: 1, length: 2, complete_length: 9 };
        old.vary = vec![(name.clone(), Some("then".into()))];
        old.tags = vec!["x".into()];
        let mut new = stored(&[("b", "1")]);
        new.vary = vec![(name, Some("now".into()))];
        new.tags = vec!["z".into()];
        let kept_of = kept(&old, new.clone());
        assert_eq!((&kept_of.headers, kept_of.extent, &kept_of.vary), (&new.headers, old.extent, &old.vary));
        assert_eq!(kept_of.tags, new.tags);
        // It varies by more now: that is what it is found by.
        new.vary.push((HeaderName::from_static("c"), None));
        assert_eq!(kept(&old, new.clone()).vary, new.vary);
    }

    #[test]
    fn tags_are_added() {
        let mut tags: Vec<Arc<str>> = vec!["z".into(), "y".into()];
        add_tags(&mut tags, &["x".into(), "y".into()]);
        assert_eq!(tags, ["z".into(), "y".into(), "x".into()] as [Arc<str>; 3]);
        add_tags(&mut tags, &(0..2 * TAGS_MAX).map(|number| number.to_string().into()).collect::<Vec<_>>());
        assert_eq!(tags.len(), TAGS_MAX);
    }
}
