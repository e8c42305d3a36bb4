//! Leaves its mark on each request and response that passes, behind the marks that are there.

use http::{HeaderMap, HeaderValue};
use spin_sdk::http::{IntoResponse, Request, next};
use spin_sdk::http_service;

#[http_service]
async fn handle(mut request: Request) -> impl IntoResponse {
    // Fields of one connection may not be handed on.
    for name in ["host", "connection"] {
        request.headers_mut().remove(name);
    }
    leave_mark(request.headers_mut());
    let mut response = next(request).await?;
    leave_mark(response.headers_mut());
    Ok::<_, spin_sdk::http::Error>(response)
}

fn leave_mark(headers: &mut HeaderMap) {
    headers.append("x-passed", HeaderValue::from_static("stamp"));
}
