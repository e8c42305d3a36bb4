//! The pages. maud escapes everything that is put into them.

mod cart;
mod list;
mod product;
mod thanks;

use maud::{DOCTYPE, Markup, html};
use tidegate::{
    Error, Result,
    http::{Html, IntoResponse, Response, header},
};

use crate::answers::{CartView, List, Shop, Whole, slug};
use crate::orders::Order;

/// Our own pictures and styles, forms to ourselves, and no script at all: injected markup could do nothing.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

pub async fn list(shop: &Shop, list: List<'_>) -> Result<Response> {
    let title = match (&list.category, &list.query) {
        (Some(category), _) => category.clone(),
        (_, Some(query)) => format!("Search: {query}"),
        _ => "Everything".to_owned(),
    };
    Ok(page(shop, &title, &list::body(shop, &list), &list))
}

pub async fn product(shop: &Shop, whole: Whole<'_>) -> Result<Response> {
    Ok(page(shop, &whole.product.name, &product::body(&whole), &List::none()))
}

pub async fn cart(shop: &Shop, cart: CartView<'_>) -> Result<Response> {
    Ok(page(shop, "Your cart", &cart::body(&cart), &List::none()))
}

pub async fn thanks(shop: &Shop, order: Order) -> Result<Response> {
    Ok(page(shop, "Thank you", &thanks::body(&order), &List::none()))
}

/// A page that needs nothing: whatever failed, this does not.
pub async fn error(error: Error) -> Response {
    let status = error.status_code();
    let reason = status.canonical_reason().unwrap_or("Error");
    let message = match error.message() {
        "" => "Something went wrong on our side. Please try again in a moment.",
        message => message,
    };
    let body = html! {
        section.notice {
            h1 { (reason) }
            p { (message) }
            p { a.button href="/" { "To the shop" } }
        }
    };
    let html = document(reason, &html! { a.brand href="/" { "Shop" } }, &body);
    // An error's own response is JSON; what it logs on the way is wanted here too.
    let _logged = error.into_response();
    secured(Html(html).with_status(status).with_header(header::CACHE_CONTROL, "no-store"))
}

impl List<'_> {
    /// For pages that show no list.
    fn none() -> Self {
        Self { category: None, query: None, products: Vec::new() }
    }
}

fn page(shop: &Shop, title: &str, body: &Markup, list: &List<'_>) -> Response {
    let things = shop.session.as_ref().map_or(0, |session| session.cart.count());
    let head = html! {
        a.brand href="/" { (shop.name) }
        form.search role="search" action="/search" {
            input type="search" name="q" aria-label="Search" placeholder="Search" maxlength="100"
                value=[list.query.as_deref()];
            button { "Search" }
        }
        a.cart href="/cart" { "Cart" @if things > 0 { " " span.badge { (things) } } }
        nav.categories aria-label="Categories" {
            @for category in shop.catalogue.categories() {
                a href={ "/c/" (slug(category)) } aria-current=[here(list, category)] { (category) }
            }
        }
    };
    secured(shop.page(document(&format!("{title} · {}", shop.name), &head, body)))
}

fn here(list: &List<'_>, category: &str) -> Option<&'static str> {
    (list.category.as_deref() == Some(category)).then_some("page")
}

fn document(title: &str, head: &Markup, body: &Markup) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href="/favicon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/style.css";
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header.top { (head) }
                main #main { (body) }
                footer { p { "An example application for Tidegate. Nothing is for sale, and nothing is sent." } }
            }
        }
    };
    document.into_string()
}

fn secured(response: Response) -> Response {
    response
        .with_header(header::CONTENT_SECURITY_POLICY, POLICY)
        .with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with_header(header::REFERRER_POLICY, "same-origin")
}
