//! What can go wrong with a component, each with its metric label, its status and its words for clients.

use http::StatusCode;
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;

use super::state::State;

/// Why a component did not answer a request as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It trapped, a panic among the causes. The text is for the log alone.
    Trap(String),
    /// It trapped after it was refused more memory than its limit.
    Memory(String),
    /// It used up the time for a request.
    Timeout,
    /// It ended without a response.
    NoResponse,
    /// It answered with an error code instead of a response.
    ErrorCode(String),
    /// It could not be instantiated. The text is for the log alone.
    Instantiation(String),
    /// It has as many requests in flight as it may.
    ComponentFull,
    /// The host has as many instances as it may.
    HostFull,
    /// Components called each other in a circle.
    Loop,
}

impl Fault {
    /// Why an instance could not be made.
    pub(super) fn of_instantiation(error: &wasmtime::Error) -> Self {
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::HostFull;
        }
        Self::Instantiation(format!("{error:#}"))
    }

    /// Why an instance with this state stopped.
    pub(super) fn of_run(error: &wasmtime::Error, state: &State) -> Self {
        if let Some(code) = error.downcast_ref::<ErrorCode>() {
            return Self::ErrorCode(format!("{code:?}"));
        }
        let mut cause = format!("{error:#}");
        if let Some(hint) = super::deny::hint(&cause) {
            cause = format!("{hint} ({cause})");
        }
        if state.memory.was_refused { Self::Memory(cause) } else { Self::Trap(cause) }
    }

    /// The `reason` label in metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Memory(_) => "memory",
            Self::Timeout => "timeout",
            Self::NoResponse => "no-response",
            Self::ErrorCode(_) => "error-code",
            Self::Instantiation(_) => "instantiation",
            Self::ComponentFull => "component-full",
            Self::HostFull => "host-full",
            Self::Loop => "loop",
        }
    }

    /// Every reason, for metrics that start at zero.
    pub const REASONS: [&'static str; 9] = [
        "trap",
        "memory",
        "timeout",
        "no-response",
        "error-code",
        "instantiation",
        "component-full",
        "host-full",
        "loop",
    ];

    /// The status that the client gets.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::ComponentFull | Self::HostFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::Loop => StatusCode::LOOP_DETECTED,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the client is told; nothing about the inside.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Timeout => "the application did not answer in time",
            Self::ComponentFull | Self::HostFull => "the application is at its capacity",
            Self::Loop => "the application called itself too often",
            _ => "the application failed to answer this request",
        }
    }

    /// What the log says beside the reason.
    pub fn cause(&self) -> &str {
        match self {
            Self::Trap(cause) | Self::Memory(cause) | Self::ErrorCode(cause) | Self::Instantiation(cause) => cause,
            other => other.detail(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_listed_once() {
        let text = || "x".to_owned();
        let faults = [
            Fault::Trap(text()),
            Fault::Memory(text()),
            Fault::Timeout,
            Fault::NoResponse,
            Fault::ErrorCode(text()),
            Fault::Instantiation(text()),
            Fault::ComponentFull,
            Fault::HostFull,
            Fault::Loop,
        ];
        assert_eq!(faults.map(|fault| fault.reason()), Fault::REASONS);
    }
}
