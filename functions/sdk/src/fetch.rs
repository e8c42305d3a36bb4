//! Outgoing HTTP.

use std::{
    future::IntoFuture,
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::future::{Either, select};
use http::StatusCode;

use crate::{
    Error, Result,
    http::{Body, Request, Response},
    platform, time,
};

/// How long a [`fetch`] waits for the head of the answer unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a request: to another component (`http://NAME.spin.internal/`) or out into the world.
///
/// ```
/// # use std::time::Duration;
/// # use tidegate::http::{Body, Request};
/// # async fn f() -> tidegate::Result<()> {
/// let mut answer = tidegate::fetch("http://stock.spin.internal/stock/mug").await?;
/// let text = answer.body_mut().text().await?;
///
/// let order = Request::post("https://orders.example/").body(Body::from("{}"))?;
/// let answer = tidegate::fetch(order).timeout(Duration::from_secs(2)).await?;
/// # Ok(()) }
/// ```
///
/// The host must be in the component's `allowed_outbound_hosts`. An answer of any status is `Ok`; an `Err` is a 504
/// when none came in time and a 502 otherwise, so a handler may just pass it on by `?`.
pub fn fetch(request: impl IntoRequest) -> Fetch {
    Fetch { request: request.into_request(), timeout: TIMEOUT }
}

/// A request about to be sent: await it.
#[must_use = "a fetch is sent when it is awaited"]
#[derive(Debug)]
pub struct Fetch {
    request: Result<Request>,
    timeout: Duration,
}

impl Fetch {
    /// Waits at most this long for the head of the answer (30 s unless told otherwise). The body that follows may
    /// take longer, but where the host can tell, no pause in it may.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn send(self) -> Result<Response> {
        let answer = pin!(platform::fetch(self.request?, self.timeout));
        match select(answer, pin!(time::sleep(self.timeout))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(no_answer_in_time(format!("{:?} are over", self.timeout))),
        }
    }
}

impl IntoFuture for Fetch {
    type Output = Result<Response>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Response>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

pub(crate) fn no_answer_in_time(cause: String) -> Error {
    Error::status(StatusCode::GATEWAY_TIMEOUT, "").because(cause)
}

/// What [`fetch`] sends: a [`Request`], or an address to GET.
pub trait IntoRequest {
    /// Makes the request.
    fn into_request(self) -> Result<Request>;
}

impl<B: Into<Body>> IntoRequest for Request<B> {
    fn into_request(self) -> Result<Request> {
        Ok(self.map(Into::into))
    }
}

impl IntoRequest for &str {
    fn into_request(self) -> Result<Request> {
        Ok(Request::get(self).body(Body::empty())?)
    }
}

impl IntoRequest for String {
    fn into_request(self) -> Result<Request> {
        self.as_str().into_request()
    }
}

impl IntoRequest for http::Uri {
    fn into_request(self) -> Result<Request> {
        Ok(Request::get(self).body(Body::empty())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::IntoResponse, test};

    #[crate::test]
    async fn a_stand_in_answers() {
        test::on_fetch(async |req| Ok(format!("{} {}", req.method(), req.uri()).into_response()));
        let mut answer = fetch("http://stock.spin.internal/a").await.unwrap();
        assert_eq!(answer.body_mut().text().await.unwrap(), "GET http://stock.spin.internal/a");
    }

    #[crate::test]
    async fn a_slow_answer_is_a_504_in_time() {
        test::on_fetch(async |_| {
            time::sleep(Duration::from_secs(60)).await;
            Ok("late".into_response())
        });
        let before = time::now();
        let error = fetch("http://slow.example/").timeout(Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(error.status_code(), 504);
        assert_eq!(time::now().duration_since(before).unwrap(), Duration::from_millis(200));
    }

    #[crate::test]
    async fn what_is_no_address_is_an_error() {
        assert!(fetch("http://[").await.is_err());
    }
}
