//! A body: all of it is there at once, for who would wait for the rest?

use bytes::Bytes;
use http::HeaderMap;

use super::header_map;
use crate::case::{Origin, Request, Then};

/// A body.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// As much of it as comes.
    pub bytes: Bytes,
    /// What comes behind it.
    pub trailers: HeaderMap,
    /// Whether it breaks off.
    pub is_broken: bool,
}

impl Body {
    /// A whole one.
    pub fn whole(bytes: Bytes) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// A request's.
    pub fn of_request(request: &Request) -> Self {
        let text = joined(&request.chunks, &request.body, &None);
        Self { bytes: text.into(), trailers: header_map(&request.trailers), is_broken: false }
    }

    /// A response's.
    pub fn of_response(origin: &Origin) -> Self {
        let mut text = joined(&origin.chunks, &origin.body, &origin.until_close);
        let is_broken = matches!(origin.then, Some(Then::HalfABody | Then::HalfThenReset | Then::HalfThenNothing));
        let mut trailers = header_map(&origin.trailers);
        if is_broken {
            text.truncate(text.len() / 2);
            trailers.clear();
        }
        Self { bytes: text.into(), trailers, is_broken }
    }
}

fn joined(chunks: &Option<Vec<String>>, body: &Option<String>, until_close: &Option<String>) -> String {
    match (chunks, body.as_ref().or(until_close.as_ref())) {
        (Some(chunks), _) => chunks.concat(),
        (None, Some(body)) => body.clone(),
        (None, None) => String::new(),
    }
}
