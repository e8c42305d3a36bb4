//! A request comes in, the handler's response goes out.

use http::StatusCode;
use wasip3::http::types::{self, ErrorCode, Response as Outgoing};

use super::{
    body::{self, Incoming, Message},
    head,
};
use crate::{
    Error,
    http::{Body, IntoResponse, Request, Response},
};

/// The request as the host hands it in.
pub type WasiRequest = types::Request;
/// What the host is answered.
pub type Handled = Result<Outgoing, ErrorCode>;

/// Runs a handler on a request of the host's.
pub async fn serve<F, A, R>(handler: F, request: WasiRequest) -> Handled
where
    F: FnOnce(Request) -> A,
    A: Future<Output = R>,
    R: IntoResponse,
{
    let response = match request_from(request) {
        Ok(request) => handler(request).await.into_response(),
        Err(error) => Error::bad_request("the request makes no sense").because(error).into_response(),
    };
    Ok(response_into(response))
}

fn request_from(request: WasiRequest) -> Result<Request, ErrorCode> {
    let method = head::method_from(request.get_method())?;
    let uri = head::uri_from(&request)?;
    let headers = head::headers_from(request.get_headers());

    let body = Incoming::new(Message::Request(request), &headers);
    let mut request = Request::new(Body::incoming(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

fn response_into(response: Response) -> Outgoing {
    let (parts, body) = response.into_parts();
    let length = may_have_length(parts.status).then(|| body.full_len()).flatten();
    let fields = match head::fields_from(&parts.headers, length) {
        Ok(fields) => fields,
        // The second time the headers are our own, which the host takes.
        Err(error) => return response_into(error.into_response()),
    };
    let (chunks, end) = body::halves(body);
    let (outgoing, _whether_sent) = Outgoing::new(fields, chunks, end);
    if parts.status != StatusCode::OK {
        // The http crate's statuses are from 100 to 999, as the host's.
        let _ = outgoing.set_status_code(parts.status.as_u16());
    }
    outgoing
}

/// RFC 9110, section 8.6: 1xx and 204 never have a Content-Length, and a 304's would be the length of what it is not.
fn may_have_length(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
