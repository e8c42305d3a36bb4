//! The export `wasi:http/incoming-handler@0.2`: takes the request apart, and writes the answer.

use wasip2::http::types::{Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Stock;

wasip2::http::proxy::export!(Stock);

impl wasip2::exports::http::incoming_handler::Guest for Stock {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let is_get = matches!(request.method(), Method::Get | Method::Head);
        let path = request.path_with_query().unwrap_or_default();
        send(&crate::answer(is_get, &path), out);
    }
}

fn send(answer: &crate::Answer, out: ResponseOutparam) {
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("content-length", answer.json.len().to_string()),
        ("cache-control", "no-store".to_owned()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.into_bytes()));
    // These names and values are our own and well-formed, and so is the status.
    let response = OutgoingResponse::new(Fields::from_list(&headers).unwrap_or_else(|_| Fields::new()));
    let _ = response.set_status_code(answer.status);
    let body = response.body();
    ResponseOutparam::set(out, Ok(response));
    if let Ok(body) = body {
        write(&body, answer.json.as_bytes());
        // A client that left early is no fault of ours.
        let _ = OutgoingBody::finish(body, None);
    }
}

/// The answer is far below the 4,096 bytes that one write may have.
fn write(body: &OutgoingBody, bytes: &[u8]) {
    if let Ok(stream) = body.write() {
        let _ = stream.blocking_write_and_flush(bytes);
    }
}
