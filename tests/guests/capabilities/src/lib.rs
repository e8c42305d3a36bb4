//! Does what the path and the query name. A success is 200 with what was found, a failure 502 with the error that the
//! component saw: what a component is told is as much a contract as what a client is told.

mod ambient;
mod atomics;
mod fetch;
mod sockets;
mod spin_store;

use std::collections::HashMap;

use http::{Response, StatusCode};
use spin_sdk::http::{FullBody, IntoResponse, Request, box_body};
use spin_sdk::http_service;
use spin_sdk::{experimental::wasi::config::store as config, variables};

/// What a component found, or the error that it saw.
type Found = Result<String, String>;

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let query = Query::of(&request);
    let path = request.uri().path().to_owned();
    let found = match what_and_how(&path) {
        ("fetch", _) => return fetch::fetch(request, &query).await,
        ("recurse", _) => fetch::recurse(&query).await,
        ("spin-store", operation) => spin_store::run(operation, &query).await,
        ("wasi-store", operation) => atomics::run(operation, &query),
        ("variable", _) => variables::get(query.text("name")).await.map_err(|error| format!("{error:?}")),
        ("config", _) => config_value(&query),
        ("ambient", what) => ambient::run(what, &query),
        ("sockets", what) => sockets::run(what, &query).await,
        _ => Err(format!("no such path: {path}")),
    };
    let (status, text) = match found {
        Ok(text) => (StatusCode::OK, text),
        Err(text) => (StatusCode::BAD_GATEWAY, text),
    };
    Response::builder().status(status).body(box_body(FullBody::new(text.into()))).map_err(spin_sdk::http::Error::from)
}

/// `fetch` or `wasi-store/get`, wherever in the path it begins: any route may lead here.
fn what_and_how(path: &str) -> (&str, &str) {
    const KNOWN: [&str; 8] =
        ["fetch", "recurse", "spin-store", "wasi-store", "variable", "config", "ambient", "sockets"];
    let mut segments = path.split('/').skip_while(|segment| !KNOWN.contains(segment));
    (segments.next().unwrap_or_default(), segments.next().unwrap_or_default())
}

fn config_value(query: &Query) -> Found {
    match query.optional("name") {
        Some(name) => {
            let value = config::get(name).map_err(|error| format!("{error:?}"))?;
            value.ok_or_else(|| "none".to_owned())
        }
        None => {
            let mut all = config::get_all().map_err(|error| format!("{error:?}"))?;
            all.sort();
            Ok(serde_json::json!(all).to_string())
        }
    }
}

/// The query's `name=value` pairs; values are percent-decoded.
struct Query(HashMap<String, String>);

impl Query {
    fn of(request: &Request) -> Self {
        let pairs = request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect())
    }

    fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn text(&self, name: &str) -> &str {
        self.optional(name).unwrap_or_default()
    }
}

fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}
