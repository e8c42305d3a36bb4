//! A function: a request in, a response out. `cargo test` tests it without a host.

use tidegate::http::{Html, IntoResponse, Request, RequestExt, escape};

/// Greets, and counts whom it greeted.
#[tidegate::http]
async fn handle(req: Request) -> tidegate::Result<impl IntoResponse> {
    // The first segment of the path is the function's own; what follows is the visitor's.
    let name = req.segments().get(1).map_or("world".into(), |name| escape(name));

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
        for (path, expected) in [("/hi", "Hello world!"), ("/hi/Ada", "Hello Ada!"), ("/hi/Ada", "visitor 3")] {
            let mut response = handle(test::get(path)).await.into_response();
            let page = response.body_mut().text().await.unwrap();
            assert!(page.contains(expected), "{page}");
        }
    }
}
