//! What a test of a function puts around it. There is such a module in native builds only.
//!
//! ```
//! use tidegate::{http::{IntoResponse, Request}, test};
//!
//! async fn handle(_req: Request) -> tidegate::Result<impl IntoResponse> {
//!     Ok(tidegate::config::get("greeting").await?.unwrap_or_default())
//! }
//!
//! #[tidegate::test]
//! async fn greets() {
//!     test::set_config("greeting", "ahoy");
//!     let mut response = handle(test::get("/")).await.into_response();
//!     assert_eq!(response.body_mut().text().await.unwrap(), "ahoy");
//! }
//! # fn main() {}
//! ```

use std::{path::PathBuf, rc::Rc};

use bytes::Bytes;
use http::{Method, header::CONTENT_TYPE};

use super::{
    executor,
    world::{Answer, Mounted, World, with_world},
};
use crate::{
    Result,
    http::{Body, Request, Response},
};

/// Runs a future with fresh stand-ins, and then what it spawned. This is what `#[tidegate::test]` does.
///
/// Time is virtual: [`sleep`](crate::time::sleep) passes at once. A test that would wait for ever panics.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    executor::reset();
    with_world(|world| *world = World::default());
    executor::run(future)
}

/// Sets a variable for [`config::get`](crate::config::get).
pub fn set_config(name: &str, value: &str) {
    with_world(|world| world.variables.insert(name.to_owned(), value.to_owned()));
}

/// Puts a file where [`files::read`](crate::files::read) finds it.
pub fn mount(path: &str, contents: impl Into<Bytes>) {
    mount_as(path, Mounted::Bytes(contents.into()));
}

/// Mounts a file or folder of the disk, as `files` in spin.toml does. It is taken relative to the package's folder.
pub fn mount_from_disk(path: &str, on_disk: impl Into<PathBuf>) {
    mount_as(path, Mounted::Disk(on_disk.into()));
}

fn mount_as(path: &str, file: Mounted) {
    let path = path.trim_matches('/').to_owned();
    with_world(|world| world.files.push((path, file)));
}

/// Answers every [`fetch`](crate::fetch()) of this test.
pub fn on_fetch(answer: impl AsyncFn(Request) -> Result<Response> + 'static) {
    let answer = Rc::new(answer);
    let boxed = move |request| -> Answer {
        let answer = answer.clone();
        Box::pin(async move { answer(request).await })
    };
    with_world(|world| world.fetch = Some(Rc::new(boxed)));
}

/// A GET request.
pub fn get(uri: &str) -> Request {
    request(Method::GET, uri, Body::empty())
}

/// A POST request with the fields of an HTML form, `a=1&b=2`.
pub fn post_form(uri: &str, fields: &str) -> Request {
    let mut request = request(Method::POST, uri, Body::from(fields.to_owned()));
    let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, form);
    request
}

/// Any request. Panics where `uri` is none: it is the test's own.
pub fn request(method: Method, uri: &str, body: impl Into<Body>) -> Request {
    let mut request = Request::new(body.into());
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().expect("the test's own URI");
    request
}
