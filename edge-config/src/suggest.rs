//! "Did you mean ...?"

/// A sentence to append to a message, starting with a full stop; nothing when there is nothing to
/// suggest.
pub(crate) fn did_you_mean(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!(". Did you mean \"{meant}\"?"))
}

/// The candidate that `word` was likely meant to be.
pub(crate) fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // A third of the longer word may be wrong, as rustc has it.
    let distance_max = |candidate: &str| word.chars().count().max(candidate.len()).max(3) / 3;
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= distance_max(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(word: &str, candidate: &str) -> usize {
    // Case, and `-` for `_`, are slips of their own kind: one each, however often.
    let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let (a, b) = (plain(word), plain(candidate));
    let slip = usize::from(word != candidate && a == b);
    slip + strsim::damerau_levenshtein(&a, &b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_words() {
        let keys = ["source", "environment", "files", "key_value_stores", "build"];
        let table = [
            ("sauce", Some("source")),
            ("sorce", Some("source")),
            ("soucre", Some("source")),
            ("enviroment", Some("environment")),
            ("Files", Some("files")),
            ("key-value-stores", Some("key_value_stores")),
            ("key_value_store", Some("key_value_stores")),
            ("bulid", Some("build")),
            ("x", None),
            ("", None),
            ("memory", None),
        ];
        for (word, expected) in table {
            assert_eq!(closest(word, keys), expected, "{word}");
        }
        assert_eq!(did_you_mean(Some("build")), ". Did you mean \"build\"?");
        assert_eq!(did_you_mean(None), "");
    }
}
