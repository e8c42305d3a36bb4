//! Slices of a shared quota, taken in advance: a node lets most requests through without asking the store.
//!
//! A node [asks](Ask) the store, which keeps a [`Ledger`] for each key, for more than a request costs, and has a
//! [`Lease`] on what it is [granted](Grant): it takes from that slice for as long as [the terms](LeaseTerms) say, and then
//! gives back what is [unused](Unused). Refused, or granted all there was, it does not ask again for a while, and refuses
//! by itself what it knows is not there.
//!
//! # Never more than the quota promises, in sum
//!
//! By GCRA with the interval T and the tolerance (burst + 1) T, what is let through within any time W, both ends
//! included, takes at most W / T + burst + 1. Leases keep that promise, whatever gets lost, with a smaller burst at the
//! store: the terms' lifetime L costs a reserve of R = L / T, rounded up, and the store counts with burst - R.
//!
//! 1. *What is debited is used within L.* The lifetime begins on the node's clock when the question is sent, so before
//!    the store debits: a slow answer makes it only shorter. (The node ends it by 1/64 earlier, for clocks that run
//!    slow.) What was used within W was therefore debited within W + L.
//! 2. *What is debited within a time V and never given back takes at most V / T + (burst - R) + 1.* Without giving back
//!    that is GCRA's promise. With it, see below.
//! 3. With V = W + L: at most W / T + L / T + burst - R + 1 <= W / T + burst + 1.
//!
//! # Giving back breaks no promise
//!
//! Look at the bucket as a queue with one server: a debit of n at the moment d is work of n T that is done from
//! max(d, tat) on, in the order in which it came; tat is when all is done, and the level max(0, tat - now) is what is not
//! done yet. At a debit the level is at most the tolerance; so what came within V and *stays in the queue's history* is
//! at most V plus the tolerance of work. It has to be shown that the queue, after some was given back, is the one that
//! would be there had that never come.
//!
//! It is, if only work is taken out that the server has not begun: up to now the server has done what it would have done
//! anyway, and was never idle, for what is taken out was there. So of m unused ones only so much is given back as is
//! certainly not begun. The slice's work ends at `end`, which was tat after its debit. Whatever was taken out of the
//! queue since, `lowered` counts; had all that been before it, the slice's work would now end at `end - lowered`, never
//! earlier. So at least min(m T, end - lowered - now) of it is not begun, where `lowered` is what was taken out between
//! the debit and now. For this a node keeps the position, `end` plus what `lowered` was, and the ledger subtracts what it
//! is. An empty bucket has no history: it begins anew at another moment ([`Grant::since`]), and what was debited before
//! is done, so nothing of it comes back.
//!
//! What a node never gives back, for it was killed or its message is lost, stays in the queue as if it were used.

mod ledger;
mod terms;

use std::time::Duration;

pub use ledger::{Ask, Grant, Ledger, Unused};
pub use terms::LeaseTerms;

use crate::moment::Moment;
use crate::verdict::{Decision, Verdict};

/// What one node knows of one key: its slice, and what the store said last. Its moments are of the node's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    slice: Slice,
    /// Of a slice that is over, until it is given back.
    unused: Option<Unused>,
    /// How much is asked for the next time, if that is more than the request's cost.
    next: u32,
    is_asking: bool,
    /// Not asked again before this, for there was nothing left.
    closed_until: Moment,
    seen: Seen,
}

/// What was granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slice {
    left: u32,
    size: u32,
    /// Whether the store had more.
    has_more: bool,
    granted_at: Moment,
    until: Moment,
    position: Moment,
    since: Moment,
}

/// What the store said last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// The level of its bucket, in nanoseconds.
    level: u64,
    at: Moment,
}

/// What becomes of a take by a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// The node has decided.
    Decided(Verdict),
    /// The store is to be asked: its answer, or that there is none, goes to [`Lease::answer`] or [`Lease::give_up`].
    Ask(Ask),
    /// It is being asked: to be tried again when it has answered.
    Wait,
}

impl Lease {
    /// Takes from the slice, or says what is to be done. The terms of a lease are always the same.
    pub fn take(&mut self, terms: &LeaseTerms, now: Moment, cost: u32) -> Leased {
        self.end_slice(now);
        if cost <= self.slice.left {
            self.slice.left -= cost;
            return Leased::Decided(self.verdict(terms, now, Decision::Taken));
        }
        if self.is_asking {
            return Leased::Wait;
        }
        match self.refused_for(terms, now, cost) {
            Some(wait) => Leased::Decided(self.verdict(terms, now, Decision::Refused(wait))),
            None => Leased::Ask(self.ask(terms, now, cost)),
        }
    }

    /// What the store has granted, when it was asked at a moment. `cost` is what is taken of it at once; nothing, if
    /// whoever asked has gone away, or something else was refused. Returns what is to be given back at once.
    pub fn answer(
        &mut self,
        terms: &LeaseTerms,
        asked_at: Moment,
        now: Moment,
        grant: &Grant,
        cost: u32,
    ) -> Option<Unused> {
        self.is_asking = false;
        self.seen = Seen { level: grant.level, at: now };
        // What is left at the store.
        let left_ns = terms.tolerance_ns().saturating_sub(grant.level);
        let has_more = left_ns >= terms.interval_ns();
        if !has_more {
            self.closed_until = now + Duration::from_nanos(terms.worthwhile_ns() - left_ns);
        }
        if grant.count == 0 {
            return None;
        }
        // One that came too late for a question that was given up: there is another by now.
        self.end_slice(now);
        let older = if self.slice.left > 0 { Some(self.slice.unused()) } else { self.unused.take() };
        self.slice = Slice {
            left: grant.count.saturating_sub(cost),
            size: grant.count,
            has_more,
            granted_at: now,
            until: asked_at + terms.used_for(),
            position: grant.position,
            since: grant.since,
        };
        older
    }

    /// The store did not answer; or it was not asked after all, and still has to get what was `unsent`.
    pub fn give_up(&mut self, unsent: Option<Unused>) {
        self.is_asking = false;
        self.unused = self.unused.or(unsent);
    }

    /// Gives back what a request has taken at a moment, if it was from this slice. Otherwise it is lost.
    pub fn give_back(&mut self, taken_at: Moment, cost: u32) {
        let slice = &mut self.slice;
        if slice.granted_at <= taken_at && taken_at < slice.until {
            slice.left = slice.left.saturating_add(cost).min(slice.size);
        }
    }

    /// What is to be given back to the store, if the slice is over.
    pub fn unused(&mut self, now: Moment) -> Option<Unused> {
        self.end_slice(now);
        if self.is_asking { None } else { self.unused.take() }
    }

    /// What is there, as far as the node knows.
    pub fn peek(&self, terms: &LeaseTerms, now: Moment) -> Verdict {
        self.verdict(terms, now, Decision::Spared)
    }

    /// The verdict of a take that the store has refused.
    pub fn refuse(&self, terms: &LeaseTerms, now: Moment, cost: u32) -> Verdict {
        let wait = self.refused_for(terms, now, cost).unwrap_or_default();
        self.verdict(terms, now, Decision::Refused(wait))
    }

    /// When to look for what is unused; or, if there is nothing, whether it [may be forgotten](Self::is_over).
    pub fn due(&self, terms: &LeaseTerms, now: Moment) -> Moment {
        // The next question takes it along, if there is one soon.
        let is_held = self.slice.left > 0 || self.unused.is_some();
        if is_held { self.slice.until + terms.lifetime() / 8 } else { now + terms.lifetime() }
    }

    /// Whether it says no more than a new one.
    pub fn is_over(&self, terms: &LeaseTerms, now: Moment) -> bool {
        let is_held = self.is_asking || self.slice.left > 0 || self.unused.is_some();
        !is_held && now >= self.seen.at + terms.lifetime() * IDLE
    }

    fn ask(&mut self, terms: &LeaseTerms, now: Moment, cost: u32) -> Ask {
        self.is_asking = true;
        if now < self.slice.until {
            // It did not last.
            if self.slice.has_more {
                self.next = self.next.max(1).saturating_mul(2).min(terms.slice_max());
            }
            self.put_aside();
        } else if now >= self.slice.until + terms.lifetime() * IDLE {
            self.next = 0;
        }
        Ask { cost, want: self.next.max(cost), unused: self.unused.take() }
    }

    /// For how long there is surely not enough, as far as the node knows; none: it does not know better.
    fn refused_for(&self, terms: &LeaseTerms, now: Moment, cost: u32) -> Option<Duration> {
        // Others may have given back.
        if now >= self.seen.at + terms.lifetime() {
            return None;
        }
        let level = self.level(terms, now).saturating_add(u64::from(cost).saturating_mul(terms.interval_ns()));
        let missing = Duration::from_nanos(level.saturating_sub(terms.tolerance_ns()));
        let wait = missing.max(self.closed_until.since(now));
        (!wait.is_zero()).then_some(wait)
    }

    fn verdict(&self, terms: &LeaseTerms, now: Moment, decision: Decision) -> Verdict {
        let level = self.level(terms, now);
        let there = terms.tolerance_ns().saturating_sub(level) / terms.interval_ns();
        let there = u32::try_from(there).unwrap_or(u32::MAX);
        let remaining = if now < self.closed_until { there.min(self.slice.left) } else { there };
        Verdict { decision, remaining, reset: Duration::from_nanos(level) }
    }

    /// The bucket's level, as far as the node knows, if its slice were given back now.
    fn level(&self, terms: &LeaseTerms, now: Moment) -> u64 {
        let level = self.seen.level.saturating_sub(now.as_nanos().saturating_sub(self.seen.at.as_nanos()));
        level.saturating_sub(u64::from(self.slice.left).saturating_mul(terms.interval_ns()))
    }

    /// Ends the slice when its time is over.
    fn end_slice(&mut self, now: Moment) {
        if now >= self.slice.until && self.slice.left > 0 {
            if self.slice.left > self.slice.size / 2 {
                self.next = self.slice.size / 2;
            }
            self.put_aside();
        }
    }

    /// What is left of the slice is not taken any more, but given back.
    fn put_aside(&mut self) {
        if self.slice.left > 0 {
            self.unused = Some(self.slice.unused());
            self.slice.left = 0;
        }
    }
}

/// For how many lifetimes a node remembers how much it needed.
const IDLE: u32 = 8;

impl Slice {
    const fn unused(&self) -> Unused {
        Unused { count: self.left, position: self.position, since: self.since }
    }
}

#[cfg(test)]
mod tests;
