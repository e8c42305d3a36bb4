//! Every answer is the one that Spin 4 would give: it routes with routefinder 0.5, wrapped as in
//! `model` below (spinframework/spin, crates/http-routes).

use proptest::prelude::*;
use tidegate_route::{Pattern, Router};

/// What a path was found to be: the pattern, the captures, the trailing part.
type Found = (String, Vec<(String, String)>, String);

fn model(patterns: &[Pattern], path: &str) -> Option<Found> {
    let mut router = routefinder::Router::new();
    for pattern in patterns {
        let based = pattern.matched_route();
        let spec = match based.strip_suffix("/...") {
            Some(prefix) => format!("{prefix}/*"),
            None => based.to_owned(),
        };
        router.add(spec.as_str(), pattern.as_str()).expect("Spin accepts what we accept");
    }
    let best = router.best_match(path)?;
    let captures = best.captures();
    let named = captures.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let trailing = match captures.wildcard() {
        None => String::new(),
        Some(tail) => match (tail.is_empty(), path.ends_with('/')) {
            (true, false) => tail.to_owned(),
            (true, true) => "/".to_owned(),
            (false, false) => format!("/{tail}"),
            (false, true) => format!("/{tail}/"),
        },
    };
    Some((best.handler().to_string(), named.collect(), trailing))
}

fn ours(router: &Router<()>, path: &str) -> Option<Found> {
    let found = router.find(path)?;
    let named = found.captures().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some((found.pattern.as_str().to_owned(), named.collect(), found.trailing.to_owned()))
}

/// Few distinct segments, so that patterns overlap and paths hit them.
fn pattern() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "a.b", "%41", "ab", ":"]);
    let segments = prop::collection::vec(segment, 0..4);
    let end = prop::sample::select(vec!["", "", "/...", "/"]);
    (segments, end).prop_map(|(segments, end)| {
        let mut text = String::new();
        for (n, segment) in segments.into_iter().enumerate() {
            match segment {
                ":" => text.push_str(&format!("/:p{n}")),
                literal => text.push_str(&format!("/{literal}")),
            }
        }
        text + end
    })
}

fn path() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec!["/", "/", "//", "/a", "/b", "/a.b", "/%41", "/ab", "/x"]);
    prop::collection::vec(piece, 1..7).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn routes_like_spin(texts in prop::collection::vec(pattern(), 1..8), path in path()) {
        let mut router = Router::new();
        let mut accepted = Vec::new();
        for text in texts {
            let pattern = Pattern::parse(&text).expect("only good patterns are made");
            // Of equal routes we keep the first and say so; the model gets the same ones.
            if router.insert(pattern.clone(), ()).is_ok() {
                accepted.push(pattern);
            }
        }
        prop_assert_eq!(ours(&router, &path), model(&accepted, &path), "{} in {:?}", path, accepted);
    }

    #[test]
    fn any_text_is_a_pattern_or_an_error(text in any::<String>(), path in any::<String>()) {
        if let Ok(pattern) = Pattern::parse(&text) {
            let mut router = Router::new();
            router.insert(pattern, ()).expect("the router was empty");
            if let Some(found) = router.find(&path) {
                found.captures().for_each(drop);
                prop_assert!(path.contains(found.trailing));
            }
        }
    }
}
