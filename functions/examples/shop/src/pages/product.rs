//! A product's own page.

use maud::{Markup, html};

use crate::{
    answers::{Whole, slug},
    cart::MAX_QUANTITY,
    stock::Stock,
};

pub fn body(whole: &Whole<'_>) -> Markup {
    let product = whole.product;
    html! {
        article.product {
            img src={ "/img/" (product.id) ".svg" } alt={ "Drawing: " (product.name) } width="640" height="480";
            div {
                p.crumbs { a href={ "/c/" (slug(&product.category)) } { (product.category) } }
                h1 { (product.name) }
                p.lead { (product.summary) }
                p.price { (product.price) }
                (stock(whole.stock))
                @if whole.stock != Stock::SoldOut { (buy(&product.id)) }
                p { (whole.details.description) }
                @if !whole.details.facts.is_empty() {
                    ul.facts { @for fact in &whole.details.facts { li { (fact) } } }
                }
            }
        }
    }
}

fn stock(stock: Stock) -> Markup {
    match stock {
        Stock::Plenty(left) => html! { p.stock.plenty { (left) " in stock" } },
        Stock::Few(left) => html! { p.stock.few { "Only " (left) " left" } },
        Stock::SoldOut => html! { p.stock.none { "Sold out" } },
        Stock::Unknown => html! { p.stock { "Availability is shown at dispatch" } },
    }
}

fn buy(id: &str) -> Markup {
    html! {
        form.buy method="post" action="/cart" {
            input type="hidden" name="product" value=(id);
            label { "Quantity " input type="number" name="quantity" value="1" min="1" max=(MAX_QUANTITY) required; }
            button { "Add to cart" }
        }
    }
}
