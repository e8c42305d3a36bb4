//! A function: a request in, a response out.
//!
//!     cargo test                                       # here and now, without a host
//!     tidegate up --build                              # on http://127.0.0.1:8080

use tidegate::http::{Html, IntoResponse, Request, RequestExt, escape};

/// Greets, and counts whom it greeted.
#[tidegate::http]
async fn handle(req: Request) -> tidegate::Result<impl IntoResponse> {
    let name = req.segments().first().map_or_else(|| "world".into(), |name| escape(name));

    let store = tidegate::kv::open("default").await?;
    let visitor = store.increment("visitors", 1).await?;

    Ok(Html(format!("<h1>Hello {name}!</h1><p>You are visitor {visitor}.</p>\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate::test;

    #[tidegate::test]
    async fn greets_and_counts() {
        for (path, expected) in [("/", "Hello world!"), ("/Ada", "Hello Ada!"), ("/Ada", "visitor 3")] {
            let mut response = handle(test::get(path)).await.into_response();
            let page = response.body_mut().text().await.unwrap();
            assert!(page.contains(expected), "{page}");
        }
    }
}
