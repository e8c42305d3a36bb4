//! Text with names in braces: patterns and templates are written alike.

/// The text up to a name, its doubled braces made single, and what is behind the brace that opens the name, if there is
/// one. None if a closing brace comes before.
pub(crate) fn text_before_name(text: &str) -> Option<(String, Option<&str>)> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from_brace) = rest.split_at(at);
        plain.push_str(before);
        let brace = &from_brace[..1];
        rest = match from_brace[1..].strip_prefix(brace) {
            Some(behind) => behind,
            None if brace == "{" => return Some((plain, Some(&from_brace[1..]))),
            None => return None,
        };
        plain.push_str(brace);
    }
    plain.push_str(rest);
    Some((plain, None))
}
