//! Which responses may be stored, and what is stored of them (RFC 9111 section 3).

use http::{HeaderMap, Method, response};
use tidegate_core::{Reason, Timestamp};

use crate::{Plan, Stored, Wish};

/// A response that was fetched, and the request it answers.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The method of the request that was sent.
    pub method: &'a Method,
    /// The URL of it: scheme, host, path and query.
    pub url: &'a str,
    /// The fields of the client's request, as [`crate::Normal::apply`] left them.
    pub request: &'a HeaderMap,
    /// The head of the response, less what belonged to its connection.
    pub head: &'a response::Parts,
    /// When the request was sent: `request_time`.
    pub requested_at: Timestamp,
    /// When the head came: `response_time`.
    pub received_at: Timestamp,
}

/// Why a response is not stored. Its name is in Cache-Status when debugging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstored {
    /// The method's response is none for others.
    Method,
    /// `no-store`, in the request or the response.
    NoStore,
    /// `private`
    Private,
    /// It answers an `Authorization` and does not say that others may have it.
    Authorization,
    /// It sets a cookie.
    SetCookie,
    /// Its status is not one to store, or the plan says so.
    Status,
    /// It is stale already, and nothing could be done with it: no validator.
    Stale,
    /// It varies by everything, by what identifies users, or by too much.
    Vary,
    /// It is part of something, and cannot be told of what.
    Partial,
    /// Its body is too large.
    TooLarge,
}

impl Unstored {
    /// Its name: `cache/no-store`.
    pub fn reason(self) -> Reason {
        Reason::new(match self {
            Self::Method => "cache/method",
            Self::NoStore => "cache/no-store",
            Self::Private => "cache/private",
            Self::Authorization => "cache/authorization",
            Self::SetCookie => "cache/set-cookie",
            Self::Status => "cache/status",
            Self::Stale => "cache/stale",
            Self::Vary => "cache/vary",
            Self::Partial => "cache/partial",
            Self::TooLarge => "cache/too-large",
        })
    }
}

/// What is to be stored of a response.
///
/// # Errors
/// Why it may not be stored.
pub fn store(plan: &Plan, wish: &Wish, received: Received<'_>) -> Result<Stored, Unstored> {
    let _ = (plan, wish, received);
    Err(Unstored::Status)
}
