//! The cart's page. Each line has its own two forms: without scripts, a form is how a page changes something.

use maud::{Markup, html};

use crate::{
    answers::CartView,
    cart::{Line, MAX_QUANTITY},
};

pub fn body(cart: &CartView<'_>) -> Markup {
    html! {
        h1 { "Your cart" }
        @if cart.lines.is_empty() {
            p { "There is nothing in it yet. " a href="/" { "Look around" } "." }
        } @else {
            ul.lines { @for line in &cart.lines { (row(line)) } }
            section.total {
                p { "Total " strong.price { (cart.total) } }
                form method="post" action="/checkout" { button { "Check out" } }
            }
        }
    }
}

fn row(line: &Line<'_>) -> Markup {
    let product = line.product;
    html! {
        li {
            img src={ "/img/" (product.id) ".svg" } alt="" width="96" height="72";
            div.what { a href={ "/p/" (product.id) } { (product.name) } p { (product.price) " each" } }
            form method="post" action="/cart" {
                input type="hidden" name="product" value=(product.id);
                input type="hidden" name="action" value="set";
                input type="number" name="quantity" value=(line.quantity) min="0" max=(MAX_QUANTITY) required
                    aria-label={ "Quantity of " (product.name) };
                button.quiet { "Update" }
            }
            form method="post" action="/cart" {
                input type="hidden" name="product" value=(product.id);
                input type="hidden" name="action" value="remove";
                button.quiet aria-label={ "Remove " (product.name) } { "Remove" }
            }
            p.price { (line.total) }
        }
    }
}
