//! Gives back what it gets, in the way that the path names. What a test sees here is what components see.

mod bodies;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use spin_sdk::http::{EmptyBody, IntoResponse, box_body};
use spin_sdk::http_service;
use spin_sdk::wasip3::clocks::monotonic_clock;
use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Request as Raw, Response as RawResponse};
use spin_sdk::wasip3::http_compat::IncomingRequestBody;
use spin_sdk::wasip3::{spawn, wit_future};

type Answer = Result<RawResponse, ErrorCode>;

/// Requests that this instance has seen: an instance is reused, but not for ever.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> impl IntoResponse {
    let seen = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
    let query = Query::of(&request);
    match last_segment(&request).as_str() {
        "headers" => json_response(&head_of(&request)),
        "count" => count(request, &query).await,
        "copy" => Response::new(request.into_body()).into_response(),
        "ignore" => "ignored".into_response(),
        "instance" => json_response(&json!({ "requests": seen })),
        "later" => later(&query),
        "print" => print(&query),
        "status" => status(&query),
        "stream" => Response::new(bodies::Pattern::new(query.number("bytes", 0))).into_response(),
        "trailers" => Response::new(bodies::with_trailers("the body", "x-checksum", "42")).into_response(),
        _ => hand_back(request),
    }
}

/// What is behind the last slash, so that any route may lead here.
fn last_segment(request: &spin_sdk::http::Request) -> String {
    request.uri().path().rsplit('/').next().unwrap_or_default().to_owned()
}

/// The query's `name=value` pairs, taken as they are.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(request: &spin_sdk::http::Request) -> Self {
        let pairs = request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.text(name).map_or(otherwise, |text| text.parse().unwrap())
    }
}

/// The request's own body and trailers as the response's: the component never touches a byte.
fn hand_back(request: Request<IncomingRequestBody>) -> Answer {
    let raw = request.into_body().take_unstarted().unwrap();
    let (_whether_taken, taken) = wit_future::new(|| Ok(()));
    let (body, trailers) = Raw::consume_body(raw, taken);
    let headers = Fields::from_list(&[("content-type".to_owned(), b"application/octet-stream".to_vec())]).unwrap();
    Ok(RawResponse::new(headers, Some(body), trailers).0)
}

/// Reads the body to its end, pausing after each piece, and says what came.
async fn count(request: Request<IncomingRequestBody>, query: &Query) -> Answer {
    let pause = Duration::from_millis(query.number("pause_ms", 0));
    let mut body = request.into_body();
    let (mut bytes, mut trailers) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                println!("the body broke off after {bytes} bytes: {error:?}");
                return Err(error);
            }
        };
        match frame.into_data() {
            Ok(data) => {
                bytes += data.len();
                sleep(pause).await;
            }
            Err(frame) => trailers = bodies::list(&frame.into_trailers().unwrap_or_default()),
        }
    }
    json_response(&json!({ "bytes": bytes, "trailers": trailers }))
}

fn head_of(request: &Request<IncomingRequestBody>) -> serde_json::Value {
    json!({
        "method": request.method().as_str(),
        "scheme": request.uri().scheme_str(),
        "authority": request.uri().authority().map(|authority| authority.as_str()),
        "target": request.uri().path_and_query().map(|target| target.as_str()),
        "headers": bodies::list(request.headers()),
    })
}

/// Works on after its response is gone, and says so when it is done.
fn later(query: &Query) -> Answer {
    let (token, delay) = (query.text("token").unwrap_or("").to_owned(), query.number("ms", 0));
    spawn(async move {
        sleep(Duration::from_millis(delay)).await;
        println!("done later: {token}");
    });
    "answered".into_response()
}

fn print(query: &Query) -> Answer {
    if let Some(line) = query.text("stdout") {
        println!("{line}");
    }
    if let Some(line) = query.text("stderr") {
        eprintln!("{line}");
    }
    "printed".into_response()
}

fn status(query: &Query) -> Answer {
    let code = u16::try_from(query.number("code", 200)).unwrap();
    let response = Response::builder().status(StatusCode::from_u16(code).unwrap());
    response.body(box_body(EmptyBody::new())).unwrap().into_response()
}

fn json_response(value: &serde_json::Value) -> Answer {
    let response = Response::builder().header("content-type", "application/json");
    response.body(value.to_string()).unwrap().into_response()
}

async fn sleep(duration: Duration) {
    monotonic_clock::wait_for(u64::try_from(duration.as_nanos()).unwrap()).await;
}
