//! The example application as `make up` serves it: the repository's own spin.toml.

use harness::manifest::repository;
use harness::trial::test_with;
use harness::{Answer, Host, Setup, Trial, client};
use http::Request;

pub fn tests() -> Vec<Trial> {
    let components = ["target/wasm32-wasip2/release/shop.wasm", "target/wasm32-wasip1/release/stock.wasm"];
    let test = |name, it| test_with(name, components.iter().map(|path| repository().join(path)), it);
    vec![
        test("example::a_visit_from_the_front_page_to_thanks", a_visit_from_the_front_page_to_thanks as fn()),
        test("example::programs_get_json", programs_get_json),
        test("example::carts_outlive_the_host", carts_outlive_the_host),
    ]
}

fn shop() -> Setup {
    Setup::new("").from(repository().join("spin.toml"))
}

/// A browser, so far as it keeps one cookie.
struct Visitor<'h> {
    host: &'h Host,
    cookie: String,
}

impl Visitor<'_> {
    fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(client::empty()).unwrap())
    }

    fn post(&mut self, path: &str, form: &'static str) -> Answer {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        let answer = self.send(request.body(client::full(form)).unwrap());
        if let Some(cookie) = answer.header("set-cookie") {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        answer
    }

    fn send(&self, mut request: Request<client::Body>) -> Answer {
        if !self.cookie.is_empty() {
            request.headers_mut().insert("cookie", self.cookie.parse().unwrap());
        }
        self.host.send(request)
    }
}

fn a_visit_from_the_front_page_to_thanks() {
    let host = shop().start();
    let mut visitor = Visitor { host: &host, cookie: String::new() };

    let front = visitor.get("/");
    assert_eq!((front.status, front.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(front.text().contains("Harbour Supply"));
    let style = visitor.get("/style.css");
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert!(visitor.get("/search?q=mug").text().contains("/p/harbour-mug"));
    assert_eq!(visitor.get("/p/no-such-thing").status, 404);

    let added = visitor.post("/cart", "product=harbour-mug&quantity=2");
    assert_eq!((added.status, added.header("location")), (303, Some("/cart")));
    assert!(visitor.get("/cart").text().contains("Harbour Mug"));
    let placed = visitor.post("/checkout", "");
    assert_eq!(placed.status, 303);
    let thanks = visitor.get(placed.header("location").unwrap());
    assert!(thanks.text().contains("TG-"), "{}", thanks.text());
    assert!(!visitor.get("/cart").text().contains("Harbour Mug"), "the cart is empty then");
}

fn programs_get_json() {
    let host = shop().start();
    let products = host.get("/api/products").json();
    assert_eq!(products["products"].as_array().map(Vec::len), Some(24), "{products}");
    // What is left comes from the stock component, in process.
    let product = host.get("/api/products/harbour-mug").json();
    assert!(product["stock"].to_string().contains(char::is_numeric), "{product}");
    let refused = host.send(Request::delete("/api/products").body(client::empty()).unwrap());
    assert_eq!(refused.status, 405);
}

fn carts_outlive_the_host() {
    let setup = shop();
    let host = setup.start();
    let mut visitor = Visitor { host: &host, cookie: String::new() };
    visitor.post("/cart", "product=storm-lantern");
    let cookie = visitor.cookie;
    host.kill();
    let host = setup.start();
    assert!(Visitor { host: &host, cookie }.get("/cart").text().contains("Storm Lantern"));
}
