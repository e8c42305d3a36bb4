//! The shop from a visitor's side: requests in, responses out, on the sdk's native stand-ins.

use tidegate::{
    http::{HeaderValue, IntoResponse, Method, Request, Response, header},
    test,
};

use super::handle;

/// The files as spin.toml mounts them.
pub fn mount() {
    crate::catalogue::forget_at_hand();
    test::mount_from_disk("/catalogue.json", "catalogue.json");
    test::mount_from_disk("/static", "static");
}

async fn open() {
    mount();
    test::set_config("shop_name", "Harbour & Sons");
    test::on_fetch(async |_| Ok(r#"{"sku":"x","available":3}"#.into_response()));
}

async fn text(response: &mut Response) -> String {
    response.body_mut().text().await.unwrap()
}

async fn get(path: &str) -> (u16, String) {
    let mut response = handle(test::get(path)).await;
    (response.status().as_u16(), text(&mut response).await)
}

/// A browser, so far as it keeps one cookie and follows one redirect.
#[derive(Default)]
struct Browser {
    cookie: Option<HeaderValue>,
}

impl Browser {
    async fn send(&mut self, mut req: Request) -> Response {
        if let Some(cookie) = &self.cookie {
            req.headers_mut().insert(header::COOKIE, cookie.clone());
        }
        let response = handle(req).await;
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.parse().unwrap());
        }
        match response.headers().get(header::LOCATION) {
            None => response,
            Some(to) => {
                assert_eq!(response.status(), 303);
                let to = to.to_str().unwrap().to_owned();
                Box::pin(self.send(test::get(&to))).await
            }
        }
    }

    async fn get(&mut self, path: &str) -> String {
        let mut response = self.send(test::get(path)).await;
        assert_eq!(response.status(), 200, "{path}");
        text(&mut response).await
    }

    async fn post(&mut self, path: &str, fields: &str) -> String {
        let mut response = self.send(test::post_form(path, fields)).await;
        assert_eq!(response.status(), 200, "{path} {fields}");
        text(&mut response).await
    }
}

#[tidegate::test]
async fn the_front_page_lists_everything_and_escapes_the_name() {
    open().await;
    let (status, html) = get("/").await;
    assert_eq!(status, 200);
    assert!(html.contains("Harbour &amp; Sons"), "{html}");
    assert_eq!(html.matches("class=\"card\"").count(), 24);
}

#[tidegate::test]
async fn a_query_comes_back_escaped() {
    open().await;
    let (status, html) = get("/search?q=%3Cscript%3Ealert(1)%3C/script%3E%22%20onfocus=%22x").await;
    assert_eq!(status, 200);
    assert!(!html.contains("<script"), "{html}");
    assert!(!html.contains("\" onfocus"), "{html}");
    assert!(html.contains("&lt;script&gt;"), "{html}");
}

#[tidegate::test]
async fn a_product_page_says_what_is_left() {
    open().await;
    let (_, html) = get("/p/harbour-mug").await;
    assert!(html.contains("Only 3 left"), "{html}");
}

#[tidegate::test]
async fn the_shop_goes_on_without_the_stock_component() {
    mount();
    let (status, html) = get("/p/harbour-mug").await;
    assert_eq!(status, 200);
    assert!(html.contains("Availability is shown at dispatch"), "{html}");
    assert!(html.contains("Add to cart"), "{html}");
}

#[tidegate::test]
async fn a_visit_from_cart_to_thanks() {
    open().await;
    let mut browser = Browser::default();
    let cart = browser.post("/cart", "product=harbour-mug&quantity=2").await;
    assert!(cart.contains("Harbour Mug") && cart.contains("value=\"2\""), "{cart}");
    browser.post("/cart", "product=storm-lantern").await;
    let cart = browser.post("/cart", "product=harbour-mug&quantity=1&action=set").await;
    assert!(cart.contains("<span class=\"badge\">2</span>"), "{cart}");
    let cart = browser.post("/cart", "product=storm-lantern&action=remove").await;
    assert!(!cart.contains("Storm Lantern"), "{cart}");

    let thanks = browser.post("/checkout", "").await;
    assert!(thanks.contains("TG-") && thanks.contains("one thing for €14.50"), "{thanks}");
    assert!(browser.get("/cart").await.contains("nothing in it"), "the cart is empty then");
    assert!(browser.post("/checkout", "").await.contains("nothing in it"), "a second click orders nothing");
}

#[tidegate::test]
async fn the_cart_as_json() {
    open().await;
    let mut browser = Browser::default();
    let put = test::request(Method::POST, "/api/cart", r#"{"product":"harbour-mug","quantity":3}"#);
    browser.send(put).await;
    let cart: serde_json::Value = serde_json::from_str(&browser.get("/api/cart").await).unwrap();
    assert_eq!(cart["count"], 3);
    assert_eq!(cart["total"], 3 * 1450);
    assert_eq!(cart["lines"][0]["product"]["id"], "harbour-mug");
}

#[tidegate::test]
async fn programs_get_the_same_as_people() {
    open().await;
    let json = async |path: &str| serde_json::from_str::<serde_json::Value>(&get(path).await.1).unwrap();
    assert_eq!(json("/api/products").await["products"].as_array().unwrap().len(), 24);
    assert_eq!(json("/api/products/harbour-mug").await["stock"], serde_json::json!({"state": "few", "left": 3}));
    assert_eq!(json("/api/search?q=lantern").await["products"][0]["id"], "storm-lantern");
    assert_eq!(json("/api/products/none").await["status"], 404);
    assert_eq!(json("/api/nothing").await["status"], 404);
}

#[tidegate::test]
async fn what_cannot_be_is_refused() {
    open().await;
    for (req, expected) in [
        (test::get("/nothing"), 404),
        (test::get("/p/none"), 404),
        (test::get("/c/none"), 404),
        (test::get("/thanks/TG-0000000000"), 404),
        (test::get("/catalogue.json"), 404),
        (test::get("/img/../catalogue.svg"), 404),
        (test::post_form("/cart", "product=none"), 404),
        (test::post_form("/cart", "product=harbour-mug&quantity=-1"), 400),
        (test::post_form("/cart", "quantity=1"), 400),
        (test::post_form("/", ""), 405),
        (test::request(Method::DELETE, "/api/cart", ""), 405),
        (test::request(Method::POST, "/api/cart", "{"), 400),
    ] {
        let what = format!("{} {}", req.method(), req.uri());
        assert_eq!(handle(req).await.status(), expected, "{what}");
    }
}

#[tidegate::test]
async fn another_sites_form_changes_nothing() {
    open().await;
    let mut req = test::post_form("/cart", "product=harbour-mug");
    req.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    let response = handle(req).await;
    assert_eq!(response.status(), 403);
    assert!(!response.headers().contains_key(header::SET_COOKIE));
}

#[tidegate::test]
async fn caches_keep_what_is_the_same_for_all_and_nothing_else() {
    open().await;
    let cache = |response: &Response| response.headers()[header::CACHE_CONTROL].to_str().unwrap().to_owned();
    assert!(cache(&handle(test::get("/")).await).starts_with("public"));
    let mut browser = Browser::default();
    browser.post("/cart", "product=harbour-mug").await;
    assert_eq!(cache(&browser.send(test::get("/")).await), "private, no-store");
    assert_eq!(cache(&browser.send(test::get("/api/cart")).await), "no-store");
}

#[tidegate::test]
async fn an_asset_is_sent_once() {
    open().await;
    let first = handle(test::get("/img/harbour-mug.svg")).await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.headers()[header::CONTENT_TYPE], "image/svg+xml");

    let mut again = test::get("/img/harbour-mug.svg");
    again.headers_mut().insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
    let again = handle(again).await;
    assert_eq!(again.status(), 304);
    assert!(again.body().is_empty());
    assert_eq!(again.headers()[header::ETAG], first.headers()[header::ETAG]);
}
