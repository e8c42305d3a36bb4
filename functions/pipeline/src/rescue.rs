//! The one place where a fault becomes a response.

use std::fmt;

use http::header::ALLOW;
use http::{HeaderName, HeaderValue, StatusCode};
use tidegate_core::Reason;

use crate::action::{Released, Reply, ReplyBody};
use crate::{Failure, Pipeline, Refusal, checks, problem};

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// All reasons that an Exchange itself may give, so that metrics can start at zero. Functions have those of their host
/// beside them.
pub fn reasons() -> impl Iterator<Item = Reason> {
    Refusal::ALL.iter().map(Refusal::reason).chain(Failure::ALL.iter().map(Failure::reason))
}

/// Why a request is not answered as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Refused(Refusal),
    Failed(Failure),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Fault {
    pub(crate) fn row(&self) -> Row {
        match self {
            Self::Refused(refusal) => refusal.row(),
            Self::Failed(failure) => failure.row(),
        }
    }
}

/// What a fault is for those who see it.
pub(crate) struct Row {
    /// The status of the response.
    pub status: StatusCode,
    /// The error's name in `Proxy-Status` (RFC 9209 section 2.3).
    pub proxy_error: &'static str,
    /// For logs and metrics.
    pub reason: Reason,
    /// For clients.
    pub detail: &'static str,
}

impl Row {
    pub(crate) const fn new(
        status: StatusCode,
        proxy_error: &'static str,
        reason: &'static str,
        detail: &'static str,
    ) -> Self {
        Self { status, proxy_error, reason: Reason::new(reason), detail }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { status, reason, .. } = self.row();
        write!(formatter, "{} {reason}", status.as_u16())
    }
}

/// The response to a request that something went wrong with.
pub(crate) fn rescue(pipeline: &Pipeline, fault: Fault) -> Reply {
    let Row { status, proxy_error, reason, detail } = fault.row();
    let (mut head, body) = problem::response(status, detail);
    if fault == Fault::Refused(Refusal::Method) {
        // RFC 9110 section 15.5.6
        head.headers.insert(ALLOW, checks::ALLOW);
    }
    if pipeline.edge().proxy.proxy_status {
        let text = format!("{}; error={proxy_error}; details=\"{reason}\"", pipeline.proxy());
        head.headers.extend(HeaderValue::try_from(text).ok().map(|value| (PROXY_STATUS, value)));
    }
    Reply { head, body: ReplyBody::Whole(body), store: None, released: Released::Failed, charges: Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_is_its_own() {
        let all: Vec<_> = reasons().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for reason in all {
            let (stage, found) = reason.as_str().split_once('/').unwrap();
            let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            assert!(is_word(stage) && is_word(found), "{reason}");
        }
    }
}
