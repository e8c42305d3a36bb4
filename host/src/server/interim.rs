//! Informational responses (1xx) on their way to a client, ahead of the final one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use http::response;

/// Most that wait to be written; more are dropped, as any of them may be (RFC 9110 section 15.2).
const WAITING_MAX: usize = 4;

/// Where a handler leaves informational responses, for its connection to write.
#[derive(Debug, Default)]
pub struct Interim(Mutex<VecDeque<response::Parts>>);

impl Interim {
    /// Leaves one. The connection looks after each poll of the handler, so nobody has to be woken.
    pub fn push(&self, head: response::Parts) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.push_back(head);
        }
    }

    /// Whether one waits.
    pub fn is_waiting(&self) -> bool {
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes the first that waits.
    pub fn pop(&self) -> Option<response::Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
