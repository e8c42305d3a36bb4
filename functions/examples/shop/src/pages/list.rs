//! Lists: everything, a category, what a search found.

use maud::{Markup, html};

use crate::{
    answers::{List, Shop},
    catalogue::Product,
};

pub fn body(shop: &Shop, list: &List<'_>) -> Markup {
    html! {
        @match (&list.category, &list.query) {
            (Some(category), _) => h1 { (category) },
            (_, Some(query)) => {
                h1 { (found(list.products.len())) " for “" (query) "”" }
                @if list.products.is_empty() {
                    p { "Try fewer or shorter words, or " a href="/" { "look at everything" } "." }
                }
            }
            _ => {
                section.hero {
                    h1 { (shop.name) }
                    p { "Sturdy things for the coast and the kitchen table." }
                }
            }
        }
        ul.products { @for product in &list.products { (card(product)) } }
    }
}

fn card(product: &Product) -> Markup {
    html! {
        li.card {
            a href={ "/p/" (product.id) } {
                img src={ "/img/" (product.id) ".svg" } alt="" width="320" height="240" loading="lazy";
                h2 { (product.name) }
            }
            p { (product.summary) }
            p.price { (product.price) }
        }
    }
}

fn found(count: usize) -> String {
    match count {
        0 => "Nothing found".to_owned(),
        1 => "One thing found".to_owned(),
        n => format!("{n} things found"),
    }
}
