//! The hello of `spin new`. The benchmarks serve it too, so it stays what a new user gets: nothing tuned.

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_service;

/// A simple Spin HTTP component.
#[http_service]
async fn handle_hello(_req: Request) -> anyhow::Result<impl IntoResponse> {
    Ok(Response::builder().status(200).header("content-type", "text/plain").body("Hello, World!".to_string())?)
}
