//! Which names Spin accepts for what (`crates/serde/src/id.rs`, `crates/expressions/src/lib.rs`).

/// Whether a text is a component ID: words of letters and digits joined by `-`, each all lower or
/// all upper case, the first starting with a letter.
pub fn is_kebab(text: &str) -> bool {
    are_words(text, '-')
}

/// Whether a text is a label in `snake_case`: like [`is_kebab`], joined by `_`.
pub fn is_snake(text: &str) -> bool {
    are_words(text, '_')
}

/// Whether a text is the name of a variable: lower-case letters, digits and single `_` inside,
/// starting with a letter.
pub fn is_variable(text: &str) -> bool {
    let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.chars().all(lower)
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('_')
        && !text.contains("__")
}

fn are_words(text: &str, delimiter: char) -> bool {
    let first_is_letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    first_is_letter && text.split(delimiter).all(is_word)
}

fn is_word(word: &str) -> bool {
    let Some(first) = word.chars().next() else {
        return false;
    };
    let upper = first.is_ascii_uppercase();
    let fits = |c: char| c.is_ascii_digit() || (c.is_ascii_alphabetic() && c.is_ascii_uppercase() == upper);
    // Spin lets a `:` into a word, for ids that package managers make.
    first.is_ascii_alphanumeric() && word.chars().skip(1).all(|c| c == ':' || fits(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let table = [
            // text, kebab, snake, variable
            ("a", true, true, true),
            ("shop", true, true, true),
            ("shop2", true, true, true),
            ("my-shop", true, false, false),
            ("my-2nd-shop", true, false, false),
            ("my_shop", false, true, true),
            ("my_2", false, true, true),
            ("MY-shop", true, false, false),
            ("My", false, false, false),
            ("SHOP", true, true, false),
            ("a:b", true, true, false),
            ("2a", false, false, false),
            ("", false, false, false),
            ("a-", false, false, false),
            ("a_", false, false, false),
            ("_a", false, false, false),
            ("a__b", false, false, false),
            ("a--b", false, false, false),
            ("a b", false, false, false),
            ("é", false, false, false),
        ];
        for (text, kebab, snake, variable) in table {
            assert_eq!((is_kebab(text), is_snake(text), is_variable(text)), (kebab, snake, variable), "{text}");
        }
    }
}
