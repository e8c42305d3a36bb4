//! What can go wrong while a request is being answered elsewhere.

use http::StatusCode;
use tidegate_core::Reason;

use crate::rescue::Row;

/// Why no response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The name of the upstream's host leads to no address.
    Dns,
    /// No way leads to its address.
    DestinationUnreachable,
    /// Nobody listens there.
    ConnectionRefused,
    /// The connection took too long, TLS included.
    ConnectTimeout,
    /// No TLS could be agreed upon.
    Tls,
    /// Its certificate is not one that we trust.
    TlsCertificate,
    /// It has as many connections as it may have.
    ConnectionLimit,
    /// The connection ended before the response began.
    ConnectionTerminated,
    /// The head of the response took too long.
    FirstByteTimeout,
    /// A body paused for too long.
    IdleTimeout,
    /// What came is not HTTP, or no answer to what was asked.
    InvalidResponse,
    /// The head of the response is larger than we read.
    ResponseHeadTooLarge,
    /// The request asked for a tunnel, and it cannot be made.
    UpgradeFailed,
    /// The request's body is larger than its route allows.
    RequestBodyTooLarge,
    /// The request's body broke off, or was none.
    RequestBodyFailed,
    /// The application has no function for it.
    NoSuchFunction,
    /// The function failed, in a way that its host has a name for.
    Function {
        /// The response's status.
        status: StatusCode,
        /// The reason, and so the metric's label: the host's own, not one of [`crate::reasons`].
        reason: &'static str,
        /// For clients.
        detail: &'static str,
    },
    /// A fault of ours.
    Internal,
}

impl Failure {
    /// All of them, save those of functions.
    pub const ALL: [Self; 17] = [
        Self::Dns,
        Self::DestinationUnreachable,
        Self::ConnectionRefused,
        Self::ConnectTimeout,
        Self::Tls,
        Self::TlsCertificate,
        Self::ConnectionLimit,
        Self::ConnectionTerminated,
        Self::FirstByteTimeout,
        Self::IdleTimeout,
        Self::InvalidResponse,
        Self::ResponseHeadTooLarge,
        Self::UpgradeFailed,
        Self::RequestBodyTooLarge,
        Self::RequestBodyFailed,
        Self::NoSuchFunction,
        Self::Internal,
    ];

    /// The status of the response, as RFC 9209 section 2.3 recommends it.
    pub fn status(&self) -> StatusCode {
        self.row().status
    }

    /// The error's name in `Proxy-Status` (RFC 9209 section 2.3).
    pub fn proxy_error(&self) -> &'static str {
        self.row().proxy_error
    }

    /// The reason, for logs and metrics.
    pub fn reason(&self) -> Reason {
        self.row().reason
    }

    /// What clients are told; nothing of the inside.
    pub fn detail(&self) -> &'static str {
        self.row().detail
    }

    pub(crate) fn row(&self) -> Row {
        use StatusCode as S;
        let unreachable = "the upstream cannot be reached";
        let slow = "the upstream took too long";
        let invalid = "the upstream's response is not valid";
        match self {
            Self::Dns => Row::new(S::BAD_GATEWAY, "dns_error", "fetch/dns", unreachable),
            Self::DestinationUnreachable => {
                Row::new(S::BAD_GATEWAY, "destination_ip_unroutable", "fetch/destination-unreachable", unreachable)
            }
            Self::ConnectionRefused => {
                Row::new(S::BAD_GATEWAY, "connection_refused", "fetch/connection-refused", unreachable)
            }
            Self::ConnectTimeout => Row::new(S::GATEWAY_TIMEOUT, "connection_timeout", "fetch/connect-timeout", slow),
            Self::Tls => Row::new(S::BAD_GATEWAY, "tls_protocol_error", "fetch/tls", unreachable),
            Self::TlsCertificate => {
                Row::new(S::BAD_GATEWAY, "tls_certificate_error", "fetch/tls-certificate", unreachable)
            }
            Self::ConnectionLimit => Row::new(
                S::SERVICE_UNAVAILABLE,
                "connection_limit_reached",
                "fetch/connection-limit",
                "the upstream is busy: try again",
            ),
            Self::ConnectionTerminated => {
                Row::new(S::BAD_GATEWAY, "connection_terminated", "fetch/connection-terminated", "the upstream hung up")
            }
            Self::FirstByteTimeout => {
                Row::new(S::GATEWAY_TIMEOUT, "http_response_timeout", "fetch/first-byte-timeout", slow)
            }
            Self::IdleTimeout => Row::new(S::GATEWAY_TIMEOUT, "connection_read_timeout", "fetch/idle-timeout", slow),
            Self::InvalidResponse => Row::new(S::BAD_GATEWAY, "http_protocol_error", "fetch/invalid-response", invalid),
            Self::ResponseHeadTooLarge => {
                Row::new(S::BAD_GATEWAY, "http_response_header_section_size", "fetch/response-head-too-large", invalid)
            }
            Self::UpgradeFailed => Row::new(
                S::BAD_GATEWAY,
                "http_upgrade_failed",
                "fetch/upgrade-failed",
                "the protocol cannot be changed",
            ),
            Self::RequestBodyTooLarge => Row::new(
                S::PAYLOAD_TOO_LARGE,
                "http_request_error",
                "fetch/request-body-too-large",
                "the request body is too large",
            ),
            Self::RequestBodyFailed => Row::new(
                S::BAD_REQUEST,
                "http_request_error",
                "fetch/request-body-failed",
                "the request body could not be read",
            ),
            Self::NoSuchFunction => {
                Row::new(S::NOT_FOUND, "destination_not_found", "fetch/no-such-function", "no function answers there")
            }
            Self::Function { status, reason, detail } => Row::new(*status, "proxy_internal_error", reason, detail),
            Self::Internal => Row::new(
                S::INTERNAL_SERVER_ERROR,
                "proxy_internal_error",
                "proxy/internal-error",
                "something went wrong here",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// RFC 9209 section 2.3: the error types that a proxy may name, and the status that it recommends (0: any 4xx).
    const RFC_9209: &[(&str, u16)] = &[
        ("dns_timeout", 504),
        ("dns_error", 502),
        ("destination_not_found", 500),
        ("destination_unavailable", 503),
        ("destination_ip_prohibited", 502),
        ("destination_ip_unroutable", 502),
        ("connection_refused", 502),
        ("connection_terminated", 502),
        ("connection_timeout", 504),
        ("connection_read_timeout", 504),
        ("connection_write_timeout", 504),
        ("connection_limit_reached", 503),
        ("tls_protocol_error", 502),
        ("tls_certificate_error", 502),
        ("tls_alert_received", 502),
        ("http_request_error", 0),
        ("http_request_denied", 403),
        ("http_response_incomplete", 502),
        ("http_response_header_section_size", 502),
        ("http_response_header_size", 502),
        ("http_response_body_size", 502),
        ("http_response_trailer_section_size", 502),
        ("http_response_trailer_size", 502),
        ("http_response_transfer_coding", 502),
        ("http_response_content_coding", 502),
        ("http_response_timeout", 504),
        ("http_upgrade_failed", 502),
        ("http_protocol_error", 502),
        ("proxy_internal_response", 0),
        ("proxy_internal_error", 500),
        ("proxy_configuration_error", 500),
        ("proxy_loop_detected", 502),
    ];

    #[test]
    fn statuses_and_names_are_those_of_rfc_9209() {
        for failure in Failure::ALL {
            let row = RFC_9209.iter().find(|(name, _)| *name == failure.proxy_error());
            let (_, status) = row.unwrap_or_else(|| panic!("{failure:?}: no error type of RFC 9209"));
            match (failure, *status) {
                // "Destination not found" is ours to say, and to whoever asks it looks like any other missing page.
                (Failure::NoSuchFunction, _) => assert_eq!(failure.status(), 404),
                (_, 0) => assert!(failure.status().is_client_error(), "{failure:?}"),
                (_, status) => assert_eq!(failure.status(), status, "{failure:?}"),
            }
        }
    }

    #[test]
    fn each_has_a_reason_of_its_own() {
        let reasons: BTreeSet<_> = Failure::ALL.iter().map(Failure::reason).collect();
        assert_eq!(reasons.len(), Failure::ALL.len());
    }

    #[test]
    fn a_function_says_itself_what_failed() {
        let failure =
            Failure::Function { status: StatusCode::GATEWAY_TIMEOUT, reason: "function/timeout", detail: "too slow" };
        assert_eq!(
            (failure.status(), failure.reason().as_str(), failure.detail()),
            (StatusCode::GATEWAY_TIMEOUT, "function/timeout", "too slow")
        );
    }
}
