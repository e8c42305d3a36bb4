//! A gate: who sends `x-refuse` is refused, everybody else passes. Request and response go through as the handles they
//! are, so neither fields nor bodies enter this component's memory; the benchmarks measure what a chain costs by it.

wit_bindgen::generate!({
    inline: "
        package tidegate:pass;
        world pass {
            import wasi:http/handler@0.3.0;
            export wasi:http/handler@0.3.0;
        }
    ",
    path: "../../../wit",
    world: "tidegate:pass/pass",
    generate_all,
});

use exports::wasi::http::handler::Guest;
use wasi::http::types::{ErrorCode, Request, Response};

struct Pass;
export!(Pass);

impl Guest for Pass {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        if request.get_headers().has("x-refuse") {
            return Err(ErrorCode::HttpRequestDenied);
        }
        wasi::http::handler::handle(request).await
    }
}
