//! An error that becomes a response: what the visitor sees is chosen, what went wrong goes to the log.

use std::{borrow::Cow, error::Error as StdError, fmt};

use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;

use crate::http::{Body, IntoResponse, Response};

/// `Result` with tidegate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a function, and the response that it becomes.
///
/// It has two sides. The visitor gets a status and a message that was written for them, as `application/problem+json`
/// (RFC 9457). The log gets the cause. Any [`std::error::Error`] becomes one by `?`: a 500 that reveals nothing.
///
/// ```
/// use tidegate::{Error, http::StatusCode};
///
/// let error = Error::not_found("no such product");
/// assert_eq!(error.status_code(), StatusCode::NOT_FOUND);
///
/// fn parse(s: &str) -> tidegate::Result<u32> {
///     Ok(s.parse()?) // a 500: say `.map_err(..)` when it is the visitor's mistake
/// }
/// assert_eq!(parse("x").unwrap_err().status_code(), 500);
/// ```
///
/// Like `anyhow::Error` it is not a `std::error::Error` itself, which is what lets every one of those convert.
pub struct Error {
    status: StatusCode,
    message: Cow<'static, str>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with this status and a message that the visitor may read.
    pub fn status(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), cause: None }
    }

    /// 400: the request makes no sense.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::status(StatusCode::BAD_REQUEST, message)
    }

    /// 401: who are you?
    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::status(StatusCode::UNAUTHORIZED, message)
    }

    /// 403: not for you.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::status(StatusCode::FORBIDDEN, message)
    }

    /// 404: there is no such thing.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::status(StatusCode::NOT_FOUND, message)
    }

    /// 500: our mistake. `cause` goes to the log only.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::status(StatusCode::INTERNAL_SERVER_ERROR, "").because(cause)
    }

    /// Adds what went wrong, for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The status that the response will have.
    pub fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The message that the visitor may read; may be empty.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The members of RFC 9457, section 3.1, in its order.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            crate::log!("error: {self}");
        }
        let problem = Problem {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.message,
        };
        // Text and a number always serialise; without a body the status would still say what matters.
        let mut response = Response::new(Body::from(serde_json::to_vec(&problem).unwrap_or_default()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(cause: E) -> Self {
        Self::internal(cause)
    }
}

/// The whole story on one line, causes included: for logs, not for visitors.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        let mut cause = self.cause.as_deref().map(|cause| cause as &dyn StdError);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(error: Error) -> serde_json::Value {
        let mut response = error.into_response();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        response.body_mut().json().await.unwrap()
    }

    #[crate::test]
    async fn a_chosen_message_is_shown() {
        assert_eq!(
            body(Error::not_found("no such product")).await,
            serde_json::json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no such product"})
        );
    }

    #[crate::test]
    async fn a_cause_is_logged_but_never_shown() {
        let error = Error::from(std::io::Error::other("password=hunter2"));
        assert_eq!(error.to_string(), "500 Internal Server Error: password=hunter2");
        assert_eq!(
            body(error).await,
            serde_json::json!({"type": "about:blank", "title": "Internal Server Error", "status": 500})
        );
    }
}
