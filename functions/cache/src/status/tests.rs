use std::convert::Infallible;

use proptest::prelude::*;
use sfv::visitor::{EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::*;

/// As much of a text is said.
const TEXT_MAX: usize = 1024;

/// RFC 9211 section 3, and what follows from section 2.
#[test]
fn members() {
    let hit = CacheStatus { is_hit: true, ..CacheStatus::default() };
    let forward = |forward| CacheStatus { forward: Some(forward), ..CacheStatus::default() };
    let table = [
        ("ExampleCache; hit", hit.clone()),
        ("ExampleCache; hit; ttl=376", CacheStatus { ttl_s: Some(376), ..hit.clone() }),
        ("ExampleCache; hit; ttl=-412", CacheStatus { ttl_s: Some(-412), ..hit.clone() }),
        ("ExampleCache; hit; ttl=0", CacheStatus { ttl_s: Some(0), ..hit.clone() }),
        ("ExampleCache; fwd=uri-miss", forward(Forward::UriMiss)),
        ("ExampleCache; fwd=vary-miss", forward(Forward::VaryMiss)),
        ("ExampleCache; fwd=bypass", forward(Forward::Bypass)),
        ("ExampleCache; fwd=method", forward(Forward::Method)),
        ("ExampleCache; fwd=request", forward(Forward::Request)),
        ("ExampleCache; fwd=partial", forward(Forward::Partial)),
        (
            "ExampleCache; fwd=stale; fwd-status=304",
            CacheStatus { forward_status: Some(StatusCode::NOT_MODIFIED), ..forward(Forward::Stale) },
        ),
        (
            "ExampleCache; fwd=uri-miss; ttl=9; stored; collapsed",
            CacheStatus { ttl_s: Some(9), is_stored: true, is_collapsed: true, ..forward(Forward::UriMiss) },
        ),
        ("ExampleCache; hit; detail=MEMORY", CacheStatus { detail: Some("MEMORY"), ..hit.clone() }),
        ("ExampleCache; hit; detail=cache/no-store", CacheStatus { detail: Some("cache/no-store"), ..hit.clone() }),
        ("ExampleCache; hit; detail=\"two words\"", CacheStatus { detail: Some("two words"), ..hit.clone() }),
        ("ExampleCache; hit; detail=\"1st\"", CacheStatus { detail: Some("1st"), ..hit.clone() }),
        ("ExampleCache; hit; detail=\"\"", CacheStatus { detail: Some(""), ..hit.clone() }),
        ("ExampleCache; hit; key=\"a\"", CacheStatus { key: Some("a"), ..hit.clone() }),
        (
            r#"ExampleCache; hit; key="http://a/?\"\\%0Avary %C3%A4%7F""#,
            CacheStatus { key: Some("http://a/?\"\\\nvary \u{e4}\u{7f}"), ..hit.clone() },
        ),
        // A hit did not go forward (section 2.1), and without that the rest says nothing.
        (
            "ExampleCache; hit",
            CacheStatus {
                is_hit: true,
                forward_status: Some(StatusCode::OK),
                is_stored: true,
                ..forward(Forward::Stale)
            },
        ),
        ("ExampleCache", CacheStatus { is_stored: true, is_collapsed: true, ..CacheStatus::default() }),
        ("ExampleCache; hit; ttl=999999999999999", CacheStatus { ttl_s: Some(i64::MAX), ..hit.clone() }),
        ("ExampleCache; hit; ttl=-999999999999999", CacheStatus { ttl_s: Some(i64::MIN), ..hit.clone() }),
    ];
    for (expected, status) in table {
        assert_eq!(status.to_value("ExampleCache"), expected);
    }
    assert_eq!(hit.to_value("Example CDN"), "\"Example CDN\"; hit");
    assert_eq!(hit.to_value("[::1]:80"), "\"[::1]:80\"; hit");
    assert_eq!(hit.to_value(""), "\"\"; hit");
}

#[test]
fn long_texts_are_cut() {
    let text = "\u{e4}".repeat(TEXT_MAX);
    let status = CacheStatus { key: Some(&text), detail: Some(&text), ..CacheStatus::default() };
    assert!(status.to_value(&text).len() < 10 * TEXT_MAX);
    let text = "a".repeat(TEXT_MAX + 1);
    let status = CacheStatus { detail: Some(&text), ..CacheStatus::default() };
    assert_eq!(status.to_value("a"), format!("a; detail=\"{}\"", &text[1..]));
}

/// The parameters that a parser of structured fields finds, and how many members.
#[derive(Default)]
struct Seen {
    members: usize,
    parameters: Vec<String>,
}

impl<'de> ListVisitor<'de> for &mut Seen {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        self.members += 1;
        Ok(&mut **self)
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<'de> EntryVisitor<'de> for &mut Seen {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for &mut Seen {
    type Out = ();
    type Error = Infallible;

    fn bare_item(self, _: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for &mut Seen {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, key: &'de KeyRef, _: BareItemFromInput<'de>) -> Result<(), Infallible> {
        self.parameters.push(key.as_str().to_owned());
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

proptest! {
    /// Whatever is said, it is one member of a list, with the parameters that were meant.
    #[test]
    fn it_is_a_structured_field(
        cache in ".{0,12}",
        key in proptest::option::of("(?s).{0,20}"),
        detail in proptest::option::of("(?s).{0,20}"),
        ttl_s in proptest::option::of(any::<i64>()),
        is_hit in any::<bool>(),
        is_stored in any::<bool>(),
    ) {
        let status = CacheStatus {
            is_hit,
            forward: (!is_hit).then_some(Forward::UriMiss),
            ttl_s,
            is_stored,
            key: key.as_deref(),
            detail: detail.as_deref(),
            ..CacheStatus::default()
        };
        let value = status.to_value(&cache);
        let mut seen = Seen::default();
        prop_assert!(Parser::new(value.as_bytes()).parse_list_with_visitor(&mut seen).is_ok(), "{:?}", value);
        let mut expected = vec![if is_hit { "hit" } else { "fwd" }];
        expected.extend(ttl_s.map(|_| "ttl"));
        expected.extend((is_stored && !is_hit).then_some("stored"));
        expected.extend(key.as_ref().map(|_| "key"));
        expected.extend(detail.as_ref().map(|_| "detail"));
        prop_assert_eq!((seen.members, seen.parameters), (1, expected.into_iter().map(str::to_owned).collect()));
    }
}
