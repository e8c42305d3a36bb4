//! What a handler may return.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE, header::LOCATION};
use serde::Serialize;

use super::{Body, Response};
use crate::Error;

/// Whatever can be an answer: text, [`Html`], [`Json`], bytes, a [`StatusCode`], one of those with a status in front,
/// a [`Response`], or a `Result` of them.
///
/// ```
/// use tidegate::http::{IntoResponse, Json, StatusCode, header};
///
/// let created = (StatusCode::CREATED, Json("order 17")).into_response();
/// assert_eq!(created.status(), 201);
///
/// let fresh = "tide tables".with_header(header::CACHE_CONTROL, "max-age=60");
/// assert_eq!(fresh.headers()["cache-control"], "max-age=60");
/// ```
pub trait IntoResponse: Sized {
    /// Makes the response.
    fn into_response(self) -> Response;

    /// The response with this status.
    fn with_status(self, status: StatusCode) -> Response {
        let mut response = self.into_response();
        *response.status_mut() = status;
        response
    }

    /// The response with this header, in place of one of that name. A value that no header can hold makes it a 500.
    fn with_header<V>(self, name: HeaderName, value: V) -> Response
    where
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        let mut response = self.into_response();
        match value.try_into() {
            Ok(value) => {
                response.headers_mut().insert(name, value);
                response
            }
            Err(error) => Error::internal(format!("header {name}: {}", error.into())).into_response(),
        }
    }
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

/// 204 No Content.
impl IntoResponse for () {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self;
        response
    }
}

impl<R: IntoResponse> IntoResponse for (StatusCode, R) {
    fn into_response(self) -> Response {
        self.1.with_status(self.0)
    }
}

impl<R: IntoResponse, E: Into<Error>> IntoResponse for Result<R, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(response) => response.into_response(),
            Err(error) => error.into().into_response(),
        }
    }
}

macro_rules! typed_body {
    ($content_type:literal: $($ty:ty),*) => { $(
        impl IntoResponse for $ty {
            fn into_response(self) -> Response { typed($content_type, self.into()) }
        }
    )* };
}
typed_body!("text/plain; charset=utf-8": &'static str, String);
typed_body!("application/octet-stream": Bytes, Vec<u8>, &'static [u8]);

fn typed(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A value sent as JSON.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(json) => typed("application/json", json.into()),
            Err(error) => Error::internal(error).into_response(),
        }
    }
}

/// A page of HTML. It is sent as it is: [`escape`] what others wrote.
#[derive(Debug, Clone)]
pub struct Html<T>(pub T);

impl<T: Into<Body>> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        typed("text/html; charset=utf-8", self.0.into())
    }
}

/// Sends the visitor elsewhere.
#[derive(Debug, Clone)]
pub struct Redirect {
    status: StatusCode,
    to: String,
}

impl Redirect {
    /// 303: look there now, by GET. This is what answers a form, so that a reload does not send it twice.
    pub fn see_other(to: impl Into<String>) -> Self {
        Self { status: StatusCode::SEE_OTHER, to: to.into() }
    }

    /// 308: it lives there now, for good, method and body included.
    pub fn permanent(to: impl Into<String>) -> Self {
        Self { status: StatusCode::PERMANENT_REDIRECT, to: to.into() }
    }
}

impl IntoResponse for Redirect {
    fn into_response(self) -> Response {
        self.status.with_header(LOCATION, self.to)
    }
}

/// Text made safe to stand in HTML, between tags or inside a quoted attribute.
///
/// ```
/// assert_eq!(tidegate::http::escape("<b> & \"co\""), "&lt;b&gt; &amp; &quot;co&quot;");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(response: impl IntoResponse) -> (u16, String, Option<u64>) {
        let response = response.into_response();
        let content_type = response.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), content_type.unwrap_or_default(), response.body().len())
    }

    #[crate::test]
    async fn every_answer_has_its_status_type_and_length() {
        let html = "text/html; charset=utf-8".to_owned();
        let text = "text/plain; charset=utf-8".to_owned();
        let json = "application/json".to_owned();
        let none = String::new();
        assert_eq!(seen("hi"), (200, text.clone(), Some(2)));
        assert_eq!(seen(Html("<p>")), (200, html.clone(), Some(3)));
        assert_eq!(seen(Json([1, 2])), (200, json, Some(5)));
        assert_eq!(seen(()), (204, none.clone(), Some(0)));
        assert_eq!(seen(StatusCode::IM_A_TEAPOT), (418, none, Some(0)));
        assert_eq!(seen((StatusCode::CREATED, Html("x".to_owned()))), (201, html, Some(1)));
        assert_eq!(seen(Ok::<_, Error>("hi")), (200, text, Some(2)));
        assert_eq!(seen(Err::<&str, _>(std::fmt::Error)).0, 500);
    }

    #[crate::test]
    async fn a_header_cannot_be_split_by_its_value() {
        let response = Redirect::see_other("/cart\r\nset-cookie: a=b").into_response();
        assert_eq!(response.status(), 500);
        assert!(!response.headers().contains_key("set-cookie"));
    }
}
