//! After the order.

use maud::{Markup, html};

use crate::orders::Order;

pub fn body(order: &Order) -> Markup {
    html! {
        section.notice {
            h1 { "Thank you!" }
            p { "Your order " strong { (order.number) } " is in: " (things(order.things)) " for " (order.total) "." }
            p { a.button href="/" { "Back to the shop" } }
        }
    }
}

fn things(count: u32) -> String {
    if count == 1 { "one thing".to_owned() } else { format!("{count} things") }
}
