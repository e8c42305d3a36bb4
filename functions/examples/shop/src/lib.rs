//! A small web shop, written with the tidegate sdk: what an application's functions look like.
//!
//! Start here: [`handle`] routes. The same few questions ([`answers`]) are answered as pages for people and as JSON
//! below `/api/` for programs.

mod answers;
mod assets;
mod cart;
mod catalogue;
mod money;
mod orders;
mod pages;
mod search;
mod session;
mod stock;
#[cfg(test)]
mod tests;

use tidegate::{
    Error, Result,
    http::{IntoResponse, Json, Method, Redirect, Request, RequestExt, Response, StatusCode, header},
};

use answers::{Change, Shop};

/// Everything that comes in.
#[tidegate::http]
async fn handle(req: Request) -> Response {
    let for_programs = req.segments().first() == Some(&"api");
    let answer = if for_programs { api(req).await } else { page(req).await };
    match answer {
        Ok(response) => response,
        Err(error) if for_programs => error.into_response(),
        Err(error) => pages::error(error).await,
    }
}

/// What people see. A form is answered by a redirect, so that a reload does not send it twice.
async fn page(mut req: Request) -> Result<Response> {
    let method = method(&req);
    // Files are asked for most, and need nothing of the shop.
    if method == Method::GET && assets::is_asked_for(&req) {
        return assets::serve(&req).await;
    }
    let shop = Shop::open(&req).await?;
    match (method, req.segments().as_slice()) {
        (Method::GET, []) => pages::list(&shop, shop.products(None)?).await,
        (Method::GET, ["c", category]) => pages::list(&shop, shop.products(Some(category))?).await,
        (Method::GET, ["p", id]) => pages::product(&shop, shop.product(id).await?).await,
        (Method::GET, ["search"]) => pages::list(&shop, shop.search(&req)?).await,
        (Method::GET, ["cart"]) => pages::cart(&shop, shop.cart_view()).await,
        (Method::GET, ["thanks", number]) => pages::thanks(&shop, shop.order(number).await?).await,
        (Method::POST, ["cart"]) => {
            from_our_own_pages(&req)?;
            let change: Change = req.body_mut().form().await?;
            shop.change_cart(&change).await?.redirect("/cart")
        }
        (Method::POST, ["checkout"]) => {
            from_our_own_pages(&req)?;
            let placed = shop.check_out().await?;
            Ok(Redirect::see_other(placed.map_or("/cart".into(), |number| format!("/thanks/{number}"))).into_response())
        }
        (_, [] | ["c" | "p" | "thanks", _] | ["search" | "cart" | "checkout"]) => Err(wrong_method()),
        _ => Err(no_such_page()),
    }
}

/// The same as JSON.
async fn api(mut req: Request) -> Result<Response> {
    let shop = Shop::open(&req).await?;
    match (method(&req), req.segments().as_slice()) {
        (Method::GET, ["api", "products"]) => json(shop.products(None)?),
        (Method::GET, ["api", "products", id]) => json(shop.product(id).await?),
        (Method::GET, ["api", "search"]) => json(shop.search(&req)?),
        (Method::GET, ["api", "cart"]) => json(shop.cart_view()),
        (Method::POST, ["api", "cart"]) => {
            from_our_own_pages(&req)?;
            let change: Change = req.body_mut().json().await?;
            shop.change_cart(&change).await?.json()
        }
        (_, ["api", "products" | "search" | "cart"] | ["api", "products", _]) => Err(wrong_method()),
        _ => Err(no_such_page()),
    }
}

/// A HEAD is answered as a GET whose body the host leaves out.
fn method(req: &Request) -> Method {
    if req.method() == Method::HEAD { Method::GET } else { req.method().clone() }
}

/// Another site's form must not fill a visitor's cart. The browser says where a request comes from; what is no
/// browser says nothing, and has no visitor's cookies either.
fn from_our_own_pages(req: &Request) -> Result<()> {
    match req.headers().get("sec-fetch-site").map(|site| site.as_bytes()) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Error::forbidden("this form belongs to another site")),
    }
}

/// It may hold a visitor's cart, so no cache keeps it.
fn json(value: impl serde::Serialize) -> Result<Response> {
    Ok(Json(value).with_header(header::CACHE_CONTROL, "no-store"))
}

fn no_such_page() -> Error {
    Error::not_found("there is no such page")
}

fn wrong_method() -> Error {
    Error::status(StatusCode::METHOD_NOT_ALLOWED, "this page cannot be asked for in this way")
}
