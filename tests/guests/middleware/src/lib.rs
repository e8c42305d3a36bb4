//! Leaves its mark on what passes, and does what the request's `x-ask` field says before.

use http::{HeaderMap, HeaderValue, Response, StatusCode};
use spin_sdk::http::{BoxBody, EmptyBody, Error, IntoResponse, Request, box_body, next};
use spin_sdk::key_value::Store;
use spin_sdk::{http_service, variables};

#[http_service]
async fn handle(mut request: Request) -> Result<impl IntoResponse, Error> {
    let asked = request.headers_mut().remove("x-ask");
    let found = match asked.as_ref().and_then(|value| value.to_str().ok()) {
        Some("refuse") => return Ok(refusal(StatusCode::FORBIDDEN, "the middleware refuses")),
        Some("panic") => panic!("a middleware's panic of SECRET"),
        Some("key-value") => Some(key_value().await),
        Some("variable") => Some(variables::get("greeting").await.unwrap_or_else(|error| format!("denied: {error:?}"))),
        Some("environment") => Some(std::env::var("GREETING").unwrap_or_else(|_| "denied".to_owned())),
        Some("file") => Some(std::fs::read_to_string("/data.txt").unwrap_or_else(|_| "denied".to_owned())),
        Some(url) if url.starts_with("http") => Some(fetch(url).await),
        _ => None,
    };
    // Fields of one connection may not be handed on.
    for name in ["host", "connection"] {
        request.headers_mut().remove(name);
    }
    leave_mark(request.headers_mut());
    let mut response = next(request).await?;
    leave_mark(response.headers_mut());
    if let Some(found) = found {
        response.headers_mut().insert("x-found", HeaderValue::from_str(&found).unwrap());
    }
    Ok(response.map(box_body))
}

fn leave_mark(headers: &mut HeaderMap) {
    headers.append("x-passed", HeaderValue::from_static("middleware"));
}

fn refusal(status: StatusCode, why: &str) -> Response<BoxBody> {
    Response::builder().status(status).header("x-why", why).body(box_body(EmptyBody::new())).unwrap()
}

/// Counts in the component's store, so that a test sees that it is the same one.
async fn key_value() -> String {
    let counted = async {
        let store = Store::open_default().await?;
        let before = store.get("passed").await?.unwrap_or_default();
        store.set("passed", [before.as_slice(), b"i"].concat()).await?;
        Ok::<_, spin_sdk::key_value::Error>(format!("counted {}", before.len() + 1))
    };
    counted.await.unwrap_or_else(|error| format!("denied: {error:?}"))
}

async fn fetch(url: &str) -> String {
    match spin_sdk::http::get(url).await {
        Ok(response) => format!("fetched {}", response.status()),
        Err(error) => format!("denied: {error:?}"),
    }
}
