//! Finds products by words. Every word asked for must be the beginning of one that the product has.

use crate::catalogue::Product;

/// More words than this are not looked at.
const MAX_WORDS: usize = 8;

/// The products that match, best first. Nothing asked, nothing found.
pub fn search<'a>(products: &'a [Product], query: &str) -> Vec<&'a Product> {
    let asked: Vec<String> = words(query).take(MAX_WORDS).collect();
    let mut found: Vec<_> = products.iter().filter_map(|product| Some((score(product, &asked)?, product))).collect();
    // The sort is stable: equals stay in the catalogue's order.
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.into_iter().map(|(_, product)| product).collect()
}

/// How well a product matches; `None` if a word is missing in it.
fn score(product: &Product, asked: &[String]) -> Option<u32> {
    if asked.is_empty() {
        return None;
    }
    let name: Vec<_> = words(&product.name).collect();
    let about: Vec<_> = words(&product.category).chain(product.tags.iter().flat_map(|tag| words(tag))).collect();
    let summary: Vec<_> = words(&product.summary).collect();
    asked
        .iter()
        .map(|word| match word {
            word if name.contains(word) => Some(8),
            word if begins(&name, word) => Some(4),
            word if begins(&about, word) => Some(2),
            word if begins(&summary, word) => Some(1),
            _ => None,
        })
        .sum()
}

fn begins(words: &[String], start: &str) -> bool {
    words.iter().any(|word| word.starts_with(start))
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;

    fn product(name: &str, tags: &[&str], summary: &str) -> Product {
        Product {
            id: name.to_lowercase(),
            name: name.into(),
            category: "Table".into(),
            price: Money(1),
            summary: summary.into(),
            tags: tags.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn finds_by_beginning_best_first() {
        let products = [
            product("Tea Towel", &["kitchen"], "Dries a mug in no time"),
            product("Harbour Mug", &["coffee", "tea"], "For long mornings"),
            product("Mugwort Tea", &[], "From the dunes"),
        ];
        let found = |query| search(&products, query).iter().map(|p| p.name.as_str()).collect::<Vec<_>>();
        for (query, expected) in [
            ("mug", &["Harbour Mug", "Mugwort Tea", "Tea Towel"][..]),
            ("MUG, tea", &["Mugwort Tea", "Harbour Mug", "Tea Towel"]),
            ("kit", &["Tea Towel"]),
            ("mug spaceship", &[]),
            ("ug", &[]),
            ("  ", &[]),
            ("table", &["Tea Towel", "Harbour Mug", "Mugwort Tea"]),
        ] {
            assert_eq!(found(query), expected, "{query:?}");
        }
    }
}
