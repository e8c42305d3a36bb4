//! What customers say: a plain HTTP server, as any backend is one, for the example's edge to send requests to.
//!
//! `GET /PRODUCT` gives JSON. It listens on 127.0.0.1:8082, or where its first argument says, and ends with the
//! process that started it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::os::unix::process::parent_id;
use std::time::Duration;

use anyhow::Context;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

const WORDS: [&str; 4] =
    ["Does what it says.", "Arrived in a day.", "My third one; the cat sank two.", "Smaller than it looks."];

fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8082".to_owned());
    let address: SocketAddr = address.parse().with_context(|| format!("{address:?} is no address"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        println!("reviews are served on http://{}", listener.local_addr()?);
        tokio::spawn(end_with_parent());
        loop {
            let (stream, _) = listener.accept().await?;
            let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(
                TokioIo::new(stream),
                service_fn(async |request| Ok::<_, Infallible>(answer(&request))),
            );
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    eprintln!("reviews: {error}");
                }
            });
        }
    })
}

async fn end_with_parent() {
    let parent = parent_id();
    while parent_id() == parent {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    std::process::exit(0);
}

fn answer(request: &Request<Incoming>) -> Response<String> {
    let product = request.uri().path().strip_prefix('/').filter(|product| !product.is_empty());
    let (status, body) = match (request.method(), product) {
        (&Method::GET | &Method::HEAD, Some(product)) => (StatusCode::OK, reviews_of(product)),
        (_, Some(_)) => (StatusCode::METHOD_NOT_ALLOWED, serde_json::json!({ "error": "reviews are only read here" })),
        (_, None) => (StatusCode::NOT_FOUND, serde_json::json!({ "error": "write /PRODUCT" })),
    };
    let mut response = Response::new(body.to_string());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, http::HeaderValue::from_static("max-age=60"));
    response
}

/// The same product has the same reviews every time.
fn reviews_of(product: &str) -> serde_json::Value {
    let seed: usize = product.bytes().map(usize::from).sum();
    let reviews: Vec<_> = (0..=seed % 3)
        .map(|n| serde_json::json!({ "stars": 3 + (seed + n) % 3, "text": WORDS[(seed + n) % WORDS.len()] }))
        .collect();
    serde_json::json!({ "product": product, "reviews": reviews })
}
