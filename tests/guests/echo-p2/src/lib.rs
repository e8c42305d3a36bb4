//! Gives back the request's body and trailers. `/fetch?HOST:PORT/PATH` gives back another server's answer instead.

use std::io::Write as _;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureTrailers, IncomingBody, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse,
    ResponseOutparam, Scheme,
};
use wasip2::io::streams::StreamError;

wasip2::http::proxy::export!(Echo);

struct Echo;

impl Guest for Echo {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        match target.split_once("/fetch?") {
            Some((_, url)) => match fetch(url) {
                Ok(body) => copy(body, start(out, 200)),
                Err(error) => say(out, 502, &error),
            },
            None if target.ends_with("/print") => {
                println!("printed by a WASI 0.2 component");
                say(out, 200, "printed");
            }
            None => copy(request.consume().unwrap(), start(out, 200)),
        }
    }
}

fn start(out: ResponseOutparam, status: u16) -> OutgoingBody {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body
}

fn say(out: ResponseOutparam, status: u16, text: &str) {
    let body = start(out, status);
    let mut stream = body.write().unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream.flush().unwrap();
    drop(stream);
    OutgoingBody::finish(body, None).unwrap();
}

fn copy(from: IncomingBody, to: OutgoingBody) {
    let (input, output) = (from.stream().unwrap(), to.write().unwrap());
    loop {
        match output.blocking_splice(&input, 64 * 1024) {
            Ok(_) => {}
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                println!("the body broke off: {}", error.to_debug_string());
                return;
            }
        }
    }
    output.blocking_flush().ok();
    drop((input, output));
    match trailers_of(IncomingBody::finish(from)) {
        Ok(trailers) => OutgoingBody::finish(to, trailers).unwrap(),
        Err(error) => println!("the body broke off: {error}"),
    }
}

fn trailers_of(future: FutureTrailers) -> Result<Option<Fields>, String> {
    future.subscribe().block();
    let trailers = future.get().unwrap().unwrap();
    trailers.map(|trailers| trailers.map(|fields| fields.clone())).map_err(|error| format!("{error:?}"))
}

fn fetch(url: &str) -> Result<IncomingBody, String> {
    let (authority, path) = url.split_once('/').ok_or("no path")?;
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).map_err(|()| "no authority")?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(|()| "no path")?;
    let future = outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))?;
    future.subscribe().block();
    let response = future.get().unwrap().unwrap().map_err(|error| format!("{error:?}"))?;
    Ok(response.consume().unwrap())
}
