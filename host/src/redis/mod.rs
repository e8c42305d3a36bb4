//! Redis, for whoever keeps something there: one connection that all cores share, and a [breaker](Gate) that leaves a
//! server alone that does not answer. What is asked, and by which thread, is the user's.

mod breaker;
mod link;
#[cfg(test)]
pub mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};

use redis::{Client, IntoConnectionInfo};
use tokio::time::Instant;

use breaker::{Breaker, Permit};
pub use link::{Failed, Link};

/// The URL cannot be used. It may have a password in it, so it is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL is not one of Redis: redis://HOST:PORT/DATABASE, or rediss:// over TLS")]
pub struct BadUrl;

/// What a URL leads to. Nothing is connected yet.
///
/// # Errors
/// When it leads to no Redis.
pub fn client(url: &str) -> Result<Client, BadUrl> {
    let info = url.into_connection_info().map_err(|_| BadUrl)?;
    Client::open(info).map_err(|_| BadUrl)
}

/// A breaker that threads share. They do not meet at its lock for long.
#[derive(Debug, Default)]
pub struct Gate {
    breaker: Mutex<Breaker>,
}

impl Gate {
    /// Whether to ask.
    pub fn attempt(&self) -> Option<Attempt<'_>> {
        let permit = self.lock().admit(Instant::now())?;
        Some(Attempt { gate: self, permit: Some(permit) })
    }

    /// Whether all may ask.
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed()
    }

    /// How often it has opened.
    pub fn opened(&self) -> u64 {
        self.lock().opened()
    }

    /// Tells how it went for somebody who did not ask whether to. True: it answers again.
    pub fn settle(&self, is_ok: bool) -> bool {
        self.settle_permit(Permit::Usual, is_ok)
    }

    fn settle_permit(&self, permit: Permit, is_ok: bool) -> bool {
        let mut breaker = self.lock();
        if is_ok {
            breaker.succeed(permit);
        } else {
            breaker.fail(permit, Instant::now());
        }
        is_ok && permit == Permit::Probe
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that is under way. Dropped before it was answered, it has told nothing.
#[derive(Debug)]
pub struct Attempt<'g> {
    gate: &'g Gate,
    permit: Option<Permit>,
}

impl Attempt<'_> {
    /// Tells how it went. True: it answers again.
    pub fn settle(mut self, is_ok: bool) -> bool {
        self.permit.take().is_some_and(|permit| self.gate.settle_permit(permit, is_ok))
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.gate.lock().abandon(permit, Instant::now());
        }
    }
}
